"""The file of payloads that can never be accepted: bounded, the oldest go, counted; shared by several processes.

A payload that comes again (its receipt was lost) is kept once, with the number of times it came and the last reason.
A person may ask for some to be judged again: whoever takes reports *claims* them, and says what became of each.
"""

import hashlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from agent.wire.topics import ROOT
from collector.errors import StoreUnavailable, UsageError
from collector.ingest import Rejected

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS payload (
  number INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE, first TEXT NOT NULL, last TEXT NOT NULL,
  times INTEGER NOT NULL, topic TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, payload BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS gone (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL);
INSERT OR IGNORE INTO gone VALUES (1, 0);
CREATE INDEX IF NOT EXISTS aged ON payload (last, number);
"""
_VERSION: Final = 2
_REPLAYED: Final = """
ALTER TABLE payload ADD COLUMN asked TEXT;
ALTER TABLE payload ADD COLUMN asked_by TEXT;
ALTER TABLE payload ADD COLUMN claimed TEXT;
ALTER TABLE payload ADD COLUMN replayed TEXT;
ALTER TABLE payload ADD COLUMN outcome TEXT;
CREATE INDEX asked ON payload (asked) WHERE asked IS NOT NULL;
CREATE TABLE settled (number INTEGER PRIMARY KEY, at TEXT NOT NULL, outcome TEXT NOT NULL);
"""
_SETTLED_LIMIT: Final = 100_000
_CLAIM: Final = timedelta(seconds=60)
"""How long a process may take with what it claimed before another one may claim it."""
_COLUMNS: Final = (
    "number, first, last, times, topic, reason, detail, length(payload) AS bytes,"
    " asked, asked_by, claimed, replayed, outcome"
)


@dataclass(frozen=True, slots=True)
class Held:
    """One payload in quarantine: when it came first and last (UTC), how often, from where, why, how big.

    `asked`, `asked_by`: since when it waits to be judged again, and who wants it; `replayed`, `outcome`: when and how
    that last ended.
    """

    number: int
    first: str
    last: str
    times: int
    topic: str
    reason: str
    detail: str
    bytes: int
    asked: str | None = None
    asked_by: str | None = None
    claimed: str | None = None
    replayed: str | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for; every condition that is set must hold. `text` stands in topic, detail or payload.

    `before`: what a list gives after the one that came last then and has this number.
    """

    numbers: Sequence[int] | None = None
    reason: str | None = None
    agent: str | None = None
    since: datetime | None = None
    text: str | None = None
    before: tuple[str, int] | None = None

    def where(self) -> tuple[str, list[object]]:
        """The same as a condition with its parameters."""
        parts: list[str] = []
        values: list[object] = []
        for condition, value in (
            ("reason = ?", self.reason),
            ("topic = ?", None if self.agent is None else f"{ROOT}/{self.agent}/report"),
            ("last >= ?", None if self.since is None else _moment(self.since)),
        ):
            if value is not None:
                parts.append(condition)
                values.append(value)
        if self.text is not None:
            parts.append("(instr(topic, ?) OR instr(detail, ?) OR instr(payload, ?))")
            values += [self.text, self.text, self.text.encode("utf-8", "surrogateescape")]
        if self.before is not None:
            parts.append("(last, number) < (?, ?)")
            values += self.before
        if self.numbers is not None:
            parts.append(f"number IN ({', '.join(str(int(number)) for number in self.numbers)})")
        return " AND ".join(parts) or "1", values


@dataclass(frozen=True, slots=True)
class Claimed:
    """A payload to be judged again."""

    number: int
    topic: str
    payload: bytes


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
        with self._lock:
            if self._database is not None:
                return
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
                database = sqlite3.connect(self.path, check_same_thread=False, timeout=5)
                try:
                    # FULL: agents forget a rejected report on our word that it lies here.
                    database.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; {_SCHEMA}")
                    _renew(database)
                except sqlite3.Error:
                    database.close()
                    raise
            except (OSError, sqlite3.Error) as error:
                words = f"quarantine {self.path}: {error}; check the disk and its permissions"
                raise StoreUnavailable(words) from error
            self._database = database

    def close(self) -> None:
        """Let go of the file; harmless when not open."""
        with self._lock:
            if self._database is not None:
                self._database.close()
            self._database = None

    def put(self, rejected: Iterable[Rejected], *, at: datetime) -> None:
        """Keep payloads durably before returning; the oldest go where there is no room.

        One that is being judged again has not come another time: it gets the new reason only.
        """
        moment = _moment(at)
        rows = [
            (
                _digest(item.topic, item.raw),
                *(moment, moment, item.topic, item.reason, item.detail),
                item.raw[: self.limit_bytes],
            )
            for item in rejected
        ]
        with self._transaction() as database:
            database.executemany(
                "INSERT INTO payload (digest, first, last, times, topic, reason, detail, payload) "
                "VALUES (?, ?, ?, 1, ?, ?, ?, ?) "
                "ON CONFLICT (digest) DO UPDATE SET reason = excluded.reason, detail = excluded.detail,"
                " times = times + (claimed IS NULL), last = iif(claimed IS NULL, excluded.last, last)",
                rows,
            )
            self._make_room(database)

    def list(self, search: Search | None = None, *, limit: int = 50) -> Sequence[Held]:
        """Give what is held and fits, newest first."""
        where, values = (search or Search()).where()
        statement = f"SELECT {_COLUMNS} FROM payload WHERE {where} ORDER BY last DESC, number DESC LIMIT ?"  # noqa: S608 - fixed words
        with self._transaction() as database:
            return [Held(*row) for row in database.execute(statement, (*values, limit))]

    def count(self, search: Search | None = None) -> dict[str, int]:
        """Count what is held and fits, by reason."""
        where, values = (search or Search()).where()
        statement = f"SELECT reason, count(*) FROM payload WHERE {where} GROUP BY reason ORDER BY reason"  # noqa: S608 - fixed words
        with self._transaction() as database:
            return dict(database.execute(statement, values).fetchall())

    def show(self, number: int) -> tuple[Held, bytes] | None:
        """Give one payload; None when it is not here (any more)."""
        with self._transaction() as database:
            row = database.execute(f"SELECT {_COLUMNS}, payload FROM payload WHERE number = ?", (number,)).fetchone()  # noqa: S608 - fixed words
            return (Held(*row[: len(fields(Held))]), row[-1]) if row else None

    def gone(self) -> int:
        """Count the payloads that had to go to make room."""
        with self._transaction() as database:
            return int(database.execute("SELECT count FROM gone").fetchone()[0])

    def size(self) -> int:
        """Sum up the sizes of all payloads."""
        with self._transaction() as database:
            return int(database.execute("SELECT coalesce(sum(length(payload)), 0) FROM payload").fetchone()[0])

    def ask(self, search: Search, *, who: str, at: datetime) -> Sequence[int]:
        """Mark what fits to be judged again; gives the numbers, also of what was marked before."""
        where, values = search.where()
        with self._transaction() as database:
            statement = (
                "UPDATE payload SET asked = coalesce(asked, ?), asked_by = ?, outcome = NULL"  # noqa: S608 - fixed words
                f" WHERE {where} RETURNING number"
            )
            return sorted(number for (number,) in database.execute(statement, (_moment(at), who, *values)).fetchall())

    def claim(self, limit: int, *, at: datetime) -> Sequence[Claimed]:
        """Take up some that are to be judged again, which no other process holds; nothing is written for none."""
        stale = _moment(at - _CLAIM)
        free = "asked IS NOT NULL AND (claimed IS NULL OR claimed < ?)"
        with self._transaction() as database:
            if not database.execute(f"SELECT 1 FROM payload WHERE {free} LIMIT 1", (stale,)).fetchone():  # noqa: S608 - fixed words
                return []
        with self._transaction() as database:
            statement = (
                f"UPDATE payload SET claimed = ? WHERE number IN (SELECT number FROM payload WHERE {free}"  # noqa: S608 - fixed words
                " ORDER BY number LIMIT ?) RETURNING number, topic, payload"
            )
            rows = database.execute(statement, (_moment(at), stale, limit)).fetchall()
            return [Claimed(*row) for row in sorted(rows)]

    def settle(self, number: int, outcome: str, *, accepted: bool, at: datetime) -> None:
        """Say what became of a claimed one: an accepted payload leaves the quarantine, others stay."""
        moment = _moment(at)
        with self._transaction() as database:
            if accepted:
                database.execute("DELETE FROM payload WHERE number = ?", (number,))
            else:
                database.execute(
                    "UPDATE payload SET asked = NULL, claimed = NULL, replayed = ?, outcome = ? WHERE number = ?",
                    (moment, outcome, number),
                )
            database.execute("INSERT OR REPLACE INTO settled VALUES (?, ?, ?)", (number, moment, outcome))
            database.execute("DELETE FROM settled WHERE number <= ?", (number - _SETTLED_LIMIT,))

    def outcomes(self, numbers: Iterable[int], *, since: datetime) -> dict[int, str | None]:
        """What became of payloads that were asked for: None while they wait."""
        found: dict[int, str | None] = {}
        with self._transaction() as database:
            for number in numbers:
                row = database.execute(
                    "SELECT outcome FROM settled WHERE number = ? AND at >= ?", (number, _moment(since))
                ).fetchone()
                waits = database.execute("SELECT asked FROM payload WHERE number = ?", (number,)).fetchone()
                if waits is not None and waits[0] is not None:
                    found[number] = None
                else:
                    found[number] = row[0] if row else "went to make room, or was withdrawn"
        return found

    def withdraw(self, numbers: Iterable[int]) -> None:
        """Take back what was asked for and nobody has taken up."""
        with self._transaction() as database:
            database.executemany(
                "UPDATE payload SET asked = NULL WHERE number = ? AND claimed IS NULL",
                [(number,) for number in numbers],
            )

    def _make_room(self, database: sqlite3.Connection) -> None:
        count, size = database.execute("SELECT count(*), coalesce(sum(length(payload)), 0) FROM payload").fetchone()
        if count <= self.limit_count and size <= self.limit_bytes:
            return
        going: list[tuple[int]] = []
        for number, length in database.execute("SELECT number, length(payload) FROM payload ORDER BY last, number"):
            going.append((number,))
            count, size = count - 1, size - length
            if count <= self.limit_count and size <= self.limit_bytes:
                break
        database.executemany("DELETE FROM payload WHERE number = ?", going)
        database.execute("UPDATE gone SET count = count + ?", (len(going),))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction, with SQLite's errors in our words."""
        with self._lock:
            if self._database is None:
                raise StoreUnavailable(f"quarantine {self.path} is not open")
            try:
                with self._database as database:
                    yield database
            except sqlite3.Error as error:
                raise StoreUnavailable(f"quarantine {self.path}: {error}") from error


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


def _renew(database: sqlite3.Connection) -> None:
    """Bring an older file up to date, once, whatever other processes do at the same moment."""
    if database.execute("PRAGMA user_version").fetchone()[0] >= _VERSION:
        return
    database.execute("BEGIN IMMEDIATE")
    try:
        if database.execute("PRAGMA user_version").fetchone()[0] < _VERSION:
            for statement in filter(str.strip, _REPLAYED.split(";")):
                database.execute(statement)
            # Once a payload's reason was part of its digest; the last one that came is kept.
            for (number,) in database.execute("SELECT number FROM payload ORDER BY last, number").fetchall():
                topic, raw = database.execute(
                    "SELECT topic, payload FROM payload WHERE number = ?", (number,)
                ).fetchone()
                database.execute(
                    "UPDATE OR REPLACE payload SET digest = ? WHERE number = ?", (_digest(topic, raw), number)
                )
            database.execute(f"PRAGMA user_version = {_VERSION}")
        database.execute("COMMIT")
    except BaseException:
        database.execute("ROLLBACK")
        raise


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def _digest(topic: str, raw: bytes) -> bytes:
    return hashlib.sha256(b"\0".join((topic.encode("utf-8", "replace"), raw))).digest()
