"""Late data and verdicts: the history is what it would be had everything come in order, and nobody is told."""

import random
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import pytest

from collector.chain.marks import World
from collector.config import JudgeSettings
from collector.events import Bus, Event
from collector.fleet import Fleet
from collector.judge.judge import judge
from collector.judge.presets import widest
from collector.judge.sample import Evidence, Sample
from collector.judging.judging import Judging
from collector.plans.binding import bindings_for
from collector.plans.load import load_plans
from collector.registry.site import Site, Version
from collector.rollups import verdicts
from collector.store.points import nanoseconds, verdict_point
from collector.store.store import FieldValue, Point, Values
from tests.collector.rollups.rig import HOUR, NOW, SCHOOL, House, speed

PLANS = load_plans()
WORLD = World(PLANS, {})
DAY = timedelta(days=1)
WINDOW = widest()
BOUGHT = replace(SCHOOL, contract_down_mbps=150.0, contract_up_mbps=50.0)
OFFICE = replace(SCHOOL, kind="office", plan="bac-giang-ict-2030")


def always(site: Site) -> tuple[Version[Site]]:
    return (Version(None, site),)


def rows(kind: str, found: dict[datetime, dict[str, FieldValue]]) -> list[Values]:
    names = verdicts.columns(kind)
    return [(nanoseconds(at), *map(fields.get, names)) for at, fields in sorted(found.items())]


def downloads(speeds: dict[datetime, float]) -> list[Values]:
    return rows("throughput", {at: speed(mbps) for at, mbps in speeds.items()})


def expected(speeds: dict[datetime, float]) -> list[Point]:
    """One verdict a sample, by the rule alone: the slow way."""
    points = []
    for at in sorted(speeds):
        known = [Sample(then, mbps) for then, mbps in sorted(speeds.items()) if then <= at]
        (binding,) = bindings_for(PLANS, SCHOOL, at)
        verdict = judge(SCHOOL, binding, Evidence(known), at=at)
        points.append(verdict_point(msgspec.to_builtins(verdict), SCHOOL))
    return points


def past(kind: str, found: list[Values], start: datetime, end: datetime, *versions: Version[Site]) -> list[Point]:
    span = (start, end)
    return list(verdicts.history(kind, found, span, now=NOW, versions=versions or always(SCHOOL), world=WORLD))


async def told(house: House) -> dict[int, dict[str, object]]:
    return {row.time_ns: dict(row.fields) for row in await house.series("verdict")}


