"""Leading on both real databases: work begins with the lease, ends with it, and begins again."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from collector.errors import RegistryUnavailable
from collector.leadership import Leadership, LeadersStore
from collector.metrics import Metrics
from collector.registry.database import Database
from collector.registry.lease import LEASES, Lease, NotLeading
from collector.store.points import incident_point
from collector.store.sqlite import SqliteStore
from tests.collector.rig import until

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Remote(Database):
    """The real database, which is away when told to."""

    is_away = False

    def open(self) -> None:
        if self.is_away:
            raise RegistryUnavailable("away")
        super().open()


@pytest.fixture
def database(database_url: str) -> Iterator[Remote]:
    database = Remote(database_url)
    yield database
    database.close()


class Candidate:
    """One process that would lead. `log` says when its work began and ended."""

    def __init__(self, database: Database, name: str, log: list[str], *, lasts_s: float = 0.4) -> None:
        self.name, self.log, self.metrics = name, log, Metrics()
        lease = Lease(database, "judge", lasts_s=lasts_s, holder=name)
        self.leadership = Leadership(database, lease, lasts_s=lasts_s, metrics=self.metrics, now=lambda: NOW)

    async def work(self) -> None:
        self.log.append(f"{self.name} begins")
        try:
            await asyncio.Event().wait()
        finally:
            self.log.append(f"{self.name} ends")

    @asynccontextmanager
    async def running(self) -> AsyncIterator["asyncio.Task[None]"]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.leadership.run(self.work), name=self.name)
            try:
                yield task
            finally:
                task.cancel()

    def gauge(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"linkgauge_{name}")


async def test_one_leads_and_the_next_begins_when_it_has_resigned(database: Remote) -> None:
    log: list[str] = []
    one, other = Candidate(database, "one", log, lasts_s=60), Candidate(database, "other", log, lasts_s=60)
    async with one.running() as first:
        await until(lambda: log == ["one begins"])
        assert (one.gauge("leader"), one.gauge("leader_since_seconds")) == (1, NOW.timestamp())
        async with other.running():
            first.cancel()
            await until(lambda: "one ends" in log)
            await asyncio.sleep(0.6)  # the other looks more often than that
            assert log == ["one begins", "one ends"]
            assert one.leadership.is_leading
            await one.leadership.resign()
            await until(lambda: log == ["one begins", "one ends", "other begins"])
            assert (one.gauge("leader"), other.gauge("leader")) == (0, 1)


async def test_a_leader_renews_its_lease_while_it_leads(database: Remote) -> None:
    def renewed() -> float:
        with database.read() as connection:
            return connection.scalar(select(LEASES.c.renewed)) or 0.0

    one = Candidate(database, "one", [], lasts_s=2)
    async with one.running():
        await until(lambda: one.leadership.is_leading)
        before = renewed()
        await until(lambda: renewed() > before)


async def test_without_its_database_a_leader_stops_leading_in_time_and_begins_again(database: Remote) -> None:
    log: list[str] = []
    one = Candidate(database, "one", log)
    async with one.running():
        await until(lambda: log[-1:] == ["one begins"])
        database.is_away = True
        await until(lambda: log[-1] == "one ends")
        assert not one.leadership.is_leading
        database.is_away = False
        await until(lambda: log[-1] == "one begins")


async def test_work_that_fails_ends_the_process_and_not_only_the_work(database: Remote) -> None:
    log: list[str] = []
    one = Candidate(database, "one", log)

    async def fail() -> None:
        raise RuntimeError("a fault of ours")

    with pytest.raises(ExceptionGroup):
        await one.leadership.run(fail)


async def test_a_leader_writes_points_only_while_it_leads_for_certain(database: Database, tmp_path: Path) -> None:
    await asyncio.to_thread(database.open)
    lease = Lease(database, "judge", lasts_s=60, holder="one")
    series = SqliteStore(tmp_path / "series.db")
    store = LeadersStore(series, lease)
    data = {"id": "x", "site": "s1", "cause": "silent", "state": "open", "severity": "warning"}
    data |= {"opened": "2026-11-22T00:00:00Z", "updated": "2026-11-22T00:00:00Z"}
    point = incident_point(data, None)
    await store.open()
    with pytest.raises(NotLeading):
        await store.write([point])
    await asyncio.to_thread(lease.take)
    await store.write([point])
    assert (await store.info()).points == 1
    await store.close()
