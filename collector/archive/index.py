"""The archive's index in SQLite: derived from the files, so it may lag behind them or be thrown away."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from collector.archive.intervals import Intervals, Range

Key = tuple[str, str]
_VERSION: Final = 2
_SCHEMA: Final = """
CREATE TABLE segment (
  number INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, end INTEGER NOT NULL, trailer BLOB NOT NULL
);
CREATE TABLE place (
  id BLOB PRIMARY KEY, segment INTEGER NOT NULL, member INTEGER NOT NULL,
  start INTEGER NOT NULL, length INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE known (
  agent TEXT NOT NULL, epoch TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  PRIMARY KEY (agent, epoch, first)
) WITHOUT ROWID;
CREATE TABLE never (
  agent TEXT NOT NULL, epoch TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  PRIMARY KEY (agent, epoch, first)
) WITHOUT ROWID;
CREATE TABLE expired (day TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one report's bytes lie: file, member, and start and length in the member's text."""

    path: str
    member: int
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Head:
    """What the index must know of one archived report. `never`: sequence numbers it declares dropped (a ledger)."""

    id: str
    agent: str
    epoch: str
    seq: int
    never: tuple[Range, ...] = ()


@dataclass(frozen=True, slots=True)
class Indexed:
    """One member, ready for the index: its file, its end there, and its reports with start and length."""

    path: str
    offset: int
    end: int
    trailer: bytes
    heads: Sequence[tuple[Head, int, int]]


class Index:
    """id → place, and the known and never-coming intervals of each agent and epoch. Not safe for threads."""

    def __init__(self, path: Path) -> None:
        self.known: dict[Key, Intervals] = {}
        self.never: dict[Key, Intervals] = {}
        self.expired = datetime.min.replace(tzinfo=UTC)  # files of days before this may have been deleted
        try:
            self._database = self._open(path)
        except sqlite3.OperationalError:
            raise  # full, locked, not allowed: the index itself may be well
        except sqlite3.DatabaseError:
            remove(path)
            self._database = self._open(path)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def segments(self) -> dict[str, tuple[int, bytes]]:
        """Give each indexed file's end and trailer."""
        rows = self._database.execute("SELECT path, end, trailer FROM segment")
        return {path: (end, trailer) for path, end, trailer in rows}

    def add(self, members: Iterable[Indexed]) -> None:
        """Write members down that were learned before, all or none; raises sqlite3.Error, and may be called again."""
        members = list(members)
        with self._database:
            for member in members:
                self._add(member)
            heads = [head for member in members for head, _, _ in member.heads]
            self._save("known", self.known, (((head.agent, head.epoch), head.seq) for head in heads))
            dropped = ((head, first) for head in heads for first, _ in head.never)
            self._save("never", self.never, (((head.agent, head.epoch), first) for head, first in dropped))

    def learn(self, heads: Iterable[Head]) -> None:
        """Take reports into the intervals in memory."""
        for head in heads:
            self.known.setdefault((head.agent, head.epoch), Intervals()).add(head.seq)
            for first, last in head.never:
                self.never.setdefault((head.agent, head.epoch), Intervals()).add(first, last)

    def learn_never(self, agent: str, epoch: str, ranges: Iterable[Range]) -> None:
        """Take sequence numbers that will never come into the intervals in memory."""
        intervals = self.never.setdefault((agent, epoch), Intervals())
        for first, last in ranges:
            intervals.add(first, last)

    def save_never(self, agent: str, epoch: str, seqs: Iterable[int]) -> None:
        """Write some of those down; raises sqlite3.Error."""
        with self._database:
            self._save("never", self.never, (((agent, epoch), seq) for seq in seqs))

    def find(self, report_id: bytes) -> Place | None:
        """Find one report by the 16 bytes of its id."""
        row = self._database.execute(
            "SELECT path, member, start, length FROM place JOIN segment ON number = segment WHERE id = ?", (report_id,)
        ).fetchone()
        return Place(*row) if row else None

    def forget(self, path: str) -> None:
        """Drop a file that was deleted; its reports stay known."""
        with self._database:
            self._database.execute(
                "DELETE FROM place WHERE segment = (SELECT number FROM segment WHERE path = ?)", (path,)
            )
            self._database.execute("DELETE FROM segment WHERE path = ?", (path,))
            self._database.execute("INSERT INTO expired VALUES (?)", (Path(path).stem,))
        self.expired = max(self.expired, _end_of(Path(path).stem))

    def _open(self, path: Path) -> sqlite3.Connection:
        database = _connect(path)
        try:
            for table, memory in (("known", self.known), ("never", self.never)):
                memory.clear()
                for agent, epoch, first, last in database.execute(f"SELECT agent, epoch, first, last FROM {table}"):  # noqa: S608 - two literals
                    memory.setdefault((agent, epoch), Intervals()).add(first, last)
            (newest,) = database.execute("SELECT max(day) FROM expired").fetchone()
            if newest is not None:
                self.expired = _end_of(newest)
        except sqlite3.Error:
            database.close()
            raise
        return database

    def _add(self, member: Indexed) -> None:
        number = self._database.execute(
            "INSERT INTO segment (path, end, trailer) VALUES (?, ?, ?) "
            "ON CONFLICT (path) DO UPDATE SET end = excluded.end, trailer = excluded.trailer RETURNING number",
            (member.path, member.end, member.trailer),
        ).fetchone()[0]
        self._database.executemany(
            "INSERT OR IGNORE INTO place VALUES (?, ?, ?, ?, ?)",
            [(key_of(head.id), number, member.offset, start, length) for head, start, length in member.heads],
        )

    def _save(self, table: str, memory: Mapping[Key, Intervals], places: Iterable[tuple[Key, int]]) -> None:
        """Write the intervals around some places as they are in memory; all others are as they were."""
        changed = {(*key, *memory[key].around(seq)) for key, seq in places}
        self._database.executemany(
            f"DELETE FROM {table} WHERE agent = ? AND epoch = ? AND first BETWEEN ? AND ?",  # noqa: S608 - two literals
            changed,
        )
        self._database.executemany(f"INSERT INTO {table} VALUES (?, ?, ?, ?)", changed)  # noqa: S608 - two literals


def _end_of(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=1)


def key_of(report_id: str) -> bytes:
    """Write a report's id as 16 bytes; raises ValueError for anything else."""
    key = bytes.fromhex(report_id.replace("-", ""))
    if len(key) != 16:  # noqa: PLR2004 - a UUID
        raise ValueError(f"{report_id!r} is not a UUID")
    return key


def remove(path: Path) -> None:
    """Throw an index away."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, check_same_thread=False, timeout=5)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        # Derived, so losing the newest commits in a power cut only costs a short scan.
        database.execute("PRAGMA synchronous = NORMAL")
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version != _VERSION:
            with closing(database.cursor()) as cursor:
                for (name,) in cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                    cursor.execute(f"DROP TABLE {name}")
                cursor.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
        database.execute("SELECT count(*) FROM segment").fetchone()
    except sqlite3.Error:
        database.close()
        raise
    return database
