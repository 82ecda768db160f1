"""Series moved from one store to another: every point is compared, what is missing is written, and compared again.

The state of a copy is the target itself, so a copy that was killed is simply started again. A point's checksum is a
hash of its line (names, tags, fields with their types, time); a window's is their number and their sum, whatever the
order. Windows are days, halved while they hold more points than fit in memory.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from collector.errors import PointsRefused, StoreUnavailable
from collector.store.line import encode_line
from collector.store.shelf import Shelf, Window
from collector.store.store import FieldValue, Point, Row, Store

DAY_NS: Final = 86_400 * 10**9
WINDOW_POINTS: Final = 100_000
"""Hashes held of one window, for each side: about 10 MB."""
PASSES: Final = 5
_MASK: Final = (1 << 128) - 1
_WAIT_FIRST_S: Final = 0.5
_WAIT_MAX_S: Final = 10.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sum:
    """Number and checksum of points; the same points give the same, in any order."""

    count: int = 0
    checksum: int = 0

    def __add__(self, other: "Sum") -> "Sum":
        return Sum(self.count + other.count, (self.checksum + other.checksum) & _MASK)

    @property
    def words(self) -> str:
        """Checksum for people's eyes."""
        return f"{self.checksum:032x}"


@dataclass(frozen=True, slots=True)
class Tally:
    """What a copy did with one measurement: what the source holds, and what of it the target has not as it should.

    `written` counts points of all passes; `differing` are there with other fields, which stood there before;
    `extra` are in the target only.
    """

    source: Sum = Sum()
    written: int = 0
    refused: int = 0
    differing: int = 0
    extra: int = 0
    why: str = ""

    @property
    def good(self) -> bool:
        """Whether the target holds every point of the source, field by field."""
        return not (self.refused or self.differing)


