"""Sites that are not heard: an incident of its own, which says nothing of speed."""

from dataclasses import replace
from datetime import datetime

import pytest

from agent.wire.control import Status
from collector.fleet import Fleet
from tests.collector.judging.rig import HOUR, MINUTE, NOW, SCHOOL, House, running, until


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


async def test_a_group_of_silent_sites_stays_over_a_restart_and_ends_when_they_are_heard(house: House) -> None:
    others = [replace(SCHOOL, id=f"th{number}", provider="VNPT") for number in range(1, 5)]
    house.registry.import_sites(others, now=NOW)
    agents = {f"a{number}": f"th{number}" for number in range(2, 5)}
    house.registry.add_agents(agents, now=NOW)
    for agent in ("a1", *agents):
        house.fleet.heard(agent, Status(state="online"), NOW - 20 * MINUTE)
    await house.judging.judge_now()
    (parent,) = house.judging.history.search()
    assert (parent.cause, parent.children) == ("silent", ["th1", "th2", "th3", "th4"])
    house.now += MINUTE
    house.listening = house.now
    await house.another().judge_now()
    assert house.judging.history.search() == [parent]
    for agent in ("a1", *agents):
        house.fleet.heard(agent, Status(state="online"), house.now)
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


async def test_a_clock_that_jumps_makes_nobody_silent(house: House) -> None:
    for ahead in (1, 2, 3):
        house.fleet.heard("a1", Status(state="online", next={"throughput": NOW + HOUR * ahead}), NOW)
    passed = 0.0
    judging = replace(house.judging, ticks=lambda: passed)
    await judging.start()
    house.now += 24 * HOUR
    await judging.judge_now()
    assert judging.history.search() == []
    house.now += 9 * MINUTE
    passed += 9 * 60
    await judging.judge_now()
    assert judging.history.search() == []
    house.now += MINUTE
    passed += 60
    await judging.judge_now()
    assert [one.cause for one in judging.history.search()] == ["silent"]
