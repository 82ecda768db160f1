"""A collector's ingest put together for tests: the real broker, store, registry and archive, and an agent's pen."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import aiomqtt

from agent.wire.control import Boot
from collector.archive.archive import Archive, Entry, Position
from collector.config import CollectorConfig, parse
from collector.errors import CollectorError, PointsRefused
from collector.events import Bus
from collector.fleet import Fleet
from collector.inbox import Inbox
from collector.ledger.journal import Journal
from collector.ledger.keeping import Keeping
from collector.metrics import Metrics, Readiness
from collector.parts import Parts
from collector.pipeline import Pipeline
from collector.plans.current import Plans
from collector.plans.load import load_plans
from collector.quarantine import Quarantine
from collector.registry.registry import Registry
from collector.registry.site import Site
from collector.store.sqlite import SqliteStore
from collector.store.store import Point
from collector.subscribe import Subscriber, feed, greeting, reports, statuses
from collector.upkeep import Upkeep
from tests.collector.tables import with_tables

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PLANS: Final = load_plans()
SITE = Site("s1", "School 1", "school", "rural", "Lạng Sơn", "Hữu Lũng", plan="lang-son-2025")
MOVED = Site("s1", "School 1", "school", "rural", "Lạng Sơn", "Đồng Đăng", plan="lang-son-2025")

FAST = """
[broker]
reconnect_first_s = 0.05
[store]
retry_first_s = 0.02
retry_max_s = 0.05
batch_s = 0.05
[registry]
poll_s = 0.05
[ledger]
flush_s = 0.05
"""


class Series(SqliteStore):
    """The real store, which notes when it wrote and fails when told to."""

    log: list[str]
    fault: CollectorError | None
    refuse: str | None

    def __init__(self, path: Path, log: list[str]) -> None:
        super().__init__(path)
        self.log = log
        self.fault = self.refuse = None

    async def write(self, points: Sequence[Point]) -> None:
        if self.fault is not None:
            raise self.fault
        refused = [index for index, point in enumerate(points) if self.refuse and point.fields.get("id") == self.refuse]
        await super().write([point for index, point in enumerate(points) if index not in refused])
        self.log.append("series")
        if refused:
            raise PointsRefused("never", refused)


class LoggedArchive(Archive):
    """The real archive, which notes when it wrote."""

    def __init__(self, folder: Path, log: list[str], *, shared: bool = False) -> None:
        super().__init__(folder, slot=None if shared else "")
        self._log = log

    def append(
        self, entries: Sequence[Entry], *, at: datetime, last_look: Callable[[], object] = lambda: None
    ) -> Position:
        position = super().append(entries, at=at, last_look=last_look)
        self._log.append("archive")
        return position


def report(seq: int, *, agent: str = "a1", epoch: str = "e1", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {
        "v": 1,
        "id": str(uuid.uuid4()),
        "epoch": epoch,
        "seq": seq,
        "agent": agent,
        "kind": "latency",
        "started": datetime(2026, 11, 22, 11, seq // 60 % 60, seq % 60, seq // 3600, tzinfo=UTC).isoformat(),
        "duration_s": 1.0,
        "result": {"method": "stamp", "sent": 10, "received": 10, "rtt_ms": {"median": 12.5}},
    } | more


@dataclass
class Pen:
    """An agent as the broker sees it: publishes, and collects what it is told."""

    client: aiomqtt.Client
    agent: str
    receipts: list[dict[str, Any]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    boots: list[dict[str, Any]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    async def send(self, *reports: object) -> None:
        await self.send_raw(json.dumps(reports[0] if len(reports) == 1 else reports).encode())

    async def send_raw(self, payload: bytes) -> None:
        await self.client.publish(f"linkgauge/v1/{self.agent}/report", payload, qos=1)

    async def say(self, **status: object) -> None:
        await self.client.publish(f"linkgauge/v1/{self.agent}/status", json.dumps(status).encode(), qos=1, retain=True)

    def stored(self, epoch: str = "e1") -> set[int]:
        ranges = [pair for receipt in self.receipts if receipt["epoch"] == epoch for pair in receipt.get("stored", [])]
        return {seq for first, last in ranges for seq in range(first, last + 1)}

    def reasons(self, part: str) -> dict[int, str]:
        return {item["seq"]: item["reason"] for receipt in self.receipts for item in receipt.get(part, [])}

    async def _read(self) -> None:
        with suppress(aiomqtt.MqttError):  # some tests end the broker
            await self._read_messages()

    async def _read_messages(self) -> None:
        async for message in self.client.messages:
            assert isinstance(message.payload, bytes)
            leaf = message.topic.value.rsplit("/", 1)[1]
            {"receipt": self.receipts, "request": self.requests, "collector": self.boots}[leaf].append(
                json.loads(message.payload)
            )
            if leaf == "receipt":
                self.log.append("receipt")


@asynccontextmanager
async def pen(port: int, agent: str = "a1", log: list[str] | None = None) -> AsyncIterator[Pen]:
    async with aiomqtt.Client("127.0.0.1", port) as client:
        own = Pen(client, agent, log=[] if log is None else log)
        await client.subscribe(
            [(f"linkgauge/v1/{agent}/receipt", 0), (f"linkgauge/v1/{agent}/request", 1), ("linkgauge/v1/collector", 1)]
        )
        async with asyncio.TaskGroup() as group:
            task = group.create_task(own._read(), name="pen")  # noqa: SLF001 - its own
            try:
                yield own
            finally:
                task.cancel()


async def until(condition: Callable[[], bool], *, within_s: float = 10.0) -> None:
    """Wait until it holds; a failed wait says so."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("did not come about in time")
        await asyncio.sleep(0.01)


