"""What one stretch of the archive adds to the ledger: new numbers, counts by day, hours to roll up. Pure.

About two microseconds a report, because it runs in the process that takes reports in: whole seconds instead of times,
and an agent's reports mostly follow each other, so the set of its numbers is looked at once for a run of them.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

from collector.archive.intervals import Intervals, Range
from collector.ledger.facts import Fact, Place

_DAY_ZERO: Final = date(1970, 1, 1)
_HOUR_S: Final = 3600
_NONE: Final = -2  # no number follows it

Known = Callable[[Place], Intervals]


class Spool:
    """One epoch's numbers while a stretch is taken in. `absorbed`: intervals that another one has grown into."""

    __slots__ = ("_first", "_last", "_runs", "_top", "absorbed", "intervals", "spans")

    def __init__(self, intervals: Intervals) -> None:
        self.intervals = intervals
        self.absorbed: list[int] = []
        self.spans: dict[int, list[int]] = {}
        self._runs: list[int] = []
        self._first = self._last = _NONE
        self._top = intervals.top

    def take(self, seq: int, day: int) -> bool:
        """Add a number; False if it was there."""
        if seq == self._last + 1 and seq > self._top:
            self._last = seq
        elif not self._start(seq):
            return False
        span = self.spans.get(day)
        if span is None:
            self.spans[day] = [seq, seq]
        elif seq > span[1]:
            span[1] = seq
        elif seq < span[0]:
            span[0] = seq
        return True

    def changed(self) -> set[Range]:
        """Give the intervals that are new or have grown, whole."""
        self._close()
        return {self.intervals.around(first) for first in self._runs}

    def _start(self, seq: int) -> bool:
        self._close()
        if seq in self.intervals:
            return False
        self._first = self._last = seq
        return True

    def _close(self) -> None:
        if self._last == _NONE:
            return
        if self._last + 1 in self.intervals:
            self.absorbed.append(self._last + 1)
        self.intervals.add(self._first, self._last)
        self._runs.append(self._first)
        self._top = self.intervals.top
        self._first = self._last = _NONE


class Tally:
    """The sum of a stretch. `known` gives the set of an epoch's stored numbers, which is added to."""

    def __init__(self, known: Known, *, late_s: float) -> None:
        self.spools: dict[Place, Spool] = {}
        self.counts: dict[tuple[str, int, str], list[int]] = {}
        """By agent, day and kind: received, late, duplicate."""
        self.hours: set[tuple[str, str, int]] = set()
        """Measurement, site and hour (since 1970) of what was received."""
        self.accounts: list[Fact] = []
        self._known = known
        self._late_s = late_s

    @property
    def received(self) -> int:
        """How many reports are new."""
        return sum(count[0] for count in self.counts.values())

    @property
    def late(self) -> int:
        """How many of them came late."""
        return sum(count[1] for count in self.counts.values())

    @property
    def duplicates(self) -> int:
        """How many were stored before, by this process or another."""
        return sum(count[2] for count in self.counts.values())

    def take(self, facts: Sequence[Fact]) -> None:
        """Add the reports of one archive frame, which all arrived at the same time."""
        received_s = facts[0].received.timestamp() - self._late_s if facts else 0.0
        agent = epoch = ""
        spool: Spool | None = None
        for fact in facts:
            if spool is None or fact.epoch != epoch or fact.agent != agent:
                agent, epoch = fact.agent, fact.epoch
                spool = self._spool(Place(agent, epoch))
            started = fact.started.timestamp()
            hour = int(started // _HOUR_S)
            day = hour // 24
            key = (fact.agent, day, fact.kind)
            count = self.counts.get(key)
            if count is None:
                count = self.counts[key] = [0, 0, 0]
            if not spool.take(fact.seq, day):
                count[2] += 1
                continue
            count[0] += 1
            if started < received_s:
                count[1] += 1
            if fact.account is not None:
                self.accounts.append(fact)
            elif fact.site is not None:
                self.hours.add((fact.kind, fact.site, hour))

    def _spool(self, place: Place) -> Spool:
        spool = self.spools.get(place)
        if spool is None:
            spool = self.spools[place] = Spool(self._known(place))
        return spool


@lru_cache(maxsize=4096)
def day_text(day: int) -> str:
    """Write a day, counted since 1970, as ISO does."""
    return (_DAY_ZERO + timedelta(days=day)).isoformat()


@lru_cache(maxsize=4096)
def hour_text(hour: int) -> str:
    """Write the start of an hour, counted since 1970, as the database writes times."""
    return f"{day_text(hour // 24)}T{hour % 24:02d}:00:00.000000Z"
