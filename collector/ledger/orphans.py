"""Slots of the archive that nobody writes any more: their rest is taken into the ledger by whoever is there.

A slot is taken for abandoned when its place in the ledger has not moved for a while although its archive goes on. If
its process only slept, it finds its place moved, and reads on from there: nothing is counted twice.
"""

import logging
from collections.abc import Callable, Iterator
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

    def reaches(self, position: Position) -> bool:
        """Whether a slot has everything up to a position, as far as can be seen from here now."""

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
            if before == checkpoint and now_s - since >= _STILL_S:
                count += self._adopt(slot, checkpoint)
        return count

    def _adopt(self, slot: str, checkpoint: Position | None) -> int:
        count, at = 0, checkpoint
        union, sites = Union(), sites_of(self._registry.snapshot())
        try:
            for frames, end in stretches(self._archive.since(checkpoint, slot=slot), sites):
                tally = self._ledger.add(frames, union, since=at, to=end, late_s=self._settings().late_s)
                count, at = count + tally.received + tally.duplicates, end
        except Strayed:
            LOG.info("ledger.orphan_returned slot=%s", slot)
        if count:
            LOG.info("ledger.orphan_taken_in slot=%s reports=%d", slot, count)
        return count
