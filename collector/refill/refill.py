"""Series written anew from the archive: each report becomes the very point that it was when it came in.

The same pure functions as at its arrival make it, and its tags were promised then (`collector/registry/changes.py`).
So nothing is noted of how far a refill came: whatever is written again, also by a running service, is the same point.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from heapq import merge
from itertools import chain
from typing import Final, TypeVar

from agent.wire.codec import Accepted, AnyReport, decode_reports
from collector.archive.archive import Archive, Position
from collector.errors import PointsRefused, RegistryUnavailable, StoreUnavailable
from collector.registry.registry import Registry
from collector.registry.site import Snapshot
from collector.store.points import points_of
from collector.store.store import Point, Store

AT_ONCE: Final = 5_000
"""Reports of a batch, and no more bytes of them than `BYTES` but for one frame."""
BYTES: Final = 8 << 20
AHEAD: Final = timedelta(days=1)  # a box's clock may be so far ahead of ours
_REMEMBERED: Final = 100_000
_NAMES: Final = 10_000
_HOURS: Final = 5_000
_WAIT_FIRST_S: Final = 0.5
_WAIT_MAX_S: Final = 10.0
Hour = tuple[str, str, datetime]
T = TypeVar("T")


@dataclass(slots=True)
class Tally:
    """What became of the reports read: `again` are second copies, `unread` this version cannot read.

    `strangers`: reports of agents that the registry has at no site then, by agent, at most 10,000 of these.
    """

    read: int = 0
    written: int = 0
    again: int = 0
    unread: int = 0
    refused: int = 0
    why: str = ""
    outside: int = 0
    hours: int = 0
    strangers: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Refill:
    """One refill. `touch` is given hours to roll up again, `tell` is called after each batch.

    `window`: reports that started from the one day up to before the other, UTC; None: all.
    `at_once`: reports of a batch.
    """

    archive: Archive
    registry: Registry
    into: Store
    touch: Callable[[Sequence[Hour]], object] | None = None
    window: tuple[date, date] | None = None
    tell: Callable[[Tally], None] = lambda _: None
    patience_s: float = 300.0
    at_once: int = AT_ONCE
    tally: Tally = field(default_factory=Tally)
    _snapshot: Snapshot | None = None
    _hours: set[Hour] = field(default_factory=set)
    _recent: "_Recent" = field(default_factory=lambda: _Recent(_REMEMBERED))

    async def run(self) -> Tally:
        """Write every report of every slot, about in the order of arrival.

        Raises:
            StoreUnavailable, RegistryUnavailable: not reached for longer than `patience_s`; start again.
            StoreFull: the store has no room.
        """
        batches = self._batches()
        while (batch := await asyncio.to_thread(next, batches, None)) is not None:
            # After the batch was read: what is archived was tagged by this revision or an earlier one, and promised.
            snapshot = await self._patient(lambda: asyncio.to_thread(self._registered))
            points, hours = await asyncio.to_thread(self._points, batch, snapshot)
            if points:
                await self._write(points)
            self._hours |= hours
            if len(self._hours) >= _HOURS:
                await self._touch()
            self.tell(self.tally)
        await self._touch()
        return self.tally

    def _batches(self) -> Iterator[list[bytes]]:
        """Read all slots side by side, so that second copies come soon after the first; in a thread."""
        batch: list[bytes] = []
        size = 0
        frames = [self.archive.since(self._begin(slot), slot=slot) for slot in self.archive.slots()]
        for _, reports in merge(*frames, key=lambda frame: frame[1][0][0]):
            for _, raw in reports:
                batch.append(raw)
                size += len(raw)
                if len(batch) >= self.at_once or size >= BYTES:
                    yield batch
                    batch, size = [], 0
        if batch:
            yield batch

    def _begin(self, slot: str) -> Position | None:
        return None if self.window is None else Position(slot, self.window[0] - AHEAD, 0)

    def _registered(self) -> Snapshot:
        if self._snapshot is None or self._snapshot.revision != self.registry.revision():
            self._snapshot = self.registry.snapshot()
        return self._snapshot

    def _points(self, batch: Sequence[bytes], snapshot: Snapshot) -> tuple[list[Point], set[Hour]]:
        points: list[Point] = []
        hours: set[Hour] = set()
        self.tally.read += len(batch)
        for decoded in chain.from_iterable(map(decode_reports, batch)):
            if not isinstance(decoded, Accepted):
                self.tally.unread += 1
                continue
            report = decoded.report
            if not self._wanted(report):
                continue
            site = snapshot.site_of(report.agent, report.started)
            if site is None:
                self._note_stranger(report.agent)
                continue
            points += points_of(report, site)
            hour = report.started.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
            hours.add((report.kind, site.id, hour))
        return points, hours

    def _wanted(self, report: AnyReport) -> bool:
        if self.window is not None and not self.window[0] <= report.started.astimezone(UTC).date() < self.window[1]:
            self.tally.outside += 1
            return False
        if self._recent.has(report.id):
            self.tally.again += 1
            return False
        return True

    def _note_stranger(self, agent: str) -> None:
        known = self.tally.strangers
        name = agent if agent in known or len(known) < _NAMES else "others"
        known[name] = known.get(name, 0) + 1

    async def _write(self, points: Sequence[Point]) -> None:
        refused = 0
        try:
            await self._patient(lambda: self.into.write(points))
        except PointsRefused as error:
            refused = len(error.indices)
            self.tally.why = self.tally.why or str(error)
        self.tally.written += len(points) - refused
        self.tally.refused += refused

    async def _touch(self) -> None:
        """Have roll-ups computed again, after the points they are computed from are durable."""
        hours, self._hours = sorted(self._hours), set()
        if hours and self.touch is not None:
            touch = self.touch
            await self._patient(lambda: asyncio.to_thread(touch, hours))
            self.tally.hours += len(hours)

    async def _patient(self, action: Callable[[], Awaitable[T]]) -> T:
        """Do it, again and again while a database cannot be reached, for `patience_s`."""
        clock = asyncio.get_running_loop().time
        deadline, wait = clock() + self.patience_s, _WAIT_FIRST_S
        while True:
            try:
                return await action()
            except (StoreUnavailable, RegistryUnavailable) as error:
                pause = max(wait, min(getattr(error, "retry_after_s", 0.0), self.patience_s))
                if clock() + pause > deadline:
                    raise type(error)(f"{error}; start the same command again, nothing is written twice") from error
            await asyncio.sleep(pause)
            wait = min(wait * 2, _WAIT_MAX_S)


class _Recent:
    """The latest ids, at least so many, at most twice as many: enough for second copies, which arrived close by."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._before: set[str] = set()
        self._now: set[str] = set()

    def has(self, report_id: str) -> bool:
        """Whether an id was given lately; it is from now on."""
        if report_id in self._now or report_id in self._before:
            return True
        self._now.add(report_id)
        if len(self._now) >= self._most:
            self._before, self._now = self._now, set()
        return False
