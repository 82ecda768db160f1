"""The relational database of the collector: SQLite by default, PostgreSQL by URL. Transactions and nothing else.

Rules that everything above rests on: a write transaction excludes every other one, in all processes (SQLite:
BEGIN IMMEDIATE; PostgreSQL: an advisory lock that the writer takes first), and it is durable when it returns. After
an error a caller cannot know whether a commit has arrived: every write must be one that may be repeated.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import Connection, Dialect, Engine, String
from sqlalchemy.exc import DataError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.types import TypeDecorator

from collector.config import RegistrySettings, secret
from collector.errors import RegistryUnavailable, UsageError
from collector.registry import schema
from collector.registry.engine import WRITE, Reach, new_engine, url_of

_LOCK: Final = 0x6C696E6B  # PostgreSQL advisory lock: "link"
Check = Callable[[Connection], None]


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
        return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """Read it back as an aware time."""
        del dialect
        return None if value is None else datetime.fromisoformat(value)  # strptime takes thirty times as long


class Transactions(Protocol):
    """Where tables are read and written: the database, or a view of it that its holder can lose."""

    def open(self) -> None:
        """Connect and bring the tables up to date; harmless when open."""

    def read(self) -> AbstractContextManager[Connection]:
        """One consistent view."""

    def write(self) -> AbstractContextManager[Connection]:
        """One durable transaction that excludes every other writer."""


class Database:
    """One database, shared by threads; closed until `open`, which may be called again after a failure."""

    def __init__(self, url: str, *, reach: Reach | None = None, migrate: bool = True) -> None:
        """Name a database. Without `migrate` tables that are not up to date are left alone, and refused."""
        self.address = url
        self.reach = reach or Reach()
        self._url = url_of(url, self.reach.password)
        self._migrate = migrate
        self._engine: Engine | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The address without password, for messages."""
        return self._url.set(drivername=self._url.get_backend_name()).render_as_string(hide_password=True)

    @property
    def is_shared(self) -> bool:
        """Whether processes on other machines may use it too."""
        return self._url.get_backend_name() != "sqlite"

    def open(self) -> None:
        """Connect and bring the tables up to date; harmless when open.

        Raises:
            RegistryUnavailable: the file or server cannot be used now.
            UsageError: the driver for this address is not installed, or the tables are of another version and may
                not be changed.
        """
        with self._lock:
            if self._engine is not None:
                return
            with ExitStack() as undo:
                engine = new_engine(self._url, self.reach, name=self.name)
                undo.callback(engine.dispose)
                self._bring_up(engine)
                undo.pop_all()
                self._engine = engine

    def close(self) -> None:
        """Let go of every connection; harmless when closed."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    def version(self) -> str | None:
        """The version of the tables as they are, without touching them; None where no migration has run."""
        if not self.is_shared and not Path(self._url.database or "").exists():
            return None
        engine = new_engine(self._url, self.reach, name=self.name)
        try:
            with self._reading(engine) as connection:
                return schema.version(connection)
        finally:
            engine.dispose()

    def read(self) -> AbstractContextManager[Connection]:
        """One consistent view; never waits for a writer."""
        return self._reading(self._opened())

    def write(self) -> AbstractContextManager[Connection]:
        """One durable transaction that excludes every other writer, in all processes."""
        return self._writing(self._opened())

    def _opened(self) -> Engine:
        if self._engine is None:
            raise RegistryUnavailable(f"{self.name} is not open")
        return self._engine

    def _bring_up(self, engine: Engine) -> None:
        with self._reading(engine) as connection:
            found = schema.version(connection)
        if schema.check(found, self.name):
            return
        if not self._migrate:
            raise UsageError(
                f"{self.name}: its tables are of version {found or 'none'}, this program needs {schema.HEAD}, and "
                "registry.migrate is false: make a backup, then run linkgauge-collector registry upgrade"
            )
        with self._writing(engine) as connection:
            schema.upgrade(connection, self.name)

    @contextmanager
    def _reading(self, engine: Engine) -> Iterator[Connection]:
        if self.is_shared:  # SQLite's BEGIN gives one view of all tables as it is
            engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with _plainly(self.name), engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def _writing(self, engine: Engine) -> Iterator[Connection]:
        engine = engine.execution_options(**{WRITE: True})
        if self.is_shared:  # whatever the server's default is: what is read must be as it is once the lock is ours
            engine = engine.execution_options(isolation_level="READ COMMITTED")
        with _plainly(self.name), engine.connect() as connection, connection.begin():
            if self.is_shared:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            yield connection


class Checked(Database):
    """A database whose writes are checked first, in their own transaction: whoever may not write writes nothing."""

    def __init__(self, database: Database, check: Check) -> None:
        """`check` gets the write transaction's connection and raises to forbid it."""
        super().__init__(database.address, reach=database.reach)
        self._database = database
        self._check = check

    def open(self) -> None:
        """Open the database."""
        self._database.open()

    def close(self) -> None:
        """Leave the database open: it has another owner."""

    def read(self) -> AbstractContextManager[Connection]:
        """One consistent view."""
        return self._database.read()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One durable transaction, if the check lets it."""
        with self._database.write() as connection:
            self._check(connection)
            yield connection


def database_of(settings: RegistrySettings) -> Database:
    """The database that the configuration names; raises UsageError for a password file that cannot be read."""
    password = secret(settings.password, settings.password_file, "registry.password_file")
    reach = Reach(busy_s=settings.timeout_s, pool=settings.pool, password=password)
    return Database(settings.url, reach=reach, migrate=settings.migrate)


@contextmanager
def _plainly(name: str) -> Iterator[None]:
    """Turn what the driver says into one plain line."""
    try:
        yield
    except DataError as error:
        said = " ".join(str(error.orig).split())
        raise UsageError(f"registry database {name} cannot hold this: {said}") from error
    except DBAPIError as error:  # InterfaceError too: a connection that the server has closed
        said = " ".join(str(error.orig).split())  # some drivers answer in paragraphs
        raise RegistryUnavailable(f"registry database {name}: {said}") from error
    except PoolTimeoutError as error:
        raise RegistryUnavailable(f"registry database {name}: all its connections are busy") from error
