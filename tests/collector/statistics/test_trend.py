"""Trends beside SciPy's and beside all orders counted, and the dates that follow from them."""

from fractions import Fraction
from itertools import combinations, permutations
from math import factorial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from collector.statistics.trend import Arrival, arrival, slope_rank, trend_of

heights = st.lists(st.floats(-1e6, 1e6), min_size=6, max_size=24)


@pytest.mark.parametrize("n", range(2, 8))
def test_ranks_by_counting_every_order(n: int) -> None:
    wrong = [sum(a > b for a, b in combinations(order, 2)) for order in permutations(range(n))]
    fitting = [r for r in range(1, n * n) if Fraction(sum(w < r for w in wrong), factorial(n)) <= Fraction(1, 40)]
    assert slope_rank(n) == (max(fitting) if fitting else None)


def test_ranks_as_the_tables_print_them() -> None:
    # Two-sided 5 % points of Kendall's S (Hollander and Wolfe, table A.30): 13, 23 and 21·… rank = (N - S) / 2 + 1
    assert [slope_rank(n) for n in (4, 5, 6, 10, 12)] == [None, 1, 2, 12, 19]


def test_exact_and_normal_ranks_meet() -> None:
    assert slope_rank(60) == pytest.approx(slope_rank(61) or 0, rel=0.05)


@pytest.mark.parametrize("n", [6, 12, 36, 90])
def test_slope_and_level_are_those_of_scipy(n: int) -> None:
    y = np.random.default_rng(n).normal(0, 5, n) + 0.4 * np.arange(n)
    found = trend_of([(float(x), value) for x, value in enumerate(y.tolist())])
    theirs = stats.theilslopes(y, np.arange(n), 0.95)
    assert found is not None
    assert found.slope == pytest.approx(theirs.slope, rel=1e-9)
    assert found.level == pytest.approx(float(np.median(y - theirs.slope * (np.arange(n) - n + 1))), rel=1e-9)
    assert found.low == pytest.approx(theirs.low_slope, abs=0.15 * (theirs.high_slope - theirs.low_slope))
    assert found.high == pytest.approx(theirs.high_slope, abs=0.15 * (theirs.high_slope - theirs.low_slope))


@given(heights)
def test_a_slope_lies_within_its_bounds_and_mirrors(y: list[float]) -> None:
    points = list(enumerate(map(float, y)))
    found = trend_of([(float(x), value) for x, value in points])
    mirrored = trend_of([(float(x), -value) for x, value in points])
    assert found is not None
    assert mirrored is not None
    assert found.low <= found.slope <= found.high
    assert (mirrored.low, mirrored.slope, mirrored.high) == (-found.high, -found.slope, -found.low)


def line(slope: float, *, n: int = 12, wobble: float = 0.5) -> list[tuple[float, float]]:
    return [(float(x), 80 + slope * x + wobble * (-1) ** x) for x in range(n)]


def test_a_rising_line_gets_there() -> None:
    trend = trend_of(line(2.0))
    assert trend is not None
    found = arrival(trend, 122.0)
    assert found.way == "approaching"
    assert found.steps is not None
    assert found.steps == pytest.approx(10, abs=0.5)
    assert found.earliest is not None
    assert found.latest is not None
    assert found.earliest <= found.steps < found.latest


@pytest.mark.parametrize(
    ("slope", "wobble", "target", "way"),
    [
        (2.0, 0.5, 90.0, "reached"),
        (-2.0, 0.5, 90.0, "away"),
        (0.01, 20.0, 120.0, "no_trend"),
        (0.0, 0.0, 120.0, "no_trend"),
        (0.1, 0.0, 120.0, "far"),
    ],
)
def test_lines_that_name_no_date(slope: float, wobble: float, target: float, way: str) -> None:
    trend = trend_of(line(slope, wobble=wobble))
    assert trend is not None
    assert arrival(trend, target) == Arrival(way)  # type: ignore[arg-type]  # one of its words


def test_the_slow_end_may_never_get_there() -> None:
    trend = trend_of(line(0.5, wobble=1.8))
    assert trend is not None
    found = arrival(trend, 120.0)
    assert (found.way, found.latest) == ("approaching", None)


def test_the_newest_figure_decides_whether_it_is_reached() -> None:
    trend = trend_of(line(2.0))
    assert trend is not None
    assert arrival(trend, 101.0, value=103.0).way == "reached"
    assert arrival(trend, 101.0, value=99.0).way == "approaching"


def test_one_freak_month_carries_no_trend() -> None:
    trend = trend_of([*line(2.0), (12.0, 900.0)])
    assert trend is not None
    assert trend.slope == pytest.approx(2.0, abs=0.3)


def test_months_that_cannot_make_a_trend() -> None:
    assert trend_of(line(2.0, n=5)) is None
    assert trend_of(line(2.0, n=6), confidence=Fraction(9999, 10_000)) is None  # 6! orders are too few for that
    with pytest.raises(ValueError, match="two points"):
        trend_of([*line(2.0), (3.0, 1.0)])
