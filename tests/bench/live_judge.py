"""The live judge with a fleet: its start, a batch of fresh reports, a late day, and how long its loop stands still.

A real SQLite store, filled with each site's speed runs and a day of latency; a real registry file. Seconds are the
processor's, of the judge's thread, of the store's two, and of all others (the registry's database); the longest block
is the most that the event loop's thread worked between two turns of another task. Run:
`python -m tests.bench.live_judge [--save]`.
"""

import argparse
import asyncio
import gc
import logging
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from collector.events import Bus, Event
from collector.fleet import Fleet
from collector.judging.judging import Judging
from collector.plans.load import load_plans
from collector.plans.types import Plan
from collector.registry.registry import Registry
from collector.registry.site import Access, Area, Site, SiteKind
from collector.store.points import nanoseconds
from collector.store.sqlite import SqliteStore
from collector.store.store import Point
from collector.upkeep import iso
from tests.bench.machine import commit, machine

START: Final = datetime(2026, 11, 22, 5, tzinfo=UTC)
BATCH_S: Final = 0.05
BLOCK_S: Final = 0.05
SIZES: Final = (100, 300, 500)
RESULTS: Final = Path(__file__).parent / "results" / "live_judge.md"
PLANS: Final = load_plans()
_LATENCY: Final = timedelta(minutes=5)
_AT_ONCE: Final = 20_000
_FIRST: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Spent:
    """Seconds of processor time by whose they are, of wall time, and the longest block of the event loop."""

    loop: float = 0.0
    store: float = 0.0
    rest: float = 0.0
    wall: float = 0.0
    block: float = 0.0

    @property
    def judge(self) -> float:
        """Everything but the store's part."""
        return self.loop + self.rest


@dataclass(slots=True)
class Line:
    """One line of the table; of several goes the median, and the longest block of all."""

    what: str
    goes: list[Spent]
    goal: float | None = None
    note: str = ""


