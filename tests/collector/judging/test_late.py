"""Late data, restarts and a judge that was away: everything is recorded, and only what is fresh is told."""

from pathlib import Path

from tests.collector.judging.rig import HOUR, MINUTE, NOW, SCHOOL, House, open_house, running, until


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
    async with open_house(tmp_path) as house:
        history = house.judging.history
        for ago in range(9, -1, -1):  # nine hours, and the newest was measured 16 minutes ago
            await house.measured(20.0, newest=NOW - 16 * MINUTE - HOUR * ago)
            await house.judging.judge_now()
        assert house.judging.current()[SCHOOL.id].verdict == "below"
        assert ([one.quiet for one in history.search()], history.waiting()) == ([True], 0)
        assert [point["verdict"] for point in await house.series("verdict")] == ["inconclusive"] * 9 + ["below"]
        await house.another().judge_now()  # nor does a restart make it news
        assert ([one.quiet for one in history.search()], history.waiting()) == ([True], 0)
        await house.measured(30.0, newest=NOW - MINUTE)
        await house.judging.judge_now()
        (incident,) = history.search()
        assert (incident.state, incident.quiet, history.waiting()) == ("open", False, 1)
        assert [step.what for step in incident.history] == ["opened", "confirmed"]


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
    assert [(one.id, one.opened, one.since) for one in found[0]] == [
        (one.id, one.opened, one.since) for one in found[1]
    ]
    assert len(found[0]) == 1
