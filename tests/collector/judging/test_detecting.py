"""What detectors find in reports as they come: outages, shortfalls of two questions, groups, late rows, faults."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta

import msgspec
import pytest

from collector.config import JudgeSettings
from collector.metrics import Metrics
from collector.plans.reference import Point as Figure
from collector.plans.reference import Series
from collector.plans.types import Target
from collector.store.points import nanoseconds
from collector.store.store import Point
from tests.collector.judging.rig import HOUR, MINUTE, NOW, SCHOOL, House, running, until


async def test_an_outage_is_found_within_a_quarter_of_an_hour_and_ends_when_it_is_over(house: House) -> None:
    await house.reached("+" * 20, newest=NOW - 20 * MINUTE)
    async with running(house) as judging:
        await until(judging.current)
        for ago in (15, 10, 5, 0):
            await house.reached("-", newest=NOW - ago * MINUTE)
        await until(lambda: house.topics("incident"))
        (incident,) = judging.history.search()
        assert (incident.cause, incident.severity, incident.quiet) == ("outage", "critical", False)
        assert incident.opened - incident.since <= 15 * MINUTE
        house.now += 20 * MINUTE
        await house.reached("++++")
        await until(lambda: judging.history.search(active=True) == [])


async def test_late_rows_that_nobody_announced_in_order_are_found_and_kept_quiet(house: House) -> None:
    await house.measured(*[80.0] * 30)
    async with running(house) as judging:
        await until(judging.current)
        assert judging.current()[SCHOOL.id].n == 30
        await house.measured(*[5.0] * 20, newest=NOW - 20 * 24 * HOUR)
        await until(lambda: judging.current()[SCHOOL.id].n == 50)
        await until(judging.history.search)
        await until(lambda: judging.history.search(active=True) == [])
    assert (all(one.quiet for one in judging.history.search()), judging.history.waiting()) == (True, 0)


async def test_both_questions_are_judged_and_each_has_its_own_incident(house: House) -> None:
    contracted = replace(SCHOOL, contract_down_mbps=100.0)
    await asyncio.to_thread(house.registry.import_sites, [contracted], now=NOW - 400 * HOUR)
    await house.measured(*[50.0] * 40)
    await house.judging.judge_now()
    plan, contract = house.judging.verdicts.all()
    assert (plan.verdict, contract.verdict, contract.scope) == ("met", "below", "contract-mobile")
    assert contract.watch == 1.0
    assert plan.watch is None
    assert {one.cause for one in house.judging.history.search()} == {"below_contract"}
    scopes = {row["scope"]: row["verdict"] for row in await house.series("verdict")}
    assert scopes == {"mobile": "met", "contract-mobile": "below"}


async def test_weak_results_are_watched_before_they_are_an_incident(house: House) -> None:
    await house.measured(*[80.0] * 20, newest=NOW - 12 * HOUR)
    await house.measured(*[25.0] * 3, newest=NOW)
    house.judging.settings = JudgeSettings(spacing_s=3600)
    await house.judging.judge_now()
    watch = house.judging.current()[SCHOOL.id].watch
    assert watch is not None
    assert 0.4 <= watch < 1
    assert house.judging.history.search() == []


async def test_what_a_judge_missed_while_it_was_away_is_not_lost(house: House) -> None:
    house.judging.settings = JudgeSettings(spacing_s=3600)
    await house.measured(*[80.0] * 20, newest=NOW - 12 * HOUR)
    await house.judging.judge_now()
    await house.measured(*[28.0] * 11, newest=NOW - HOUR)  # nobody listens
    again = house.another()
    again.settings = house.judging.settings
    async with running(house, again):
        await until(again.history.search)
        (incident,) = again.history.search()
        assert (incident.cause, incident.quiet, again.history.waiting()) == ("below_target", True, 0)
        await house.measured(28.0)
        await until(lambda: not again.history.search()[0].quiet)
    assert again.history.waiting() == 1


async def test_sites_that_fail_together_have_one_incident(house: House) -> None:
    others = [replace(SCHOOL, id=f"th{number}", name=f"TH {number}") for number in range(2, 7)]
    await asyncio.to_thread(house.registry.import_sites, others, now=NOW - 400 * HOUR)
    sites = [SCHOOL, *others]

    def contact(site: str, at: int, *, fine: bool) -> Point:
        tags = (("agent", f"a-{site}"), ("peer", "langson-dc"), ("site", site))
        said = {"loss_ratio": 0.0} if fine else {"failure": "connect:timeout"}
        return Point("latency", tags, {"conclusive": fine, **said}, nanoseconds(NOW - at * MINUTE))

    points = [contact(site.id, at, fine=True) for site in sites for at in range(100, 15, -5)]
    points += [contact(site.id, at, fine=False) for site in sites for at in (15, 10, 5, 0)]
    await house.store.write(points)
    await house.judging.judge_now()
    (parent,) = house.judging.history.search()
    assert (parent.site, parent.cause, len(parent.children)) == (None, "outage", 6)
    assert parent.group is not None
    assert parent.group.by == "peer"
    await house.store.write([contact(site.id, at, fine=True) for site in sites for at in range(-5, -35, -5)])
    house.now += 30 * MINUTE
    await house.judging.judge_now()
    (parent,) = house.judging.history.search()
    assert parent.state == "resolved"
    for days in (1, 5, 30):
        house.now = NOW + days * 24 * HOUR
        await house.judging.judge_now()
        assert house.judging.history.search() == [parent], "what a group explained becomes no incident later"


async def test_a_fault_in_one_sites_data_stops_no_other(house: House, caplog: pytest.LogCaptureFixture) -> None:
    other = replace(SCHOOL, id="th2", plan="broken")
    await asyncio.to_thread(house.registry.import_sites, [other], now=NOW - 400 * HOUR)
    plan = house.judging.plans["lang-son-2025"]
    bad = tuple(map(with_unknown_rule, plan.targets))
    plans = {**house.judging.plans, "broken": msgspec.structs.replace(plan, id="broken", targets=bad)}
    judging = house.another(plans)
    judging.metrics = Metrics()
    await house.measured(*[20.0] * 12)
    await judging.judge_now()
    await judging.judge_now()
    assert judging.current().keys() == {SCHOOL.id}
    assert caplog.text.count("judging.fault site=th2") == 1
    assert judging.metrics.registry.get_sample_value("linkgauge_faults_total", {"part": "judging"}) == 2


def with_unknown_rule(target: Target) -> Target:
    """A target that nobody can judge by."""
    if target.binds is None:
        return target
    return msgspec.structs.replace(target, binds=msgspec.structs.replace(target.binds, rule="no-such-rule"))


async def test_a_published_reference_is_taken_over(house: House) -> None:
    site = replace(SCHOOL, plan="quang-ninh-2030", access="cellular_5g")
    await asyncio.to_thread(house.registry.import_sites, [site], now=NOW - 400 * HOUR)
    (name,) = {one.reference for one in house.judging.plans["quang-ninh-2030"].targets if one.reference}
    assert name is not None
    await house.measured(*[30.0] * 12)
    known: dict[str, Series] = {}
    house.judging.references = lambda: dict(known)
    await house.judging.judge_now()
    assert house.judging.current()[SCHOOL.id].reasons[0] == "no_reference"
    known[name] = Series(name, "Mbps", (Figure("2026-10", date(2026, 10, 1), date(2026, 11, 1), 60.0, "VNNIC"),))
    house.now += MINUTE
    await house.judging.judge_now()
    assert house.judging.current()[SCHOOL.id].verdict == "below"


async def test_news_that_were_lost_are_looked_for(house: House) -> None:
    await house.measured(*[80.0] * 12)
    async with running(house) as judging:
        await until(judging.current)
        await house.measured(*[80.0] * 2, newest=NOW + timedelta(minutes=4), announced=False)
        house.bus.lose(1)
        await until(lambda: judging.current()[SCHOOL.id].n == 13)  # the older one comes with the next full reading