@pytest.mark.parametrize("seed", range(2))
async def test_the_history_is_the_same_in_whatever_order_samples_come(house: House, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - a test wants the same numbers
    speeds = {NOW - timedelta(days=45) + 7 * HOUR * place: dice.uniform(20, 230 - place) for place in range(150)}
    order = list(speeds)
    dice.shuffle(order)
    for first in range(0, len(order), 40):
        await house.measured("throughput", {at: speed(speeds[at]) for at in order[first : first + 40]})
        await house.settle(after=timedelta(minutes=2))
    assert max(speeds) > house.now - WINDOW  # the newest is the live judge's
    want = {point.time_ns: dict(point.fields) for point in expected(speeds)[:-1]}
    assert len({fields["verdict"] for fields in want.values()}) > 1
    assert await told(house) == want


def test_only_verdicts_that_late_samples_can_change_are_told_anew() -> None:
    speeds = {NOW - timedelta(days=200) + 12 * HOUR * place: 50.0 for place in range(400)}
    start, end = NOW - timedelta(days=150), NOW - timedelta(days=149)
    low, high = verdicts.reach(start, end, NOW)
    found = past("throughput", downloads({at: mbps for at, mbps in speeds.items() if low <= at < high}), start, end)
    times = [point.time_ns for point in found]
    assert min(times) == max(nanoseconds(at) for at in speeds if at < start)
    assert max(times) == max(nanoseconds(at) for at in speeds if at < end + WINDOW)
    assert [point for point in expected(speeds) if point.time_ns in times] == found


def test_of_a_site_that_ended_long_ago_the_newest_is_told_too() -> None:
    at, recent = NOW - timedelta(days=50), NOW - timedelta(days=20)
    assert [point.time_ns for point in past("throughput", downloads({at: 5.0}), at, at + HOUR)] == [nanoseconds(at)]
    assert past("throughput", downloads({recent: 5.0}), recent, NOW) == []
    assert past("throughput", [], recent, NOW) == []


def test_each_question_has_a_series_of_its_own() -> None:
    times = [NOW - 40 * DAY + 6 * HOUR * place for place in range(40)]
    both = {"upload_mbps": 45.0, "upload_conclusive": True}
    found = past(
        "throughput", rows("throughput", {at: speed(110.0, **both) for at in times}), times[-1], NOW, *always(BOUGHT)
    )
    newest = {point.tags: point.fields for point in found if point.time_ns == nanoseconds(times[-1])}
    names = [{name: value for name, value in tags if name in ("plan", "indicator", "scope")} for tags in newest]
    assert names == [
        {"plan": "lang-son-2025", "indicator": "download_mbps", "scope": "fixed"},
        {"indicator": "download_mbps", "scope": "contract-fixed"},
        {"indicator": "upload_mbps", "scope": "contract-fixed"},
    ]
    assert [(one["verdict"], one["target"], one["mean"]) for one in newest.values()] == [
        ("met", 102.0, 110.0),
        ("below", 120.0, 110.0),
        ("met", 40.0, 45.0),
    ]


def test_an_office_is_asked_for_ipv6_and_a_school_is_not() -> None:
    times = [NOW - 40 * DAY + 6 * HOUR * place for place in range(12)]
    found = rows("ipv6", {at: {"status": "ipv4_only", "conclusive": True} for at in times})
    assert past("ipv6", found, times[-1], NOW) == []
    one, other = past("ipv6", found, times[-1], NOW, *always(OFFICE))
    assert (one.fields["n"], other.fields["n"], other.fields["verdict"]) == (11, 12, "below")
    assert verdicts.is_judged("ipv6", always(OFFICE), WORLD, NOW)
    assert not verdicts.is_judged("ipv6", always(SCHOOL), WORLD, NOW)


async def test_what_nobody_is_asked_is_not_read(house: House) -> None:
    await house.measured("ipv6", {NOW - 2 * DAY: {"status": "ipv4_only", "conclusive": True}})
    await house.settle()
    assert await told(house) == {}


def test_what_failed_and_was_doubted_until_then_is_said() -> None:
    times = [NOW - 60 * DAY + 6 * HOUR * place for place in range(20)]
    found = {at: speed(120.0) for at in times[:10]}
    found |= {at + HOUR: {"conclusive": False, "failure": "connect:timeout"} for at in times[:10]}
    found |= {at: {"download_mbps": 1.0, "conclusive": False, "doubts": "wifi_bound"} for at in times[10:19]}
    found[times[19]] = speed(120.0)
    points = past("throughput", rows("throughput", found), times[9], NOW)
    assert [point.fields["reasons"] for point in points][-2:] == ["many_failed", "many_doubted,many_failed"]
    assert [point.fields["n"] for point in points][-1] == 11


def test_what_failed_on_another_line_is_not_said_of_the_present_one() -> None:
    times = [NOW - 60 * DAY + 6 * HOUR * place for place in range(30)]
    moved = Version(times[11], replace(SCHOOL, provider="Viettel"))
    found = {at: speed(120.0) for at in times}
    found |= {at + HOUR: {"conclusive": False, "failure": "connect:timeout"} for at in times[:10]}
    first = Version(None, replace(SCHOOL, provider="VNPT"))
    points = past("throughput", rows("throughput", found), times[10], NOW, first, moved)
    assert [point.fields["reasons"] for point in points][-1] == "line_changed"
    stayed = past("throughput", rows("throughput", found), times[10], NOW, first)
    assert [point.fields["reasons"] for point in stayed][-1] == "many_failed"


def test_what_was_measured_on_another_line_is_not_held_against_the_present_one() -> None:
    times = [NOW - 60 * DAY + 6 * HOUR * place for place in range(22)]
    moved = Version(times[11], replace(BOUGHT, provider="Viettel", contract_up_mbps=None))
    found = downloads({at: 50.0 if place < 11 else 130.0 for place, at in enumerate(times)})
    points = past("throughput", found, times[10], NOW, Version(times[3], replace(BOUGHT, provider="VNPT")), moved)
    plan = [point.fields for point in points if dict(point.tags).get("plan")]
    assert (plan[1]["verdict"], plan[1]["n"], plan[1]["reasons"]) == ("below", 11, "")
    assert (plan[-1]["verdict"], plan[-1]["n"], plan[-1]["reasons"]) == ("met", 11, "line_changed")


async def test_late_data_below_target_opens_nothing_and_tells_nobody(house: House) -> None:
    settings = JudgeSettings(webhook_url="http://127.0.0.1:9/hook")
    bus, heard = Bus(), list[Event]()
    judging = Judging(
        house.store, house.registry, PLANS, Fleet(), bus, lambda: house.now, settings, listening_since=lambda: None
    )
    judging.history.open()
    good = {NOW - 2 * HOUR * place: speed(500.0) for place in range(1, 12)}
    await house.measured("throughput", good)
    await judging.judge_now()
    assert judging.current()[SCHOOL.id].verdict == "met"
    with bus.listen() as subscription:
        late = {NOW - timedelta(days=5) + HOUR * place: speed(1.0) for place in range(60)}
        await house.measured("throughput", late)
        await house.settle(after=timedelta(minutes=2))
        await judging.judge_now()
        bus.publish(Event("report", None, NOW, {}))
        async for event in subscription.events():
            if event.topic == "report":
                break
            heard.append(event)
    assert all(one.quiet for one in judging.history.search())
    assert judging.history.waiting() == 0
    verdict_of = {time: fields["verdict"] for time, fields in (await told(house)).items()}
    assert verdict_of[nanoseconds(NOW - timedelta(days=5) + 30 * HOUR)] == "below"
    assert judging.current()[SCHOOL.id].verdict == "below", "the verdict follows the data, the incident what is fresh"


async def test_a_backlog_of_days_that_drains_oldest_first_opens_nothing(house: House) -> None:
    judging = Judging(
        house.store, house.registry, PLANS, Fleet(), Bus(), lambda: house.now, JudgeSettings(),
        listening_since=lambda: None,
    )  # fmt: skip
    judging.history.open()
    oldest = NOW - timedelta(days=6)
    for place in range(30):  # none of these was news when it came in, but each the newest so far
        await house.measured("throughput", {oldest + 4 * HOUR * place: speed(1.0)})
        if place % 6 == 0 or place == 29:
            await judging.judge_now()
    assert judging.current()[SCHOOL.id].verdict == "below"
    assert [one.quiet for one in judging.history.search()] == [True]
    assert judging.history.waiting() == 0
