"""The mean's interval: Student's beside SciPy, Hall's written a second time, and data that break formulas."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from collector.statistics.mean import Mean, mean_of


def hall(samples: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float, float]:
    """Hall's interval, the other way round: the u whose transformed value is ±t is searched for."""
    n, skewness = len(samples), float(stats.skew(samples))
    point = stats.t.ppf(0.975, n - 1) / math.sqrt(n)

    def turned(u: float) -> float:
        return u + skewness * u * u / 3 + skewness**2 * u**3 / 27 + skewness / (6 * n)

    grid = np.linspace(-60, 60, 2_400_001)
    ends = np.interp([point, -point], turned(grid), grid)  # type: ignore[arg-type]  # the polynomial takes arrays too
    return float(samples.mean() - samples.std(ddof=1) * ends[0]), float(samples.mean() - samples.std(ddof=1) * ends[1])


@pytest.mark.parametrize("n", [6, 10, 30, 200])
def test_the_wider_end_of_both_is_given(n: int) -> None:
    samples = np.random.default_rng(n).lognormal(4, 0.7, n)
    half = stats.t.ppf(0.975, n - 1) * samples.std(ddof=1) / math.sqrt(n)
    low, high = hall(samples)
    found = mean_of(samples.tolist())
    assert found is not None
    assert found.value == pytest.approx(samples.mean(), rel=1e-12)
    assert found.low == pytest.approx(min(low, samples.mean() - half), rel=1e-6)
    assert found.high == pytest.approx(max(high, samples.mean() + half), rel=1e-6)


def test_symmetric_data_get_students_interval() -> None:
    samples = [90.0, 95.0, 98.0, 102.0, 105.0, 110.0]
    half = stats.t.ppf(0.975, 5) * np.std(samples, ddof=1) / math.sqrt(6)
    found = mean_of(samples)
    assert found is not None
    assert found.low == pytest.approx(100 - half, rel=1e-9)
    assert found.high == pytest.approx(100 + half, rel=1e-9)


def test_few_and_equal_samples() -> None:
    assert mean_of([]) is None
    assert mean_of([7.0]) == Mean(1, 7.0, None, None)
    assert mean_of([7.0] * 5) == Mean(5, 7.0, None, None)
    assert mean_of([7.0] * 9) == Mean(9, 7.0, 7.0, 7.0)
    assert mean_of([0.0] * 9) == Mean(9, 0.0, 0.0, 0.0)


@given(st.lists(st.floats(0, 1.7e308), min_size=1, max_size=40))
def test_the_mean_lies_between_its_bounds_whatever_was_sent(samples: list[float]) -> None:
    found = mean_of(samples)
    assert found is not None
    assert min(samples) <= found.value <= max(samples)
    if found.low is not None and found.high is not None:
        assert found.low <= found.value <= found.high
