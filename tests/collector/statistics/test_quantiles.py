"""Quantiles beside NumPy's, and what holds of their bounds whatever the samples."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.statistics.order import P5, P95, median_of, quantile_of_sorted

values = st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=200)


@pytest.mark.parametrize("share", [P5, P95, Fraction(1, 3)])
@pytest.mark.parametrize("n", [1, 2, 7, 100, 401])
def test_a_quantile_is_the_one_that_numpy_interpolates(n: int, share: Fraction) -> None:
    ordered = sorted(np.random.default_rng(n).lognormal(4, 1, n).tolist())
    found = quantile_of_sorted(ordered, share)
    assert found is not None
    assert found.value == pytest.approx(np.quantile(ordered, float(share)), rel=1e-12)


@pytest.mark.parametrize(("n", "bounded"), [(71, False), (72, True)])
def test_the_ends_are_bounded_from_72_samples(n: int, *, bounded: bool) -> None:
    for share in (P5, P95):
        found = quantile_of_sorted(list(map(float, range(n))), share)
        assert found is not None
        assert (found.low is not None, found.high is not None) == (bounded, bounded)


def test_a_hundred_by_hand() -> None:
    # Binomial(100, 0.05): P(B ≤ 0) = 0.0059, P(B ≤ 1) = 0.0371 > 0.025; P(B ≥ 11) = 0.0115, P(B ≥ 10) = 0.0282.
    found = quantile_of_sorted([float(value) for value in range(1, 101)], P5)
    assert found is not None
    assert found.value == pytest.approx(5.95)
    assert (found.low, found.high) == (1.0, 11.0)


@given(values, st.sampled_from([P5, P95, Fraction(1, 2)]))
def test_a_quantile_lies_within_its_bounds(samples: list[float], share: Fraction) -> None:
    ordered = sorted(samples)
    found = quantile_of_sorted(ordered, share)
    assert found is not None
    assert ordered[0] <= found.value <= ordered[-1]
    if found.low is not None and found.high is not None:
        assert found.low <= found.value <= found.high


@given(values)
def test_the_half_is_the_median(samples: list[float]) -> None:
    found, median = quantile_of_sorted(sorted(samples), Fraction(1, 2)), median_of(samples)
    assert found is not None
    assert median is not None
    assert (found.value, found.low, found.high) == (median.value, median.low, median.high)


def test_of_nothing_there_is_no_quantile() -> None:
    assert quantile_of_sorted([], P5) is None
