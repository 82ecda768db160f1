"""Numbers computed from samples, each with its definition. Pure, exact and without assuming a distribution.

The interval of the median: for n independent samples the number of them below the true median is binomial(n, ½), so
[x(r), x(n+1-r)] of the sorted samples covers it with probability 1 - 2·P(B ≤ r-1). The greatest r that keeps this at
least at the confidence is taken. Ties only raise the coverage. Below 6 samples no such interval reaches 95 %, and
none is given. The same with binomial(n, p) bounds any other quantile: the 5 % and 95 % ones from 72 samples up.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from collector.statistics.ranks import CONFIDENCE, quantile_ranks

P5: Final = Fraction(5, 100)
P95: Final = Fraction(95, 100)
_HALF: Final = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class Median:
    """The middle of n samples (of an even number: the mean of the two middle ones), and bounds for the true one."""

    n: int
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Quantile:
    """The value below which a share of n samples lies, and bounds for the true one; None where n is too small."""

    n: int
    share: Fraction
    value: float
    low: float | None
    high: float | None


def median_of(samples: Sequence[float], *, confidence: Fraction = CONFIDENCE) -> Median | None:
    """The median with its distribution-free interval; None without samples."""
    return median_of_sorted(sorted(samples), confidence=confidence)


def median_of_sorted(ordered: Sequence[float], *, confidence: Fraction = CONFIDENCE) -> Median | None:
    """The same of samples that are sorted already."""
    if not ordered:
        return None
    n = len(ordered)
    middle = n // 2
    value = ordered[middle] if n % 2 else _between(ordered[middle - 1], ordered[middle], 0.5)
    rank = interval_rank(n, confidence=confidence)
    if rank is None:
        return Median(n, value, None, None)
    return Median(n, value, ordered[rank - 1], ordered[n - rank])


def quantile_of_sorted(
    ordered: Sequence[float], share: Fraction, *, confidence: Fraction = CONFIDENCE
) -> Quantile | None:
    """Any quantile of sorted samples: the one at rank (n - 1)·share from 0, interpolated between the two nearest."""
    if not ordered:
        return None
    n = len(ordered)
    rank = (n - 1) * share
    below = math.floor(rank)
    part = float(rank - below)
    value = ordered[below] if part == 0.0 else _between(ordered[below], ordered[below + 1], part)
    ranks = quantile_ranks(n, share, confidence)
    if ranks is None:
        return Quantile(n, share, value, None, None)
    return Quantile(n, share, value, ordered[ranks[0] - 1], ordered[ranks[1] - 1])


def interval_rank(n: int, *, confidence: Fraction = CONFIDENCE) -> int | None:
    """The greatest r for which [x(r), x(n+1-r)] covers the median with the confidence; None when r = 1 is too many."""
    ranks = quantile_ranks(n, _HALF, confidence)
    return None if ranks is None else ranks[0]


def _between(low: float, high: float, part: float) -> float:
    """The point that lies this part of the way from one to the other; no sum of the greatest numbers overflows."""
    return min(max(low * (1 - part) + high * part, low), high)
