"""Questions over what several processes have said of themselves: sums, rates, shares. Pure.

What nobody told is None, never zero.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from collector.vitals import RECEIPT_BOUNDS, SPAN, Counts, Levels, Sighting

Count = Callable[[Counts], float]
Level = Callable[[Levels], float | None]

SLOTS: Final = 30
SLOT: Final = SPAN / SLOTS
RECENT: Final = timedelta(seconds=30)
MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Flow:
    """The processes that are alive, and questions over all of them."""

    alive: Sequence[Sighting]
    now: datetime

    @property
    def takers(self) -> list[Sighting]:
        """Those that take reports."""
        return [one for one in self.alive if "ingest" in one.newest.roles]

    def of(self, level: Level) -> list[float]:
        """A level of each process that knows it."""
        return [value for one in self.alive if (value := level(one.newest.levels)) is not None]

    def sum(self, level: Level) -> float | None:
        """Over all processes that know it."""
        return sum(known) if (known := self.of(level)) else None

    def most(self, level: Level) -> float | None:
        """The highest that a process knows."""
        return max(self.of(level), default=None)

    def least(self, level: Level) -> float | None:
        """The lowest that a process knows."""
        return min(self.of(level), default=None)

    def risen(self, count: Count) -> float:
        """How much a count has risen in the last minutes, as far as it is remembered."""
        return sum(count(one.words[-1].vitals.counts) - count(one.words[0].vitals.counts) for one in self.alive)

    def rate(self, count: Count) -> float | None:
        """A second, of the last half minute."""
        rates = [rate for one in self.alive if (rate := rate_of(one, count)) is not None]
        return sum(rates) if rates else None

    def rates(self, count: Count) -> tuple[float | None, ...]:
        """A second, slot by slot, the newest last; None where nobody was heard."""
        sums: list[float | None] = [None] * SLOTS
        start = self.now - SPAN
        for before, after in (step for one in self.alive for step in one.steps()):
            span = (after.at - before.at).total_seconds()
            risen = count(after.vitals.counts) - count(before.vitals.counts)
            if span <= 0:
                continue
            first, last = (before.at - start) / SLOT, (after.at - start) / SLOT
            for slot in range(max(0, int(first)), min(SLOTS, int(last) + 1)):
                share = min(last, slot + 1) - max(first, slot)
                sums[slot] = (sums[slot] or 0.0) + risen * share / (last - first) / SLOT.total_seconds()
        if sums[-1] is not None and sums[-2] is not None:
            sums[-1] = sums[-2]  # it has only begun, and would look like a fall
        return tuple(sums)

    def mean_s(self, total: Count, number: Count) -> float | None:
        """How long something took in the last minutes, each time, in seconds."""
        times = self.risen(number)
        return self.risen(total) / times if times else None

    def receipt_s(self, share: float) -> float | None:
        """So many receipts went out within this time, in the last minute; None where none went out."""
        counts = [0] * (len(RECEIPT_BOUNDS) + 1)
        for one in self.alive:
            first = next(word for word in one.words if word.at >= self.now - MINUTE or word is one.words[-1])
            newest, oldest = one.newest.receipts, first.vitals.receipts
            for number, (after, before) in enumerate(zip(newest, oldest, strict=False)):
                counts[number] += after - before
        total, below = sum(counts), 0
        for bound, number in zip((*RECEIPT_BOUNDS, float("inf")), counts, strict=True):
            below += number
            if total and below >= share * total:
                return min(bound, RECEIPT_BOUNDS[-1])
        return None


def rate_of(one: Sighting, count: Count) -> float | None:
    """How fast a count of one process rose in the last half minute, a second; None after its first word."""
    newest = one.words[-1]
    before = next(word for word in one.words if word.at >= newest.at - RECENT)
    span = (newest.vitals.at - before.vitals.at).total_seconds()
    return (count(newest.vitals.counts) - count(before.vitals.counts)) / span if span > 0 else None
