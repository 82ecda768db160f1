"""What roll-ups keep, turned back into samples: exactly where it can be, closely elsewhere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.rollups.figures import spread as rolled_up
from collector.scoreboard.spread import HALF, P95, Spread, site_figure, value_at


def spread_of(samples: list[float]) -> Spread:
    """As the roll-ups make it."""
    told = rolled_up(sorted(samples))
    return Spread(int(told["n"]), told["mean"], told["min"], told["p5"], told["median"], told["p95"], told["max"])


@given(st.lists(st.floats(0.5, 2000), min_size=1, max_size=5))
def test_up_to_five_samples_come_back_as_they_were(samples: list[float]) -> None:
    points = spread_of(samples).points()
    assert [weight for _, weight in points] == [1.0] * len(samples)
    assert [value for value, _ in points] == pytest.approx(sorted(samples), rel=1e-9, abs=1e-9)


@given(st.lists(st.floats(0, 1e4), min_size=6, max_size=60))
def test_of_more_the_points_ascend_and_weigh_as_much(samples: list[float]) -> None:
    points = spread_of(samples).points()
    values = [value for value, _ in points]
    assert values == pytest.approx(sorted(values), rel=1e-9, abs=1e-9)
    assert sum(weight for _, weight in points) == pytest.approx(len(samples))
    assert min(samples) - 1e-6 <= min(values)
    assert max(values) <= max(samples) + 1e-6


def test_a_median_over_months_is_near_that_of_all_samples() -> None:
    chance = np.random.default_rng(5)
    months = [chance.lognormal(4.4 + 0.02 * number, 0.25, 120).tolist() for number in range(12)]
    found = site_figure("s", [spread_of(month) for month in months])
    real = [value for month in months for value in month]
    assert found is not None
    assert found.n == 1440
    assert found.mean == pytest.approx(float(np.mean(real)), rel=1e-9)
    assert found.median == pytest.approx(float(np.median(real)), rel=0.01)
    low, high = found.bounds(HALF) or (0.0, 0.0)
    assert low < found.median < high < low * 1.1


def test_one_roll_ups_median_is_its_own() -> None:
    samples = np.random.default_rng(3).uniform(10, 90, 121).tolist()
    found = site_figure("s", [Spread(0, 0, 0, 0, 0, 0, 0), spread_of(samples)])
    assert found is not None
    assert found.median == float(np.median(samples))


def test_bounds_are_near_those_of_the_samples() -> None:
    samples = sorted(np.random.default_rng(8).normal(100, 20, 120).tolist())
    found = site_figure("s", [spread_of(samples)])
    assert found is not None
    assert found.bounds(HALF) == pytest.approx((samples[48], samples[71]), abs=2.5)  # the 49th and the 72nd
    mean = found.mean_bounds() or (0.0, 0.0)
    half = 1.98 * float(np.std(samples, ddof=1)) / 120**0.5
    assert mean[1] - mean[0] == pytest.approx(2 * half, rel=0.15)


def test_few_samples_have_no_bounds() -> None:
    found = site_figure("s", [spread_of([1.0, 2.0, 3.0, 4.0, 5.0])])
    assert found is not None
    assert (found.bounds(HALF), found.bounds(P95), found.mean_bounds()) == (None, None, None)


def test_no_samples_are_no_figure() -> None:
    assert site_figure("s", []) is None


@pytest.mark.parametrize(("share", "value"), [(0.0, 1.0), (0.25, 1.5), (0.5, 2.5), (1.0, 4.0)])
def test_a_value_lies_between_the_middles_of_weights(share: float, value: float) -> None:
    assert value_at([(1.0, 1.0), (2.0, 1.0), (3.0, 1.0), (4.0, 1.0)], share) == value
