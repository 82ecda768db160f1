"""Who leads, on both real databases: handed over in time, and a zombie writes nothing."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from collector.errors import RegistryUnavailable
from collector.registry.database import Database
from collector.registry.lease import LEASES, Lease, NotLeading
from collector.registry.tables import WAITING

REPO = Path(__file__).parents[3]
HOLD = """
import sys
from collector.registry.database import Database
from collector.registry.lease import Lease
database = Database(sys.argv[1])
database.open()
lease = Lease(database, "judge", lasts_s=float(sys.argv[2]))
print(lease.take(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    database.open()
    yield database
    database.close()


def lease(database: Database, holder: str, *, lasts_s: float = 60.0) -> Lease:
    return Lease(database, "judge", lasts_s=lasts_s, holder=holder)


def taken(other: Lease, *, within_s: float) -> float:
    """How long it took until the other had it."""
    started = time.monotonic()
    while not other.take():
        assert time.monotonic() < started + within_s, "not handed over in time"
        time.sleep(0.02)
    return time.monotonic() - started


def test_one_holds_it_until_it_gives_it_back(database: Database) -> None:
    one, other = lease(database, "one"), lease(database, "other")
    assert one.take()
    assert one.take()
    assert not other.take()
    assert (one.held, other.held) == (True, False)
    one.release()
    assert not one.held
    assert other.take()
    assert other.token == 2


def test_what_is_not_renewed_is_over_for_its_holder_and_free_for_others(database: Database) -> None:
    one, other = lease(database, "one", lasts_s=0.2), lease(database, "other")
    assert one.take()
    taken(other, within_s=10)
    assert not one.held
    assert not one.take()


def test_a_holder_that_nobody_followed_goes_on(database: Database) -> None:
    one = lease(database, "one", lasts_s=0.05)
    assert one.take()
    time.sleep(0.06)
    assert not one.held
    assert one.take()
    with database.read() as connection:
        assert connection.execute(select(LEASES.c.token)).scalar() == 1


def test_who_was_followed_writes_nothing_more(database: Database) -> None:
    one, other = lease(database, "one", lasts_s=0.05), lease(database, "other")
    assert one.take()
    with one.checked().write() as connection:
        connection.execute(WAITING.delete())
    taken(other, within_s=5)
    with pytest.raises(NotLeading, match="another process leads"), one.checked().write():
        raise AssertionError("a zombie writes")
    with one.checked().read():
        pass
    one.release()  # its own holding only
    assert other.take()


def test_a_clock_of_another_boot_or_set_back_says_nothing(database: Database) -> None:
    assert lease(database, "one").take()
    with database.write() as connection:
        connection.execute(LEASES.update().values(renewed=LEASES.c.renewed + 3600))
    assert lease(database, "other").take()
    with database.write() as connection:
        connection.execute(LEASES.update().values(clock="another boot"))
    assert lease(database, "third").take()


def test_a_database_that_is_away_lets_nobody_lead(database: Database) -> None:
    one = lease(database, "one", lasts_s=0.1)
    assert one.take()
    database.close()
    with pytest.raises(RegistryUnavailable):
        one.take()
    time.sleep(0.12)
    assert not one.held


def test_a_process_that_was_killed_is_followed_at_once(database: Database, database_url: str) -> None:
    command = [sys.executable, "-c", HOLD, database_url, "60"]
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:  # noqa: S603 - our own
        assert process.stdout is not None
        assert process.stdout.readline() == b"True\n"
        other = Lease(database, "judge", lasts_s=1.0)
        assert not other.take()
        process.kill()
        taken(other, within_s=10)


@pytest.mark.parametrize(
    "change",
    [
        lambda parts: ["another-boot", *parts[1:]],
        lambda parts: [parts[0], "4026000000", *parts[2:]],
        lambda parts: [parts[0], "", *parts[2:]],
    ],
    ids=["boot", "namespace", "unknown namespace"],
)
def test_a_process_that_cannot_be_seen_from_here_is_not_taken_for_dead(
    database: Database, change: Callable[[list[str]], list[str]]
) -> None:
    gone = 2**22 + 1  # above the highest id that a process can have
    mine = Lease(database, "judge", lasts_s=60.0)
    assert mine.take()
    with database.write() as connection:
        boot, namespace, _, start, name = str(connection.execute(select(LEASES.c.holder)).scalar()).split(":")
        seen = [boot, namespace, str(gone), start, name]
        connection.execute(LEASES.update().values(holder=":".join(change(seen))))
    assert not Lease(database, "judge", lasts_s=60.0).take()
    with database.write() as connection:
        connection.execute(LEASES.update().values(holder=":".join(seen)))
    assert Lease(database, "judge", lasts_s=60.0).take()


def test_an_id_that_another_process_has_by_now_hides_no_death(database: Database) -> None:
    assert Lease(database, "judge", lasts_s=60.0).take()
    with database.write() as connection:
        boot, namespace, pid, start, name = str(connection.execute(select(LEASES.c.holder)).scalar()).split(":")
        connection.execute(LEASES.update().values(holder=":".join([boot, namespace, pid, f"{start}0", name])))
    assert Lease(database, "judge", lasts_s=60.0).take()
