"""The numbers that all slots of the archive have stored, as far as somebody asked for them: a bounded memory."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from sqlalchemy import ColumnElement, Connection, select, tuple_

from collector.archive.intervals import Intervals
from collector.ledger.facts import Place
from collector.ledger.tables import STATE, STORED

_AT_ONCE: Final = 400  # places in one query
_PLACES: Final = 100_000


class Union:
    """Sets of stored numbers by place. For one thread at a time.

    Sets only grow: what other processes add is read as what changed since the last look.
    """

    def __init__(self, *, limit: int = _PLACES) -> None:
        self.revision: int | None = None
        self.generation: int | None = None
        self._limit = limit
        self._known: dict[Place, Intervals] = {}

    def refresh(self, connection: Connection, places: Iterable[Place]) -> None:
        """Bring what is remembered up to date, and remember these places too."""
        row = connection.execute(select(STATE.c.revision, STATE.c.generation).where(STATE.c.id == 1)).one_or_none()
        revision, generation = (0, 0) if row is None else row
        wanted = set(places)
        before = self.revision if generation == self.generation else None
        if before is None or revision < before or len(self._known) + len(wanted) > self._limit:
            self._known.clear()  # a ledger made anew, or an older one
        elif revision != before:
            self._follow(connection, before)
        self._load(connection, [place for place in wanted if place not in self._known])
        self.revision, self.generation = revision, generation

    def of(self, place: Place) -> Intervals:
        """Give the set of a place that `refresh` was asked for; adding to it adds here."""
        return self._known[place]

    def forget(self) -> None:
        """Read everything anew: what was added here was not stored."""
        self._known.clear()
        self.revision = None

    def _follow(self, connection: Connection, revision: int) -> None:
        for place, first, last in _rows(connection, STORED.c.revision > revision):
            known = self._known.get(place)
            if known is not None:
                known.add(first, last)

    def _load(self, connection: Connection, places: Sequence[Place]) -> None:
        for chunk in _chunks(places):
            self._known.update((place, Intervals()) for place in chunk)
            within = tuple_(STORED.c.agent, STORED.c.epoch).in_(chunk)
            for place, first, last in _rows(connection, within):
                self._known[place].add(first, last)


def _rows(connection: Connection, condition: ColumnElement[bool]) -> Iterator[tuple[Place, int, int]]:
    query = select(STORED.c.agent, STORED.c.epoch, STORED.c.first, STORED.c.last).where(condition)
    for agent, epoch, first, last in connection.execute(query):
        yield Place(agent, epoch), first, last


def _chunks(places: Iterable[Place]) -> Iterator[list[Place]]:
    rest = iter(places)
    while chunk := list(islice(rest, _AT_ONCE)):
        yield chunk
