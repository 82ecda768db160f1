"""Between which bounds the true value of a statistic lies, and on which side of a target that puts it. Pure.

What depends on counts alone is worked out once for each count.
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Final

import msgspec

from collector.statistics.mean import mean_interval
from collector.statistics.order import interval_rank
from collector.statistics.share import clopper_pearson

CACHED: Final = 65_536


class Bounds(msgspec.Struct, frozen=True, gc=False):
    """A statistic's value, and an interval for the true one; None where so few samples give none."""

    value: float
    low: float | None
    high: float | None

    def side(self, target: float) -> int:
        """1: clearly at or above a target, -1: clearly below it, 0: neither."""
        if self.low is not None and self.low >= target:
            return 1
        return -1 if self.high is not None and self.high < target else 0


@lru_cache(maxsize=CACHED)
def rank_of(n: int, confidence: float) -> int | None:
    """Which of n sorted samples, counted from either end, bound their median; None for too few."""
    return interval_rank(n, confidence=_exact(confidence))


def median_bounds(ordered: Sequence[float], median: float, confidence: float) -> Bounds:
    """The median of sorted samples and its order-statistic interval."""
    rank = rank_of(len(ordered), confidence)
    return Bounds(median, None, None) if rank is None else Bounds(median, ordered[rank - 1], ordered[-rank])


def mean_bounds(ordered: Sequence[float], mean: float, confidence: float) -> Bounds:
    """The mean of sorted samples and its interval.

    What is measured is never negative, so neither is its mean: an interval that reaches below zero ends there.
    """
    low, high = mean_interval(ordered, mean, confidence=_exact(confidence))
    return Bounds(mean, low if low is None or ordered[0] < 0 else max(low, 0.0), high)


@lru_cache(maxsize=CACHED)
def share_bounds(k: int, n: int, confidence: float) -> Bounds | None:
    """The share of k in n and its exact interval; None without samples."""
    if n == 0:
        return None
    interval = clopper_pearson(k, n, _exact(confidence))
    return Bounds(k / n, interval.low, interval.high)


@lru_cache(maxsize=64)
def _exact(confidence: float) -> Fraction:
    """What a rule's file means by a confidence: 0.95 is 19 of 20."""
    return Fraction(confidence).limit_denominator(10_000)
