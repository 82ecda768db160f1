"""Hostile payloads through a real Mosquitto into a real collector: nothing may fall over, grow, or go unaccounted.

First all kinds of payloads, of which each element must end as stored, known, deferred, rejected or dropped; then one
agent that sends without measure beside an ordinary one, whose receipts must keep coming.
"""

import argparse
import asyncio
import itertools
import json
import math
import os
import re
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

from agent.wire.codec import Rejection, decode, decode_reports
from agent.wire.control import Status
from agent.wire.topics import parse
from collector.mqtt.connection import Connection, Endpoint
from collector.mqtt.conversation import PACKET_LIMIT
from collector.mqtt.packets import Login, Message, Outgoing, Skipped
from collector.registry.registry import Registry
from collector.registry.site import Site
from tests.bench.mutations import Mutator
from tests.collector.mosquitto import mosquitto
from tests.e2e.processes import Process, ended, wait_for
from tests.e2e.processes import mosquitto as ordinary_broker
from tests.ports import free_port

AGENTS: Final = tuple(f"a{number}" for number in range(1, 41))
ORDINARY: Final = "ordinary"
HOSTILE: Final = "hostile"
AHEAD: Final = 4000  # elements that may be under way: the broker and the inbox take more
GARBAGE: Final = b"\x00\xff{not JSON" * 20
KINDS: Final = ("garbage", "garbage under many names", "valid", "arrays of garbage", "arrays")
GROWTH_MB: Final = 10.0
LATENCY_S: Final = 2.0
CONFIG: Final = """
roles = ["ingest", "judge", "web"]
[broker]
url = "mqtt://127.0.0.1:{broker}"
[ingest]
agent_rate = {rate}
agent_burst = {burst}
[store]
url = "sqlite:///{folder}/series.db"
[registry]
url = "sqlite:///{folder}/registry.db"
[archive]
url = "file://{folder}/archive"
[quarantine]
limit_bytes = 8388608
[web]
listen = "127.0.0.1:{page}"
[log]
level = "warning"
"""


@dataclass
class Collector:
    """One real process, and what it says of itself."""

    process: Process
    page: int

    def count(self, name: str, *, label: str = "") -> float:
        """Add up a metric over its labels, or over those that hold `label`."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.page}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        lines = re.findall(rf"^linkgauge_{name}(\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)
        return sum(float(value) for labels, value in lines if label in labels)

    @property
    def rss_mb(self) -> float:
        """Its memory now."""
        assert self.process.running is not None
        status = Path(f"/proc/{self.process.running.pid}/status").read_text("ascii")
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024


@contextmanager
def collector(folder: Path, broker: int, *, rate: int = 1 << 20, burst: int = 1 << 23) -> Iterator[Collector]:
    """Run one, which knows all agents but the strangers."""
    registry = Registry(f"sqlite:///{folder}/registry.db")
    registry.open()
    site = Site("s1", "School 1", "school", "rural", "Lạng Sơn", "Hữu Lũng", plan="lang-son-2025")
    now = datetime(2024, 1, 1, tzinfo=UTC)
    registry.import_sites([site], now=now)
    for agent in (*AGENTS, ORDINARY, HOSTILE):
        registry.add_agent(agent, site.id, now=now)
    registry.close()
    page, config = free_port(), folder / "collector.toml"
    config.write_text(CONFIG.format(broker=broker, page=page, folder=folder, rate=rate, burst=burst), "utf-8")
    words = [sys.executable, "-m", "collector", "run", "--config", str(config)]
    process = Process("collector", words, folder / "collector.log", page, environment=os.environ)
    with ended([process]):
        process.start()
        own = Collector(process, page)
        wait_for(lambda: own.count("broker_connected") == 1, within_s=20, what="the collector is connected")
        yield own


@dataclass
class Sender:
    """A connection that publishes, and times receipts if it hears any."""

    sent: dict[int, float] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    connection: Connection | None = None

    def heard(self, messages: Sequence[Message], skipped: Sequence[Skipped]) -> None:
        del skipped
        now = time.monotonic()
        for message in messages:
            for first, last in json.loads(message.payload).get("stored", []):
                self.latencies += [now - self.sent.pop(seq) for seq in range(first, last + 1) if seq in self.sent]

    def agreed(self) -> None:
        pass

    def room(self) -> None:
        pass

    @asynccontextmanager
    async def running(self, port: int, agent: str) -> AsyncIterator[Connection]:
        """Connected until the end of the context."""
        filters = [(f"linkgauge/v1/{agent}/receipt", 0)]
        own = self.connection = Connection(Endpoint("127.0.0.1", port), Login(), filters, self)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(own.run(), name=f"sender {agent}")
            await until(lambda: own.ready)
            try:
                yield own
                await until(lambda: not own.unconfirmed)
            finally:
                task.cancel()


async def until(condition: Callable[[], bool], *, within_s: float = 60) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the broker or the collector does not keep up")
        await asyncio.sleep(0.01)


@dataclass
class Books:
    """What was published, and what must have become of it."""

    reports: int = 0
    elements: int = 0
    too_large: int = 0
    statuses: int = 0
    unreadable: int = 0

    def enter(self, topic: str, payload: bytes) -> None:
        """Note one message that the collector's subscriptions match."""
        if len(payload) + len(topic.encode()) + 4 > PACKET_LIMIT:
            self.too_large += 1
        elif topic.endswith("/report"):
            self.reports += 1
            self.elements += len(decode_reports(payload))
        else:
            self.statuses += 1
            known = parse(topic) is not None
            self.unreadable += known and isinstance(decode(payload, Status), Rejection)


