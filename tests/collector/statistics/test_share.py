"""Intervals for shares beside SciPy's, to 1e-9."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from collector.statistics.beta import beta_point, beta_share, student_point
from collector.statistics.share import Interval, clopper_pearson, wilson

CLOSE = 1e-9
NUMBERS = (1, 2, 5, 10, 72, 300, 1000, 30_000, 100_000)
CASES = sorted({(n, k) for n in NUMBERS for k in (0, 1, n // 20, n // 3, n // 2, n - n // 20, n - 1, n)})


@pytest.mark.parametrize(("n", "k"), CASES)
def test_intervals_are_those_of_scipy(n: int, k: int) -> None:
    told = stats.binomtest(k, n)
    for ours, theirs in (
        (clopper_pearson(k, n), told.proportion_ci(0.95, "exact")),
        (wilson(k, n), told.proportion_ci(0.95, "wilson")),
    ):
        assert ours.low == pytest.approx(theirs.low, abs=CLOSE)
        assert ours.high == pytest.approx(theirs.high, abs=CLOSE)


@given(st.integers(1, 2000), st.data())
def test_clopper_pearson_leaves_each_tail_its_half(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    found = clopper_pearson(k, n)
    assert 0 <= found.low <= k / n <= found.high <= 1
    if k > 0:
        assert stats.binom.sf(k - 1, n, found.low) == pytest.approx(0.025, rel=1e-7)
    if k < n:
        assert stats.binom.cdf(k, n, found.high) == pytest.approx(0.025, rel=1e-7)


@given(st.integers(1, 500), st.data())
def test_what_is_not_reached_mirrors_what_is(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    for interval in (clopper_pearson, wilson):
        one, other = interval(k, n), interval(n - k, n)
        assert one.low == pytest.approx(1 - other.high, abs=1e-12)
        assert one.high == pytest.approx(1 - other.low, abs=1e-12)


def test_more_confidence_is_wider() -> None:
    narrow, wide = clopper_pearson(7, 20), clopper_pearson(7, 20, Fraction(99, 100))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_nothing_seen_says_nothing() -> None:
    assert clopper_pearson(0, 0) == wilson(0, 0) == Interval(0.0, 1.0)


@pytest.mark.parametrize("interval", [clopper_pearson, wilson])
@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (0, -1)])
def test_more_than_all_is_a_fault(interval: type[object], k: int, n: int) -> None:
    with pytest.raises(ValueError, match=f"{k} of {n}"):
        interval(k, n)  # type: ignore[call-arg]  # both are functions of two numbers


@pytest.mark.parametrize("freedom", [1, 2, 5, 29, 119, 5000, 100_000])
def test_students_points_are_those_of_scipy(freedom: int) -> None:
    assert student_point(freedom, Fraction(95, 100)) == pytest.approx(stats.t.ppf(0.975, freedom), rel=CLOSE)


@given(st.floats(1e-6, 1 - 1e-6), st.floats(0.5, 500), st.floats(0.5, 500))
def test_the_inverse_leads_back(share: float, a: float, b: float) -> None:
    x = beta_point(share, a, b)
    assert stats.beta.cdf(x, a, b) == pytest.approx(share, rel=1e-6)
    assert beta_share(x, a, b) == pytest.approx(stats.beta.cdf(x, a, b), rel=CLOSE)


def test_beyond_its_ends_beta_is_nothing_or_all() -> None:
    assert (beta_share(-0.1, 2, 3), beta_share(0.0, 2, 3), beta_share(1.0, 2, 3)) == (0.0, 0.0, 1.0)
