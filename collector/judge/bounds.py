"""Between which bounds the true value of a statistic lies, and on which side of a mark that puts it. Pure."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from statistics import NormalDist
from typing import Final

from collector.statistics.order import interval_rank

CACHED: Final = 65_536


@dataclass(frozen=True, slots=True)
class Bounds:
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
    """Which of n sorted samples bound their median; None for too few."""
    return interval_rank(n, confidence=Fraction(confidence).limit_denominator(10_000))


def median_bounds(ordered: Sequence[float], median: float, confidence: float) -> Bounds:
    """The median and its order-statistic interval."""
    rank = rank_of(len(ordered), confidence)
    return Bounds(median, *((ordered[rank - 1], ordered[-rank]) if rank else (None, None)))


def mean_bounds(ordered: Sequence[float], mean: float, confidence: float) -> Bounds:
    """The mean and its interval; None for a single sample, whose spread nobody knows."""
    n = len(ordered)
    if n == 1:
        return Bounds(mean, None, None)
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in ordered) / (n - 1) / n)
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * spread
    return Bounds(mean, mean - reach, mean + reach)


@lru_cache(maxsize=CACHED)
def share_bounds(k: int, n: int, confidence: float) -> Bounds:
    """The share of k in n and its exact interval (Clopper and Pearson)."""
    part = (1 - confidence) / 2
    low = 0.0 if k == 0 else _root(lambda p: _upper_tail(k, n, p) < part)
    high = 1.0 if k == n else _root(lambda p: _upper_tail(k + 1, n, p) < 1 - part)
    return Bounds(k / n, low, high)


def _root(is_left: Callable[[float], bool]) -> float:
    left, right = 0.0, 1.0
    for _ in range(60):
        middle = (left + right) / 2
        left, right = (middle, right) if is_left(middle) else (left, middle)
    return (left + right) / 2


def _upper_tail(k: int, n: int, p: float) -> float:
    logs = (math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) for i in range(k, n + 1))
    return math.fsum(
        math.exp(log + i * math.log(p) + (n - i) * math.log1p(-p)) for i, log in zip(range(k, n + 1), logs, strict=True)
    )
