"""Present verdicts on both real databases: what the leader saves, other processes find."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, update

from collector.judge.judge import judge
from collector.judge.sample import Evidence, Sample
from collector.judge.verdict import Verdict
from collector.plans.binding import binding_for
from collector.registry.database import Database
from collector.verdicts import PRESENT, Verdicts
from tests.collector.rig import SITE, until

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    database.open()
    yield database
    database.close()


def verdict(site: str = "s1", *speeds: float) -> Verdict:
    place = replace(SITE, id=site)
    samples = [Sample(NOW - timedelta(hours=number + 1), mbps) for number, mbps in enumerate(speeds)][::-1]
    return judge(place, binding_for(None, place, NOW), Evidence(samples), at=NOW)


def test_what_is_saved_is_found_once_by_each_process(database: Database) -> None:
    leader, page = Verdicts(), Verdicts()
    leader.save(database, [verdict("s1", 10.0), verdict("s2")])
    assert sorted(page.load(database), key=lambda one: one.site) == [verdict("s1", 10.0), verdict("s2")]
    assert page.load(database) == []
    leader.save(database, [verdict("s1", 20.0, 21.0)])
    leader.save(database, [])
    assert page.load(database) == [verdict("s1", 20.0, 21.0)]
    assert len(Verdicts().load(database)) == 2


def test_those_of_a_nation_are_saved_in_one_transaction_and_a_restored_backup_is_read_anew(database: Database) -> None:
    leader, page = Verdicts(), Verdicts()
    many = [verdict(f"s{number}") for number in range(1201)]
    leader.save(database, many)
    leader.save(database, [verdict("s1", 10.0)])
    assert len(page.load(database)) == 1201
    with database.write() as connection:
        connection.execute(delete(PRESENT))
    leader.save(database, [verdict("s2")])
    assert page.load(database) == [verdict("s2")]


def test_what_another_version_says_otherwise_is_left_out(database: Database) -> None:
    Verdicts().save(database, [verdict("s1"), verdict("s2")])
    with database.write() as connection:
        connection.execute(update(PRESENT).where(PRESENT.c.site == "s1").values(body='{"site":"s1","verdict":"new"}'))
    assert Verdicts().load(database) == [verdict("s2")]


async def test_a_page_follows_and_a_leader_trusts_its_own(database: Database) -> None:
    await asyncio.to_thread(Verdicts().save, database, [verdict("s1", 10.0)])
    page, leader = Verdicts(), Verdicts()
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(page.follow(database, leading=lambda: False), name="page"),
            group.create_task(leader.follow(database, leading=lambda: True), name="leader"),
        ]
        await until(lambda: page.current() == {"s1": verdict("s1", 10.0)})
        for task in tasks:
            task.cancel()
    assert leader.current() == {}
