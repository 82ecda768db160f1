"""The relational database of the collector: SQLite by default, PostgreSQL by URL. Transactions and nothing else.

Rules that everything above rests on: a write transaction excludes every other one, in all processes (SQLite:
BEGIN IMMEDIATE; PostgreSQL: a row or advisory lock that the writer takes first), and it is durable when it returns.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Column, Connection, Dialect, Engine, MetaData, String, Table, create_engine, event, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.types import TypeDecorator

from collector.errors import RegistryUnavailable, UsageError

_WRITE: Final = "linkgauge_write"
_BUSY_S: Final = 10.0
_LOCK: Final = 0x6C696E6B  # PostgreSQL advisory lock: "link"
_FORMAT: Final = "%Y-%m-%dT%H:%M:%S.%fZ"

_META_DATA: Final = MetaData()
META: Final = Table(
    "meta",
    _META_DATA,
    Column("key", String(40), primary_key=True),
    Column("value", String(200), nullable=False),
)


class Utc(TypeDecorator[datetime]):
    """A UTC time with microseconds, as text that sorts as the time does and that a person can read."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Write fixed-width ISO 8601; a naive time is a programming error."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without zone reached the database")
        moment = value.astimezone(UTC)
        return f"{moment.year:04d}{moment.strftime(_FORMAT[2:])}"  # %Y does not pad on every platform

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """Read it back as an aware time."""
        del dialect
        return None if value is None else datetime.strptime(value, _FORMAT).replace(tzinfo=UTC)


class Database:
    """One database, shared by threads; closed until `open`, which may be called again after a failure."""

    def __init__(self, url: str, *, busy_s: float = _BUSY_S) -> None:
        self._url = _engine_url(url)
        self._busy_s = busy_s
        self._engine: Engine | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The address without password, for messages."""
        return self._url.render_as_string(hide_password=True)

    def open(self) -> None:
        """Connect and create what is missing; harmless when open.

        Raises:
            RegistryUnavailable: the file or server cannot be used now.
            UsageError: the driver for this address is not installed.
        """
        with self._lock:
            if self._engine is not None:
                return
            with ExitStack() as undo:
                engine = self._new_engine()
                undo.callback(engine.dispose)
                with _plainly(self.name), engine.connect() as connection:
                    connection.execute(select(1))
                undo.pop_all()
                self._engine = engine
        self.create(_META_DATA, part="meta", version=1)

    def close(self) -> None:
        """Let go of every connection; harmless when closed."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view; never waits for a writer on SQLite."""
        with _plainly(self.name), self._opened().connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One durable transaction that excludes every other writer, in all processes."""
        engine = self._opened().execution_options(**{_WRITE: True})
        with _plainly(self.name), engine.connect() as connection, connection.begin():
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            yield connection

    def create(self, tables: MetaData, *, part: str, version: int) -> None:
        """Create a part's missing tables and note its schema version; raises UsageError when the file is newer."""
        key = f"schema_{part}"
        with self.write() as connection:
            _META_DATA.create_all(connection)
            found = connection.scalar(select(META.c.value).where(META.c.key == key))
            if found is not None and int(found) > version:
                raise UsageError(
                    f"{self.name} was made by a newer linkgauge ({part} tables version {found}, this program knows "
                    f"{version}): install that version, or restore the database that belongs to this one"
                )
            tables.create_all(connection)
            if found is None:
                connection.execute(META.insert().values(key=key, value=str(version)))

    def _opened(self) -> Engine:
        if self._engine is None:
            raise RegistryUnavailable(f"{self.name} is not open")
        return self._engine

    def _new_engine(self) -> Engine:
        sqlite = self._url.get_backend_name() == "sqlite"
        if sqlite and self._url.database:
            _make_folder(Path(self._url.database), self.name)
        arguments: dict[str, Any] = {"timeout": self._busy_s} if sqlite else {}
        try:
            engine = create_engine(self._url, connect_args=arguments, pool_pre_ping=not sqlite)
        except (ModuleNotFoundError, NoSuchModuleError) as error:
            raise UsageError(f"no driver for {self.name}: {error}; for PostgreSQL install psycopg") from error
        if sqlite:
            event.listen(engine, "connect", _prepare)
            event.listen(engine, "begin", _begin)
        return engine


def _engine_url(text: str) -> URL:
    """Read an address as a URI: sqlite:///var/x.db is the absolute path /var/x.db, sqlite:x.db a relative one."""
    if text.startswith("sqlite:"):
        rest = text.removeprefix("sqlite:")
        path = "/" + rest.lstrip("/") if rest.startswith("///") else rest
        if not path or path.startswith("//"):
            raise UsageError(f"registry url {text!r}: expected sqlite:///absolute/path.db, or sqlite:relative/path.db")
        return URL.create("sqlite", database=path)
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise UsageError("registry url: expected sqlite:///path.db or postgresql://user@host/database") from error
    if url.get_backend_name() != "postgresql":
        raise UsageError(f"registry url: {url.drivername} is not known; expected sqlite:/// or postgresql://")
    return url


def _make_folder(path: Path, name: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RegistryUnavailable(f"cannot create the folder of {name}: {error.strerror}") from error


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by _begin, so that a writer can begin as one
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")  # a mark that a power cut forgets would let tags change
    connection.execute("PRAGMA foreign_keys=ON")


def _begin(connection: Connection) -> None:
    write = connection.get_execution_options().get(_WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


@contextmanager
def _plainly(name: str) -> Iterator[None]:
    """Turn what the driver says into one plain line."""
    try:
        yield
    except DBAPIError as error:  # InterfaceError too: a connection that the server has closed
        said = " ".join(str(error.orig).split())  # some drivers answer in paragraphs
        raise RegistryUnavailable(f"registry database {name}: {said}") from error
