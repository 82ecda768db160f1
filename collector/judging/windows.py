"""The rows of all sites in memory: filled once, then only what is new is read, for many sites in one question.

Late rows are found because their news says when they started; a full reading now and then finds what no news told of.
A process that was killed reads everything anew.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from time import monotonic
from typing import Final, TypeVar

from collector.chain.rows import SHAPES, Rows, Shape, moment
from collector.store.points import nanoseconds
from collector.store.store import Store

T = TypeVar("T")
AHEAD: Final = timedelta(days=1)
"""How far ahead of us a device's clock may run; the pipeline takes nothing beyond."""
_AT_ONCE: Final = 100
"""Sites in one question while everything is read: their rows wait in memory as they came."""
_MOST: Final = 500
_AGES: Final = (timedelta(hours=2), timedelta(days=1), timedelta(days=7))
"""Sites whose news are about as old share a question, so that one backlog does not have all sites read far back."""
SLICE_S: Final = 0.01


class Windows:
    """For one event loop. Raises what the store raises; then what was not read yet is as it was.

    `changes`: by site and kind the time of the earliest row that is new or otherwise than when somebody last took it
    from here.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sites: dict[str, dict[str, Rows]] = {}
        self._filled: set[str] = set()
        self.changes: dict[str, dict[str, datetime]] = {}

    def of(self, site: str) -> Mapping[str, Rows]:
        """A site's rows by kind."""
        return self._sites.get(site, {})

    def unknown(self, sites: Iterable[str]) -> list[str]:
        """Those of these sites that were never read."""
        return [site for site in sites if site not in self._filled]

    def keep(self, sites: Collection[str]) -> None:
        """Let go of all others."""
        for gone in self._filled - set(sites):
            self._filled.discard(gone)
            self._sites.pop(gone, None)
            self.changes.pop(gone, None)

    async def fill(self, sites: Sequence[str], now: datetime) -> None:
        """Read everything of these sites."""
        for first in range(0, len(sites), _AT_ONCE):
            group = sites[first : first + _AT_ONCE]
            for shape in SHAPES:
                await self._read(shape, group, now - shape.span, now)
            self._filled.update(group)

    async def refresh(self, since: Mapping[str, Mapping[str, datetime]], now: datetime) -> None:
        """Read what these sites have new, by kind since when."""
        for shape in SHAPES:
            starts = {
                site: self._start(shape, site, kinds[shape.kind], now)
                for site, kinds in since.items()
                if shape.kind in kinds
            }
            for group in _groups(starts, now):
                await self._read(shape, group, min(starts[site] for site in group), now)

    def _start(self, shape: Shape, site: str, told: datetime, now: datetime) -> datetime:
        """From when on to read: the news, or what comes after the newest row that is known, whichever is earlier."""
        rows = self.of(site).get(shape.kind)
        known = moment(rows.times[-1]) if rows else now - shape.span
        return max(min(told, known), now - shape.span)

    async def _read(self, shape: Shape, sites: Sequence[str], start: datetime, now: datetime) -> None:
        start_ns, end_ns = nanoseconds(start), nanoseconds(now + AHEAD)
        found = await self._store.values(shape.kind, shape.columns, sites=sites, start_ns=start_ns, end_ns=end_ns)
        old = nanoseconds(now - shape.span)
        async for site in slices(sites):
            there = found.get(site, [])
            rows = self._sites.get(site, {}).get(shape.kind)
            if rows is None:
                if not there:
                    continue
                rows = self._sites.setdefault(site, {})[shape.kind] = Rows(shape)
            changed = rows.put(start_ns, there)
            rows.forget(old)
            if changed is not None:
                at, known = moment(changed), self.changes.setdefault(site, {})
                known[shape.kind] = min(at, known.get(shape.kind, at))


async def slices(sites: Iterable[T]) -> AsyncIterator[T]:
    """One after the other, with time for everybody else in between."""
    began = monotonic()
    for site in sites:
        if monotonic() - began >= SLICE_S:
            await asyncio.sleep(0)
            began = monotonic()
        yield site


def _groups(starts: Mapping[str, datetime], now: datetime) -> Iterable[list[str]]:
    def age(site: str) -> int:
        return sum(now - starts[site] > step for step in _AGES)

    for _, group in groupby(sorted(starts, key=age), key=age):
        some = list(group)
        for first in range(0, len(some), _MOST):
            yield some[first : first + _MOST]
