"""The judge at work on a real store and a real registry file."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.wire.control import Status
from agent.wire.report import Report
from agent.wire.results import Direction, Throughput
from collector.config import JudgeSettings
from collector.errors import StoreUnavailable, UsageError
from collector.events import Bus, Event
from collector.fleet import Fleet
from collector.judging import Judging
from collector.plans.load import load_plans
from collector.registry.registry import Registry
from collector.registry.site import Site
from collector.store.points import nanoseconds, points_of
from collector.store.sqlite import SqliteStore
from collector.store.store import Point

NOW = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SCHOOL = Site(
    "th1", "Trường TH 1", "school", "rural", "lang-son", "huu-lung", access="cellular_4g", plan="lang-son-2025"
)


class FragileStore(SqliteStore):
    """The real store, which can be away for a while."""

    away = False

    async def write(self, points: Any) -> None:  # noqa: ANN401 - as the store's
        if self.away:
            raise StoreUnavailable("away")
        await super().write(points)

    async def samples(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the store's
        if self.away:
            raise StoreUnavailable("away")
        return await super().samples(*args, **kwargs)


@dataclass
class House:
    """Everything that judging needs, with a clock that the test sets."""

    folder: Path
    now: datetime = NOW
    settings: JudgeSettings = field(default_factory=lambda: JudgeSettings(every_s=0.05))
    bus: Bus = field(default_factory=Bus)
    fleet: Fleet = field(default_factory=Fleet)
    told: list[Event] = field(default_factory=list)
    listening: datetime | None = NOW - HOUR

    def __post_init__(self) -> None:
        self.store = FragileStore(self.folder / "series.db")
        self.registry = Registry(f"sqlite://{self.folder}/registry.db")
        self.judging = self.another()

    def another(self) -> Judging:
        """A judge as after a restart."""
        return Judging(
            self.store,
            self.registry,
            load_plans(),
            self.fleet,
            self.bus,
            lambda: self.now,
            self.settings,
            listening_since=lambda: self.listening,
            debounce_s=0.01,
            retry_s=0.02,
        )

    async def measured(self, *speeds: float, newest: datetime | None = None, doubts: list[str] | None = None) -> None:
        """Results of the school, an hour apart, the last one at `newest`; each announced on the bus."""
        newest = newest or self.now
        points: list[Point] = []
        for place, mbps in enumerate(speeds):
            started = newest - HOUR * (len(speeds) - 1 - place)
            points += points_of(report(started, mbps, doubts or []), SCHOOL)
        await self.store.write(points)
        self.bus.publish(Event("report", SCHOOL.id, newest, {}))

    async def series(self, measurement: str) -> list[dict[str, Any]]:
        end = nanoseconds(NOW + 1000 * HOUR)
        rows = await self.store.samples(measurement, site=SCHOOL.id, start_ns=0, end_ns=end)
        return [{**row.tags, **row.fields, "time_ns": row.time_ns} for row in rows]

    def topics(self, topic: str) -> list[dict[str, Any]]:
        return [event.data for event in self.told if event.topic == topic]


def report(started: datetime, mbps: float, doubts: list[str]) -> Report[Throughput]:
    number = nanoseconds(started) % 10**12
    return Report(
        id=f"01936f0e-0000-7000-8000-{number:012d}",
        agent="a1",
        kind="throughput",
        started=started,
        duration_s=10.0,
        result=Throughput(download=Direction(mbps=mbps)),
        doubts=doubts,
        epoch="e1",
        seq=1,
    )


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as house:
        yield house


@asynccontextmanager
async def open_house(folder: Path, settings: JudgeSettings | None = None) -> AsyncIterator[House]:
    house = House(folder, settings=settings or JudgeSettings(every_s=0.05))
    await house.store.open()
    house.registry.open()
    house.registry.import_sites([SCHOOL], now=NOW)
    house.registry.add_agent("a1", SCHOOL.id, now=NOW)
    house.judging.history.open()
    yield house
    house.registry.close()
    await house.store.close()


@asynccontextmanager
async def running(house: House, judging: Judging | None = None) -> AsyncIterator[Judging]:
    judging = judging or house.judging
    async with asyncio.TaskGroup() as group:
        task = group.create_task(judging.run(), name="judging")
        listener = group.create_task(listen(house), name="listen")
        try:
            yield judging
        finally:
            task.cancel()
            listener.cancel()


async def listen(house: House) -> None:
    with house.bus.listen() as subscription:
        async for event in subscription.events():
            house.told.append(event)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what it waits for is a file and another task
            await asyncio.sleep(0.01)


async def test_ten_results_below_42_make_a_verdict_and_an_incident(house: House) -> None:
    async with running(house) as judging:
        await until(lambda: SCHOOL.id in judging.current())
        assert judging.current()[SCHOOL.id].reasons == ["too_few"]
        await house.measured(*[30.5] * 10)
        await until(lambda: house.topics("incident"))
        assert judging.current()[SCHOOL.id].verdict == "below"
        assert house.topics("verdict")[-1]["value"] == 30.5
        assert house.topics("incident")[-1]["state"] == "open"
        house.now += 20 * HOUR
        await house.measured(*[60.0] * 10)
        await until(lambda: house.topics("incident")[-1]["state"] == "resolved")
    points = await house.series("verdict")
    assert [point["verdict"] for point in points] == ["below", "inconclusive"]
    assert points[0]["time_ns"] == nanoseconds(NOW)
    names = ("plan", "scope", "commune", "k", "n", "target")
    assert [points[0][name] for name in names] == ["lang-son-2025", "mobile", "huu-lung", 0.0, 10.0, 42.0]
    assert [point["state"] for point in await house.series("incident")] == ["open", "resolved"]


async def test_doubtful_results_count_for_nothing(house: House) -> None:
    await house.measured(*[30.0] * 10, newest=NOW - 100 * HOUR)
    await house.measured(*[1.0] * 60, newest=NOW, doubts=["cpu_bound"])
    await house.judging.judge_now()
    verdict = house.judging.current()[SCHOOL.id]
    assert (verdict.n, verdict.value) == (10, 30.0)


async def test_a_restart_judges_again_and_announces_nothing_twice(house: House) -> None:
    await house.measured(*[30.0] * 10)
    await house.judging.judge_now()
    (incident,) = house.judging.history.search()
    await house.judging.act(incident.id, "resolve", who="Lan", note="router replaced")
    again = house.another()
    async with running(house, again):
        await until(again.current)
        await house.measured(30.0, newest=NOW - 30 * MINUTE)  # late
        house.now += HOUR
        await house.measured(30.0)  # fresh, but nine of the ten are of before
        await until(lambda: again.current()[SCHOOL.id].window.end == house.now)
    assert [each.state for each in again.history.search()] == ["resolved"]


async def test_a_backlog_that_drains_oldest_first_opens_nothing_until_something_fresh_comes(tmp_path: Path) -> None:
    async with open_house(tmp_path, JudgeSettings(webhook_url="http://127.0.0.1:9/")) as house:
        history = house.judging.history
        for ago in range(9, -1, -1):  # six hours, and the newest was measured 16 minutes ago
            await house.measured(30.0, newest=NOW - 16 * MINUTE - 38 * MINUTE * ago)
            await house.judging.judge_now()
        assert house.judging.current()[SCHOOL.id].verdict == "below"
        assert (history.search(), history.waiting()) == ([], 0)
        assert [point["verdict"] for point in await house.series("verdict")] == ["inconclusive"] * 9 + ["below"]
        await house.another().judge_now()  # nor does a restart make it news
        assert (history.search(), history.waiting()) == ([], 0)
        await house.measured(30.0, newest=NOW - MINUTE)
        await house.judging.judge_now()
        (incident,) = history.search()
        assert (incident.state, incident.opened, history.waiting()) == ("open", NOW - MINUTE, 1)


async def test_what_counts_as_late_is_the_ledgers_to_say(house: House) -> None:
    house.judging.late_s = lambda: 3600.0
    await house.measured(*[30.0] * 10, newest=NOW - 59 * MINUTE)
    await house.judging.judge_now()
    assert len(house.judging.history.search()) == 1


async def test_the_same_data_gives_the_same_incidents_whenever_it_is_judged(tmp_path: Path) -> None:
    found = []
    for name, steps in (("one", 1), ("two", 5)):
        (tmp_path / name).mkdir()
        async with open_house(tmp_path / name) as house:
            for step in range(steps):
                speeds = [30.0] * (10 // steps)
                await house.measured(*speeds, newest=NOW - HOUR * (len(speeds)) * (steps - 1 - step))
                await house.judging.judge_now()
            found.append(house.judging.history.search())
    assert found[0] == found[1]
    assert len(found[0]) == 1


async def test_a_changed_target_is_noticed(house: House) -> None:
    await house.measured(*[60.0] * 10)
    async with running(house) as judging:
        await until(lambda: SCHOOL.id in judging.current())
        assert judging.current()[SCHOOL.id].verdict == "met"
        house.now += MINUTE
        await asyncio.to_thread(house.registry.import_sites, [replace(SCHOOL, access="fibre")], now=house.now)
        await until(lambda: judging.current()[SCHOOL.id].target == 102)
        assert judging.current()[SCHOOL.id].reasons == ["too_few", "line_changed"], "it was measured on another line"


async def test_it_waits_for_a_store_that_is_away_and_says_so_once(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.store.away = True
    async with running(house) as judging:
        await until(lambda: judging.is_down)
        await asyncio.sleep(0.1)  # several tries
        house.store.away = False
        await house.measured(*[30.0] * 10)
        await until(lambda: house.topics("incident") and not judging.is_down)
    assert caplog.text.count("judging.waits") == 1
    assert caplog.text.count("judging.resumed") == 1


async def test_an_incident_is_recorded_while_the_store_is_away(house: House) -> None:
    await house.measured(*[30.0] * 10)
    await house.judging.judge_now()
    (incident,) = house.judging.history.search()
    house.store.away = True
    house.now += MINUTE
    changed = await house.judging.act(incident.id, "acknowledge", who="Lan")
    assert changed.state == "acknowledged"
    house.store.away = False
    await house.judging.judge_now()
    assert [point["state"] for point in await house.series("incident")] == ["open", "acknowledged"]
    with pytest.raises(UsageError):
        await house.judging.act("nothing", "resolve", who="Lan")


async def test_silence_opens_and_ends_and_resolves_no_other(house: House) -> None:
    await house.measured(*[30.0] * 10)
    house.fleet.heard("a1", Status(state="online"), NOW - MINUTE)
    async with running(house) as judging:
        await until(lambda: house.topics("incident"))
        house.now += 10 * MINUTE
        await until(lambda: len(house.topics("incident")) == 2)
        assert house.topics("incident")[-1]["cause"] == "silent"
        await until(lambda: judging.current()[SCHOOL.id].reasons == ["one_day", "silent"])
        assert judging.current()[SCHOOL.id].verdict == "below"
        house.now += MINUTE
        house.fleet.heard("a1", Status(state="online"), house.now)
        await until(lambda: len(house.topics("incident")) == 3)
        await until(lambda: judging.current()[SCHOOL.id].reasons == ["one_day"])
    states = {each.cause: each.state for each in house.judging.history.search()}
    assert states == {"silent": "resolved", "below_target": "open"}


async def test_a_restart_forgets_neither_silence_nor_tells_it_again(house: House) -> None:
    await house.measured(*[50.0] * 10)
    house.fleet.heard("a1", Status(state="online"), NOW - 20 * MINUTE)
    await house.judging.judge_now()
    (incident,) = house.judging.history.search()
    house.now += MINUTE
    for fleet, listening in ((house.fleet, house.now), (Fleet(), house.now), (Fleet(), None)):
        house.fleet, house.listening = fleet, listening
        again = house.another()
        await again.judge_now()
        assert again.current()[SCHOOL.id].reasons == ["one_day", "silent"]
        assert again.current()[SCHOOL.id].sentence.en.endswith("no results are coming from the site now.")
    assert house.judging.history.search() == [incident]
    house.listening = NOW
    house.fleet.heard("a1", Status(state="online"), house.now)
    await house.another().judge_now()
    assert house.judging.history.search(active=True) == []


async def test_a_reason_that_has_gone_leaves_the_series_too(house: House) -> None:
    await house.measured(*[50.0] * 10)
    house.fleet.heard("a1", Status(state="online"), NOW - 20 * MINUTE)
    await house.judging.judge_now()
    assert [row["reasons"] for row in await house.series("verdict")] == ["one_day,silent"]
    house.now += MINUTE
    house.fleet.heard("a1", Status(state="online"), house.now)
    await house.judging.judge_now()
    assert [row["reasons"] for row in await house.series("verdict")] == ["one_day"]


async def test_three_announced_times_without_report_are_silence(house: House) -> None:
    for number in range(3):
        announced = {"throughput": NOW - HOUR * (3 - number)}
        house.fleet.heard("a1", Status(state="online", next=announced), NOW - HOUR * (4 - number))
    house.fleet.heard("a1", Status(state="online"), NOW)
    await house.judging.judge_now()
    (incident,) = house.judging.history.search()
    assert incident.evidence["why"] == {"a1": "reports"}
    house.now += MINUTE
    house.fleet.heard("a1", Status(state="online"), house.now)
    await house.judging.judge_now()
    assert house.judging.history.search(active=True) == [incident]
    house.fleet.reported("a1", "throughput", house.now, house.now)
    await house.judging.judge_now()
    assert house.judging.history.search(active=True) == []


@pytest.mark.parametrize("listening", [None, NOW + 15 * MINUTE])
async def test_nobody_is_silent_while_the_collector_cannot_hear(house: House, listening: datetime | None) -> None:
    house.fleet.heard("a1", Status(state="online"), NOW)
    house.now += 20 * MINUTE
    house.listening = listening
    await house.judging.judge_now()
    assert house.judging.history.search() == []


async def test_an_agent_that_was_never_heard_is_not_installed_yet(house: House) -> None:
    house.now += 40 * HOUR
    await house.judging.judge_now()
    assert house.judging.history.search() == []


async def test_events_can_be_written_as_json(house: House) -> None:
    async with running(house):
        await house.measured(*[30.0] * 10)
        await until(lambda: house.topics("incident"))
    for event in house.told:
        msgspec.json.encode(event.data)
    assert house.topics("incident")[0]["evidence"]["samples"][0]["mbps"] == 30.0
