"""One holder at a time: a lease in the registry's database, with a token that rises whenever the holder changes.

Whoever takes it writes only through `checked`, which looks at the token in the write's own transaction: a process that
was stopped and wakes up after another one took over can write nothing more. Where all processes are on one machine
(SQLite) time is that machine's, which no clock setting moves; on PostgreSQL it is the server's.
"""

import os
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    MetaData,
    Row,
    String,
    Table,
    bindparam,
    func,
    insert,
    select,
    update,
)

from collector.errors import RegistryUnavailable
from collector.registry.database import Checked, Database

METADATA: Final = MetaData()
LEASES: Final = Table(
    "leases",
    METADATA,
    Column("name", String(40), primary_key=True),
    Column("holder", String(200)),  # empty: given back
    Column("token", BigInteger, nullable=False),  # rises whenever the holder changes
    Column("clock", String(80), nullable=False),  # whose time it is; of another boot it says nothing
    Column("renewed", Float(53), nullable=False),  # seconds
    Column("lasts", Float(53), nullable=False),
)
_ROW: Final = select(LEASES).where(LEASES.c.name == bindparam("of"))


class NotLeading(RegistryUnavailable):
    """Another process holds the lease, or nobody could be asked in time: what was to be written was not."""


@dataclass(frozen=True, slots=True)
class Held:
    """The lease as this process has it: its token, and until when on its own clock, in seconds."""

    token: int
    until: float


class Lease:
    """Sync and thread-safe. `lasts_s`: so long a holder that says nothing keeps it."""

    def __init__(self, database: Database, name: str, *, lasts_s: float, holder: str | None = None) -> None:
        """Name a lease. `holder` says who we are; by default this process, in a way that shows when it is gone."""
        self._database = database
        self._name = name
        self._lasts_s = lasts_s
        self._holder = holder or _myself()
        self._held: Held | None = None
        self._lock = threading.Lock()

    @property
    def held(self) -> bool:
        """Whether it is ours for certain, without asking: a stopped process finds that its time is over."""
        held = self._held
        return held is not None and _seconds() < held.until

    @property
    def token(self) -> int | None:
        """The token of our holding; None when it is not ours."""
        held = self._held
        return held.token if held is not None and self.held else None

    def take(self) -> bool:
        """Take it if it is free, renew it if it is ours; whether it is ours now. Raises RegistryUnavailable."""
        with self._lock:
            asked = _seconds()  # before the question: our own end must not come after the one in the database
            token = self._take()
            self._held = None if token is None else Held(token, asked + self._lasts_s)
            return token is not None

    def release(self) -> None:
        """Give it back at once, if it is ours; raises RegistryUnavailable."""
        with self._lock:
            held, self._held = self._held, None
            if held is None:
                return
            ours = (LEASES.c.name == self._name, LEASES.c.token == held.token, LEASES.c.holder == self._holder)
            with self._database.write() as connection:
                connection.execute(update(LEASES).where(*ours).values(holder=None))

    def checked(self) -> Checked:
        """The database, for what only the holder may write; NotLeading for anyone else."""
        return Checked(self._database, self._check)

    def _check(self, connection: Connection) -> None:
        row = connection.execute(_ROW, {"of": self._name}).first()
        if row is None or not self._is_ours(row):
            raise NotLeading(f"another process leads ({self._name}); this one writes nothing more")

    def _take(self) -> int | None:
        if self._held is None:  # who stands by looks first: looking disturbs no writer
            with self._database.read() as connection:
                if not self._is_free(connection, *self._time(connection)):
                    return None
        with self._database.write() as connection:
            clock, now = self._time(connection)
            if not self._is_free(connection, clock, now):
                return None
            values = {"holder": self._holder, "clock": clock, "renewed": now, "lasts": self._lasts_s}
            row = connection.execute(_ROW, {"of": self._name}).first()
            if row is None:
                connection.execute(insert(LEASES).values(name=self._name, token=1, **values))
                return 1
            token: int = row.token if self._is_ours(row) else row.token + 1
            connection.execute(update(LEASES).where(LEASES.c.name == self._name).values(token=token, **values))
            return token

    def _is_free(self, connection: Connection, clock: str, now: float) -> bool:
        row = connection.execute(_ROW, {"of": self._name}).first()
        if row is None or row.holder is None or self._is_ours(row):
            return True
        # A time ahead of now was written before somebody set the clock back: it says nothing.
        is_running = row.clock == clock and row.renewed <= now < row.renewed + row.lasts
        return not is_running or _is_gone(row.holder)

    def _is_ours(self, row: Row[Any]) -> bool:
        return self._held is not None and (row.token, row.holder) == (self._held.token, self._holder)

    def _time(self, connection: Connection) -> tuple[str, float]:
        """Whose clock holds here, and what it says, in seconds."""
        if self._database.is_shared:
            said = connection.scalar(select(func.extract("epoch", func.clock_timestamp())))
            return "server", float(said or 0.0)
        return _boot(), _seconds()


def _myself() -> str:
    """This process: machine and boot, process namespace, id and start, and something nobody else has."""
    pid = os.getpid()
    return ":".join((_boot(), _namespace(), str(pid), _start(pid) or "", uuid.uuid4().hex[:8]))


def _is_gone(holder: str) -> bool:
    """Whether a holder was a process of this machine and boot, seen from here, that is no more."""
    boot, namespace, pid, start, *_ = [*holder.split(":"), "", "", "", ""]
    if boot != _boot() or not namespace or namespace != _namespace() or not pid.isdecimal():
        return False
    found = _start(int(pid))
    return found != start if found is not None else not _exists(int(pid))


def _start(pid: int) -> str | None:
    """When a process started, in ticks since boot; "over" for the remains of one, None where that cannot be seen."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return "over" if state in "ZX" else fields[18]


def _exists(pid: int) -> bool:
    """Whether there is such a process, also one that others may not look at."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    except OSError:
        return ""


def _seconds() -> float:
    """Seconds since this machine's boot, also those that it slept."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
