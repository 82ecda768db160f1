"""How many samples reach a mark, and between which bounds the true share lies. Pure.

Clopper and Pearson's interval inverts the exact binomial tails: it covers the true share in at least the confidence,
whatever the share and n, and is what an accusation rests on. Wilson's inverts the score test: narrower, it covers the
confidence on average over shares, and less at some of them (`tests/bench/intervals.py` prints where).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from statistics import NormalDist

from collector.statistics.beta import beta_point
from collector.statistics.ranks import CONFIDENCE


@dataclass(frozen=True, slots=True)
class Share:
    """k of n samples are at or above a mark."""

    n: int
    k: int


@dataclass(frozen=True, slots=True)
class Interval:
    """Bounds for the true value."""

    low: float
    high: float


def share_at_least(samples: Sequence[float], mark: float) -> Share:
    """How many samples are at or above a mark."""
    return Share(len(samples), sum(sample >= mark for sample in samples))


@lru_cache(maxsize=65536)
def clopper_pearson(k: int, n: int, confidence: Fraction = CONFIDENCE) -> Interval:
    """Exact bounds for the share of which k in n were seen; of nothing seen: from 0 to 1."""
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n}")
    tail = float(1 - confidence) / 2
    # At either end one tail is empty and the other a power: closed forms, which the inverse would only come near.
    low = 0.0 if k == 0 else tail ** (1 / n) if k == n else beta_point(tail, k, n - k + 1)
    high = 1.0 if k == n else 1 - tail ** (1 / n) if k == 0 else 1 - beta_point(tail, n - k, k + 1)
    return Interval(low, high)


@lru_cache(maxsize=65536)
def wilson(k: int, n: int, confidence: Fraction = CONFIDENCE) -> Interval:
    """Wilson's score bounds for the share of which k in n were seen; of nothing seen: from 0 to 1."""
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n}")
    if n == 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf(1 - float(1 - confidence) / 2)
    share, weight = k / n, z * z / n
    middle = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * ((share * (1 - share) + weight / 4) / n) ** 0.5
    return Interval(0.0 if k == 0 else max(middle - half, 0.0), 1.0 if k == n else min(middle + half, 1.0))