_PARTS: Final = 10
ENDS: Final = ("reports_written", "reports_known", "reports_deferred", "reports_rejected", "reports_abandoned")


def faults(own: Collector, books: Books) -> list[str]:
    """Say in words what does not add up; empty when all does."""
    told: list[str] = []
    fates = {name: own.count(f"{name}_total") for name in ENDS}
    facts = {
        "messages received": (own.count("messages_received_total", label="report"), books.reports),
        "elements looked at": (own.count("reports_decoded_total"), books.elements),
        "elements with a fate": (sum(fates.values()), books.elements),
        "messages dropped": (own.count("messages_dropped_total", label='"in"'), books.too_large),
        "statuses received": (own.count("messages_received_total", label="status"), books.statuses),
        "statuses unreadable": (own.count("statuses_unreadable_total"), books.unreadable),
        "unexpected errors": (own.count("faults_total"), 0),
        "connections made": (own.count("broker_connections_total"), 1),
    }
    told += [f"{name}: {found:g}, should be {due}" for name, (found, due) in facts.items() if found != due]
    words = ", ".join(f"{name.removeprefix('reports_')} {count:,.0f}" for name, count in fates.items())
    say(f"  {books.elements:,} elements in {books.reports:,} messages: {words}; {books.too_large} messages too large")
    if not own.process.alive():
        told.append("the collector died")
    return told


async def pour(port: int, own: Collector, messages: Iterator[tuple[str, bytes]], books: Books) -> None:
    """Publish all of them, never more ahead of the collector than its queue holds."""
    async with Sender().running(port, "nobody") as connection:
        while batch := list(islice(messages, 100)):
            for topic, payload in batch:
                books.enter(topic, payload)
            await until(lambda: connection.ready)
            connection.publish([Outgoing(topic, payload, 1) for topic, payload in batch])
            while books.elements - await asyncio.to_thread(own.count, "reports_decoded_total") > AHEAD:  # noqa: ASYNC110 - as Prometheus does
                await asyncio.sleep(0.02)
    await until(lambda: own.count("reports_decoded_total") >= books.elements)
    await until(lambda: sum(own.count(f"{name}_total") for name in ENDS) >= books.elements)


