"""What was planned and what became of it, day by day (UTC). Pure: days come in, the account of a day comes out.

A gap in a series is otherwise a riddle: was the line down, the box off, or the disk full? Here the box says it.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final

import msgspec

from agent.clock import SET_SINCE
from agent.wire.results import Ledger, Tally

STOPPED: Final = "stopped"
UNUSABLE: Final = "unusable"
UNKEPT: Final = "unkept"
BUDGET: Final = "budget"


class Book(msgspec.Struct, frozen=True):
    """The account of a day that is not over, as it lies on disk."""

    day: date
    kinds: dict[str, Tally] = {}


class Ledgers:
    """The running account; `close` gives it out when its day is over."""

    def __init__(self, day: date) -> None:
        self._day = day
        self._run: dict[str, int] = {}
        self._skipped: dict[str, dict[str, int]] = {}

    def ran(self, kind: str) -> None:
        """Count a planned run that was made."""
        self._run[kind] = self._run.get(kind, 0) + 1

    def skipped(self, kind: str, reason: str, count: int = 1) -> None:
        """Count planned runs that were not made, and why."""
        reasons = self._skipped.setdefault(kind, {})
        reasons[reason] = reasons.get(reason, 0) + count

    def close(self, today: date) -> Ledger | None:
        """Give the account of the day that is over and begin the next one; None while it lasts.

        What was counted before the clock was set belongs to the first real day. The spool adds what it dropped.
        """
        if today == self._day:
            return None
        over, self._day = self._day, today
        if over < SET_SINCE.date() or over > today:
            return None
        kinds = self._tallies()
        self._run, self._skipped = {}, {}
        return Ledger(day=over, kinds=kinds)

    def book(self) -> Book:
        """Give the running account for keeping on disk."""
        return Book(self._day, self._tallies())

    def resume(self, book: Book) -> None:
        """Go on with an account that was kept."""
        self._day = book.day
        self._run = {kind: tally.run for kind, tally in book.kinds.items() if tally.run}
        self._skipped = {kind: dict(tally.skipped) for kind, tally in book.kinds.items() if tally.skipped}

    def _tallies(self) -> dict[str, Tally]:
        return {kind: self._tally(kind) for kind in sorted(self._run.keys() | self._skipped.keys())}

    def _tally(self, kind: str) -> Tally:
        run, skipped = self._run.get(kind, 0), self._skipped.get(kind, {})
        return Tally(planned=run + sum(skipped.values()), run=run, skipped=_copy(skipped))


def _copy(reasons: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(reasons.items()))