@dataclass
class TimedStore(SqliteStore):
    """The real store; `spent`: what its two threads have worked for."""

    spent: list[float] = field(default_factory=lambda: [0.0])

    def _guarded(self, side: Any, work: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - as the store's
        began = time.thread_time()
        try:
            return super()._guarded(side, work)
        finally:
            self.spent[0] += time.thread_time() - began


class Ticker:
    """A task that wants its turn every millisecond: what the loop's thread has worked meanwhile, it had to wait for."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            began = time.thread_time()
            await asyncio.sleep(0.001)
            self.longest = max(self.longest, time.thread_time() - began)


@dataclass
class House:
    """A judge with all that it needs, and a clock that the bench sets."""

    folder: Path
    sites: list[Site]
    now: datetime = START

    def __post_init__(self) -> None:
        self.store = TimedStore(self.folder / "series.db")
        self.registry = Registry(f"sqlite://{self.folder}/registry.db")
        self.bus, self.dice, self.ticker = Bus(), random.Random(6), Ticker()  # noqa: S311 - the same each time

    def judge(self) -> Judging:
        """A judge that has just been started."""
        return Judging(self.store, self.registry, PLANS, Fleet(), self.bus, lambda: self.now)

    async def spent(self, work: Callable[[], Awaitable[None]]) -> Spent:
        """What some work took."""
        store, began, wall = self.store.spent[0], time.process_time(), time.monotonic()
        own, self.ticker.longest = time.thread_time(), 0.0
        await work()
        await asyncio.sleep(0.003)
        of_store, of_loop = self.store.spent[0] - store, time.thread_time() - own
        rest = time.process_time() - began - of_store - of_loop
        return Spent(of_loop, of_store, max(rest, 0.0), time.monotonic() - wall, self.ticker.longest)

    async def fill(self, days: int) -> None:
        """Write the past of all sites."""
        await self.store.open()
        self.registry.open()
        self.registry.import_sites(self.sites, now=_FIRST)
        points: list[Point] = []
        for point in self._past(days):
            points.append(point)
            if len(points) >= _AT_ONCE:
                await self.store.write(points)
                points = []
        await self.store.write(points)

    def _past(self, days: int) -> Iterator[Point]:
        for number, site in enumerate(self.sites):
            rate = (site.contract_down_mbps or 0) * self.dice.uniform(0.65, 1.1)
            late = timedelta(seconds=number * 7 % 300)
            for turn in range(days * 4):
                yield self.speed(site, START - timedelta(hours=6) * turn - timedelta(minutes=40) - late, rate)
            for turn in range(timedelta(days=1) // _LATENCY):
                yield self.latency(site, START - _LATENCY * turn - late)

    def speed(self, site: Site, at: datetime, rate: float) -> Point:
        """A speed result: one in ten is doubted, one in fifty failed."""
        fate = self.dice.random()
        tags = (("agent", f"a-{site.id}"), ("peer", f"peer-{site.province}"), ("site", site.id))
        if fate < 0.02:
            fields: dict[str, Any] = {"conclusive": False, "upload_conclusive": False, "failure": "connect:timeout"}
        else:
            down = max(rate * self.dice.gauss(1, 0.25), 0.1)
            good = fate >= 0.12
            fields = {"download_mbps": down, "upload_mbps": down / 2, "conclusive": good, "upload_conclusive": good}
            fields |= {} if good else {"doubts": "wifi_bound"}
        return Point("throughput", tags, fields, nanoseconds(at))

    def latency(self, site: Site, at: datetime) -> Point:
        """A latency result: one in five hundred is lost."""
        tags = (("agent", f"a-{site.id}"), ("peer", f"peer-{site.province}"), ("site", site.id))
        lost = self.dice.random() < 0.002
        said: dict[str, Any] = {"failure": "connect:timeout"} if lost else {"loss_ratio": 0.0}
        return Point("latency", tags, {"conclusive": not lost, **said}, nanoseconds(at))

    async def batch(self, judging: Judging, kind: str, sites: Sequence[Site]) -> Spent:
        """One fresh report of each of these sites, stored and announced, then judged in one pass."""
        self.now += timedelta(seconds=2)
        at = self.now - timedelta(seconds=1)
        points = [
            self.latency(site, at) if kind == "latency" else self.speed(site, at, (site.contract_down_mbps or 0) * 0.9)
            for site in sites
        ]
        await self.store.write(points)
        for site in sites:
            judging.hear(Event("report", site.id, self.now, {"kind": kind, "oldest": iso(at), "started": iso(at)}))
        return await self.spent(judging.catch_up)


def fleet(count: int) -> list[Site]:
    """Sites under all plans, on all kinds of lines, ten to a commune."""
    plans, dice = list(PLANS.values()), random.Random(6)  # noqa: S311 - the same fleet each time
    return [
        _site(number, plans[number % len(plans)], dice.choice((100.0, 150.0, 200.0, 300.0))) for number in range(count)
    ]


def _site(number: int, plan: Plan, down: float) -> Site:
    kinds: tuple[SiteKind, ...] = ("school", "clinic", "office")
    areas: tuple[Area, ...] = ("urban", "rural")
    lines: tuple[Access, ...] = ("fibre", "fibre", "cable", "cellular_4g")
    return Site(
        f"s{number}", f"Site {number}", kinds[number % 3], areas[number % 2], plan.province, f"c{number // 50}",
        access=lines[number % 4], provider=("VNPT", "Viettel", "FPT")[number % 3], plan=plan.id,
        contract_down_mbps=down, contract_up_mbps=down / 2,
    )  # fmt: skip


async def measured(house: House, days: int, rounds: int) -> list[Line]:
    """Fill, start, and judge again and again."""
    await house.fill(days)
    found: list[Line] = []
    async with asyncio.TaskGroup() as group:
        ticking = group.create_task(house.ticker.run(), name="bench: ticker")
        judging = house.judge()
        before = _rss()
        fresh = await house.spent(judging.start)
        note = f"{len(judging.verdicts.all()):,} verdicts, {_rss() - before:.0f} MB more"
        found.append(Line("the very first start", [fresh], None, note))
        judging = house.judge()
        again = await house.spent(judging.start)
        found.append(Line("a start, everything said before", [again], 5.0, f"VmHWM {_rss():.0f} MB"))
        gc.freeze()  # as `run` does
        found.append(
            Line(
                "the first report of each site: what was quiet is told",
                [await house.batch(judging, "throughput", house.sites)],
            )
        )
        for kind in ("throughput", "latency"):
            for size in SIZES:
                some = [house.dice.sample(house.sites, min(size, len(house.sites))) for _ in range(rounds)]
                goes = [await house.batch(judging, kind, sites) for sites in some]
                found.append(Line(f"{size} fresh {kind} reports of as many sites", goes, BATCH_S))
        found.append(Line("a late day of one site", [await _late(house, judging) for _ in range(rounds)], BATCH_S))
        house.now += timedelta(seconds=judging.settings.every_s + 1)
        found.append(
            Line("a look round with no news: silences, groups, what time brings", [await house.spent(judging.catch_up)])
        )
        house.now += timedelta(hours=1, seconds=1)
        found.append(Line("the hourly look at everyone", [await house.spent(judging.catch_up)]))
        ticking.cancel()
    await house.store.close()
    house.registry.close()
    return found


async def _late(house: House, judging: Judging) -> Spent:
    """24 results of one site, hourly, from ten days ago."""
    house.now += timedelta(seconds=2)
    site, first = house.dice.choice(house.sites), house.now - timedelta(days=10)
    await house.store.write([house.speed(site, first + timedelta(hours=hour), 80.0) for hour in range(24)])
    judging.hear(Event("report", site.id, house.now, {"kind": "throughput", "oldest": iso(first)}))
    return await house.spent(judging.catch_up)


def _rss() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def markdown(found: Sequence[Line], sites: int, days: int) -> str:
    """The table, with where it was measured."""
    said = [
        "# The live judge: milliseconds of processor time",
        "",
        f"- written {datetime.now(UTC).date()} by `python -m tests.bench.live_judge --save`, commit {commit()}",
        f"- {machine()}",
        f"- {sites:,} sites, {days} days of 4 speed runs a day, a day of latency every 5 minutes, SQLite",
        "- judge: everything but the series store; of several goes the median, and the longest block of all",
        "",
        "| what | judge | its event loop | the store | wall | longest block | goal (judge) | |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- | --- |",
    ]
    for line in found:
        middle = [
            1000 * statistics.median(getattr(go, name) for go in line.goes)
            for name in ("judge", "loop", "store", "wall")
        ]
        block = 1000 * max(go.block for go in line.goes)
        goal = "" if line.goal is None else f"{1000 * line.goal:g} {'met' if is_met(line) else '**missed**'}"
        cells = " | ".join(f"{value:,.0f}" for value in (*middle, block))
        said.append(f"| {line.what} | {cells} | {goal} | {line.note} |")
    return "\n".join([*said, ""])


def is_met(line: Line) -> bool:
    """Whether a line keeps to its goal."""
    return line.goal is None or statistics.median(go.judge for go in line.goes) <= line.goal


def main() -> int:
    """Print the table, and keep it where it is asked for; 1 when a goal is missed."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--sites", type=int, default=2_000)
    asked.add_argument("--days", type=int, default=90)
    asked.add_argument("--rounds", type=int, default=9)
    asked.add_argument("--save", action="store_true", help=f"write {RESULTS.name}")
    said = asked.parse_args()
    gc.set_threshold(20_000, 20, 100)  # as `collector.loop` does
    logging.disable(logging.WARNING)  # a line for each incident
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measured(House(Path(folder), fleet(said.sites)), said.days, said.rounds))
    table = markdown(found, said.sites, said.days)
    sys.stdout.write(table)
    if said.save:
        RESULTS.write_text(table, "utf-8")
    return int(not all(is_met(line) for line in found))


if __name__ == "__main__":
    sys.exit(main())
