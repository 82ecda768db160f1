"""What goes wrong around the judge: it dies between steps, what it needs is away, clocks jump, whole fleets fail."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from collector.errors import StoreUnavailable
from collector.events import Event
from collector.store.points import nanoseconds
from collector.store.store import Point
from collector.upkeep import iso
from tests.collector.judging.rig import HOUR, MINUTE, NOW, SCHOOL, House

DAY = timedelta(days=1)


async def test_latency_judges_no_verdict_again(house: House) -> None:
    await house.measured(*[80.0] * 20)
    await house.judging.start()
    before = house.judging.verdicts.all()
    house.now += 5 * MINUTE
    await house.reached("+" * 3)
    house.judging.hear(_stored("latency", house.now - 10 * MINUTE, house))
    await house.judging.catch_up()
    assert house.judging.last_pass == house.now
    assert all(now is then for now, then in zip(house.judging.verdicts.all(), before, strict=True))


async def test_what_was_said_before_a_restart_is_not_said_again(house: House) -> None:
    await house.measured(*[80.0] * 20)
    await house.judging.start()
    said = await house.series("verdict")
    house.now += MINUTE
    again = house.another()
    await again.start()
    assert again.current()[SCHOOL.id].n == 20
    assert await house.series("verdict") == said


async def test_a_judge_that_dies_before_it_has_saved_how_far_it_was_tells_nothing_twice(house: House) -> None:
    await house.measured(*[80.0] * 20, newest=NOW - 12 * HOUR)
    await house.judging.start()
    house.now += MINUTE
    await house.measured(*[20.0] * 12, newest=house.now)
    marks = house.judging.history.judged()
    await house.judging.judge_now()
    found, letters = house.judging.history.search(), house.judging.history.waiting()
    assert letters > 0
    house.judging.history.set_judged(marks)  # as if it had been killed between the two
    again = house.another()
    await again.start()
    await again.judge_now()
    assert (again.history.search(), again.history.waiting()) == (found, letters)


async def test_a_site_that_changed_while_the_store_was_away_is_judged_when_it_is_back(house: House) -> None:
    await house.measured(*[80.0] * 20)
    await house.judging.start()
    house.now += MINUTE
    contracted = replace(SCHOOL, contract_down_mbps=300.0)
    await asyncio.to_thread(house.registry.import_sites, [contracted], now=house.now)
    house.store.away = True
    house.judging.hear(_stored("throughput", house.now, house))
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await house.judging.catch_up()
    house.store.away = False
    await house.judging.catch_up()
    assert {one.question for one in house.judging.verdicts.all()} == {"plan", "contract"}


async def test_a_collapse_of_a_whole_province_is_one_incident_and_none_of_its_sites(house: House) -> None:
    others = [replace(SCHOOL, id=f"th{number}", name=f"TH {number}") for number in range(2, 13)]
    await asyncio.to_thread(house.registry.import_sites, others, now=NOW - 400 * HOUR)
    sites = [SCHOOL, *others]
    broken = NOW - 13 * HOUR
    points = []
    for place, site in enumerate(sites):
        for turn in range(60):
            at = NOW - 6 * HOUR * turn - 20 * MINUTE * place
            points.append(_speed(site.id, nanoseconds(at), 80.0 if at < broken else 6.0))
    for step in sorted({point.time_ns for point in points if point.time_ns > nanoseconds(broken)}):
        await house.store.write([point for point in points if point.time_ns <= step])
        house.now = NOW + timedelta(microseconds=(step - nanoseconds(NOW)) // 1000) + MINUTE
        await house.judging.judge_now()
    found = [one for one in house.judging.history.search() if one.cause == "collapse"]
    assert [(one.site, len(one.children)) for one in found] == [(None, 12)]


@pytest.mark.parametrize("jump", [-DAY, DAY])
async def test_a_clock_that_was_set_changes_no_incident(house: House, jump: timedelta) -> None:
    await house.measured(*[80.0] * 20, newest=NOW - 12 * HOUR)
    await house.measured(*[20.0] * 12)
    await house.reached("+" * 30)
    await house.judging.start()
    found = [(one.id, one.state) for one in house.judging.history.search()]
    assert found
    house.now += jump
    await house.judging.judge_now()
    assert [(one.id, one.state) for one in house.judging.history.search()] == found
    house.now -= jump
    await house.judging.judge_now()
    assert [(one.id, one.state) for one in house.judging.history.search()] == found
    await house.another().start()
    assert [(one.id, one.state) for one in house.judging.history.search()] == found


def _stored(kind: str, oldest: datetime, house: House) -> Event:
    return Event("report", SCHOOL.id, house.now, {"kind": kind, "oldest": iso(oldest)})


def _speed(site: str, time_ns: int, mbps: float) -> Point:
    tags = (("agent", f"a-{site}"), ("peer", "langson-dc"), ("site", site))
    return Point("throughput", tags, {"download_mbps": mbps, "conclusive": True}, time_ns)
