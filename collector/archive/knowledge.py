"""What a slot has stored, as intervals of `seq` for each agent and epoch: in memory, and in SQLite beside the files.

Derived from the files (but for the days that have expired), so it may lag behind them: `seen` says how far it goes.
Memory is bounded: of an agent with endless epochs, or with holes everywhere, only what is new since the last `save`
is held here, and questions about the rest go to the disk.
"""

import logging
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from collector.archive.head import Head
from collector.archive.intervals import Intervals, Range, subtract

LOG: Final = logging.getLogger(__name__)
Key = tuple[str, str]
EPOCHS: Final = 16  # of one agent, in memory
PIECES: Final = 10_000  # of one epoch, in memory
_ROWS: Final = 10_000  # read at a time of what only the disk knows
_FEW: Final = 8  # intervals of an epoch that are written down without looking which of them changed
_NEVER_KEYS: Final = 10_000
_NEVER_PIECES: Final = 1000
_VERSION: Final = 3
_TABLES: Final = ("known", "never")
_SCHEMA: Final = "".join(
    f"CREATE TABLE IF NOT EXISTS {table} (agent TEXT NOT NULL, epoch TEXT NOT NULL, first INTEGER NOT NULL, "
    "last INTEGER NOT NULL, PRIMARY KEY (agent, epoch, first)) WITHOUT ROWID; "
    for table in _TABLES
) + (
    "CREATE TABLE IF NOT EXISTS expired (day TEXT NOT NULL); DROP TABLE IF EXISTS seen; "
    "CREATE TABLE seen (day TEXT PRIMARY KEY, reports INTEGER NOT NULL, file TEXT NOT NULL, end INTEGER NOT NULL, "
    "trailer BLOB NOT NULL, last BLOB NOT NULL) WITHOUT ROWID; "
    "DROP TABLE IF EXISTS place; DROP TABLE IF EXISTS segment;"
)


@dataclass(frozen=True, slots=True)
class Seen:
    """How far of a day is known: its first `reports`, the last of them (a digest), and a mark in the newest file."""

    day: str
    reports: int
    file: str
    end: int
    trailer: bytes
    last: bytes


