"""The judge at work: from reports on the bus to verdicts, incidents and points."""

import asyncio
from dataclasses import replace

import msgspec
import pytest

from collector.errors import UsageError
from collector.plans.current import Plans
from collector.plans.load import load_plans
from collector.store.points import nanoseconds
from tests.collector.judging.rig import HOUR, MINUTE, NOW, SCHOOL, House, running, until


async def test_ten_results_below_42_make_a_verdict_and_an_incident(house: House) -> None:
    async with running(house) as judging:
        await until(lambda: SCHOOL.id in judging.current())
        assert judging.current()[SCHOOL.id].reasons == ["too_few"]
        await house.measured(*[29.5] * 10)
        await until(lambda: house.topics("incident"))
        assert judging.current()[SCHOOL.id].verdict == "below"
        assert house.topics("verdict")[-1]["value"] == 29.5
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


async def test_a_changed_target_is_noticed(house: House) -> None:
    await house.measured(*[60.0] * 10)
    async with running(house) as judging:
        await until(lambda: SCHOOL.id in judging.current())
        assert judging.current()[SCHOOL.id].verdict == "met"
        house.now += MINUTE
        await asyncio.to_thread(house.registry.import_sites, [replace(SCHOOL, access="fibre")], now=house.now)
        await until(lambda: judging.current()[SCHOOL.id].target == 102)
        assert judging.current()[SCHOOL.id].reasons == ["too_few", "line_changed"], "it was measured on another line"


async def test_plans_that_were_read_again_are_noticed(house: House) -> None:
    plans = Plans(load_plans())
    own = plans[SCHOOL.plan or ""]
    judging = house.another(plans)
    await house.measured(*[60.0] * 10)
    await judging.judge_now()
    targets = tuple(msgspec.structs.replace(t, value=70.0) if t.id == "mobile-2025" else t for t in own.targets)
    plans.take_over(dict(plans) | {own.id: msgspec.structs.replace(own, targets=targets)})
    house.now += MINUTE
    await judging.judge_now([])
    verdict = judging.current()[SCHOOL.id]
    assert (verdict.target, verdict.verdict) == (70.0, "below")


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


async def test_events_can_be_written_as_json(house: House) -> None:
    async with running(house):
        await house.measured(*[30.0] * 10)
        await until(lambda: house.topics("incident"))
    for event in house.told:
        msgspec.json.encode(event.data)
    assert house.topics("incident")[0]["evidence"]["samples"][0]["value"] == 30.0


async def test_a_subscription_below_the_target_is_no_fault_until_the_contract_is_found_broken(house: House) -> None:
    bought = replace(SCHOOL, access="fibre", contract_down_mbps=40.0)
    await asyncio.to_thread(house.registry.import_sites, [bought], now=NOW - 500 * HOUR)
    await house.measured(*[20.0, 39.5] * 5)
    await house.judging.judge_now()
    (incident,) = house.judging.history.search()
    assert (incident.cause, incident.severity) == ("below_target", "notice")
    assert incident.first_action is not None
    assert "larger subscription first" in incident.first_action.en
    house.now += 40 * HOUR
    await house.measured(*[20.0] * 40)
    await house.judging.judge_now()
    now = house.judging.history.get(incident.id)
    assert now is not None
    assert now.first_action is not None
    assert (now.severity, now.history[-1].what) == ("critical", "updated")
    assert "does not give what was bought" in now.first_action.en
