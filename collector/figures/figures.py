"""Reported figures and reference series in the registry's database, with all that they were before."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, select

from collector.errors import UsageError
from collector.figures.figure import Change, Entry, Figure, Key, changes_of, references_of
from collector.figures.tables import FIGURES
from collector.plans.period import period
from collector.plans.reference import Series
from collector.registry.database import Transactions
from collector.registry.journal import Seal, unsealed

_KEY = (FIGURES.c.plan, FIGURES.c.indicator, FIGURES.c.area, FIGURES.c.period)


class Figures:
    """The figures, over a database that is open. Sync and thread-safe.

    Every method raises RegistryUnavailable when the database cannot be used now.
    """

    def __init__(self, database: Transactions) -> None:
        self.database = database

    def references(self) -> Mapping[str, Series]:
        """The nation's figures as series by indicator: those under no plan and of no area."""
        with self.database.read() as connection:
            found = _newest(connection, FIGURES.c.plan == "", FIGURES.c.area == "")
        return references_of(entry.figure for entry in found)

    def reported(self, plan: str, indicator: str | None = None) -> list[Figure]:
        """The valid figures under a plan, of one indicator or all: by indicator and area, the earliest period first."""
        narrow = [] if indicator is None else [FIGURES.c.indicator == indicator]
        with self.database.read() as connection:
            found = _newest(connection, FIGURES.c.plan == plan, *narrow)
        return [entry.figure for entry in found if entry.figure.value is not None]

    def entries(self, *, plan: str | None = None, indicator: str | None = None, history: bool = False) -> list[Entry]:
        """What was entered, by whom and when; with `history` also what it replaced and what was taken back.

        `plan`: under this one only; empty: under none.
        """
        narrow = [] if plan is None else [FIGURES.c.plan == plan]
        narrow += [] if indicator is None else [FIGURES.c.indicator == indicator]
        with self.database.read() as connection:
            if not history:
                return [entry for entry in _newest(connection, *narrow) if entry.figure.value is not None]
            rows = connection.execute(select(FIGURES).where(*narrow)).all()
        return _sorted(rows)

    def bring(
        self,
        figures: Sequence[Figure],
        *,
        who: str,
        now: datetime,
        dry: bool = False,
        seal: Seal[Change] = unsealed,
    ) -> list[Change]:
        """Enter figures, all or none; what is known already stays as it was entered. With `dry` nothing is written.

        `seal` ends the transaction.
        """
        if dry:
            with self.database.read() as connection:
                return changes_of(_known(connection), figures)
        with self.database.write() as connection:
            changes = changes_of(_known(connection), figures)
            if changes:
                connection.execute(FIGURES.insert(), [_values(change, who, now) for change in changes])
            seal(connection, changes)
            return changes

    def take_back(self, key: Key, *, who: str, now: datetime, seal: Seal[Change] = unsealed) -> Change:
        """Take a figure back; what it was stays in the history. Raises UsageError when there is none."""
        with self.database.write() as connection:
            before = _known(connection).get(key)
            if before is None or before.figure.value is None:
                named = ", ".join(f"{name} {part}" for name, part in zip(_names(), key, strict=True) if part)
                raise UsageError(f"there is no figure of {named}; figure list shows what there is")
            change = Change(before, replace(before.figure, value=None))
            connection.execute(FIGURES.insert(), [_values(change, who, now)])
            seal(connection, [change])
            return change


def _names() -> tuple[str, ...]:
    return tuple(column.name for column in _KEY)


def _known(connection: Connection) -> dict[Key, Entry]:
    return {entry.figure.key: entry for entry in _newest(connection)}


def _newest(connection: Connection, *narrow: Any) -> list[Entry]:  # noqa: ANN401 - SQLAlchemy's conditions
    newest = select(*_KEY, func.max(FIGURES.c.version).label("version")).where(*narrow).group_by(*_KEY).subquery()
    same = and_(*(newest.c[column.name] == column for column in (*_KEY, FIGURES.c.version)))
    return _sorted(connection.execute(select(FIGURES).join(newest, same)).all())


def _sorted(rows: Sequence[Row[Any]]) -> list[Entry]:
    entries = [
        Entry(
            Figure(row.plan, row.indicator, row.area, period(row.period), row.value, row.unit, row.source, row.note),
            version=row.version,
            who=row.who,
            entered=row.entered,
        )
        for row in rows
    ]
    return sorted(entries, key=_order)


def _order(entry: Entry) -> tuple[Any, ...]:
    figure = entry.figure
    span = figure.period
    return figure.plan, figure.indicator, figure.area, span.ended, span.began, span.text, entry.version


def _values(change: Change, who: str, now: datetime) -> dict[str, Any]:
    figure, before = change.after, change.before
    return {
        "plan": figure.plan,
        "indicator": figure.indicator,
        "area": figure.area,
        "period": figure.period.text,
        "version": before.version + 1 if before else 1,
        "value": figure.value,
        "unit": figure.unit,
        "source": figure.source,
        "note": figure.note,
        "who": who,
        "entered": now,
    }
