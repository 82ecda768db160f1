"""What an archive needs from time to time: old days deleted, finished days sealed. Sync, for a thread."""

import logging
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from collector.archive.archive import Archive
from collector.archive.days import Days
from collector.archive.seal import Damaged, NotSealed
from collector.archive.writer import Writer
from collector.errors import StoreUnavailable, UsageError

LOG: Final = logging.getLogger(__name__)
_STILL: Final = timedelta(days=1)  # since when nothing may have come into a slot that others may care for


@dataclass(frozen=True, slots=True)
class Wanted:
    """Days before `before` are to be deleted, None: none; finished ones to be sealed at `level`, None: none."""

    before: date | None
    level: int | None

    def of(self, days: Days) -> bool:
        """Whether there is anything to do. Raises StoreUnavailable."""
        old = self.before is not None and any(day < self.before for day, _ in days.days())
        return old or (self.level is not None and bool(days.unsealed()))


@dataclass(frozen=True, slots=True)
class Care:
    """For one process: its own slot, and slots that nobody writes any more, one process at a time for each."""

    archive: Archive
    _damaged: set[tuple[str, date]] = field(default_factory=set)

    def tend(self, wanted: Wanted, *, today: date) -> None:
        """Do what is wanted, with progress in the log; what fails waits for the next call."""
        try:
            self._tend(self.archive.writer, wanted)
            for days in self.archive.still(today - _STILL):
                if wanted.of(days) and not self._is_in_vain(days, wanted):
                    self._tend_other(days.slot, wanted)
        except StoreUnavailable as error:
            if self.archive.is_open:
                LOG.warning("archive.care_failed error=%s; tried again in an hour", error)

    def _tend_other(self, slot: str, wanted: Wanted) -> None:
        try:
            writer = self.archive.lend(slot)
        except UsageError:
            return  # it is written after all, or another process cares
        with closing(writer):
            LOG.info("archive.abandoned slot=%s; cared for here", slot or ".")
            self._tend(writer, wanted)

    def _tend(self, writer: Writer, wanted: Wanted) -> None:
        if wanted.before is not None:
            writer.expire(wanted.before)
        if wanted.level is None:
            return
        days = [day for day in writer.days.unsealed() if (writer.days.slot, day) not in self._damaged]
        for number, day in enumerate(days, 1):
            LOG.info("archive.to_seal slot=%s day=%s number=%d of=%d", writer.days.slot or ".", day, number, len(days))
            try:
                writer.seal(day, level=wanted.level)
            except NotSealed as error:
                if isinstance(error, Damaged):  # not read through again each hour
                    self._damaged.add((writer.days.slot, day))
                if self.archive.is_open:
                    LOG.warning("archive.not_sealed day=%s error=%s", day, error)

    def _is_in_vain(self, days: Days, wanted: Wanted) -> bool:
        old = wanted.before is not None and any(day < wanted.before for day, _ in days.days())
        return not old and all((days.slot, day) in self._damaged for day in days.unsealed())