class Rig:
    """One ingest process, without the composition root."""

    def __init__(self, folder: Path, url: str, **keys: str) -> None:
        self.log: list[str] = []
        self.now = NOW
        environment = {f"LINKGAUGE_{name}": value for name, value in keys.items()}
        environment |= {"LINKGAUGE_BROKER_URL": url}
        self.config: CollectorConfig = parse(FAST, environment, name="test")
        self.metrics = Metrics()
        self.inbox = Inbox(
            limit_messages=self.config.broker.queue_messages,
            limit_bytes=self.config.broker.queue_bytes,
            rate=self.config.ingest.agent_rate,
            burst=self.config.ingest.agent_burst,
            dropped=self.metrics.dropped,
        )
        self.registry = Registry(with_tables(folder))
        self.registry.open()
        self.registry.import_sites([SITE], now=self.now)
        self.series = Series(folder / "series.db", self.log)
        self.archive = LoggedArchive(folder / "archive", self.log, shared=self.config.broker.group is not None)
        self.quarantine = Quarantine(folder / "quarantine.db", limit_bytes=1 << 20, limit_count=100)
        self.fleet, self.bus = Fleet(), Bus()
        self.readiness = Readiness(self.metrics, lambda part, why: self.log.append(f"{part}: {why}") if why else None)
        self.parts = Parts(
            settings=lambda: self.config,
            series=self.series,
            archive=self.archive,
            quarantine=self.quarantine,
            registry=self.registry,
            fleet=self.fleet,
            bus=self.bus,
            inbox=self.inbox,
            metrics=self.metrics,
            readiness=self.readiness,
            send=self._send,
            now=lambda: self.now,
            plans=Plans(dict(PLANS)),
            journal=Journal(
                self.registry,
                self.archive,
                settings=lambda: self.config.ledger,
                metrics=self.metrics,
                now=lambda: self.now,
            ),
        )
        self.upkeep = Upkeep(self.parts)
        self.pipeline = Pipeline(self.parts, self.upkeep)
        self.keeping = Keeping(
            self.registry,
            settings=lambda: self.config,
            request=lambda agent, resend: self.upkeep.request(agent, resend, "gap"),
            write=self.pipeline.write_points,
            newest=self.fleet.newest,
            now=lambda: self.now,
        )
        self.boot = str(uuid.uuid4())
        self.subscriber = Subscriber(
            lambda: self.config,
            (reports(self.inbox, self.config.broker.group), statuses(self.inbox, self._status)),
            observers=(self.metrics, self.readiness),
            now=lambda: self.now,
            greet=lambda: greeting(Boot(boot=self.boot, at=self.now)),
        )

    def _status(self, agent: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001 - an OnStatus
        self.upkeep.status(agent, payload, retained=retained)

    def _send(self, topic: str, payload: bytes, qos: int) -> None:
        self.subscriber.send(topic, payload, qos)

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"linkgauge_{name}", labels) or 0.0

    async def rows(self, measurement: str = "latency", site: str = "s1") -> list[dict[str, Any]]:
        rows = await self.series.samples(measurement, site=site, start_ns=0, end_ns=2**63 - 1)
        return [{**row.tags, **row.fields} for row in rows]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Rig"]:
        with suppress(asyncio.CancelledError):
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self.subscriber.run(), name="subscriber"),
                    group.create_task(
                        feed(self.inbox, self.pipeline.process, lambda: self.config, self.metrics), name="feed"
                    ),
                    group.create_task(self.upkeep.run(self.pipeline.write_statuses), name="upkeep"),
                    group.create_task(self.keeping.run(), name="ledger"),
                    *((group.create_task(self.parts.journal.run(), name="journal"),) if self.parts.journal else ()),
                ]
                await until(lambda: self.subscriber.connected_since is not None)
                try:
                    yield self
                finally:
                    for task in tasks:
                        task.cancel()
        await self.series.close()
        for part in (self.archive, self.quarantine, self.registry):
            part.close()
