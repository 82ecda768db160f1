"""The record on both real databases: one transaction a step, any step may be repeated, and only the leader writes."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from collector.config import parse
from collector.incidents.tables import OUTBOX
from collector.registry.lease import Lease, NotLeading
from collector.tell.deliveries import Deliveries
from collector.tell.news import read_news
from collector.tell.outbox import fan_out
from tests.collector.postgres import Postgres
from tests.collector.tell.rig import FAST, NOW, House, Receiver, until
from tests.collector.tell.test_telling import webhook

ROUTES = webhook("http://127.0.0.1:9/x")


@pytest.fixture(params=["sqlite", "postgresql"])
def one(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    url = None
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("cluster")
        url = server.new_database(migrated=True)
    made = House(tmp_path, parse(FAST + ROUTES, {}, name="test"), url=url)
    yield made
    made.close()


def test_every_step_may_be_repeated(one: House) -> None:
    deliveries, routes = one.telling.deliveries, one.telling.routes
    first, second = one.record("s1"), one.record("s2")
    one.history.act(first, "acknowledge", who="Lan", at=NOW)
    assert [fan_out(one.database, routes, NOW) for _ in range(2)] == [3, 0]
    with one.database.write() as connection:  # as if a commit had been lost
        connection.execute(OUTBOX.update().values(delivered=None))
    assert fan_out(one.database, routes, NOW) == 3
    ready = deliveries.ready("hook", NOW, max_wait_s=60)
    assert [delivery.incident for delivery in ready] == [first, second]  # one of each, the oldest
    for _ in range(2):
        deliveries.begin(ready[0], NOW, due=NOW)
        deliveries.confirmed(ready[0], [], at=NOW, answer="status_200")
    assert deliveries.backlog()["hook"].waiting == 2
    assert [delivery.incident for delivery in deliveries.ready("hook", NOW, max_wait_s=60)] == [second, first]
    for _ in range(2):
        deliveries.hold(ready[1], "am silence 1")
    assert [delivery.id for delivery in deliveries.held("hook")] == [ready[1].id]
    deliveries.release(ready[1], tell=True, at=NOW)
    deliveries.failed(ready[1], due=NOW + timedelta(seconds=50), answer="unreached: timeout")
    assert [delivery.incident for delivery in deliveries.ready("hook", NOW, max_wait_s=60)] == [first]
    deliveries.hurry("hook", NOW, answer="unreached: ")
    assert len(deliveries.ready("hook", NOW, max_wait_s=60)) == 2
    untried = deliveries.untried("hook")
    for _ in range(2):
        deliveries.sum_up("hook", untried, NOW)
    assert sorted(one.states()) == ["sent", "summed", "summed", "waiting"]
    assert deliveries.expire(NOW + timedelta(days=1)) == 1
    deliveries.clean(NOW + timedelta(days=1))
    assert one.states() == []


def test_what_is_retried_keeps_no_other_from_a_summary(one: House) -> None:
    deliveries = one.telling.deliveries
    for site in ("s1", "s2"):
        one.record(site)
    fan_out(one.database, one.telling.routes, NOW)
    deliveries.sum_up("hook", deliveries.untried("hook"), NOW)
    (summary,) = deliveries.ready("hook", NOW, max_wait_s=60)
    deliveries.begin(summary, NOW, due=NOW)
    one.record("s3")
    fan_out(one.database, one.telling.routes, NOW)
    assert [delivery.incident for delivery in deliveries.untried("hook")] == [one.history.search(site="s3")[0].id]


def test_what_comes_late_is_not_what_is_known_last(one: House) -> None:
    deliveries = one.telling.deliveries
    incident = one.record("s1")
    one.shift = timedelta(hours=1)
    one.resolve(incident)
    fan_out(one.database, one.telling.routes, NOW)
    (opened,) = deliveries.ready("hook", NOW, max_wait_s=60)
    deliveries.hold(opened, "am silence 1")
    (over,) = deliveries.ready("hook", NOW, max_wait_s=60)
    for delivery in (over, opened):
        deliveries.confirmed(delivery, [read_news(delivery.body)], at=NOW, answer="status_200")
    assert deliveries.active("hook") == []
    assert deliveries.known("hook", [incident])[incident].body == over.body


def test_who_leads_no_more_makes_no_attempt(one: House) -> None:
    mine, other = (Lease(one.database, "judge", lasts_s=60, holder=name) for name in ("a:b", "c:d"))
    assert mine.take()
    deliveries = Deliveries(mine.checked())
    one.record("s1")
    fan_out(one.database, one.telling.routes, NOW)
    (delivery,) = deliveries.ready("hook", NOW, max_wait_s=60)
    deliveries.begin(delivery, NOW, due=NOW)
    mine.release()
    assert other.take()
    with pytest.raises(NotLeading):
        deliveries.begin(delivery, NOW, due=NOW)
    one.record("s2")
    with pytest.raises(NotLeading):
        fan_out(mine.checked(), one.telling.routes, NOW)


async def test_the_whole_way_on_postgresql(cluster: Postgres, tmp_path: Path) -> None:
    receiver = Receiver()
    async with receiver.listening():
        settings = parse(FAST + webhook(f"{receiver.url}/x", "remind_s = 60"), {}, name="test")
        one = House(tmp_path, settings, url=cluster.new_database(migrated=True))
        incident = one.record("s1")
        async with one.running():
            await until(lambda: one.states() == ["sent"])
            one.shift = timedelta(minutes=2)
            await until(lambda: len(receiver.got) == 2)
            one.resolve(incident)
            await until(lambda: len(receiver.got) == 3)
            await until(lambda: one.states() == ["sent"] * 3)
    assert [body["state"] for body in receiver.got] == ["open", "open", "resolved"]
    one.close()
