"""Maintenance windows on disk."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from collector.errors import UsageError
from collector.incidents.maintenance import Window, checked
from collector.incidents.tables import WINDOWS
from collector.registry.database import Transactions

_KEPT: Final = timedelta(days=731)


class Calendar:
    """Planned work in the registry's database. Sync and thread-safe; raises RegistryUnavailable."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def add(self, window: Window, *, at: datetime) -> Window:
        """Plan work; the window with its number. Raises UsageError for one that makes no sense, or is over."""
        window = checked(window)
        if window.ends <= at:
            raise UsageError("this maintenance is over already")
        values = {name: value for name, value in msgspec.structs.asdict(window).items() if name != "id"}
        with self._database.write() as connection:
            connection.execute(delete(WINDOWS).where(WINDOWS.c.ends < at - _KEPT))
            made = connection.execute(insert(WINDOWS).values(**values).returning(WINDOWS.c.id)).scalar_one()
        return msgspec.structs.replace(window, id=made)

    def list(self, *, since: datetime | None = None) -> Sequence[Window]:
        """Windows by their start; `since`: only those that end later."""
        with self._database.read() as connection:
            return windows(connection, since=since)

    def end(self, number: int, *, who: str, at: datetime) -> Window:
        """End work now; before it began, it never takes place. Raises UsageError when there is none to end."""
        if not who.strip():
            raise UsageError("a name is needed: who ends the work is kept with it")
        with self._database.write() as connection:
            row = connection.execute(select(WINDOWS).where(WINDOWS.c.id == number)).one_or_none()
            if row is None:
                raise UsageError(f"there is no maintenance {number}; see: incident maintenance list")
            window = _window(row)
            if window.ended is not None or window.ends <= at:
                raise UsageError(f"maintenance {number} is over already")
            note = "; ".join(words for words in (window.note, f"ended by {who.strip()}") if words)
            connection.execute(update(WINDOWS).where(WINDOWS.c.id == number).values(ended=at, note=note))
        return msgspec.structs.replace(window, ended=at, note=note)


def windows(connection: Connection, *, since: datetime | None = None) -> Sequence[Window]:
    """The windows in this transaction's view."""
    query = select(WINDOWS).order_by(WINDOWS.c.starts, WINDOWS.c.id)
    if since is not None:
        query = query.where(WINDOWS.c.ends > since)
    return [_window(row) for row in connection.execute(query)]


def _window(row: Any) -> Window:  # noqa: ANN401 - a row of any query
    return Window(**{name: getattr(row, name) for name in Window.__struct_fields__})
