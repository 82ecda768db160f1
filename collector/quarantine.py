"""Payloads that can never be accepted, kept for a person to look at: bounded, the oldest go, counted.

A payload that comes again (its receipt was lost) is kept once, with the number of times it came.
"""

import hashlib
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from collector.errors import StoreUnavailable, UsageError
from collector.ingest import Rejected

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS payload (
  number INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE, first TEXT NOT NULL, last TEXT NOT NULL,
  times INTEGER NOT NULL, topic TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, payload BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS gone (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL);
INSERT OR IGNORE INTO gone VALUES (1, 0);
"""
_COLUMNS: Final = "number, first, last, times, topic, reason, detail, length(payload)"


@dataclass(frozen=True, slots=True)
class Held:
    """One payload in quarantine: when it came first and last (UTC), how often, from where, why, how big."""

    number: int
    first: str
    last: str
    times: int
    topic: str
    reason: str
    detail: str
    bytes: int


class Quarantine:
    """A bounded place on disk. Safe for threads; every method touches the disk and raises StoreUnavailable."""

    def __init__(self, path: Path, *, limit_bytes: int, limit_count: int) -> None:
        self.path = path
        self.limit_bytes = limit_bytes
        self.limit_count = limit_count
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None

    def open(self) -> None:
        """Make or open the file; harmless when open."""
        if self._database is not None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            database = sqlite3.connect(self.path, check_same_thread=False, timeout=5)
            try:
                # FULL: agents forget a rejected report on our word that it lies here.
                database.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; {_SCHEMA}")
            except sqlite3.Error:
                database.close()
                raise
        except (OSError, sqlite3.Error) as error:
            raise StoreUnavailable(f"quarantine {self.path}: {error}; check the disk and its permissions") from error
        self._database = database

    def close(self) -> None:
        """Let go of the file; harmless when not open."""
        with self._lock:
            if self._database is not None:
                self._database.close()
            self._database = None

    def put(self, rejected: Iterable[Rejected], *, at: datetime) -> None:
        """Keep payloads durably before returning; the oldest go where there is no room."""
        moment = f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
        rows = [
            (_digest(item), moment, moment, item.topic, item.reason, item.detail, item.raw[: self.limit_bytes])
            for item in rejected
        ]
        with self._lock, self._opened() as database:
            database.executemany(
                "INSERT INTO payload (digest, first, last, times, topic, reason, detail, payload) "
                "VALUES (?, ?, ?, 1, ?, ?, ?, ?) "
                "ON CONFLICT (digest) DO UPDATE SET last = excluded.last, times = times + 1",
                rows,
            )
            self._make_room(database)

    def list(self, *, limit: int = 50) -> Sequence[Held]:
        """Give what is held, newest first."""
        with self._lock, self._opened() as database:
            rows = database.execute(f"SELECT {_COLUMNS} FROM payload ORDER BY last DESC, number DESC LIMIT ?", (limit,))  # noqa: S608 - a literal
            return [Held(*row) for row in rows]

    def show(self, number: int) -> tuple[Held, bytes] | None:
        """Give one payload; None when it is not here (any more)."""
        with self._lock, self._opened() as database:
            row = database.execute(f"SELECT {_COLUMNS}, payload FROM payload WHERE number = ?", (number,)).fetchone()  # noqa: S608 - a literal
            return (Held(*row[:-1]), row[-1]) if row else None

    def gone(self) -> int:
        """Count the payloads that had to go to make room."""
        with self._lock, self._opened() as database:
            return int(database.execute("SELECT count FROM gone").fetchone()[0])

    def _make_room(self, database: sqlite3.Connection) -> None:
        count, size = database.execute("SELECT count(*), coalesce(sum(length(payload)), 0) FROM payload").fetchone()
        while count > self.limit_count or size > self.limit_bytes:
            number, length = database.execute(
                "SELECT number, length(payload) FROM payload ORDER BY last, number LIMIT 1"
            ).fetchone()
            database.execute("DELETE FROM payload WHERE number = ?", (number,))
            database.execute("UPDATE gone SET count = count + 1")
            count, size = count - 1, size - length

    def _opened(self) -> "_Transaction":
        if self._database is None:
            raise StoreUnavailable(f"quarantine {self.path} is not open")
        return _Transaction(self._database, self.path)


class _Transaction:
    """One transaction, with SQLite's errors in our words."""

    def __init__(self, database: sqlite3.Connection, path: Path) -> None:
        self._database = database
        self._path = path

    def __enter__(self) -> sqlite3.Connection:
        return self._database.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            self._database.__exit__(kind, error, None)
        except sqlite3.Error as failed:
            raise StoreUnavailable(f"quarantine {self._path}: {failed}") from failed
        if isinstance(error, sqlite3.Error):
            raise StoreUnavailable(f"quarantine {self._path}: {error}") from error


def path_from_url(url: str | None, *, archive: Path) -> Path:
    """Read `sqlite:///var/lib/linkgauge/quarantine.db`; without one, a file beside the archive's folder."""
    if url is None:
        return archive.with_name("quarantine.db")
    parts = urlsplit(url)
    if parts.scheme != "sqlite" or parts.netloc or not parts.path.startswith("/"):
        raise UsageError(f"quarantine.url: {url!r} is not sqlite:///absolute/path")
    return Path(unquote(parts.path))


def listing(path: Path) -> "Quarantine":
    """Open an existing quarantine to look at.

    Raises:
        UsageError: there is none yet.
        StoreUnavailable: it cannot be read.
    """
    if not path.exists():
        raise UsageError(f"no quarantine at {path}: nothing was ever rejected here, or [quarantine] url is another")
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as probe:
            probe.execute("SELECT count FROM gone").fetchone()
    except sqlite3.Error as error:
        raise StoreUnavailable(f"quarantine {path}: {error}; is this the right file, and may you read it?") from error
    quarantine = Quarantine(path, limit_bytes=1 << 62, limit_count=1 << 62)
    quarantine.open()
    return quarantine


def _digest(item: Rejected) -> bytes:
    return hashlib.sha256(b"\0".join((item.topic.encode("utf-8", "replace"), item.reason.encode(), item.raw))).digest()