class Knowledge:
    """Safe for threads. Questions are answered from memory at once, but for an agent with more than it may hold."""

    def __init__(self, path: Path) -> None:
        """Open or make the file; raises sqlite3.Error."""
        self.known: dict[str, dict[str, Intervals]] = {}
        self.never: dict[Key, Intervals] = {}
        self.expired = datetime.min.replace(tzinfo=UTC)  # files of days before this may have been deleted
        self.on_disk: set[str] = set()  # agents of which the disk may know more
        self._part: set[Key] = set()  # of these, memory has only what is new
        self._new: list[tuple[str, str, int]] = []
        self._new_never: list[tuple[str, str, int]] = []
        self._memory = threading.RLock()
        self._disk = threading.RLock()
        try:
            self._database = _connect(path)
        except sqlite3.OperationalError:
            raise  # full, locked, not allowed: the file itself may be well
        except sqlite3.DatabaseError:
            remove(path)
            self._database = _connect(path)
        self._load()

    def close(self) -> None:
        """Let go of the file."""
        with self._disk:
            self._database.close()

    def seen(self) -> list[Seen]:
        """Give how far of each day it goes; raises sqlite3.Error."""
        with self._disk:
            rows = self._database.execute("SELECT day, reports, file, end, trailer, last FROM seen ORDER BY day")
            return [Seen(*row) for row in rows]

    def learn(self, heads: Iterable[Head | None]) -> None:
        """Take reports into memory; `save` writes them down."""
        with self._memory:
            known, noted = self.known, self._new.append
            for head in heads:
                if head is None:
                    continue
                agent, epoch, seq = head.agent, head.epoch, head.seq
                try:
                    known[agent][epoch].add(seq)
                except KeyError:
                    self._of(agent, epoch).add(seq)
                noted((agent, epoch, seq))
                if head.never:
                    self._learn_never(head.agent, head.epoch, head.never)

    def declare_never(self, agent: str, epoch: str, seqs: Iterable[int]) -> None:
        """Note places in a spool that will never come."""
        with self._memory:
            self._learn_never(agent, epoch, [(seq, seq) for seq in seqs])

    def knows(self, agent: str, epoch: str, seq: int) -> bool:
        """Whether this place is stored."""
        with self._memory:
            held = self.known.get(agent, {}).get(epoch)
            if held is not None and seq in held:
                return True
            if agent not in self.on_disk or (held is not None and (agent, epoch) not in self._part):
                return False
        with self._disk:
            row = self._database.execute(
                "SELECT last FROM known WHERE agent = ? AND epoch = ? AND first <= ? ORDER BY first DESC LIMIT 1",
                (agent, epoch, seq),
            ).fetchone()
            return row is not None and row[0] >= seq

    def missing(self, agent: str, epoch: str, up_to: int) -> list[Range]:
        """Give what of 1..up_to is neither stored nor known to be lost for good."""
        with self._memory:
            held = self.known.get(agent, {}).get(epoch, Intervals())
            whole = agent not in self.on_disk or (bool(held.pieces) and (agent, epoch) not in self._part)
            gaps = held.missing(up_to)
            never = self.never.get((agent, epoch))
            if whole:
                return subtract(gaps, never) if never else gaps
        with self._disk:
            rows = self._database.execute(
                "SELECT first, last FROM known WHERE agent = ? AND epoch = ? AND first <= ? ORDER BY first LIMIT ?",
                (agent, epoch, up_to, _ROWS),
            ).fetchall()
        if len(rows) == _ROWS:  # what lies behind these is asked for another time
            gaps = [(first, min(last, rows[-1][1])) for first, last in gaps if first <= rows[-1][1]]
        gaps = subtract(gaps, Intervals(rows))
        return subtract(gaps, never) if never else gaps

    def save(self, seen: Iterable[Seen]) -> None:
        """Write down what is new, and how far it goes, all or nothing; raises sqlite3.Error, may be called again."""
        with self._memory:
            new, self._new = self._new, []
            new_never, self._new_never = self._new_never, []
            whole, parts = self._changed(new)
            never = {(agent, epoch, *self.never[agent, epoch].around(seq)) for agent, epoch, seq in new_never}
        try:
            with self._disk, self._database:
                self._merge("known", parts)
                self._write("known", whole)
                self._write("never", never)
                self._database.executemany(
                    "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?, ?, ?)",
                    [(item.day, item.reports, item.file, item.end, item.trailer, item.last) for item in seen],
                )
        except sqlite3.Error:
            with self._memory:
                self._new, self._new_never = new + self._new, new_never + self._new_never
            raise
        self._bound(new)

    def forget(self, day: str) -> None:
        """Note that a day's files are deleted; its reports stay known. Raises sqlite3.Error."""
        with self._disk, self._database:
            self._database.execute("DELETE FROM seen WHERE day = ?", (day,))
            self._database.execute("INSERT INTO expired VALUES (?)", (day,))
        self.expired = max(self.expired, _end_of(day))

    def expired_before(self, day: date) -> None:
        """Note that days before this one may be deleted anywhere in the archive."""
        self.expired = max(self.expired, datetime(day.year, day.month, day.day, tzinfo=UTC))

    @property
    def unsaved(self) -> int:
        """How many reports wait to be written down."""
        return len(self._new)

    def _load(self) -> None:
        for table in _TABLES:
            for agent, epoch, first, last in self._database.execute(f"SELECT agent, epoch, first, last FROM {table}"):  # noqa: S608 - two literals
                if table == "never":
                    self.never.setdefault((agent, epoch), Intervals()).add(first, last)
                    continue
                epochs = self.known.setdefault(agent, {})
                if epoch not in epochs and len(epochs) >= EPOCHS:
                    self._spill(agent, next(iter(epochs)))
                epochs.setdefault(epoch, Intervals()).add(first, last)
        for agent, epochs in self.known.items():
            for epoch in [epoch for epoch, held in epochs.items() if held.pieces > PIECES]:
                self._spill(agent, epoch)
        (newest,) = self._database.execute("SELECT max(day) FROM expired").fetchone()
        if newest is not None:
            self.expired = _end_of(newest)

    def _of(self, agent: str, epoch: str) -> Intervals:
        epochs = self.known.get(agent)
        if epochs is None:
            epochs = self.known[agent] = {}
        held = epochs.get(epoch)
        if held is None:
            held = epochs[epoch] = Intervals()
            if agent in self.on_disk:
                self._part.add((agent, epoch))
        return held

    def _learn_never(self, agent: str, epoch: str, ranges: Iterable[Range]) -> None:
        if (agent, epoch) not in self.never and len(self.never) >= _NEVER_KEYS:
            return
        held = self.never.setdefault((agent, epoch), Intervals())
        for first, last in ranges:
            if held.pieces < _NEVER_PIECES or first - 1 in held or first in held:
                held.add(first, last)
                self._new_never.append((agent, epoch, first))

    def _changed(
        self, new: list[tuple[str, str, int]]
    ) -> tuple[set[tuple[str, str, int, int]], dict[Key, list[Range]]]:
        """Sort what is new into intervals to write as they are, and others to merge with those on the disk."""
        whole: set[tuple[str, str, int, int]] = set()
        parts: dict[Key, list[Range]] = {}
        many: set[Key] = set()
        for agent, epoch in {(agent, epoch) for agent, epoch, _ in new}:
            held = self.known.get(agent, {}).get(epoch)
            if held is None:
                continue
            if (agent, epoch) in self._part:
                parts[agent, epoch] = held.ranges()
            elif held.pieces <= _FEW:
                whole.update((agent, epoch, first, last) for first, last in held.ranges())
            else:
                many.add((agent, epoch))
        if many:
            places = [(agent, epoch, seq) for agent, epoch, seq in new if (agent, epoch) in many]
            whole.update((agent, epoch, *self.known[agent][epoch].around(seq)) for agent, epoch, seq in places)
        return whole, parts

    def _write(self, table: str, changed: Iterable[tuple[str, str, int, int]]) -> None:
        """Write intervals as they are in memory; all others are as they were."""
        rows = list(changed)
        self._database.executemany(
            f"DELETE FROM {table} WHERE agent = ? AND epoch = ? AND first BETWEEN ? AND ?",  # noqa: S608 - two literals
            rows,
        )
        self._database.executemany(f"INSERT INTO {table} VALUES (?, ?, ?, ?)", rows)  # noqa: S608 - two literals

    def _merge(self, table: str, parts: Mapping[Key, list[Range]]) -> None:
        """Add intervals to those on the disk."""
        for (agent, epoch), ranges in parts.items():
            for first, last in ranges:
                low, high = first, last
                for before, after in self._database.execute(
                    f"SELECT first, last FROM {table} WHERE agent = ? AND epoch = ? AND first <= ? ORDER BY first DESC",  # noqa: S608 - two literals
                    (agent, epoch, last + 1),
                ):
                    if after < first - 1:
                        break
                    low, high = min(low, before), max(high, after)
                self._write(table, [(agent, epoch, low, high)])

    def _bound(self, new: Iterable[tuple[str, str, int]]) -> None:
        """Leave to the disk what is too much for the memory; only what is not new again meanwhile."""
        with self._memory:
            busy = {(agent, epoch) for agent, epoch, _ in self._new}
            for agent in {agent for agent, _, _ in new}:
                epochs = self.known.get(agent, {})
                for epoch in [epoch for epoch in epochs if (agent, epoch) not in busy]:
                    if (agent, epoch) in self._part or len(epochs) > EPOCHS or epochs[epoch].pieces > PIECES:
                        self._spill(agent, epoch)

    def _spill(self, agent: str, epoch: str) -> None:
        if agent not in self.on_disk:
            LOG.warning("archive.many_epochs agent=%s; more than memory holds, the rest is looked up on disk", agent)
        self.on_disk.add(agent)
        self._part.discard((agent, epoch))
        del self.known[agent][epoch]


def _end_of(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=1)


def remove(path: Path) -> None:
    """Throw the file away."""
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
                cursor.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
        database.execute("SELECT count(*) FROM seen").fetchone()
    except sqlite3.Error:
        database.close()
        raise
    return database
