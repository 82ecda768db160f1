"""Slots of the archive that nobody writes any more: their rest is taken into the ledger by whoever is there.

A slot whose files end before its place in the ledger was restored from a backup: the ledger is made anew.
A slot is taken for abandoned when its place in the ledger has not moved for a while although its archive goes on. If
its process only slept, it finds its place moved, and reads on from there: nothing is counted twice.
"""

import logging
import math
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from typing import Final, Protocol

from collector.archive.position import Position
from collector.config import LedgerSettings
from collector.ledger.ledger import Ledger, Strayed
from collector.ledger.stretches import Lines, sites_of, stretches
from collector.ledger.union import Union
from collector.registry.registry import Registry

LOG: Final = logging.getLogger(__name__)
_STILL_S: Final = 60.0


class Shelves(Protocol):
    """The archive, as far as others' slots are read."""

    @property
    def slot(self) -> str:
        """Our own slot."""

    def slots(self) -> list[str]:
        """All slots."""

    def has_expired(self, started: datetime) -> bool:
        """Whether what lay there may have been deleted with its day."""

    def reaches(self, position: Position) -> bool:
        """Whether a slot has everything up to a position, as far as can be seen from here now."""

    def settle(self, slot: str) -> None:
        """See another's slot anew, and make durable what is seen there."""

    def since(self, position: Position | None, *, slot: str | None = None) -> Iterator[tuple[Position, Lines]]:
        """What stands in a slot after a position."""


class Orphans:
    """For one thread at a time. Raises RegistryUnavailable and StoreUnavailable like the journal."""

    def __init__(self, registry: Registry, archive: Shelves, *, settings: Callable[[], LedgerSettings]) -> None:
        self._registry = registry
        self._ledger = Ledger(registry.database)
        self._archive = archive
        self._settings = settings
        self._still: dict[str, tuple[Position | None, float]] = {}

    def look(self, now_s: float) -> int:
        """Look at every slot but our own; gives how many reports were taken in. `now_s`: monotonic."""
        self._registry.open()
        self._ledger.open()
        count = 0
        for slot in self._archive.slots():
            if slot == self._archive.slot:
                continue
            checkpoint = self._ledger.checkpoint(slot)
            before, since = self._still.get(slot, (checkpoint, now_s))
            self._still[slot] = (checkpoint, since if before == checkpoint else now_s)
            if before != checkpoint or now_s - since < _STILL_S:
                continue
            if checkpoint is not None and not is_here(self._archive, checkpoint):
                LOG.warning("ledger.remade checkpoint=%s; the archive is older than the ledger", checkpoint)
                self._ledger.remake(lambda day: has_expired(self._archive, day))
                break
            count += self._adopt(slot, checkpoint)[0]
        return count

    def take_in(self, slot: str, *, limit: int) -> tuple[int, bool]:
        """Take in what stands in another's slot now; gives how many reports, and whether that is all. For any thread.

        Gives up after so many reports, and where somebody else is just doing the same.
        """
        self._registry.open()
        self._ledger.open()
        checkpoint = self._ledger.checkpoint(slot)
        self._archive.settle(slot)
        if checkpoint is not None and not is_here(self._archive, checkpoint):
            return 0, False  # a file that is not seen yet, or was restored: `look` will tell
        return self._adopt(slot, checkpoint, limit=limit)

    def _adopt(self, slot: str, checkpoint: Position | None, *, limit: float = math.inf) -> tuple[int, bool]:
        count, at, whole = 0, checkpoint, True
        union, sites = Union(), sites_of(self._registry.snapshot())
        try:
            for frames, end in stretches(self._archive.since(checkpoint, slot=slot), sites):
                if count >= limit:
                    whole = False
                    break
                tally = self._ledger.add(frames, union, since=at, to=end, late_s=self._settings().late_s)
                count, at = count + tally.received + tally.duplicates, end
        except Strayed:
            LOG.info("ledger.orphan_returned slot=%s", slot)
            whole = False
        if count:
            LOG.info("ledger.orphan_taken_in slot=%s reports=%d", slot, count)
        return count, whole


def is_here(archive: Shelves, checkpoint: Position) -> bool:
    """Whether all that the ledger has of a slot can be seen in the archive, or has expired."""
    return has_expired(archive, checkpoint.day) or archive.reaches(checkpoint)


def has_expired(archive: Shelves, day: date) -> bool:
    """Whether the files of a day may have been deleted."""
    return archive.has_expired(datetime.combine(day, time(), UTC))
