"""The median's interval against brute force: every outcome of n fair coins is counted."""

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.statistics.order import Median, interval_rank, median_of
from collector.statistics.share import Share, share_at_least

samples = st.lists(st.floats(0, 1e4), min_size=1, max_size=60)


def coverage_by_counting(n: int, rank: int) -> Fraction:
    """How many of the 2^n ways to fall above or below the true median leave it inside [x(rank), x(n+1-rank)]."""
    inside = sum(rank <= sum(below) <= n - rank for below in product((0, 1), repeat=n))
    return Fraction(inside, 2**n)


@pytest.mark.parametrize("n", range(1, 15))
def test_the_rank_is_the_greatest_that_covers(n: int) -> None:
    enough = [rank for rank in range(1, n // 2 + 1) if coverage_by_counting(n, rank) >= Fraction(95, 100)]
    assert interval_rank(n) == (max(enough) if enough else None)


@pytest.mark.parametrize(
    ("n", "rank"), [(5, None), (6, 1), (8, 1), (9, 2), (10, 2), (12, 3), (20, 6), (30, 10), (100, 40)]
)
def test_ranks_as_the_tables_print_them(n: int, rank: int | None) -> None:
    assert interval_rank(n) == rank


def test_the_rank_stays_exact_where_floats_would_not() -> None:
    assert interval_rank(5000) == 2431  # about 2500 - 1.96·√5000/2


def test_ten_results_by_hand() -> None:
    values = [41.0, 30.5, 55.0, 38.0, 44.0, 39.0, 36.0, 47.0, 33.0, 40.0]
    # sorted: 30.5 33 36 38 39 | 40 41 44 47 55; bounds are the second and the ninth
    assert median_of(values) == Median(n=10, value=39.5, low=33.0, high=47.0)


def test_too_few_have_a_median_without_bounds() -> None:
    assert median_of([3.0, 1.0, 2.0]) == Median(n=3, value=2.0, low=None, high=None)
    assert median_of([]) is None


@given(samples)
def test_the_median_lies_between_its_bounds_whatever_the_order(values: list[float]) -> None:
    median = median_of(values)
    assert median == median_of(values[::-1])
    assert median is not None
    if median.low is not None and median.high is not None:
        assert median.low <= median.value <= median.high
        assert {median.low, median.high} <= set(values)


@given(samples, st.floats(0, 1e4))
def test_share_counts_each_sample_once(values: list[float], mark: float) -> None:
    share = share_at_least(values, mark)
    assert share == Share(len(values), len(values) - sum(value < mark for value in values))
