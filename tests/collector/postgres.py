"""A real PostgreSQL of one's own: one cluster a test session, in a temporary folder, and an empty database a test."""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psycopg

from collector.registry.database import Database
from tests.ports import free_port

PROGRAMS: Final = Path("/usr/lib/postgresql/15/bin")
START_S: Final = 30.0
# Nothing here outlives the machine, so nothing waits for the disk; a killed server is still repaired from its log.
CONFIG: Final = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
fsync = off
full_page_writes = off
shared_buffers = 16MB
max_wal_size = 256MB
max_connections = 60
autovacuum = off
jit = off
log_min_messages = fatal
"""
USER: Final = "linkgauge"


@dataclass
class Postgres:
    """One cluster, started, killed and started again at the same port. Not as root: initdb refuses that."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _template: str | None = None

    def make(self) -> None:
        data = self.folder / "data"
        self._run("initdb", "-D", str(data), "-U", USER, "-A", "trust", "--no-sync", "--locale=C.UTF-8", "-E", "UTF8")
        with (data / "postgresql.conf").open("a") as conf:
            conf.write(CONFIG.format(port=self.port))

    def start(self) -> None:
        arguments = [*_as_nobody(), str(PROGRAMS / "postgres"), "-D", str(self.folder / "data")]
        log = (self.folder / "log").open("ab")
        with log:
            self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # noqa: S603 - our own
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            with contextlib.suppress(psycopg.OperationalError), self.connect():
                return
            assert self.process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.02)
        raise TimeoutError("postgres does not answer")

    def kill(self) -> None:
        """End every process of the server at once, as a power cut would."""
        if self.process is not None:
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            self.process.kill()
            self.process.wait()
            for child in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(child), signal.SIGKILL)
            self.process = None

    def stop(self) -> None:
        """End it and its connections, and leave no shared memory."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)  # at once: nothing is to be kept
            self.process.wait(START_S)
            self.process = None

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=USER, dbname=database, autocommit=True, connect_timeout=5
        )

    def new_database(self, *, migrated: bool = False) -> str:
        """Make a database, empty or with the tables of today; gives its address."""
        name = f"test{next(self._numbers)}"
        if migrated and self._template is None:
            self._template = self.new_database().rpartition("/")[2]
            database = Database(self.url(self._template))
            database.open()
            database.close()
        with self.connect() as connection:
            source = f" TEMPLATE {self._template} STRATEGY FILE_COPY" if migrated else ""
            connection.execute(f"CREATE DATABASE {name}{source}".encode())
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected with it: hundreds of them would fill the memory."""
        with self.connect() as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)".encode())

    def url(self, database: str) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [*_as_nobody(), str(PROGRAMS / program), *arguments]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)  # noqa: S603 - our own


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Make a cluster in a temporary folder of its own, run it, and leave nothing."""
    place = os.environ.get("PYTEST_DEBUG_TEMPROOT", "/tmp")  # noqa: S108 - a new folder of our own is made in it
    folder = Path(tempfile.mkdtemp(prefix="linkgauge-postgres-", dir=place))
    try:
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        server = Postgres(folder)
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def is_missing() -> bool:
    return not (PROGRAMS / "postgres").exists()


def _as_nobody() -> list[str]:
    if os.geteuid() != 0:
        return []
    nobody = pwd.getpwnam("nobody")
    setpriv = shutil.which("setpriv") or "/usr/bin/setpriv"
    return [setpriv, f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", "--pdeathsig", "KILL"]
