"""The bench of judging works on a small fleet, and tells a goal that is missed."""

from tests.bench.judging import Figure, figures, fleet, markdown


def test_a_small_fleet_is_judged_by_all_its_questions() -> None:
    houses = fleet(30, days=20, a_day=4)
    asked = {(binding.question, binding.indicator) for house in houses for binding in house.bindings}
    assert len(asked) == 4
    rows = list(figures(10, 20, 2))
    assert [row.goal for row in rows] == [5.0, 0.05, 0.05, None]
    assert all(row.worst >= row.seconds >= 0 for row in rows)


def test_a_goal_that_is_missed_is_told() -> None:
    assert "**missed**" in markdown([Figure("all", 6.0, 6.0, 5.0, "")])
    assert "missed" not in markdown([Figure("all", 4.0, 4.0, 5.0, "")])
