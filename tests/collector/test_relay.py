"""Events between processes: told in small arrays, bounded, and never believed unread."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.events import Bus, Event, Subscription
from collector.fleet import Fleet
from collector.judge.judge import judge
from collector.judge.sample import Evidence
from collector.judge.verdict import Verdict
from collector.metrics import Metrics
from collector.plans.binding import binding_for
from collector.registry.database import Database
from collector.relay import TOPIC, Relay
from collector.verdicts import Present, Verdicts
from tests.collector.rig import SITE, until
from tests.collector.tables import with_tables

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class End:
    """One process's end of the relay. `wire` holds what it said."""

    def __init__(self) -> None:
        self.bus, self.fleet, self.verdicts, self.metrics = Bus(), Fleet(), Verdicts(), Metrics()
        self.wire: list[bytes] = []
        self.relay = Relay(
            self.bus, self.fleet, self.verdicts, send=self._send, is_up=lambda: True, metrics=self.metrics
        )
        self.relay.now = lambda: NOW
        self.bus.forward_to(self.relay.offer)

    def _send(self, topic: str, payload: bytes, qos: int) -> None:
        assert (topic, qos) == (TOPIC, 0)
        self.wire.append(payload)

    def says(self) -> list[dict[str, Any]]:
        self.wire.clear()
        self.relay.tell()
        return [one for payload in self.wire for one in json.loads(payload)]

    def hears(self, other: "End") -> None:
        for payload in other.wire:
            self.is_told(payload)

    def is_told(self, payload: bytes) -> None:
        self.relay.receive(TOPIC, payload, False)  # noqa: FBT003 - the subscriber's call

    def fate(self, name: str) -> float:
        return self.metrics.registry.get_sample_value("linkgauge_events_total", {"fate": name}) or 0.0


def reported(number: int = 0, kind: str = "latency") -> Event:
    started = f"2026-11-22T11:00:{number % 60:02d}.000000Z"
    return Event("report", "s1", NOW, {"agent": "a1", "kind": kind, "started": started, "id": str(number)})


def verdict() -> Verdict:
    return judge(SITE, binding_for(None, SITE, NOW), Evidence(), at=NOW)


def heard(subscription: Subscription) -> list[Event]:
    return [subscription.queue.get_nowait() for _ in range(subscription.queue.qsize())]


def test_what_one_process_says_another_hears_and_knows() -> None:
    one, other = End(), End()
    one.bus.publish(reported())
    with other.bus.listen() as subscription:
        one.says()
        other.hears(one)
        (event,) = heard(subscription)
    assert event == reported()
    assert other.fleet.agents["a1"].last_report["latency"] == datetime(2026, 11, 22, 11, tzinfo=UTC)
    assert other.says() == []  # what was heard is not said again


async def test_a_verdict_is_looked_for_where_the_leader_has_saved_it(tmp_path: Path) -> None:
    one, other = End(), End()
    told: list[Verdict] = []
    database = Database(with_tables(tmp_path))
    await asyncio.to_thread(database.open)
    async with asyncio.TaskGroup() as group:
        following = other.verdicts.follow(database, leading=lambda: False, tell=told.append)
        task = group.create_task(following, name="follow")
        one.bus.publish(Event("verdict", "s1", NOW, msgspec.to_builtins(verdict())))
        assert [said["data"] for said in one.says()] == [{}]
        other.hears(one)  # it may come before the leader has saved it
        await asyncio.to_thread(one.verdicts.save, database, [Present([verdict()])])
        await until(lambda: other.verdicts.current() == {"s1": verdict()})
        task.cancel()
    assert told in ([], [verdict()])  # what was there at the first look is no news
    database.close()


def forged(topic: str, site: str = "s1", at: str = "2026-11-22T12:00:00Z", **data: object) -> bytes:
    return json.dumps([{"from": "x", "topic": topic, "site": site, "at": at, "data": data}]).encode()


@pytest.mark.parametrize(
    "payload",
    [
        forged("report", agent="a2", kind="latency", started="2026-11-22T11:00:00Z"),
        forged("report", site="s2", agent="a1", kind="latency", started="2026-11-22T11:00:00Z"),
        forged("report", agent="a1", kind="latency", started="2026-11-22T11:00:00"),
        forged("report", at="2026-11-22T12:00:00", agent="a1", kind="latency", started="2026-11-22T11:00:00Z"),
        forged("report", agent="a1", kind="latency", started="2027-11-22T11:00:00Z"),
        forged("incident", site="s2", id="x"),
    ],
)
def test_what_none_of_us_would_say_is_not_believed(payload: bytes) -> None:
    one = End()
    one.relay.knows = lambda agent, site: agent in (None, "a1") and site == "s1"
    with one.bus.listen() as subscription:
        one.is_told(payload)
        assert heard(subscription) == []
    assert (one.fate("unreadable"), one.fleet.agents) == (1, {})


