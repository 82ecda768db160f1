"""The work of rolling up: from the hours that reports fell into to points in the store. For the leading process.

What the ledger says was touched is noted as buckets that are due, then settled; due buckets are computed from raw,
written, then forgotten. A crash anywhere repeats work and loses none: a bucket computed twice is the same point.
"""

import asyncio
import logging
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, Protocol

from collector.chain.marks import World
from collector.config import RollupSettings
from collector.errors import PointsRefused, RegistryUnavailable, StoreFull, StoreUnavailable
from collector.ledger.facts import Touched
from collector.metrics import Metrics
from collector.plans.binding import PLAN_ZONE, binding_for
from collector.plans.reference import References
from collector.plans.types import Plan
from collector.registry.registry import Registry
from collector.registry.site import Snapshot
from collector.rollups import recent, verdicts
from collector.rollups.buckets import DENSE, Bucket, bucket_of
from collector.rollups.due import Due, Pace, Task
from collector.rollups.fields import BOUND
from collector.rollups.figures import Marks, Step, columns, figures
from collector.rollups.reads import SITE_HOURS, Read, reads
from collector.rollups.recents import Recents, compute
from collector.store.points import nanoseconds, place_tags
from collector.store.store import Point, Store, Values

LOG: Final = logging.getLogger(__name__)
TAKEN: Final = 1000
"""Touched hours taken over at once: while they are noted and settled, nobody else writes to that database."""
TOGETHER: Final = 5000
"""Buckets computed before the next look at what was touched."""
WRITTEN: Final = 500
"""Points of one write."""
DENSE_SITE_HOURS: Final = SITE_HOURS // 12
VERDICT_SITES: Final = 50
RECENT_SITES: Final = 25
_DOWN: Final = (StoreUnavailable, StoreFull, RegistryUnavailable)
_RETRY_S: Final = 2.0
_COUNT_S: Final = 60.0
_ALIKE: Final = attrgetter("measurement", "level", "site", "start")


class Touches(Protocol):
    """The ledger, as far as roll-ups need it. Sync: called in a thread."""

    def touched(self, limit: int) -> list[Touched]:
        """Hours that reports fell into."""

    def settle(self, done: Sequence[Touched]) -> int:
        """Forget them, but for those touched since."""


