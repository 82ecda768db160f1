"""Geometry of the chart: round levels, local times, and nothing outside the frame."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.web.chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Line, Mark, draw, time_ticks, value_ticks

START = datetime(2026, 11, 1, tzinfo=UTC)
VIETNAM = timedelta(hours=7)


@given(
    st.lists(st.tuples(st.floats(0, 30), st.none() | st.floats(0, 1e5)), max_size=20),
    st.none() | st.floats(0.1, 1e4),
)
def test_every_mark_lies_within_the_frame(tests: list[tuple[float, float | None]], target: float | None) -> None:
    marks = [Mark(START + timedelta(days=day), mbps, "conclusive", "") for day, mbps in tests]
    lines = [Line(None, target)] if target else []
    chart = draw(marks, start=START, end=START + timedelta(days=30), target=lines, zone_offset=VIETNAM)
    assert len(chart.dots) == len(marks)
    for x, y in [(dot.x, dot.y) for dot in chart.dots] + list(chart.target):
        assert LEFT - 0.1 <= x <= WIDTH - RIGHT + 0.1
        assert TOP - 0.1 <= y <= HEIGHT - BOTTOM + 0.1


@given(st.floats(0.01, 1e7))
def test_levels_are_round_few_and_reach_the_top(highest: float) -> None:
    levels = value_ticks(highest)
    assert levels[0] == 0
    assert levels[-1] >= highest * (1 - 1e-6)
    assert 3 <= len(levels) <= 6


def test_a_mark_outside_the_period_is_left_out() -> None:
    late = Mark(START + timedelta(days=31), 5, "conclusive", "")
    assert not draw([late], start=START, end=START + timedelta(days=30), target=[], zone_offset=VIETNAM).dots


def test_a_failure_lies_on_the_floor() -> None:
    chart = draw(
        [Mark(START, None, "failed", "")], start=START, end=START + timedelta(days=1), target=[], zone_offset=VIETNAM
    )
    assert chart.dots[0].y == HEIGHT - BOTTOM


def test_a_target_that_changed_is_a_step() -> None:
    steps = [Line(None, 85), Line(START + timedelta(days=15), 200)]
    chart = draw([], start=START, end=START + timedelta(days=30), target=steps, zone_offset=VIETNAM)
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = chart.target
    assert (x0, x3) == (LEFT, WIDTH - RIGHT)
    assert x1 == x2 == pytest.approx((LEFT + WIDTH - RIGHT) / 2, abs=0.1)
    assert y0 == y1 > y2 == y3
    assert chart.target_label == "200"


@pytest.mark.parametrize(
    ("hours", "labels"),
    [
        pytest.param(24, ["01/11 03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00", "00:00"], id="day"),
        pytest.param(7 * 24, ["02/11", "03/11", "04/11", "05/11", "06/11", "07/11", "08/11"], id="week"),
    ],
)
def test_times_are_round_where_people_live(hours: int, labels: list[str]) -> None:
    start = datetime(2026, 10, 31, 17, 0, 1, tzinfo=UTC)  # just after midnight in Vietnam
    ticks = time_ticks(start, start + timedelta(hours=hours), VIETNAM)
    assert [label for _, label in ticks] == labels


@pytest.mark.parametrize("days", [121, 365, 800, 4000])
def test_a_long_period_is_labelled_by_months(days: int) -> None:
    start = datetime(2025, 12, 31, 16, 59, tzinfo=UTC)  # a minute before the province's new year
    ticks = time_ticks(start, start + timedelta(days=days), VIETNAM)
    assert ticks[0] == (start + timedelta(minutes=1), "01/2026")
    assert 4 <= len(ticks) <= 9
    assert all((at + VIETNAM).day == 1 and (at + VIETNAM).hour == 0 for at, _ in ticks)