@dataclass(slots=True)
class Copy:
    """One copy. `tell` hears, after each window: measurement, share of its time that is done, its tally so far."""

    source: Shelf
    target: Shelf
    into: Store
    tell: Callable[[str, float, Tally], None] = lambda *_: None
    window_points: int = WINDOW_POINTS
    patience_s: float = 300.0
    passes: int = 0
    late: int = 0
    _seen: dict[tuple[str, Window], tuple[Sum, int]] = field(default_factory=dict)
    _there: set[str] = field(default_factory=set)

    async def run(self, only: Sequence[str] = ()) -> dict[str, Tally]:
        """Copy until a whole pass found nothing more to write, at most five; gives each measurement's tally.

        `late` then counts what the last pass wrote: more than none means that points are still arriving.

        Raises:
            StoreUnavailable: a side could not be reached for longer than `patience_s`; start again to go on.
            StoreFull: the target has no room.
        """
        tallies: dict[str, Tally] = {}
        while self.passes < PASSES:
            self.passes += 1
            before = sum(tally.written for tally in tallies.values())
            names = [name for name in await self._patient(self.source.measurements) if not only or name in only]
            for name in names:
                done = tallies.get(name, Tally())
                tallies[name] = await self._measurement(name, replace(Tally(), written=done.written))
            self.late = sum(tally.written for tally in tallies.values()) - before
            if not self.late:
                break
        return tallies

    async def _measurement(self, name: str, tally: Tally) -> Tally:
        ends = await self._patient(lambda: self.source.ends(name, 0))
        if ends is None:
            return tally
        first, last = ends
        at = first
        while True:
            start, before = at - at % DAY_NS, tally.source.count
            tally = await self._window(name, (start, start + DAY_NS), tally)
            self.tell(name, min(1.0, (start + DAY_NS - first) / max(1, last - first)), tally)
            after = at = start + DAY_NS
            if after <= last and tally.source.count > before:
                continue  # the next day most likely has points too; only over a gap is it worth asking where it ends
            more = await self._patient(lambda after=after: self.source.ends(name, after))  # type: ignore[misc] # a bound default
            if more is None:
                return tally
            at, last = more

    async def _window(self, name: str, window: Window, tally: Tally) -> Tally:
        """Make the target hold what the source does in a window."""
        source = await self._hashes(name, window)
        if source is None:
            start, end = window
            middle = (start + end) // 2
            tally = await self._window(name, (start, middle), tally)
            return await self._window(name, (middle, end), tally)
        total = _total(source)
        tally = replace(tally, source=tally.source + total)
        known = self._seen.get((name, window))
        if known is not None and known[0] == total:
            return replace(tally, extra=tally.extra + known[1])
        return await self._fill(name, window, source, tally)

    async def _fill(self, name: str, window: Window, source: set[bytes], tally: Tally) -> Tally:
        """Write what the target lacks, and look again."""
        held = await self._held(name, window, source)
        missing = source - held
        refused, why = 0, ""
        if missing:
            refused, why = await self._write(name, window, missing)
            held = await self._held(name, window, source)
        extra, lacking = len(held - source), len(source - held)
        if not lacking:
            self._seen[name, window] = (_total(source), extra)
        return replace(
            tally,
            written=tally.written + len(missing & held),
            refused=tally.refused + min(refused, lacking),
            differing=tally.differing + max(0, lacking - refused),
            extra=tally.extra + extra,
            why=tally.why or why,
        )

    async def _write(self, name: str, window: Window, missing: set[bytes]) -> tuple[int, str]:
        """Write the missing points of a window; gives how many were refused, and why the first was."""
        refused, why = 0, ""
        async for rows in self.source.rows(name, window):
            points = [point for row in rows if _hash(point := point_of(name, row)) in missing]
            if not points:
                continue
            try:
                await self._patient(lambda points=points: self.into.write(points))  # type: ignore[misc] # a bound default
            except PointsRefused as error:
                refused += len(error.indices)
                why = why or str(error)
        return refused, why

    async def _hashes(self, name: str, window: Window) -> set[bytes] | None:
        """The hashes of the source's points in a window; None when they are too many for the memory."""

        async def read() -> set[bytes] | None:
            found: set[bytes] = set()
            async for rows in self.source.rows(name, window):
                found.update(_hash(point_of(name, row)) for row in rows)
                if len(found) > self.window_points and window[1] - window[0] > 1:
                    return None
            return found

        return await self._patient(read)

    async def _held(self, name: str, window: Window, source: set[bytes]) -> set[bytes]:
        """The hashes of the target's points in a window: all of the source's, and of others what fits in memory."""

        async def read() -> set[bytes]:
            found: set[bytes] = set()
            async for rows in self.target.rows(name, window):
                hashes = {_hash(point_of(name, row)) for row in rows}
                found |= hashes if len(found) < 2 * self.window_points else hashes & source
            return found

        if name not in self._there:
            self._there.update(await self._patient(self.target.measurements))
        return await self._patient(read) if name in self._there else set()

    async def _patient(self, action: Callable[[], Awaitable[T]]) -> T:
        """Do it, again and again while a side cannot be reached, for `patience_s`."""
        clock = asyncio.get_running_loop().time
        deadline, wait = clock() + self.patience_s, _WAIT_FIRST_S
        while True:
            try:
                return await action()
            except StoreUnavailable as error:
                pause = max(wait, min(error.retry_after_s, self.patience_s))
                if clock() + pause > deadline:
                    raise StoreUnavailable(f"{error}; the same command goes on where this one stopped") from error
            await asyncio.sleep(pause)
            wait = min(wait * 2, _WAIT_MAX_S)


def point_of(measurement: str, row: Row) -> Point:
    """A row as the point that it was, its parts in the order of their names."""
    fields: dict[str, FieldValue] = {
        name: value + 0.0 if type(value) is float else value for name, value in sorted(row.fields.items())
    }
    return Point(measurement, tuple(sorted(row.tags.items())), fields, row.time_ns)


def _hash(point: Point) -> bytes:
    return hashlib.blake2b(encode_line(point), digest_size=16).digest()


def _total(hashes: Iterable[bytes]) -> Sum:
    count = checksum = 0
    for one in hashes:
        count += 1
        checksum += int.from_bytes(one, "big")
    return Sum(count, checksum & _MASK)
