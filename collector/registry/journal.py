"""Who changed what people keep here, when and from where: written in the transaction of the change itself.

A *seal* ends a write transaction: it is called with what changes, after all was written, and what it raises undoes
everything. The journal's seal writes one entry for one act, however many rows it touched.
"""

import getpass
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

from sqlalchemy import Connection, insert, select

from collector.errors import UsageError
from collector.registry.codes import name_fault
from collector.registry.database import Transactions
from collector.registry.difference import Change, Difference
from collector.registry.tables import JOURNAL

T = TypeVar("T")
Seal = Callable[[Connection, Sequence[T]], None]
Way = Literal["page", "terminal"]
Subject = Literal["sites", "villages", "places", "populations", "figures", "agents"]
WHO_LIMIT: Final = 200
KEPT: Final = 200
"""So many differences of one act are kept in its entry; the versions of what changed hold all of them."""
_ABOUT_LIMIT: Final = 300


@dataclass(frozen=True, slots=True)
class Author:
    """Whose act it is, from where, and about which file (empty: none)."""

    who: str
    way: Way
    about: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One act as it was recorded."""

    number: int
    at: datetime
    author: Author
    subject: Subject
    added: int
    changed: int
    differences: tuple[Difference, ...]


def unsealed(_connection: Connection, _changes: Sequence[Any]) -> None:
    """A seal that holds nothing back and records nothing."""


def sealed(author: Author, subject: Subject, told: Callable[[T], Change], *, now: datetime) -> Seal[T]:
    """The seal that records an act; an act that changes nothing leaves no entry."""

    def seal(connection: Connection, changes: Sequence[T]) -> None:
        if changes:
            record(connection, author, subject, map(told, changes), now=now)

    return seal


def record(
    connection: Connection, author: Author, subject: Subject, changes: Iterable[Change], *, now: datetime
) -> None:
    """Write one act into the transaction that it happens in."""
    added = changed = 0
    kept: list[Difference] = []
    for change in changes:
        added += change.is_new
        changed += not change.is_new
        if len(kept) < KEPT:
            kept += [Difference(change.key, "", "", change.title)] if change.is_new else change.differences
    values = {
        "at": now,
        "who": author.who,
        "way": author.way,
        "subject": subject,
        "about": "".join(filter(str.isprintable, author.about))[:_ABOUT_LIMIT],  # a file may be called anything
        "added": added,
        "changed": changed,
        "details": json.dumps([[one.key, one.field, one.before, one.after] for one in kept[:KEPT]], ensure_ascii=False),
    }
    connection.execute(insert(JOURNAL).values(**values))


class Journal:
    """The acts, over a database that is open. Sync and thread-safe; raises RegistryUnavailable."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def list(self, *, limit: int, before: int | None = None) -> Sequence[Entry]:
        """The newest acts first; `before`: only those numbered lower."""
        query = select(JOURNAL).order_by(JOURNAL.c.number.desc()).limit(limit)
        if before is not None:
            query = query.where(JOURNAL.c.number < before)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [
            Entry(
                row.number,
                row.at,
                Author(row.who, row.way, row.about),
                row.subject,
                row.added,
                row.changed,
                tuple(Difference(*each) for each in json.loads(row.details)),
            )
            for row in rows
        ]


def person(given: str | None, *, user: Callable[[], str] = getpass.getuser) -> str:
    """Who acts at the terminal: as named, else the system's user; raises UsageError for what is no name."""
    try:
        who = user() if given is None else given.strip()
    except (OSError, KeyError):  # an account that the system knows by number only
        who = f"user {os.getuid()}"
    fault = who_fault(who)
    if fault:
        raise UsageError(f"--who: {fault}")
    return who


def who_fault(who: str) -> str | None:
    """Why a text is nobody's name; None when it may be one."""
    return name_fault(who, limit=WHO_LIMIT) if who else "is empty"