def fuzz(folder: Path, count: int, seed: int) -> list[str]:
    """Pour `count` payloads into a collector; gives what does not add up."""
    messages = iter(Mutator(seed, AGENTS))
    usable = (one for one in messages if one[0].count("/") == 3)
    books, began = Books(), time.monotonic()
    with mosquitto(folder) as broker, collector(folder, broker.port, rate=1 << 34, burst=1 << 36) as own:
        memory = [own.rss_mb]
        for _ in range(_PARTS):
            asyncio.run(pour(broker.port, own, islice(usable, count // _PARTS), books))
            memory.append(own.rss_mb)
        took, half, end = time.monotonic() - began, memory[_PARTS // 2], memory[-1]
        words = ", ".join(f"{size:.0f}" for size in memory)
        say(f"  {count:,} payloads in {took:.0f} s; memory before, and after each tenth: {words} MB")
        told = faults(own, books)
    return told + ([f"memory grew by {end - half:.0f} MB"] if end - half > GROWTH_MB else [])


def hostile_messages(kind: str) -> Iterator[Outgoing]:
    """What the hostile agent sends, for ever."""
    mutator, own = Mutator(5, (HOSTILE,)), f"linkgauge/v1/{HOSTILE}/report"
    for number in itertools.count():
        match kind:
            case "garbage":
                yield Outgoing(own, GARBAGE, 1)
            case "garbage under many names":
                yield Outgoing(f"linkgauge/v1/x{number}/report", GARBAGE, 1)
            case "valid":
                yield Outgoing(own, json.dumps(mutator.report(HOSTILE)).encode(), 1)
            case "arrays of garbage":
                yield Outgoing(own, b"[" + b",".join([b"1"] * 50) + b"]", 1)
            case _:
                yield Outgoing(own, json.dumps([mutator.report(HOSTILE) for _ in range(20)]).encode(), 1)


async def siege(port: int, messages: Sequence[Outgoing], *, rate: float, seconds: float) -> list[float]:
    """One agent sends `rate` messages a second, another 5 reports; gives the other's times from report to receipt."""
    ordinary, mutator = Sender(), Mutator(7, (ORDINARY,))
    async with Sender().running(port, HOSTILE) as loud, ordinary.running(port, ORDINARY) as quiet:
        began, sent, seq = time.monotonic(), 0, 0
        while (passed := time.monotonic() - began) < seconds:
            due = int(passed * rate)
            if loud.ready and due > sent:
                some = range(sent, min(due, sent + 200))
                loud.publish([messages[number % len(messages)] for number in some])
                sent = some.stop
            if passed * 5 > seq and quiet.ready:
                report = mutator.report(ORDINARY)
                seq = report["seq"]
                ordinary.sent[seq] = time.monotonic()
                quiet.publish([Outgoing(f"linkgauge/v1/{ORDINARY}/report", json.dumps(report).encode(), 1)])
            await asyncio.sleep(0.002)
        say(f"  {sent / seconds:,.0f} hostile messages a second")
        await until(lambda: not ordinary.sent, within_s=20)
    return ordinary.latencies


def besiege(folder: Path, kind: str, *, rate: float, seconds: float) -> list[str]:
    """One kind of hostility against a collector with its defaults; gives what went wrong."""
    messages = list(islice(hostile_messages(kind), 20_000 if "garbage" in kind else 4000))
    broker = ordinary_broker(folder, free_port())
    with ended([broker]):
        broker.start()
        assert broker.port is not None
        with collector(folder, broker.port) as own:
            try:
                latencies = sorted(asyncio.run(siege(broker.port, messages, rate=rate, seconds=seconds)))
            except TimeoutError:
                return [f"{kind}: an ordinary report had no receipt after 20 s"]
            p99 = latencies[math.ceil(len(latencies) * 0.99) - 1]
            lost = own.count("messages_refused_total")
            say(
                f"  {kind}: receipts of the ordinary agent after {latencies[len(latencies) // 2]:.2f} s (median), "
                f"{p99:.2f} s (p99), {latencies[-1]:.2f} s (longest); {lost:,.0f} messages dropped; "
                f"{own.rss_mb:.0f} MB"
            )
            told = [f"{kind}: receipts took {p99:.1f} s"] if p99 > LATENCY_S else []
            return told + (["unexpected errors"] if own.count("faults_total") else [])


def say(words: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def main() -> int:
    """Read the command line and try it all; 1 if something fell over, grew or went missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200_000, help="payloads (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="another seed makes other payloads")
    parser.add_argument("--rate", type=float, default=5000, help="hostile messages a second (default %(default)g)")
    parser.add_argument("--seconds", type=float, default=20, help="of each siege (default %(default)g)")
    options = parser.parse_args()
    told: list[str] = []
    if options.count:
        say(f"all kinds of payloads, seed {options.seed}:")
        with tempfile.TemporaryDirectory() as folder:
            told += fuzz(Path(folder), options.count, options.seed)
    if options.seconds:
        say("one agent without measure:")
        for kind in KINDS:
            with tempfile.TemporaryDirectory() as folder:
                told += besiege(Path(folder), kind, rate=options.rate, seconds=options.seconds)
    for words in told:
        say(f"WRONG: {words}")
    return int(bool(told))


if __name__ == "__main__":
    sys.exit(main())
