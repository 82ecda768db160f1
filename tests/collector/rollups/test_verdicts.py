"""Late data and verdicts: the history is what it would be had everything come in order, and nobody is told."""

import random
from datetime import datetime, timedelta

import msgspec
import pytest

from collector.config import JudgeSettings
from collector.events import Bus, Event
from collector.fleet import Fleet
from collector.judge.judge import WINDOW, judge
from collector.judge.sample import Evidence, Sample
from collector.judging import Judging
from collector.plans.binding import binding_for
from collector.plans.load import load_plans
from collector.rollups import verdicts
from collector.store.points import nanoseconds, verdict_point
from collector.store.store import Point
from tests.collector.rollups.rig import HOUR, NOW, SCHOOL, House, speed

PLANS = load_plans()


def expected(speeds: dict[datetime, float]) -> list[Point]:
    """One verdict a sample, by the rule alone: the slow way."""
    points = []
    for at in sorted(speeds):
        known = [Sample(then, mbps) for then, mbps in sorted(speeds.items()) if then <= at]
        verdict = judge(SCHOOL, binding_for(PLANS[SCHOOL.plan or ""], SCHOOL, at), Evidence(known), at=at)
        points.append(verdict_point(msgspec.to_builtins(verdict), SCHOOL))
    return points


async def told(house: House) -> dict[int, dict[str, object]]:
    return {row.time_ns: dict(row.fields) for row in await house.series("verdict")}


@pytest.mark.parametrize("seed", range(2))
async def test_the_history_is_the_same_in_whatever_order_samples_come(house: House, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - a test wants the same numbers
    speeds = {NOW - timedelta(days=45) + 7 * HOUR * place: dice.uniform(20, 260) for place in range(150)}
    order = list(speeds)
    dice.shuffle(order)
    for first in range(0, len(order), 40):
        await house.measured("throughput", {at: speed(speeds[at]) for at in order[first : first + 40]})
        await house.settle(after=timedelta(minutes=2))
    assert max(speeds) > house.now - WINDOW  # the newest is the live judge's
    want = {point.time_ns: dict(point.fields) for point in expected(speeds)[:-1]}
    assert len({fields["verdict"] for fields in want.values()}) > 1
    assert await told(house) == want


async def test_only_verdicts_that_late_samples_can_change_are_told_anew() -> None:
    speeds = {NOW - timedelta(days=200) + 12 * HOUR * place: 50.0 for place in range(400)}
    start, end = NOW - timedelta(days=150), NOW - timedelta(days=149)
    low, high = verdicts.reach(start, end, NOW)
    samples = [Sample(at, mbps) for at, mbps in speeds.items() if low <= at < high]
    found = list(verdicts.history(samples, (start, end), now=NOW, site_at=lambda _: SCHOOL, plans=PLANS))
    times = [point.time_ns for point in found]
    assert min(times) == max(nanoseconds(at) for at in speeds if at < start)
    assert max(times) == max(nanoseconds(at) for at in speeds if at < end + WINDOW)
    assert [point for point in expected(speeds) if point.time_ns in times] == found


async def test_of_a_site_that_ended_long_ago_the_newest_is_told_too() -> None:
    at = NOW - timedelta(days=50)
    found = verdicts.history([Sample(at, 5.0)], (at, at + HOUR), now=NOW, site_at=lambda _: SCHOOL, plans=PLANS)
    assert [point.time_ns for point in found] == [nanoseconds(at)]
    recent = NOW - timedelta(days=20)
    found = verdicts.history([Sample(recent, 5.0)], (recent, NOW), now=NOW, site_at=lambda _: SCHOOL, plans=PLANS)
    assert list(found) == []


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
    assert [event for event in heard if event.topic == "incident"] == []
    assert judging.history.search() == []
    assert judging.history.pending() == []
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
    assert judging.history.search() == []
