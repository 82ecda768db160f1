"""What a real PostgreSQL does to us: killed in a transaction, started again, stopped, full, closed, and strange."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import func, select

from collector.config import RegistrySettings
from collector.errors import RegistryUnavailable, UsageError
from collector.registry.database import Database, database_of
from collector.registry.engine import Reach
from collector.registry.lease import Lease, NotLeading
from collector.registry.registry import Registry
from collector.registry.tables import WAITING
from tests.collector.postgres import USER, Postgres, is_missing, postgres
from tests.ports import free_port

NOW = datetime(2026, 11, 22, tzinfo=UTC)
pytestmark = pytest.mark.skipif(is_missing(), reason="needs the program postgres")


@contextmanager
def opened(url: str, reach: Reach | None = None) -> Iterator[Database]:
    database = Database(url, reach=reach)
    database.open()
    try:
        yield database
    finally:
        database.close()


def note(database: Database, agent: str) -> None:
    with database.write() as connection:
        connection.execute(WAITING.insert().values(agent=agent, first=NOW, last=NOW))


def noted(database: Database) -> int:
    with database.read() as connection:
        return connection.scalar(select(func.count()).select_from(WAITING)) or 0


@pytest.fixture(scope="module")
def own() -> Iterator[Postgres]:
    """A server to be killed and stopped: nobody else's."""
    with postgres() as server:
        yield server


def dies_in_a_transaction(database: Database, server: Postgres) -> None:
    with database.write() as connection:
        connection.execute(WAITING.insert().values(agent="lost", first=NOW, last=NOW))
        server.kill()
        connection.execute(select(func.count()).select_from(WAITING))


@pytest.mark.timeout(60)
def test_a_server_that_is_killed_in_a_transaction_keeps_nothing_of_it_and_is_used_again(own: Postgres) -> None:
    with opened(own.new_database()) as database:
        note(database, "before")
        with pytest.raises(RegistryUnavailable, match="registry database postgresql://"):
            dies_in_a_transaction(database, own)
        with pytest.raises(RegistryUnavailable):
            note(database, "away")
        lease = Lease(database, "judge", lasts_s=1.0)
        with pytest.raises(RegistryUnavailable):
            lease.take()
        own.start()
        assert noted(database) == 1  # without opening anew
        note(database, "after")
        assert noted(database) == 2
        assert lease.take()


def asks_a_stopped_server(database: Database) -> None:
    with database.read() as connection:
        process = connection.scalar(select(func.pg_backend_pid()))
        assert isinstance(process, int)
        os.kill(process, signal.SIGSTOP)
        try:
            connection.execute(select(func.count()).select_from(WAITING))
        finally:
            os.kill(process, signal.SIGCONT)


def test_a_server_that_only_confirms_packets_is_given_up(cluster: Postgres) -> None:
    with opened(cluster.new_database(migrated=True), Reach(silence_s=2.0)) as database:
        with pytest.raises(RegistryUnavailable, match="the server has said nothing"):
            asks_a_stopped_server(database)
        assert noted(database) == 0


def test_connections_that_were_closed_while_idle_are_made_anew(cluster: Postgres) -> None:
    with opened(cluster.new_database(migrated=True)) as database:
        note(database, "before")
        name = database.name.rpartition("/")[2]
        with cluster.connect() as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        note(database, "after")
        assert noted(database) == 2


def stops_in_a_transaction(database: Database, other: Database) -> None:
    with database.write() as connection:
        connection.execute(WAITING.insert().values(agent="stopped", first=NOW, last=NOW))
        deadline = time.monotonic() + 10
        while noted(other) == 0:  # the others try again and again
            assert time.monotonic() < deadline
            with suppress(RegistryUnavailable):
                note(other, "other")
        connection.execute(select(func.count()).select_from(WAITING))


def test_a_writer_that_stops_in_its_transaction_holds_the_others_up_for_a_while_only(cluster: Postgres) -> None:
    url, reach = cluster.new_database(migrated=True), Reach(busy_s=0.7)
    with opened(url, reach) as stopped, opened(url, reach) as other:
        with pytest.raises(RegistryUnavailable):
            stops_in_a_transaction(stopped, other)
        assert noted(stopped) == 1


def test_connections_that_are_all_in_use_are_waited_for_and_then_said(cluster: Postgres) -> None:
    with opened(cluster.new_database(migrated=True), Reach(busy_s=0.1, pool=1)) as database:
        with database.read(), database.read(), pytest.raises(RegistryUnavailable, match="all its connections are busy"):
            noted(database)
        assert noted(database) == 0


def test_a_reader_sees_one_moment_while_a_writer_goes_on(cluster: Postgres) -> None:
    with opened(cluster.new_database(migrated=True)) as database, database.read() as view:
        assert view.scalar(select(func.count()).select_from(WAITING)) == 0
        note(database, "meanwhile")
        assert view.scalar(select(func.count()).select_from(WAITING)) == 0
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            view.connection.cursor().execute("DELETE FROM waiting_agents")


def test_writers_wait_for_each_other(cluster: Postgres) -> None:
    order: list[str] = []
    with opened(cluster.new_database(migrated=True)) as database:
        began, go_on = threading.Event(), threading.Event()

        def first() -> None:
            with database.write():
                began.set()
                go_on.wait(10)
                order.append("first")

        def second() -> None:
            began.wait(10)
            go_on.set()
            with database.write():
                order.append("second")

        threads = [threading.Thread(target=work) for work in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert order == ["first", "second"]


def test_what_cannot_be_reached_is_said_without_the_password(cluster: Postgres, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("s3cret\n")
    nobody = f"postgresql://{USER}@127.0.0.1:{free_port()}/x"
    for url in (nobody, cluster.url("nowhere"), "postgresql://linkgauge@no-such-host.invalid/x"):
        database = database_of(RegistrySettings(url=url, password_file=str(secret)))
        with pytest.raises(RegistryUnavailable, match="registry database postgresql://") as caught:
            database.open()
        assert "s3cret" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_password_comes_from_its_file(cluster: Postgres, tmp_path: Path) -> None:
    url = cluster.new_database(migrated=True)
    name = url.rpartition("/")[2]
    with cluster.connect() as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 's3cret'".encode())
        connection.execute(f"ALTER DATABASE {name} OWNER TO {name}".encode())
    (tmp_path / "password").write_text("s3cret\n")
    settings = RegistrySettings(
        url=url.replace(f"{USER}@", f"{name}@"), password_file=str(tmp_path / "password"), timeout_s=3, pool=2
    )
    database = database_of(settings)
    assert database.reach == Reach(busy_s=3, pool=2, password="s3cret")  # noqa: S106 - the test's own
    assert "s3cret" not in repr(database.name)


def test_what_it_cannot_hold_is_the_callers_fault(cluster: Postgres) -> None:
    with opened(cluster.new_database(migrated=True)) as database, pytest.raises(UsageError, match="cannot hold this"):
        note(database, "nul\x00")


def test_a_leader_whose_transaction_comes_too_late_writes_nothing(cluster: Postgres) -> None:
    url = cluster.new_database(migrated=True)
    with opened(url) as one, opened(url) as other:
        lease = Lease(one, "judge", lasts_s=0.05)
        assert lease.take()
        registry = Registry(lease.checked())
        registry.see_waiting("mine", at=NOW)
        time.sleep(0.06)
        assert Lease(other, "judge", lasts_s=60).take()
        with pytest.raises(NotLeading):
            registry.see_waiting("late", at=NOW)
        assert noted(other) == 1
