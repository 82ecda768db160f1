"""A house of one school: a real store and a real registry file, a judge, and a clock that the test sets."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from agent.wire.report import Report
from agent.wire.results import Direction, Throughput
from collector.config import JudgeSettings
from collector.errors import StoreUnavailable
from collector.events import Bus, Event
from collector.fleet import Fleet
from collector.judging.judging import Judging
from collector.plans.load import load_plans
from collector.plans.types import Plan
from collector.registry.registry import Registry
from collector.registry.site import Site
from collector.store.points import nanoseconds, points_of
from collector.store.sqlite import SqliteStore
from collector.store.store import FieldValue, Point
from collector.upkeep import iso
from tests.collector.tables import with_tables

PLANS: Final = load_plans()
NOW = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SCHOOL = Site(
    "th1", "Trường TH 1", "school", "rural", "lang-son", "huu-lung", access="cellular_4g", plan="lang-son-2025"
)


class FragileStore(SqliteStore):
    """The real store, which can be away for a while."""

    away = False

    async def write(self, points: Any) -> None:  # noqa: ANN401 - as the store's
        if self.away:
            raise StoreUnavailable("away")
        await super().write(points)

    async def values(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the store's
        if self.away:
            raise StoreUnavailable("away")
        return await super().values(*args, **kwargs)


@dataclass
class House:
    """Everything that judging needs, with a clock that the test sets."""

    folder: Path
    now: datetime = NOW
    settings: JudgeSettings = field(default_factory=lambda: JudgeSettings(every_s=0.05))
    bus: Bus = field(default_factory=Bus)
    fleet: Fleet = field(default_factory=Fleet)
    told: list[Event] = field(default_factory=list)
    listening: datetime | None = NOW - HOUR

    def __post_init__(self) -> None:
        self.store = FragileStore(self.folder / "series.db")
        self.registry = Registry(with_tables(self.folder))
        self.judging = self.another()

    def another(self, plans: Mapping[str, Plan] | None = None) -> Judging:
        """A judge as after a restart."""
        return Judging(
            self.store,
            self.registry,
            plans or dict(PLANS),
            self.fleet,
            self.bus,
            lambda: self.now,
            self.settings,
            listening_since=lambda: self.listening,
            debounce_s=0.01,
            retry_s=0.02,
        )

    async def measured(
        self, *speeds: float, newest: datetime | None = None, doubts: list[str] | None = None, announced: bool = True
    ) -> None:
        """Results of the school, an hour apart, the last one at `newest`; each announced on the bus."""
        newest = newest or self.now
        points: list[Point] = []
        for place, mbps in enumerate(speeds):
            started = newest - HOUR * (len(speeds) - 1 - place)
            points += points_of(report(started, mbps, doubts or []), SCHOOL)
        await self.store.write(points)
        if announced:
            self.announce("throughput", newest - HOUR * (len(speeds) - 1))

    async def reached(self, signs: str, *, newest: datetime | None = None, apart: timedelta = 5 * MINUTE) -> None:
        """Latency reports of the school, the last one at `newest`: `+` got through, everything else did not."""
        newest = newest or self.now
        first = newest - apart * (len(signs) - 1)
        tags = (("agent", "a1"), ("peer", "langson-dc"), ("site", SCHOOL.id))
        for place, fine in enumerate(sign == "+" for sign in signs):
            fields: dict[str, FieldValue] = {"loss_ratio": 0.0} if fine else {"failure": "connect:timeout"}
            at = first + apart * place
            await self.store.write([Point("latency", tags, {"conclusive": fine, **fields}, nanoseconds(at))])
        self.announce("latency", first)

    def announce(self, kind: str, oldest: datetime) -> None:
        """Say on the bus that reports are stored."""
        data = {"kind": kind, "oldest": iso(oldest), "started": iso(self.now)}
        self.bus.publish(Event("report", SCHOOL.id, self.now, data))

    async def series(self, measurement: str) -> list[dict[str, Any]]:
        end = nanoseconds(NOW + 1000 * HOUR)
        rows = await self.store.samples(measurement, site=SCHOOL.id, start_ns=0, end_ns=end)
        return [{**row.tags, **row.fields, "time_ns": row.time_ns} for row in rows]

    def topics(self, topic: str) -> list[dict[str, Any]]:
        return [event.data for event in self.told if event.topic == topic]


def report(started: datetime, mbps: float, doubts: list[str]) -> Report[Throughput]:
    number = nanoseconds(started) % 10**12
    return Report(
        id=f"01936f0e-0000-7000-8000-{number:012d}",
        agent="a1",
        kind="throughput",
        started=started,
        duration_s=10.0,
        result=Throughput(download=Direction(mbps=mbps)),
        doubts=doubts,
        epoch="e1",
        seq=1,
    )


@asynccontextmanager
async def open_house(folder: Path, settings: JudgeSettings | None = None) -> AsyncIterator[House]:
    house = House(folder, settings=settings or JudgeSettings(every_s=0.05))
    await house.store.open()
    house.registry.open()
    house.registry.import_sites([SCHOOL], now=NOW)
    house.registry.add_agent("a1", SCHOOL.id, now=NOW)
    house.judging.history.open()
    yield house
    house.registry.close()
    await house.store.close()


@asynccontextmanager
async def running(house: House, judging: Judging | None = None) -> AsyncIterator[Judging]:
    judging = judging or house.judging
    async with asyncio.TaskGroup() as group:
        task = group.create_task(judging.run(), name="judging")
        listener = group.create_task(listen(house), name="listen")
        try:
            yield judging
        finally:
            task.cancel()
            listener.cancel()


async def listen(house: House) -> None:
    with house.bus.listen() as subscription:
        async for event in subscription.events():
            house.told.append(event)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what it waits for is a file and another task
            await asyncio.sleep(0.01)
