"""The spool's file: opened, locked, checked, and moved aside when it cannot be trusted. No rule of delivery lives here.

WAL and `synchronous=FULL`: a commit that returned has reached the disk, and a process killed at any instruction
leaves either the whole transaction or nothing.
"""

import fcntl
import logging
import os
import sqlite3
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from agent.errors import SpoolError

VERSION: Final = 1
PAGE_BYTES: Final = 4096
_TRANSACTION_PAGES: Final = 40
_APPLICATION: Final = 0x4C475350  # "LGSP"
_LOG = logging.getLogger("linkgauge.spool")
_BROKEN: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
_FULL: Final = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}

SCHEMA: Final = (
    # One row a life of the spool; the highest number is the present one. `next` is the seq that comes next.
    "CREATE TABLE epochs (number INTEGER PRIMARY KEY, epoch TEXT NOT NULL UNIQUE, next INTEGER NOT NULL)",
    # `place`: number of the epoch times 2^40, plus seq: it orders everything, and a range of seq is a range of it.
    # `receipted`: second of the receipt, NULL without one. `precious`: 1 for what is the last to be dropped.
    (
        "CREATE TABLE reports (place INTEGER PRIMARY KEY, agent TEXT NOT NULL, precious INTEGER NOT NULL,"
        " receipted INTEGER, body BLOB NOT NULL)"
    ),
    "CREATE INDEX waiting ON reports (place) WHERE receipted IS NULL",
    "CREATE INDEX order_to_go ON reports (receipted, precious, place)",
    # Microseconds of the newest `started` of a kind, and where that report lies.
    (
        "CREATE TABLE kinds (number INTEGER NOT NULL, kind TEXT NOT NULL, started INTEGER NOT NULL,"
        " place INTEGER NOT NULL, PRIMARY KEY (number, kind)) WITHOUT ROWID"
    ),
    # What had to be dropped without a receipt; `ledger` is the seq of the report that declared it.
    (
        "CREATE TABLE dropped (number INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, ledger INTEGER,"
        " PRIMARY KEY (number, first)) WITHOUT ROWID"
    ),
    "CREATE INDEX dropped_last ON dropped (number, last)",
    # Reports without a time yet, and so without a seq: the boot and the seconds since that boot are known.
    (
        "CREATE TABLE undated (number INTEGER PRIMARY KEY AUTOINCREMENT, boot TEXT NOT NULL, boottime REAL NOT NULL,"
        " kind TEXT NOT NULL, body BLOB NOT NULL)"
    ),
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
)


class Broken(Exception):  # noqa: N818 - an answer to a check, not an accident
    """The file is not a spool of this version, or damaged: why."""


def is_broken(error: Exception) -> bool:
    """Whether an error says that the file itself is damaged."""
    if isinstance(error, Broken):
        return True
    return isinstance(error, sqlite3.Error) and _code(error) & 0xFF in _BROKEN


def is_full(error: Exception) -> bool:
    """Whether an error may go away when there is more room on the disk."""
    return isinstance(error, sqlite3.Error) and _code(error) & 0xFF in _FULL


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) or 0


def lock(path: Path) -> int:
    """Keep every other process away from this spool until the descriptor is closed; raises SpoolError if one is in."""
    try:
        file = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SpoolError(f"{path}: cannot use the spool: {error.strerror}; check the folder and its owner") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(file)
        raise SpoolError(f"{path}: another agent uses this spool; stop it, or set another agent.data") from error
    except OSError as error:  # a file system without locks: then the operator has to see to it
        _LOG.warning("event=spool_not_locked path=%s why=%s", path, error.strerror)
    return file


def connect(path: Path, *, limit_bytes: int) -> sqlite3.Connection:
    """Open and check a spool, or make an empty one.

    Raises:
        Broken: for a damaged file, or one of another program or version.
        sqlite3.Error: when the disk refuses.
    """
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
    try:
        _set_up(db, limit_bytes)
        _check(db)
    except sqlite3.Error as error:
        db.close()
        if is_broken(error):
            raise Broken(str(error)) from error
        raise
    except BaseException:
        db.close()
        raise
    return db


def _set_up(db: sqlite3.Connection, limit_bytes: int) -> None:
    db.execute(f"PRAGMA page_size={PAGE_BYTES}")
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("PRAGMA cache_size=-1024")
    # The log keeps its length on disk: when the disk is full, there still is room to write down that something was
    # deleted.
    db.execute(f"PRAGMA wal_autocheckpoint={_log_pages(limit_bytes)}")


def _log_pages(limit_bytes: int) -> int:
    return min(128, max(16, limit_bytes // 32 // PAGE_BYTES))


def is_low(path: Path, limit_bytes: int) -> bool:
    """Whether the disk is so full that tables should not grow: the rest is for writing down receipts."""
    try:
        left = os.statvfs(path.parent)
    except OSError:
        return False
    return left.f_bavail * left.f_frsize < _log_bytes(limit_bytes)


def _log_bytes(limit_bytes: int) -> int:
    """How long the log becomes: to its checkpoint, and one transaction more."""
    return (_log_pages(limit_bytes) + _TRANSACTION_PAGES) * PAGE_BYTES


def table_bytes(limit_bytes: int) -> int:
    """Give what the bound leaves for the tables, beside the log and the ballast."""
    return limit_bytes - 2 * _log_bytes(limit_bytes)


class Ballast:
    """Space held for the day the disk is full: thrown off, the log can be written into the tables and used again.

    Without it a full disk holds a spool fast: nothing can be deleted, because that has to be written down first.
    A limit of 0 means none: thousands of simulated spools on one disk would hold gigabytes back.
    """

    def __init__(self, path: Path, *, limit_bytes: int) -> None:
        self._path = path.with_name(path.name + ".ballast")
        self._bytes = _log_bytes(limit_bytes) if limit_bytes else 0

    def take(self) -> None:
        """Hold the space, if the disk has it to spare."""
        if not self._bytes:
            return
        with suppress(OSError):
            if self._path.exists() and self._path.stat().st_blocks * 512 >= self._bytes:
                return
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._bytes)

    def throw_off(self) -> None:
        """Give the space back to the disk."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def _check(db: sqlite3.Connection) -> None:
    (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise Broken(str(verdict))
    found = {sql for (sql,) in db.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")}
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (application,) = db.execute("PRAGMA application_id").fetchone()
    if not found and version == 0:
        _create(db)
    elif (application, version) != (_APPLICATION, VERSION) or not found >= set(SCHEMA):
        raise Broken(f"not a spool of version {VERSION}")


def _create(db: sqlite3.Connection) -> None:
    db.execute("BEGIN IMMEDIATE")
    try:
        for statement in SCHEMA:
            db.execute(statement)
        db.execute(f"PRAGMA application_id={_APPLICATION}")
        db.execute(f"PRAGMA user_version={VERSION}")
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def set_aside(path: Path, why: str) -> Path:
    """Move a file that cannot be trusted out of the way, with its log, and say so; one such file is kept, the newest.

    Raises:
        OSError: when the folder does not let files be moved.
    """
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    aside = path.with_name(f"{path.name}.corrupt-{written:%Y%m%dT%H%M%SZ}")
    for old in path.parent.glob(f"{path.name}*.corrupt-*"):
        old.unlink(missing_ok=True)
    log = path.with_name(f"{path.name}-wal")
    if log.exists():
        log.replace(aside.with_name(f"{path.name}-wal{aside.name.removeprefix(path.name)}"))
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
    path.replace(aside)
    _LOG.error("event=spool_corrupt path=%s moved_to=%s why=%s", path, aside.name, why)
    return aside
