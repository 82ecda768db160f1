"""Any period of whole days from few roll-ups: whole months where there are any, days at the edges."""

import asyncio
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from collector.rollups.buckets import Level, bucket_of
from collector.store.points import nanoseconds
from collector.store.store import Store, Values

_PARTS = ("n", "mean", "min", "max", "share_n", "share")


@dataclass(frozen=True, slots=True)
class Total:
    """What roll-ups of a period say together, exactly. A median is not among it: it cannot be had from medians.

    `share`: what part of those that a target bound reached it, None where none was bound.
    """

    n: int
    mean: float
    least: float
    most: float
    share: float | None = None


def stretches(start: datetime, end: datetime, zone: tzinfo) -> Iterator[tuple[Level, datetime, datetime]]:
    """Cut the days that a period touches into months and days, in order."""
    at, last = bucket_of("day", start, zone).start, bucket_of("day", end, zone)
    stop = last.start if last.start >= end else last.end
    while at < stop:
        month = bucket_of("month", at, zone)
        if month.start == at and month.end <= stop:
            yield "month", at, month.end
            at = month.end
        else:
            until = min(month.end, stop)
            yield "day", at, until
            at = until


async def totals(
    store: Store, kind: str, field: str, period: tuple[datetime, datetime], *, zone: tzinfo
) -> dict[str, Total]:
    """Each site's total of a field over the days that a period touches; raises StoreUnavailable."""
    names = [f"{field}_{part}" for part in _PARTS]
    rows: dict[str, list[Values]] = {}
    for level, start, end in stretches(*period, zone):
        edges = {"start_ns": nanoseconds(start), "end_ns": nanoseconds(end)}
        found = await store.values(f"{kind}_{level}", names, sites=None, **edges)
        for site, some in found.items():
            rows.setdefault(site, []).extend(some)
    return await asyncio.to_thread(_all, rows)


def total(rows: Sequence[Values]) -> Total | None:
    """What rows of (time, n, mean, min, max, share_n, share) say together; None without a value."""
    some = [row for row in rows if row[1]]
    n = sum(int(row[1]) for row in some)
    if not n:
        return None
    bound = sum(int(row[5]) for row in some if row[5])
    least, most = float(min(row[3] for row in some)), float(max(row[4] for row in some))
    met = sum(round(row[5] * row[6]) for row in some if row[5])
    return Total(
        n=n,
        mean=min(max(2 * math.fsum(row[2] * (row[1] / n) / 2 for row in some), least), most),
        least=least,
        most=most,
        share=met / bound if bound else None,
    )


def _all(rows: Mapping[str, Sequence[Values]]) -> dict[str, Total]:
    found = ((site, total(some)) for site, some in rows.items())
    return {site: one for site, one in found if one is not None}