def test_nobody_is_heard_later_than_now_and_no_verdict_is_taken_at_its_word() -> None:
    one = End()
    one.is_told(forged("report", at="9999-01-01T00:00:00Z", agent="a1", kind="latency", started="2026-11-22T11:00:00Z"))
    assert one.fleet.agents["a1"].last_seen == NOW
    one.is_told(forged("verdict", **msgspec.to_builtins(verdict())))
    assert one.verdicts.current() == {}


def test_nobody_hears_himself_or_the_past() -> None:
    one, other = End(), End()
    one.bus.publish(reported())
    one.says()
    with one.bus.listen() as own, other.bus.listen() as others:
        one.hears(one)
        other.relay.receive(TOPIC, one.wire[0], True)  # noqa: FBT003 - a retained one
        assert heard(own) == heard(others) == []


def test_news_of_one_thing_replace_each_other_and_statuses_are_not_repeated() -> None:
    one = End()
    for number in range(50):
        one.bus.publish(reported(number))
    one.bus.publish(Event("status", "s1", NOW, {"agent": "a1", "state": "online"}))
    (said,) = one.says()
    assert said["data"]["id"] == "49"


def test_a_flood_is_bounded_and_what_is_lost_is_said() -> None:
    one = End()
    for number in range(10_100):
        one.bus.publish(Event("report", f"s{number}", NOW, reported().data))
    assert one.fate("lost") == 100
    first = one.says()
    assert len(one.wire) == 2
    assert len(first) == 401
    assert [said["data"] for said in first if said["topic"] == "lost"] == [{"count": 100}]
    assert all(len(payload) < 128 * 1024 for payload in one.wire)
    rest = 0
    while found := one.says():
        rest += len(found)
    assert rest == 10_000 - 400


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"[1]",
        b'[{"from":"x","topic":"elsewhere","at":"2026-11-22T12:00:00Z"}]',
        b'[{"from":"x","topic":"report","at":"yesterday"}]',
        b'[{"from":"x","topic":"report","at":"2026-11-22T12:00:00Z","data":{"agent":1}}]',
        b"\xff\xfe",
        b"[" * 5000,
        b'[{"from":"' + b"x" * 300_000 + b'"}]',
    ],
)
def test_what_is_no_event_is_counted_and_forgotten(payload: bytes) -> None:
    one = End()
    with one.bus.listen() as subscription:
        one.is_told(payload)
        assert heard(subscription) == []
    assert one.fate("unreadable") == 1


async def test_of_lost_news_everybody_hears_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.relay._EVERY_S", 0.01)
    one = End()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(one.relay.run(), name="relay")
        with one.bus.listen() as subscription:
            one.is_told(forged("lost", count=1))
            await until(lambda: subscription.lost == 1)
            for _ in range(5):
                one.is_told(forged("lost", count=1))
            await asyncio.sleep(0.05)
            assert subscription.lost == 1
        task.cancel()


def test_a_kind_that_does_not_exist_fills_no_memory() -> None:
    one, other = End(), End()
    for number in range(20):
        one.bus.publish(reported(kind=f"kind{number}"))
    one.says()
    other.hears(one)
    assert other.fleet.agents == {}


def test_newer_news_of_one_thing_still_speak_of_the_oldest_report() -> None:
    one = End()
    for oldest in ("2026-11-22T11:00:00.000000Z", "2026-11-22T08:00:00.000000Z", "2026-11-22T10:00:00.000000Z"):
        event = reported()
        one.bus.publish(Event(event.topic, event.site, event.at, event.data | {"oldest": oldest}))
    (said,) = one.says()
    assert said["data"]["oldest"] == "2026-11-22T08:00:00.000000Z"


def test_an_incident_of_many_sites_is_heard_of_too() -> None:
    one = End()
    one.relay.knows = lambda agent, site: False  # noqa: ARG005 - it knows nobody
    with one.bus.listen() as subscription:
        one.is_told(json.dumps([{"from": "x", "topic": "incident", "at": "2026-11-22T12:00:00Z", "data": {}}]).encode())
        (event,) = heard(subscription)
    assert (event.topic, event.site) == ("incident", None)
