"""Present verdicts on both real databases: what the leader saves, other processes find."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import delete, update

from collector.judge.judge import judge
from collector.judge.sample import Evidence, Sample
from collector.judge.verdict import Verdict
from collector.plans.binding import binding_for
from collector.registry.database import Database
from collector.verdicts import PRESENT, Present, Verdicts
from tests.collector.rig import SITE, until

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    database.open()
    yield database
    database.close()


def present(site: str = "s1", *speeds: float) -> Present:
    return Present([verdict(site, *speeds)], 21600.0)


def verdict(site: str = "s1", *speeds: float) -> Verdict:
    place = replace(SITE, id=site)
    samples = [Sample(NOW - timedelta(hours=number + 1), mbps) for number, mbps in enumerate(speeds)][::-1]
    return judge(place, binding_for(None, place, NOW), Evidence(samples), at=NOW)


def test_what_is_saved_is_found_once_by_each_process(database: Database) -> None:
    leader, page = Verdicts(), Verdicts()
    leader.save(database, [present("s1", 10.0), present("s2")])
    assert sorted(page.load(database), key=lambda one: one.site) == [present("s1", 10.0), present("s2")]
    assert page.load(database) == []
    leader.save(database, [present("s1", 20.0, 21.0)])
    leader.save(database, [])
    assert page.load(database) == [present("s1", 20.0, 21.0)]
    assert len(Verdicts().load(database)) == 2


def test_those_of_a_nation_are_saved_in_one_transaction_and_a_restored_backup_is_read_anew(database: Database) -> None:
    leader, page = Verdicts(), Verdicts()
    many = [present(f"s{number}") for number in range(1201)]
    leader.save(database, many)
    leader.save(database, [present("s1", 10.0)])
    assert len(page.load(database)) == 1201
    with database.write() as connection:
        connection.execute(delete(PRESENT))
    leader.save(database, [present("s2")])
    assert page.load(database) == [present("s2")]


def test_what_another_version_says_otherwise_is_left_out(database: Database) -> None:
    Verdicts().save(database, [present("s1"), present("s2")])
    with database.write() as connection:
        connection.execute(update(PRESENT).where(PRESENT.c.site == "s1").values(body='{"site":"s1","verdict":"new"}'))
    assert Verdicts().load(database) == [present("s2")]


def test_a_verdict_that_the_version_of_before_saved_is_read(database: Database) -> None:
    Verdicts().save(database, [present("s1"), present("s2", 10.0)])
    old: dict[str, object] = {
        "site": "s1",
        "plan": None,
        "scope": "fixed",
        "verdict": "met",
        "window": {"from": NOW, "to": NOW},
    }
    old |= {
        "rule": "last-10: at least 9",
        "basis": {"vi": "v", "en": "e"},
        "sentence": {"vi": "v", "en": "e"},
        "reasons": ["mixed"],
    }
    with database.write() as connection:
        body = msgspec.json.encode(old).decode()
        connection.execute(update(PRESENT).where(PRESENT.c.site == "s1").values(body=body))
        connection.execute(update(PRESENT).where(PRESENT.c.site == "s2").values(body='{"verdicts":[]}'))
    (found,) = Verdicts().load(database)
    assert (found.site, found.verdicts[0].verdict, found.every_s) == ("s1", "met", None)


def test_all_that_is_said_of_a_site_is_there_and_the_first_is_its_verdict() -> None:
    verdicts, other = Verdicts(), verdict("s1", 10.0)
    verdicts.put(Present([verdict("s1", 20.0), other]))
    verdicts.put(present("s2"))
    assert verdicts.current()["s1"] == verdict("s1", 20.0)
    assert verdicts.all() == [verdict("s1", 20.0), other, verdict("s2")]
    assert verdicts.present()["s1"].verdicts[1] is other


async def test_a_page_follows_and_a_leader_trusts_its_own(database: Database) -> None:
    await asyncio.to_thread(Verdicts().save, database, [present("s1", 10.0)])
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
