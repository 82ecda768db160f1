"""Where every site stands, in the series, at intervals: a rule outside must not lose a site that has fallen silent."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

from msgspec import structs

from agent.wire.control import Status
from collector.judging.standings import Standings
from collector.store.points import nanoseconds
from collector.verdicts import Present
from tests.collector.judging.rig import MINUTE, NOW, SCHOOL, House

DAY = timedelta(days=1)


def census(house: House) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(house.folder / "series.db")) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM census ORDER BY time")]


async def test_a_site_that_was_never_heard_stands_in_the_series(house: House) -> None:
    await house.judging.judge_now()
    (standing,) = await house.series("standing")
    assert await house.series("verdict") == []  # nothing was measured: here there is nothing to see of the site
    assert (standing["inconclusive"], standing["below"], standing["silent"]) == (1.0, 0.0, 0.0)
    assert (standing["province"], standing["commune"], standing["plan"]) == ("lang-son", "huu-lung", SCHOOL.plan)
    assert standing["name"] == SCHOOL.name
    assert standing["time_ns"] == nanoseconds(NOW)


async def test_silence_and_its_end_are_said_at_once_and_what_stays_once_a_day(house: House) -> None:
    await house.measured(*[30.0] * 10)
    house.fleet.heard("a1", Status(state="online"), NOW - 20 * MINUTE)
    await house.judging.judge_now()
    house.now += 2 * MINUTE
    await house.judging.judge_now()
    house.fleet.heard("a1", Status(state="online"), house.now)
    await house.judging.judge_now()
    said = await house.series("standing")
    assert [(row["below"], row["silent"], row["value"]) for row in said] == [(1.0, 1.0, 30.0), (1.0, 0.0, 30.0)]
    house.now += DAY
    house.fleet.heard("a1", Status(state="online"), house.now)
    await house.judging.judge_now()
    newest = (await house.series("standing"))[-1]
    assert (newest["below"], newest["silent"], newest["time_ns"]) == (1.0, 0.0, nanoseconds(house.now))
    assert (newest["low"], newest["high"], newest["n"]) == (30.0, 30.0, 10.0)


async def test_a_restart_says_everything_once_more(house: House) -> None:
    await house.judging.judge_now()
    house.now += MINUTE
    await house.another().judge_now()
    assert [row["time_ns"] for row in await house.series("standing")] == [nanoseconds(NOW), nanoseconds(NOW + MINUTE)]


async def test_the_series_of_before_a_move_ends_in_zeros(house: House) -> None:
    await house.measured(*[30.0] * 10)
    await house.judging.judge_now()
    house.now += MINUTE
    house.registry.import_sites([replace(SCHOOL, commune="van-nham")], now=house.now)
    await house.judging.judge_now()
    assert await stands(house) == {"huu-lung": 0.0, "van-nham": 1.0}
    newest = (await house.series("standing"))[-1]
    assert newest["commune"] == "van-nham", "where a site's newest point is asked for, it is the one of today"


async def test_it_ends_too_when_the_site_moved_while_nobody_judged(house: House) -> None:
    await house.measured(*[30.0] * 10)
    await house.judging.judge_now()
    house.now += MINUTE
    house.registry.import_sites([replace(SCHOOL, commune="van-nham")], now=house.now)
    house.registry.import_sites([replace(SCHOOL, commune="bac-son")], now=house.now)
    await house.another().judge_now()
    assert await stands(house) == {"huu-lung": 0.0, "van-nham": 0.0, "bac-son": 1.0}


async def stands(house: House) -> dict[str, float]:
    return {row["commune"]: row["below"] for row in await house.series("standing")}


async def test_a_contract_that_ends_ends_what_was_said_of_it(house: House) -> None:
    await house.judging.judge_now()
    plan = house.judging.current()[SCHOOL.id]
    bought = structs.replace(plan, question="contract", verdict="below")
    standings, said = Standings(), []
    for present in (Present([plan, bought]), Present([plan])):
        said += standings.told(SCHOOL, present, NOW)
    assert [point.fields["contract_below"] for point in said] == [1.0, 0.0]


def test_where_no_site_is_registered_the_judge_says_that() -> None:
    standings = Standings()
    points = standings.census([], NOW)
    assert [(point.measurement, point.tags) for point in points] == [("census", ()), ("standing", ())]
    assert set(points[0].fields.values()) == set(points[1].fields.values()) == {0.0}
    assert points[1].fields.keys() == {"silent", "contract_below"}, "no site is counted by what it met"
    assert standings.census([], NOW + MINUTE) == []


async def test_the_census_counts_every_registered_site_each_five_minutes(house: House) -> None:
    house.registry.import_sites([replace(SCHOOL, id="th2"), replace(SCHOOL, id="th3")], now=NOW)
    await house.measured(*[30.0] * 10)
    for minutes in (0, 1, 6):
        house.now = NOW + minutes * MINUTE
        await house.judging.judge_now()
    found = census(house)
    assert [row["time"] for row in found] == [nanoseconds(NOW), nanoseconds(NOW + 6 * MINUTE)]
    assert {name: found[0][name] for name in ("sites", "met", "below", "inconclusive", "silent")} == {
        "sites": 3.0, "met": 0.0, "below": 1.0, "inconclusive": 2.0, "silent": 0.0,
    }  # fmt: skip
    assert found[0]["province"] == "lang-son"
