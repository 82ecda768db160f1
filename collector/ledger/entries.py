"""Write what a stretch of the archive adds into the ledger's tables, within somebody else's transaction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, bindparam, case, delete
from sqlalchemy.dialects import postgresql, sqlite

from collector.archive.position import Position
from collector.ledger.facts import Fact, Place, Why, kinds_of
from collector.ledger.tables import CHECKPOINTS, DAYS, EXPLAINED, SPANS, STATE, STORED, TOUCHED
from collector.ledger.tally import Spool, Tally, day_text

Row = dict[str, Any]
Changes = Mapping[str, ColumnElement[Any]]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_JSON: Final = msgspec.json.Encoder()
_ABSORB: Final = delete(STORED).where(
    STORED.c.agent == bindparam("in_agent"),
    STORED.c.epoch == bindparam("in_epoch"),
    STORED.c.first == bindparam("gone"),
)


def write(connection: Connection, tally: Tally, *, revision: int) -> None:
    """Add a stretch: its numbers, counts, accounts, and the hours to roll up."""
    _write_stored(connection, tally.spools, revision)
    _write_counts(connection, tally.counts, revision)
    _write_accounts(connection, tally.accounts, revision)
    touch(connection, ((kind, site, _hour(hour)) for kind, site, hour in tally.hours), revision=revision)


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


def _write_stored(connection: Connection, spools: Mapping[Place, Spool], revision: int) -> None:
    grown: list[Row] = []
    absorbed: list[Row] = []
    spans: list[Row] = []
    for place, spool in spools.items():
        named = _place(place)
        grown += [{**named, "first": first, "last": last, "revision": revision} for first, last in spool.changed()]
        absorbed += [
            {"in_" + name: value for name, value in named.items()} | {"gone": first} for first in spool.absorbed
        ]
        spans += [
            {**named, "day": day_text(day), "first": first, "last": last} for day, (first, last) in spool.spans.items()
        ]
    if absorbed:
        connection.execute(_ABSORB, absorbed)
    upsert(connection, STORED, grown, lambda new: {"last": new.last, "revision": new.revision})
    upsert(
        connection,
        SPANS,
        spans,
        lambda new: {"first": _smaller(SPANS.c.first, new.first), "last": _larger(SPANS.c.last, new.last)},
    )


def _write_counts(connection: Connection, counts: Mapping[tuple[str, int, str], Sequence[int]], revision: int) -> None:
    rows = [
        {
            "agent": agent,
            "day": day_text(day),
            "kind": kind,
            "received": received,
            "late": late,
            "duplicate": duplicate,
            "revision": revision,
        }
        for (agent, day, kind), (received, late, duplicate) in counts.items()
    ]
    upsert(
        connection,
        DAYS,
        rows,
        lambda new: {
            "received": DAYS.c.received + new.received,
            "late": DAYS.c.late + new.late,
            "duplicate": DAYS.c.duplicate + new.duplicate,
            "revision": new.revision,
        },
    )


def _write_accounts(connection: Connection, accounts: Sequence[Fact], revision: int) -> None:
    for fact in accounts:
        account = fact.account
        if account is None:
            continue
        rows = [
            {
                "agent": fact.agent,
                "day": account.day.isoformat(),
                "kind": kind,
                "planned": tally.planned,
                "run": tally.run,
                "skipped": _JSON.encode(tally.skipped).decode(),
                "revision": revision,
            }
            for kind, tally in kinds_of(account).items()
        ]
        # Of two accounts of one day, the one that knows of more.
        upsert(connection, DAYS, rows, _fuller)
        place = Place(fact.agent, fact.epoch)
        dropped = [(place, first, last) for first, last in account.dropped if first <= last]
        explain(connection, dropped, why="dropped", at=fact.received, revision=revision)


def _fuller(new: Any) -> Changes:  # noqa: ANN401 - columns by name
    more = DAYS.c.planned.is_(None) | (new.planned >= DAYS.c.planned)
    names = ("planned", "run", "skipped")
    taken = {name: case((more, getattr(new, name)), else_=DAYS.c[name]) for name in names}
    return {**taken, "revision": new.revision}


def _place(place: Place) -> Row:
    return {"agent": place.agent, "epoch": place.epoch}


def _hour(hour: int) -> datetime:
    return _EPOCH + timedelta(hours=hour)


def _larger(old: ColumnElement[int], new: ColumnElement[int]) -> ColumnElement[int]:
    return case((new > old, new), else_=old)


def _smaller(old: ColumnElement[int], new: ColumnElement[int]) -> ColumnElement[int]:
    return case((new < old, new), else_=old)
