"""Ranks against SciPy's binomial, and against integers where floats would hesitate."""

from fractions import Fraction
from math import comb

import pytest
from scipy import stats

from collector.statistics.ranks import quantile_ranks

TAIL = 0.025


def ranks_by_scipy(n: int, share: float) -> tuple[int, int] | None:
    """Straight from the definition: the greatest r and the least u whose tails fit."""
    lows = [r for r in range(1, n + 1) if stats.binom.cdf(r - 1, n, share) <= TAIL]
    highs = [u for u in range(1, n + 1) if stats.binom.sf(u - 1, n, share) <= TAIL]
    return (max(lows), min(highs)) if lows and highs else None


@pytest.mark.parametrize("share", [Fraction(1, 2), Fraction(1, 20), Fraction(19, 20), Fraction(1, 3), Fraction(9, 10)])
@pytest.mark.parametrize("n", [1, 2, 5, 6, 35, 71, 72, 100, 301])
def test_ranks_are_those_of_the_binomial(n: int, share: Fraction) -> None:
    assert quantile_ranks(n, share) == ranks_by_scipy(n, float(share))


@pytest.mark.parametrize("share", [Fraction(1, 2), Fraction(1, 20)])
def test_ranks_of_a_hundred_thousand(share: Fraction) -> None:
    low, high = quantile_ranks(100_000, share) or (0, 0)
    assert stats.binom.cdf(low - 1, 100_000, float(share)) <= TAIL < stats.binom.cdf(low, 100_000, float(share))
    assert stats.binom.sf(high - 1, 100_000, float(share)) <= TAIL < stats.binom.sf(high - 2, 100_000, float(share))


@pytest.mark.parametrize("n", [6, 40, 200])
@pytest.mark.parametrize("nudge", [-1, 0, 1])
def test_a_tail_that_is_just_reached_is_decided_in_integers(n: int, nudge: int) -> None:
    rank = n // 3
    reached = sum(comb(n, k) for k in range(rank))  # of 2^n, below x(rank)
    confidence = 1 - 2 * Fraction(reached * 2**60 + nudge, 2 ** (n + 60))
    low, high = quantile_ranks(n, Fraction(1, 2), confidence) or (0, 0)
    assert (low, high) == ((rank, n + 1 - rank) if nudge >= 0 else (rank - 1, n + 2 - rank))
