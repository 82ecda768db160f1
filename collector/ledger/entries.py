"""Write what a stretch of the archive adds into the ledger's tables, within somebody else's transaction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, case
from sqlalchemy.dialects import postgresql, sqlite

from collector.archive.position import Position
from collector.ledger.facts import Fact, Place, Why, kinds_of
from collector.ledger.tables import CHECKPOINTS, EXPLAINED, STATE, TOUCHED
from collector.ledger.tally import Spool, Tally, day_text, hour_text

Row = dict[str, Any]
_JSON: Final = msgspec.json.Encoder()
# By hand, because thousands of them are run each second; both databases know these words.
_ABSORB: Final = "DELETE FROM ledger_stored WHERE agent = ? AND epoch = ? AND first = ?"
_GROW: Final = (
    "INSERT INTO ledger_stored (agent, epoch, first, last, revision) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (agent, epoch, first) DO UPDATE SET last = excluded.last, revision = excluded.revision"
)
_SPAN: Final = (
    "INSERT INTO ledger_spans (agent, epoch, day, first, last) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (agent, epoch, day) DO UPDATE SET "
    "first = CASE WHEN excluded.first < ledger_spans.first THEN excluded.first ELSE ledger_spans.first END, "
    "last = CASE WHEN excluded.last > ledger_spans.last THEN excluded.last ELSE ledger_spans.last END"
)
_COUNT: Final = (
    "INSERT INTO ledger_days (agent, day, kind, received, late, duplicate, revision) VALUES (?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (agent, day, kind) DO UPDATE SET received = ledger_days.received + excluded.received, "
    "late = ledger_days.late + excluded.late, duplicate = ledger_days.duplicate + excluded.duplicate, "
    "revision = excluded.revision"
)
# Of two accounts of one day, the one that knows of more.
_ACCOUNT: Final = (
    "INSERT INTO ledger_days (agent, day, kind, planned, run, skipped, revision) VALUES (?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (agent, day, kind) DO UPDATE SET revision = excluded.revision, "
    "planned = CASE WHEN excluded.planned < ledger_days.planned THEN ledger_days.planned ELSE excluded.planned END, "
    "run = CASE WHEN excluded.planned < ledger_days.planned THEN ledger_days.run ELSE excluded.run END, "
    "skipped = CASE WHEN excluded.planned < ledger_days.planned THEN ledger_days.skipped ELSE excluded.skipped END"
)
_TOUCH: Final = (
    "INSERT INTO touched (measurement, site, hour, stamp) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (measurement, site, hour) DO UPDATE SET stamp = excluded.stamp"
)


def write(connection: Connection, tally: Tally, *, revision: int) -> None:
    """Add a stretch: its numbers, counts, accounts, and the hours to roll up."""
    _write_stored(connection, tally.spools, revision)
    _many(
        connection,
        _COUNT,
        [(agent, day_text(day), kind, *count, revision) for (agent, day, kind), count in tally.counts.items()],
    )
    _write_accounts(connection, tally.accounts, revision)
    _many(connection, _TOUCH, [(kind, site, hour_text(hour), revision) for kind, site, hour in tally.hours])


def touch(connection: Connection, hours: Iterable[tuple[str, str, datetime]], *, revision: int) -> None:
    """Have the hours (UTC) of sites' measurements rolled up again."""
    rows = [{"measurement": kind, "site": site, "hour": hour, "stamp": revision} for kind, site, hour in hours]
    upsert(connection, TOUCHED, rows, lambda new: {"stamp": new.stamp})


def explain(
    connection: Connection, places: Iterable[tuple[Place, int, int]], *, why: Why, at: datetime, revision: int
) -> None:
    """Note why ranges of numbers are not stored."""
    rows = [
        {**_place(place), "why": why, "first": first, "last": last, "at": at, "revision": revision}
        for place, first, last in places
    ]
    upsert(
        connection,
        EXPLAINED,
        rows,
        lambda new: {"last": _larger(EXPLAINED.c.last, new.last), "at": new.at, "revision": new.revision},
    )


def move(connection: Connection, position: Position) -> None:
    """Note that the ledger has a slot's archive up to this position."""
    row = {"slot": position.slot, "day": position.day.isoformat(), "reports": position.reports}
    upsert(connection, CHECKPOINTS, [row], lambda new: {"day": new.day, "reports": new.reports})


def stamp(connection: Connection, *, revision: int, generation: int) -> None:
    """Number this transaction, for those who follow."""
    state = {"id": 1, "revision": revision, "generation": generation}
    upsert(connection, STATE, [state], lambda new: {"revision": new.revision, "generation": new.generation})


def upsert(connection: Connection, table: Table, rows: Sequence[Row], changes: Any) -> None:  # noqa: ANN401 - columns by name
    """Insert rows, or change those that are there; `changes` is given the new row's columns."""
    if not rows:
        return
    insert = postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
    keys = [column.name for column in table.primary_key.columns]
    connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=changes(insert.excluded)), rows)


def _many(connection: Connection, statement: str, rows: Sequence[tuple[str | int, ...]]) -> None:
    """Run one statement for many rows, past SQLAlchemy: its work on each row costs more than the database's."""
    if rows:
        marked = statement if connection.dialect.name == "sqlite" else statement.replace("?", "%s")
        connection.exec_driver_sql(marked, list(rows))


def _write_stored(connection: Connection, spools: Mapping[Place, Spool], revision: int) -> None:
    grown = [(*place, *one, revision) for place, spool in spools.items() for one in spool.changed()]
    absorbed = [(*place, first) for place, spool in spools.items() for first in spool.absorbed]
    spans = [
        (*place, day_text(day), first, last)
        for place, spool in spools.items()
        for day, (first, last) in spool.spans.items()
    ]
    _many(connection, _ABSORB, absorbed)
    _many(connection, _GROW, grown)
    _many(connection, _SPAN, spans)


def _write_accounts(connection: Connection, accounts: Sequence[Fact], revision: int) -> None:
    rows: list[tuple[str | int, ...]] = []
    for fact in accounts:
        account = fact.account
        if account is None:
            continue
        day = account.day.isoformat()
        rows += [
            (fact.agent, day, kind, tally.planned, tally.run, _JSON.encode(tally.skipped).decode(), revision)
            for kind, tally in kinds_of(account).items()
        ]
        place = Place(fact.agent, fact.epoch)
        dropped = [(place, first, last) for first, last in account.dropped if first <= last]
        explain(connection, dropped, why="dropped", at=fact.received, revision=revision)
    _many(connection, _ACCOUNT, rows)


def _place(place: Place) -> Row:
    return {"agent": place.agent, "epoch": place.epoch}


def _larger(old: ColumnElement[int], new: ColumnElement[int]) -> ColumnElement[int]:
    return case((new > old, new), else_=old)
