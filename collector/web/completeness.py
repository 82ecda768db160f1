"""View model of the completeness page: of what was planned, how much is there, and where the rest went. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, Literal

from collector.ledger.accounts import SiteDay, Told, share
from collector.registry.site import Site, Snapshot

Look = Literal["full", "most", "part", "none", "open"]
FULL: Final = 0.995
MOST: Final = 0.9


@dataclass(frozen=True, slots=True)
class Cell:
    """One day of a strip; None as `day` where the site had no agent yet."""

    at: date
    look: Look | None
    day: SiteDay | None


@dataclass(frozen=True, slots=True)
class SiteRow:
    """One site over the period. `ratio`: of its days that are over and can be told; None if there is none."""

    site: Site
    ratio: float | None
    planned: int
    received: int
    produced: int
    late: int
    dropped: int
    rejected: int
    missing: int
    skipped: tuple[tuple[str, int], ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """The whole province, worst site first. `more`: sites that are not among the rows."""

    rows: tuple[SiteRow, ...]
    ratio: float | None
    first: date
    last: date
    more: int = 0


def worst(told: Mapping[str, Told], snapshot: Snapshot, most: int) -> list[str]:
    """The sites that stand first on the page."""
    known = [(told[name].share, site) for name in told if (site := snapshot.site(name)) is not None]
    known.sort(key=lambda one: _worst_first(*one))
    return [site.id for _, site in known[:most]]


def page(days: Iterable[SiteDay], snapshot: Snapshot, window: tuple[date, date]) -> Page:
    """Put the days of a period together; sites without any agent in it are left out."""
    by_site: dict[str, list[SiteDay]] = {}
    for day in days:
        by_site.setdefault(day.site, []).append(day)
    rows = [
        _row(site, of_site, window) for name, of_site in by_site.items() if (site := snapshot.site(name)) is not None
    ]
    rows.sort(key=lambda row: _worst_first(row.ratio, row.site))
    return Page(tuple(rows), share([day for of_site in by_site.values() for day in of_site]), *window)


def item(row: SiteRow) -> dict[str, Any]:
    """A site as the API gives it."""
    sums = ("ratio", "planned", "received", "produced", "late", "dropped", "rejected", "missing")
    told = {"site": row.site.id} | {name: getattr(row, name) for name in sums} | {"skipped": dict(row.skipped)}
    return told | {"days": [_day_item(cell.day) for cell in row.cells if cell.day is not None]}


def _worst_first(ratio: float | None, site: Site) -> tuple[float, str, str]:
    return (2.0 if ratio is None else ratio, site.name, site.id)


def look(day: SiteDay) -> Look:
    """How a day looks in a strip."""
    if day.ratio is None:
        return "open"
    if day.ratio >= FULL:
        return "full"
    if day.ratio >= MOST:
        return "most"
    return "part" if day.ratio > 0 else "none"


def _row(site: Site, days: Sequence[SiteDay], window: tuple[date, date]) -> SiteRow:
    by_day: Mapping[date, SiteDay] = {day.day: day for day in days}
    first, last = window
    every = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    skipped: dict[str, int] = {}
    for day in days:
        for reason, count in day.skipped.items():
            skipped[reason] = skipped.get(reason, 0) + count
    return SiteRow(
        site=site,
        ratio=share(days),
        planned=sum(day.planned for day in days),
        received=sum(day.received for day in days),
        produced=sum(day.produced for day in days),
        late=sum(day.late for day in days),
        dropped=sum(day.dropped for day in days),
        rejected=sum(day.rejected for day in days),
        missing=sum(day.missing for day in days),
        skipped=tuple(sorted(skipped.items(), key=lambda one: (-one[1], one[0]))),
        cells=tuple(Cell(at, look(by_day[at]) if at in by_day else None, by_day.get(at)) for at in every),
    )


def _day_item(day: SiteDay) -> dict[str, Any]:
    names = ("ratio", "planned", "run", "produced", "received", "late", "rejected", "dropped", "missing", "duplicate")
    told = {name: getattr(day, name) for name in names if getattr(day, name) is not None}
    return {"day": day.day.isoformat()} | told | {"skipped": dict(day.skipped), "accounted": day.accounted}
