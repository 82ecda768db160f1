"""How the registry's database is reached: addresses, drivers, pools, and what each connection is told first."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from collector.errors import RegistryUnavailable, UsageError

WRITE: Final = "linkgauge_write"
_CONNECT_S: Final = 5
_RECYCLE_S: Final = 1800
_STATEMENT_S: Final = 30
# A machine that has gone without a word is noticed within half a minute, not after the two hours of the system.
_KEEPALIVE: Final = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}


@dataclass(frozen=True, slots=True)
class Reach:
    """How patiently a database is used, connections at most, and the password.

    `busy_s`: to wait for its lock. `silence_s`: for any answer of a server; longer than it lets a statement run.
    """

    busy_s: float = 10.0
    silence_s: float = 40.0
    pool: int = 5
    password: str | None = None


def url_of(text: str, password: str | None = None) -> URL:
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
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    return url if password is None else url.set(password=password)


def new_engine(url: URL, reach: Reach, *, name: str) -> Engine:
    """Make an engine; nothing is connected yet. `name` is the address for messages.

    Raises:
        RegistryUnavailable: the folder of a SQLite file cannot be made.
        UsageError: the driver for this address is not installed.
    """
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, reach, name)
    try:
        engine = create_engine(
            url,
            connect_args=_KEEPALIVE | {"connect_timeout": _CONNECT_S, "application_name": "linkgauge-collector"},
            pool_size=reach.pool,
            max_overflow=reach.pool,
            pool_timeout=reach.busy_s,
            pool_recycle=_RECYCLE_S,
            pool_pre_ping=True,  # a server that was started again is noticed before a transaction, not in it
        )
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise UsageError(f"no driver for {name}: {error}; for PostgreSQL install psycopg") from error
    event.listen(engine, "do_connect", _connect(reach.silence_s))
    event.listen(engine, "connect", _settle(reach.busy_s))
    return engine


def _connect(silence_s: float) -> Any:  # noqa: ANN401 - the event's own signature
    from collector.registry.patience import PatientConnection

    def connect(_dialect: object, _record: object, _arguments: object, named: dict[str, Any]) -> PatientConnection:
        connection = PatientConnection.connect(**named)
        connection.silence_s = silence_s
        return connection

    return connect


def _sqlite(url: URL, reach: Reach, name: str) -> Engine:
    if url.database:
        try:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RegistryUnavailable(f"cannot create the folder of {name}: {error.strerror}") from error
    arguments: dict[str, Any] = {"timeout": reach.busy_s}
    engine = create_engine(url, connect_args=arguments, pool_size=reach.pool, max_overflow=-1)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by _begin, so that a writer can begin as one
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")  # a mark that a power cut forgets would let tags change
    connection.execute("PRAGMA foreign_keys=ON")


def _begin(connection: Connection) -> None:
    write = connection.get_execution_options().get(WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _settle(busy_s: float) -> Any:  # noqa: ANN401 - the event's own signature, with the driver's connection
    """Tell each new connection how long anything may take: a stopped process must not hold the others' lock."""
    words = (
        f"SET lock_timeout = '{busy_s:.3f}s'; SET statement_timeout = '{_STATEMENT_S}s'; "
        f"SET idle_in_transaction_session_timeout = '{busy_s:.3f}s'; SET synchronous_commit = on; SET timezone = 'UTC'"
    )

    def prepare(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's
        before, connection.autocommit = connection.autocommit, True
        connection.execute(words)
        connection.autocommit = before

    return prepare
