"""Read and write the ledger's tables, one transaction a call."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import Connection, Delete, delete, func, select

from collector.archive.intervals import Range, compress
from collector.archive.position import Position
from collector.ledger import entries, remaking
from collector.ledger.facts import Fact, Place, Touched, Why
from collector.ledger.remaking import Expired
from collector.ledger.tables import (
    ASKED,
    CHECKPOINTS,
    STATE,
    STORED,
    TOUCHED,
)
from collector.ledger.tally import Tally
from collector.ledger.union import Union
from collector.registry.database import Database

_GENERATION_BITS: Final = 62


class Strayed(Exception):  # noqa: N818 - not an accident
    """The ledger does not stand where it was thought to: restored, or made anew by another process."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Requests for missing numbers of one epoch: up to which number, how often, first and last when."""

    top: int
    times: int
    first: datetime
    last: datetime


class Ledger:
    """The ledger in the registry's database. Sync and thread-safe.

    Every method raises RegistryUnavailable when the database cannot be used now.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def open(self) -> None:
        """Connect, and bring the tables up to date; harmless when done."""
        self.database.open()

    def checkpoint(self, slot: str) -> Position | None:
        """Give the place in a slot of the archive up to which the ledger has it."""
        with self.database.read() as connection:
            return _checkpoint(connection, slot)

    def checkpoints(self) -> list[Position]:
        """Give that of each slot."""
        with self.database.read() as connection:
            rows = connection.execute(select(CHECKPOINTS).order_by(CHECKPOINTS.c.slot))
            return [Position(row.slot, date.fromisoformat(row.day), row.reports) for row in rows]

    def add(
        self, frames: Sequence[Sequence[Fact]], union: Union, *, since: Position | None, to: Position, late_s: float
    ) -> Tally:
        """Take in a stretch of a slot's archive, between two places in it; all or nothing.

        Raises:
            Strayed: the ledger does not stand at `since`; nothing was written.
        """
        tally = Tally(union.of, late_s=late_s)
        with self.database.write() as connection:
            if _checkpoint(connection, to.slot) != since:
                raise Strayed
            revision, generation = _next(connection)
            union.refresh(connection, {Place(fact.agent, fact.epoch) for facts in frames for fact in facts})
            for facts in frames:
                tally.take(facts)
            entries.write(connection, tally, revision=revision)
            entries.move(connection, to)
            entries.stamp(connection, revision=revision, generation=generation)
        union.revision, union.generation = revision, generation
        return tally

    def explain(self, special: Mapping[tuple[Why, Place], Iterable[int]], *, at: datetime) -> None:
        """Note why numbers are not stored."""
        with self.database.write() as connection:
            revision, generation = _next(connection)
            for (why, place), seqs in special.items():
                ranges = [(place, first, last) for first, last in compress(seqs)]
                entries.explain(connection, ranges, why=why, at=at, revision=revision)
            entries.stamp(connection, revision=revision, generation=generation)

    def explain_ranges(self, why: Why, places: Mapping[Place, Iterable[Range]], *, at: datetime) -> None:
        """Note why ranges of numbers are not stored."""
        with self.database.write() as connection:
            revision, generation = _next(connection)
            ranges = [(place, first, last) for place, found in places.items() for first, last in found]
            entries.explain(connection, ranges, why=why, at=at, revision=revision)
            entries.stamp(connection, revision=revision, generation=generation)

    def state(self) -> tuple[int, int]:
        """Give the number of the newest transaction, and that of this edition of the ledger."""
        with self.database.read() as connection:
            row = connection.execute(select(STATE.c.revision, STATE.c.generation).where(STATE.c.id == 1)).one_or_none()
            return (0, 0) if row is None else (row.revision, row.generation)

    def holes(self) -> list[tuple[Place, int]]:
        """Give every epoch of which not all numbers up to the highest are stored, with that one."""
        top, count = func.max(STORED.c.last), func.sum(STORED.c.last - STORED.c.first + 1)
        query = select(STORED.c.agent, STORED.c.epoch, top).group_by(STORED.c.agent, STORED.c.epoch)
        with self.database.read() as connection:
            rows = connection.execute(query.having(count != top))
            return [(Place(agent, epoch), last) for agent, epoch, last in rows]

    def grown(self, *, after: int) -> list[tuple[Place, int]]:
        """Give every epoch of which something was stored after a revision, with the highest number of that."""
        query = select(STORED.c.agent, STORED.c.epoch, func.max(STORED.c.last)).where(STORED.c.revision > after)
        with self.database.read() as connection:
            rows = connection.execute(query.group_by(STORED.c.agent, STORED.c.epoch))
            return [(Place(agent, epoch), last) for agent, epoch, last in rows]

    def asked(self) -> dict[Place, Asked]:
        """Give what agents have been asked for in vain so far."""
        with self.database.read() as connection:
            rows = connection.execute(select(ASKED))
            return {Place(row.agent, row.epoch): Asked(row.top, row.times, row.first, row.last) for row in rows}

    def note_asked(self, noted: Mapping[Place, Asked], gone: Iterable[Place]) -> None:
        """Note what agents were asked for, and forget what has come since."""
        rows = [
            {"agent": place.agent, "epoch": place.epoch}
            | {"top": one.top, "times": one.times, "first": one.first, "last": one.last}
            for place, one in noted.items()
        ]
        with self.database.write() as connection:
            for place in gone:
                here = (ASKED.c.agent == place.agent, ASKED.c.epoch == place.epoch)
                connection.execute(delete(ASKED).where(*here))
            names = ("top", "times", "first", "last")
            entries.upsert(connection, ASKED, rows, lambda new: {name: new[name] for name in names})

    def remake(self, expired: Expired) -> None:
        """Forget what came from the archive, so that every process reads its slot again; see `remaking`."""
        with self.database.write() as connection:
            revision, _ = _next(connection)
            remaking.forget(connection, expired, revision=revision)
            entries.stamp(connection, revision=revision, generation=secrets.randbits(_GENERATION_BITS))

    def touched(self, limit: int) -> list[Touched]:
        """Give at most `limit` hours that reports fell into and that nobody has settled, the oldest hours first."""
        query = select(TOUCHED).order_by(TOUCHED.c.hour, TOUCHED.c.measurement, TOUCHED.c.site).limit(limit)
        with self.database.read() as connection:
            return [Touched(*row) for row in connection.execute(query)]

    def settle(self, done: Sequence[Touched]) -> int:
        """Forget hours that were recomputed, but not those that reports fell into since; gives how many went."""
        with self.database.write() as connection:
            return sum(connection.execute(_settling(one)).rowcount for one in done)

    def touch(self, hours: Iterable[tuple[str, str, datetime]]) -> None:
        """Have hours (measurement, site, UTC start of the hour) recomputed although no report fell into them."""
        with self.database.write() as connection:
            revision, generation = _next(connection)
            entries.touch(connection, hours, revision=revision)
            entries.stamp(connection, revision=revision, generation=generation)


def _checkpoint(connection: Connection, slot: str) -> Position | None:
    row = connection.execute(select(CHECKPOINTS).where(CHECKPOINTS.c.slot == slot)).one_or_none()
    return None if row is None else Position(row.slot, date.fromisoformat(row.day), row.reports)


def _next(connection: Connection) -> tuple[int, int]:
    """Give the number of this transaction, and of this edition of the ledger."""
    row = connection.execute(select(STATE.c.revision, STATE.c.generation).where(STATE.c.id == 1)).one_or_none()
    return (1, secrets.randbits(_GENERATION_BITS)) if row is None else (row.revision + 1, row.generation)


def _settling(one: Touched) -> Delete:
    return delete(TOUCHED).where(
        TOUCHED.c.measurement == one.measurement,
        TOUCHED.c.site == one.site,
        TOUCHED.c.hour == one.hour,
        TOUCHED.c.stamp == one.stamp,
    )