@dataclass(slots=True)
class Rollups:
    """Rolls up until cancelled. `settings` gives the configuration of this moment; `zone` is the province's.

    `references`: gives the reference series that targets point at, for the verdicts' history; called in a thread.
    """

    store: Store
    touches: Touches
    registry: Registry
    plans: Mapping[str, Plan]
    clock: Callable[[], datetime]
    zone: tzinfo
    metrics: Metrics
    settings: Callable[[], RollupSettings] = RollupSettings
    references: Callable[[], References] = dict
    retry_s: float = _RETRY_S
    due: Due = field(init=False)
    recents: Recents = field(init=False)
    _looked: tuple[datetime, int] | None = field(init=False, default=None)
    _counted: float = field(init=False, default=0.0)
    _snapshot: Snapshot = field(init=False, default_factory=lambda: Snapshot(revision=-1))

    def __post_init__(self) -> None:
        """Keep what is due in the registry's database."""
        self.due = Due(self.registry.database)
        self.recents = Recents(self.registry.database)

    async def run(self) -> None:
        """Take over what was touched and compute what is due, until cancelled; waits while anything is down."""
        await self._when_up(self.open)
        while True:
            if not await self._when_up(self.step):
                await asyncio.sleep(self.settings().every_s)

    async def open(self) -> None:
        """Open the registry and create the table; raises RegistryUnavailable."""
        await asyncio.to_thread(self.registry.open)
        await asyncio.to_thread(self.due.open)

    async def step(self) -> bool:
        """Do one portion; whether there is more at once. Raises what the store and the registry raise."""
        await self._know()
        pace = Pace(self.settings(), self.zone)
        await asyncio.to_thread(self._look, pace)
        taken = await asyncio.to_thread(self._take, pace)
        tasks = await asyncio.to_thread(self.due.ready, pace, self.clock(), TOGETHER)
        for portion, work in self._portions(tasks, pace):
            await self._paced(portion, work, pace)
        is_more = taken == TAKEN or len(tasks) == TOGETHER
        if not is_more or time.monotonic() - self._counted > _COUNT_S:  # of a great backlog counting takes long
            self.metrics.rollups.waiting.set(await asyncio.to_thread(self.due.waiting))
            self.metrics.rollups.overdue.set(await asyncio.to_thread(self.due.overdue_s, self.clock()))
            self._counted = time.monotonic()
        return is_more

    async def compute(self, tasks: Sequence[Task]) -> AsyncIterator[Sequence[Task]]:
        """Compute buckets now that nobody has remembered; gives them in portions, as they are done."""
        await self._know()
        for portion, work in self._portions(tasks, Pace(self.settings(), self.zone)):
            await self._work_out(work)
            yield portion

    async def _know(self) -> None:
        """Have the registry as it is."""
        if await asyncio.to_thread(self.registry.revision) != self._snapshot.revision:
            self._snapshot = await asyncio.to_thread(self.registry.snapshot)

    def _take(self, pace: Pace) -> int:
        """Note what the touched hours make due, and only then settle them."""
        touched = self.touches.touched(TAKEN)
        if touched:
            self.due.add((task for one in touched for task in pace.tasks(one)), pace, self.clock())
            self.touches.settle(touched)
        return len(touched)

    def _look(self, pace: Pace) -> None:
        """Once a local day look at every site anew: what is a month old counts no more, also where nothing comes."""
        today, now = bucket_of("day", self.clock(), self.zone).start, self.clock()
        if self._looked == (today, self._snapshot.revision):
            return
        old = self._snapshot.sites.keys() - self.recents.since(today)
        self.due.add((Task(recent.KIND, site, "recent", today) for site in sorted(old)), pace, now)
        self._looked = (today, self._snapshot.revision)

    def _portions(self, tasks: Sequence[Task], pace: Pace) -> Iterator[tuple[list[Task], "_Work"]]:
        """The tasks in portions that one question answers, with the work for each."""
        too_old = self._horizon()
        gone = [task for task in tasks if too_old is not None and task.start < too_old]
        if gone:
            yield gone, _nothing
        left = [task for task in tasks if too_old is None or task.start >= too_old]
        for (kind, level), group in groupby(sorted(left, key=_ALIKE), key=lambda task: _ALIKE(task)[:2]):
            if level == "verdict":
                yield from self._verdict_portions(list(group), pace)
                continue
            if level == "recent":
                yield from self._recent_portions(list(group))
                continue
            found = {(task.site, pace.bucket(task)): task for task in group}
            for read in reads(list(found), site_hours=DENSE_SITE_HOURS if kind in DENSE else SITE_HOURS):
                portion = [found[site, bucket] for site in read.sites for bucket in read.buckets]
                yield portion, partial(self._buckets, kind, read)

    def _verdict_portions(self, tasks: Sequence[Task], pace: Pace) -> Iterator[tuple[list[Task], "_Work"]]:
        """Days of verdicts, of many sites together where the days are the same."""
        by_site: dict[str, list[Task]] = defaultdict(list)
        for task in tasks:
            by_site[task.site].append(task)
        by_span: dict[tuple[datetime, datetime], list[str]] = defaultdict(list)
        for site, own in by_site.items():
            by_span[own[0].start, pace.bucket(own[-1]).end].append(site)
        for span, sites in by_span.items():
            for first in range(0, len(sites), VERDICT_SITES):
                some = sites[first : first + VERDICT_SITES]
                portion = [task for site in some for task in by_site[site]]
                yield portion, partial(self._verdicts, tasks[0].measurement, some, span)

    def _recent_portions(self, tasks: Sequence[Task]) -> Iterator[tuple[list[Task], "_Work"]]:
        """Some sites at a time; several days of one site are one look at it."""
        by_site = {site: list(own) for site, own in groupby(tasks, key=attrgetter("site"))}
        names = list(by_site)
        for first in range(0, len(names), RECENT_SITES):
            some = names[first : first + RECENT_SITES]
            yield [task for site in some for task in by_site[site]], partial(self._recent, some)

    async def _paced(self, portion: list[Task], work: "_Work", pace: Pace) -> None:
        """Compute, write, forget; then rest, so that all of it takes its share of the time only."""
        began = time.monotonic()
        await self._work_out(work)
        await asyncio.to_thread(self.due.done, portion, pace, self.clock())
        took = time.monotonic() - began
        self.metrics.rollups.seconds.inc(took)
        await asyncio.sleep(took * (1 / self.settings().share - 1))

    async def _work_out(self, work: "_Work") -> None:
        points = await work()
        for first in range(0, len(points), WRITTEN):
            await self._write(points[first : first + WRITTEN])

    async def _buckets(self, kind: str, read: Read) -> list[Point]:
        """The points of a question's buckets."""
        found = await self.store.values(
            kind, columns(kind), sites=read.sites, start_ns=nanoseconds(read.start), end_ns=nanoseconds(read.end)
        )
        return await asyncio.to_thread(lambda: [*self._points(kind, read, found)])

    def _points(self, kind: str, read: Read, found: Mapping[str, list[Values]]) -> Iterator[Point]:
        for site, rows in found.items():
            times = [row[0] for row in rows]
            for bucket in read.buckets:
                first, end = (bisect_left(times, nanoseconds(edge)) for edge in (bucket.start, bucket.end))
                place = self._snapshot.site_at(site, bucket.start)
                fields = figures(kind, rows[first:end], marks_of(self._snapshot, self.plans, kind, site, bucket))
                if place is not None and fields:
                    yield Point(f"{kind}_{bucket.level}", place_tags(place), fields, nanoseconds(bucket.start))

    async def _recent(self, sites: Sequence[str]) -> list[Point]:
        """What pages tell of sites now; no point, but a row in the registry's database."""
        found = await compute(self.store, sites, self.clock())
        await asyncio.to_thread(self.recents.save, found.values())
        return []

    async def _verdicts(self, kind: str, sites: Sequence[str], span: tuple[datetime, datetime]) -> list[Point]:
        """The verdicts that results of a span change."""
        now, known = self.clock(), self._snapshot.sites
        world = World(dict(self.plans.items()), await asyncio.to_thread(self.references))
        judged = [site for site in sites if verdicts.is_judged(kind, known.get(site, ()), world, now)]
        if not judged:
            return []
        start, end = verdicts.reach(*span, now)
        found = await self.store.values(
            kind, verdicts.columns(kind), sites=judged, start_ns=nanoseconds(start), end_ns=nanoseconds(end)
        )

        def told() -> list[Point]:
            return [
                point
                for site, rows in found.items()
                for point in verdicts.history(kind, rows, span, now=now, versions=known.get(site, ()), world=world)
            ]

        return await asyncio.to_thread(told)

    async def _write(self, points: Sequence[Point]) -> None:
        try:
            await self.store.write(points)
        except PointsRefused as error:
            LOG.error("rollups.point_refused error=%r", str(error))  # noqa: TRY400 - the store's reason says it all
        self.metrics.rollups.written.inc(len(points))

    def _horizon(self) -> datetime | None:
        """Buckets that start before this have lost raw values and are left as they are."""
        days = self.settings().raw_days
        return None if days is None else self.clock() - timedelta(days=days)

    async def _when_up(self, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the work gives
        """Do work that needs store and registry; while they are down, say so once and try again."""
        down = False
        while True:
            try:
                done = await work()
            except _DOWN as error:
                if not down:
                    LOG.warning("rollups.wait error=%r", str(error))
                down = True
                await asyncio.sleep(self.retry_s)
            else:
                if down:
                    LOG.warning("rollups.resumed")
                return done


class _Work(Protocol):
    async def __call__(self) -> list[Point]: ...


async def _nothing() -> list[Point]:
    return []


def marks_of(snapshot: Snapshot, plans: Mapping[str, Plan], kind: str, site: str, bucket: Bucket) -> Marks | None:
    """The targets that bind a site's field during a bucket; None where no plan speaks of the kind."""
    bound = next((field for of, field in BOUND if of == kind), None)
    if bound is None:
        return None
    moments = {bucket.start, *_changes(snapshot, plans, site, bucket)}
    return Marks(bound, tuple(_steps(snapshot, plans, site, sorted(moments))))


def _changes(snapshot: Snapshot, plans: Mapping[str, Plan], site: str, bucket: Bucket) -> Iterator[datetime]:
    """The moments within a bucket at which another target may begin to hold."""
    versions = snapshot.sites.get(site, ())
    moments = [version.since for version in versions if version.since is not None]
    for plan in {version.value.plan for version in versions}:
        known = plans.get(plan or "")
        if known is not None:
            midnight = datetime.min.time().replace(tzinfo=PLAN_ZONE)
            moments += [datetime.combine(target.valid_from, midnight) for target in known.targets]
    yield from (moment for moment in moments if bucket.start < moment < bucket.end)


def _steps(snapshot: Snapshot, plans: Mapping[str, Plan], site: str, moments: Iterable[datetime]) -> Iterator[Step]:
    for moment in moments:
        as_then = snapshot.site_at(site, moment)
        if as_then is not None:
            target = binding_for(plans.get(as_then.plan or ""), as_then, moment).target
            yield nanoseconds(moment), target.value if target else None
