"""Reads what a scoreboard is made of: roll-ups, completeness and reported figures. The only I/O of this package."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, Protocol

from collector.figures.figure import Entry
from collector.ledger.accounts import Told
from collector.plans.binding import asked_beside, neighbours
from collector.plans.reference import References
from collector.plans.types import Plan
from collector.registry.site import Site, Snapshot
from collector.rollups.buckets import Level, bucket_of
from collector.rollups.periods import stretches
from collector.scoreboard.board import Board
from collector.scoreboard.courses import Months
from collector.scoreboard.scoreboard import MEASURED, Known, scoreboard
from collector.scoreboard.spread import PARTS, Spread
from collector.store.points import nanoseconds
from collector.store.store import Store, Values

TREND_MONTHS: Final = 12
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Spreads = dict[str, list[tuple[datetime, Spread]]]
"""By site: the start of each roll-up, and what it holds."""
Cut = tuple[Level, datetime, datetime]
"""A stretch of time, and whose roll-ups are read for it."""


class Figures(Protocol):
    """Reported figures. Sync: called in a thread."""

    def references(self) -> References:
        """The nation's figures as series."""

    def entries(self, *, plan: str | None = None) -> list[Entry]:
        """What was entered under a plan, by whom and when."""


@dataclass(frozen=True, slots=True)
class Shelves:
    """Where the parts of a scoreboard lie. `told`: by site, of the days from one to another; `plans`: all, by id."""

    store: Store
    snapshot: Callable[[], Snapshot]
    told: Callable[[date, date], Mapping[str, Told]]
    figures: Figures | None
    zone: tzinfo
    plans: Mapping[str, Plan]


async def read_scoreboard(plan: Plan, window: tuple[date, date], shelves: Shelves, *, now: datetime) -> Board:
    """The scoreboard of a plan over days of the province; raises StoreUnavailable and RegistryUnavailable."""
    today = now.astimezone(shelves.zone).date()
    known = await _known(plan, window, shelves, now)
    return await asyncio.to_thread(scoreboard, plan, window, known, now=now, today=today)


def sites_under(plan: str, snapshot: Snapshot, at: datetime) -> list[Site]:
    """The sites under a plan at a moment; one that was registered later is taken as it was first known."""
    return [site for site in _sites(snapshot, at) if site.plan == plan]


def sites_beside(
    plan: Plan, plans: Mapping[str, Plan], snapshot: Snapshot, at: datetime, day: date
) -> dict[str, list[Site]]:
    """By indicator, the sites under other plans of the province that a plan asks too on a day."""
    others = {one.id: one for one in neighbours(plan, plans.values())}
    found: dict[str, list[Site]] = {}
    for site in _sites(snapshot, at) if others else ():
        own = others.get(site.plan or "")
        for target in asked_beside(plan, own, site, day) if own else ():
            found.setdefault(target.indicator, []).append(site)
    return found


def _sites(snapshot: Snapshot, at: datetime) -> Iterator[Site]:
    return (snapshot.site_at(name, at) or versions[0].value for name, versions in snapshot.sites.items())


async def _known(plan: Plan, window: tuple[date, date], shelves: Shelves, now: datetime) -> Known:
    start, end = (_midnight(day, shelves.zone) for day in (window[0], window[1] + timedelta(days=1)))
    references: References = {}
    entries: Sequence[Entry] = ()
    if shelves.figures is not None:
        references = await asyncio.to_thread(shelves.figures.references)
        entries = await asyncio.to_thread(shelves.figures.entries, plan=plan.id)
    snapshot, at = await asyncio.to_thread(shelves.snapshot), min(end, now)
    day = min(window[1], now.astimezone(shelves.zone).date())
    sites, beside = sites_under(plan.id, snapshot, at), sites_beside(plan, shelves.plans, snapshot, at, day)
    known = Known(sites=sites, entries=entries, references=references, beside=beside)
    names = known.ids
    if start > now or not names:
        return known
    spreads: dict[str, dict[str, list[Spread]]] = {}
    months: dict[str, Months] = {}
    cuts = _cuts((start, end), now, shelves.zone)
    for indicator in sorted({target.indicator for target in plan.targets} & MEASURED.keys()):
        kind, field = MEASURED[indicator]
        by_month = await _months(shelves, kind, field, (start, end), now)
        spreads[indicator] = await _spreads(shelves, kind, field, cuts, by_month, names)
        over = bucket_of("month", min(end, now), shelves.zone).start
        months[indicator] = _by_month(by_month, names, over, shelves.zone)
    told = await asyncio.to_thread(shelves.told, *window)
    return replace(known, spreads=spreads, months=months, told=told)


async def _months(shelves: Shelves, kind: str, field: str, period: tuple[datetime, datetime], now: datetime) -> Spreads:
    """The months of the period and those of the trend before its end, in one question."""
    start, end = period
    back = bucket_of("month", min(end, now), shelves.zone).start
    for _ in range(TREND_MONTHS):
        back = bucket_of("month", back - timedelta(days=1), shelves.zone).start
    first = min(bucket_of("month", start, shelves.zone).start, back)
    return await _read(shelves.store, f"{kind}_month", field, first, end)


def _cuts(period: tuple[datetime, datetime], now: datetime, zone: tzinfo) -> list[Cut]:
    """Whole months, days at the edges, and of a month that is not over: its own roll-up may be a day behind."""
    return [("day" if end > now else level, start, end) for level, start, end in stretches(*period, zone)]


async def _spreads(
    shelves: Shelves, kind: str, field: str, cuts: Sequence[Cut], by_month: Spreads, names: set[str]
) -> dict[str, list[Spread]]:
    """Each site's roll-ups of the period."""
    found: dict[str, list[Spread]] = {}
    for level, start, end in cuts:
        some = by_month if level == "month" else await _read(shelves.store, f"{kind}_day", field, start, end)
        for site in names & some.keys():
            found.setdefault(site, []).extend(spread for at, spread in some[site] if start <= at < end)
    return found


async def _read(store: Store, measurement: str, field: str, start: datetime, end: datetime) -> Spreads:
    fields = [f"{field}_{part}" for part in PARTS]
    rows = await store.values(measurement, fields, sites=None, start_ns=nanoseconds(start), end_ns=nanoseconds(end))
    return await asyncio.to_thread(_told, rows)


def _told(rows: Mapping[str, Sequence[Values]]) -> Spreads:
    """Rows that hold every part; what an older version wrote without one of them is left out."""
    return {
        site: [(_moment(row[0]), Spread(int(row[1]), *row[2:])) for row in some if None not in row[1:] and row[1]]
        for site, some in rows.items()
    }


def _by_month(spreads: Spreads, names: set[str], over: datetime, zone: tzinfo) -> Months:
    """Months that are over by their first day."""
    found: dict[date, dict[str, Spread]] = {}
    for site in names & spreads.keys():
        for at, spread in spreads[site]:
            if at < over:
                found.setdefault(at.astimezone(zone).date(), {})[site] = spread
    return found


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _moment(time_ns: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_ns // 1000)
