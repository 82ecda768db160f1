"""The bench of the live judge works on a small fleet, and tells a goal that is missed."""

from pathlib import Path

from tests.bench.live_judge import House, Line, Spent, fleet, is_met, markdown, measured


async def test_a_small_fleet_is_filled_and_judged(tmp_path: Path) -> None:
    found = await measured(House(tmp_path, fleet(6)), 2, 1)
    assert len(found) == 12
    assert "19 verdicts" in found[0].note
    assert all(go.wall > 0 and go.judge > 0 for line in found for go in line.goes)


def test_a_goal_that_is_missed_is_told() -> None:
    slow = Line("a batch", [Spent(loop=0.04, rest=0.02)], 0.05)
    assert not is_met(slow)
    assert "| 60 | 40 | 0 | 0 | 0 | 50 **missed** |" in markdown([slow], 1, 1)
