"""When each kind runs: once at a random instant in each slot. Pure: time and randomness come in.

A slot is `every_s` seconds long and aligned to the epoch, so a restart does not move it, and agents that start
together (after a power cut in a whole commune) do not measure together.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final, NamedTuple

LATE: Final = "late"


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a kind runs; `first_runs` extra runs, `first_every_s` apart, follow the start."""

    every_s: float
    first_runs: int = 0
    first_every_s: float = 20


class Instant(NamedTuple):
    """One moment on two clocks: the wall clock, which may jump, and steady seconds since boot."""

    wall: datetime
    steady: float


@dataclass(frozen=True, slots=True)
class Due:
    """A run whose time has come. `first`: one of the extra runs after a start."""

    kind: str
    at: datetime
    first: bool = False


@dataclass(frozen=True, slots=True)
class Missed:
    """Slots of a kind that went by without a run, because the device slept or was busy."""

    kind: str
    count: int


@dataclass(frozen=True, slots=True)
class _Entry:
    rhythm: Rhythm
    slot: int
    at: datetime
    steady: float  # when `at` comes, by the steady clock, as it looked when it was drawn
    first_left: int = 0

    @property
    def first(self) -> bool:
        return self.first_left > 0


def slot_of(at: datetime, every_s: float) -> int:
    """Number the slot that an instant lies in."""
    return math.floor(at.timestamp() / every_s)


def draw(slot: int, every_s: float, *, after: datetime, rng: Random) -> datetime:
    """Pick an instant in what is left of a slot after `after`."""
    end = (slot + 1) * every_s
    start = min(max(slot * every_s, after.timestamp()), end)
    return datetime.fromtimestamp(start, UTC) + timedelta(seconds=rng.random() * (end - start))


class Timetable:
    """The next run of every kind.

    `last` are the runs that a former life of this agent has made, so that a restart does not run a slot twice.
    A run that is due stays due to the end of its slot, and for `late_s` beyond it; then its slot is missed.
    """

    def __init__(
        self, rhythms: Mapping[str, Rhythm], *, last: Mapping[str, datetime], rng: Random, late_s: float
    ) -> None:
        self._rng = rng
        self._late_s = late_s
        self._last = dict(last)
        self._rhythms = dict(rhythms)
        self._entries: dict[str, _Entry] = {}

    def start(self, now: Instant) -> None:
        """Draw the first instant of every kind."""
        for kind, rhythm in self._rhythms.items():
            self._entries[kind] = self._enter(kind, rhythm, now)

    def change(self, rhythms: Mapping[str, Rhythm], now: Instant) -> None:
        """Take over another schedule; a kind whose slots stay as they are keeps its drawn instant."""
        for kind in self._entries.keys() - rhythms.keys():
            del self._entries[kind]
        for kind, rhythm in rhythms.items():
            entry = self._entries.get(kind)
            if entry is None or entry.rhythm.every_s != rhythm.every_s:
                # The extra runs belong to a start: a change of schedule does not repeat them.
                self._entries[kind] = self._enter(kind, replace(rhythm, first_runs=0), now)
            else:
                self._entries[kind] = replace(entry, rhythm=rhythm)
        self._rhythms = dict(rhythms)

    def next(self) -> dict[str, datetime]:
        """Tell when each kind runs next."""
        return {kind: entry.at for kind, entry in self._entries.items()}

    def wait_s(self, now: datetime) -> float | None:
        """Tell how long nothing is due, by the wall clock; None if nothing is planned."""
        if not self._entries:
            return None
        return max(0.0, min((entry.at - now).total_seconds() for entry in self._entries.values()))

    def settle(self, now: Instant) -> list[Missed]:
        """Put right what a jump of the wall clock or a long sleep has spoilt, and tell what was missed for good."""
        missed = []
        for kind, entry in list(self._entries.items()):
            if self._is_spoilt(entry, now.wall):
                self._entries[kind] = self._redraw(kind, entry, now)
                count = self._missed(entry, now)
                if count:
                    missed.append(Missed(kind, count))
        return missed

    def take(self, now: Instant) -> Due | None:
        """Give the run that has been due longest, and plan its successor; None if nothing is due."""
        ready = [(entry.at, kind) for kind, entry in self._entries.items() if entry.at <= now.wall]
        if not ready:
            return None
        at, kind = min(ready)
        entry = self._entries[kind]
        self._last[kind] = now.wall
        self._entries[kind] = self._after(entry, now)
        return Due(kind, at, first=entry.first)

    def _enter(self, kind: str, rhythm: Rhythm, now: Instant) -> _Entry:
        if rhythm.first_runs:
            return _Entry(rhythm, slot_of(now.wall, rhythm.every_s), now.wall, now.steady, rhythm.first_runs)
        return self._unserved(kind, rhythm, now)

    def _unserved(self, kind: str, rhythm: Rhythm, now: Instant) -> _Entry:
        """Draw in the present slot, or in the next one if this kind has run in it."""
        slot = slot_of(now.wall, rhythm.every_s)
        last = self._last.get(kind)
        # A last run in the future is a clock that was wrong then, or is wrong now: it says nothing about this slot.
        if last is not None and slot_of(last, rhythm.every_s) == slot and last <= now.wall:
            slot += 1
        return self._entry(rhythm, slot, now)

    def _entry(self, rhythm: Rhythm, slot: int, now: Instant) -> _Entry:
        at = draw(slot, rhythm.every_s, after=now.wall, rng=self._rng)
        return _Entry(rhythm, slot, at, now.steady + (at - now.wall).total_seconds())

    def _after(self, entry: _Entry, now: Instant) -> _Entry:
        rhythm = entry.rhythm
        if entry.first_left > 1:
            at = now.wall + timedelta(seconds=rhythm.first_every_s)
            return replace(entry, at=at, steady=now.steady + rhythm.first_every_s, first_left=entry.first_left - 1)
        if entry.first:
            return self._entry(rhythm, slot_of(now.wall, rhythm.every_s), now)
        return self._entry(rhythm, max(entry.slot + 1, slot_of(now.wall, rhythm.every_s)), now)

    def _is_spoilt(self, entry: _Entry, now: datetime) -> bool:
        ahead = (entry.at - now).total_seconds()
        if entry.first:
            return ahead > 2 * entry.rhythm.first_every_s
        # No slot is planned beyond the next: one further ahead means that the clock was put back. A little is let be,
        # or each correction at the turn of a slot would run that slot twice.
        soon = now + timedelta(seconds=self._late_s)
        if entry.slot > slot_of(soon, entry.rhythm.every_s) + 1:
            return True
        return slot_of(now, entry.rhythm.every_s) > entry.slot and -ahead > self._late_s

    def _redraw(self, kind: str, entry: _Entry, now: Instant) -> _Entry:
        if entry.first:
            return replace(entry, at=now.wall, steady=now.steady)
        return self._unserved(kind, entry.rhythm, now)

    def _missed(self, entry: _Entry, now: Instant) -> int:
        """Count lost slots by the steady clock: a wall clock that was set from 1970 to now lost none."""
        behind = now.steady - entry.steady
        if entry.first or behind <= 0:
            return 0
        passed = slot_of(now.wall, entry.rhythm.every_s) - entry.slot
        return max(0, min(int(behind // entry.rhythm.every_s) + 1, passed))
