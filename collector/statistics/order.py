"""Numbers computed from samples, each with its definition. Pure, exact and without assuming a distribution.

The interval of the median: for n independent samples the number of them below the true median is binomial(n, ½), so
[x(r), x(n+1-r)] of the sorted samples covers it with probability 1 - 2·P(B ≤ r-1). The greatest r that keeps this at
least at the confidence is taken; the binomial is summed in integers. Ties only raise the coverage. Below 6 samples no
such interval reaches 95 %, and none is given.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

CONFIDENCE: Final = Fraction(95, 100)


@dataclass(frozen=True, slots=True)
class Median:
    """The middle of n samples (of an even number: the mean of the two middle ones), and bounds for the true one."""

    n: int
    value: float
    low: float | None
    high: float | None


def median_of(samples: Sequence[float], *, confidence: Fraction = CONFIDENCE) -> Median | None:
    """The median with its distribution-free interval; None without samples."""
    if not samples:
        return None
    ordered = sorted(samples)
    n = len(ordered)
    middle = n // 2
    value = ordered[middle] if n % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    rank = interval_rank(n, confidence=confidence)
    if rank is None:
        return Median(n, value, None, None)
    return Median(n, value, ordered[rank - 1], ordered[n - rank])


def interval_rank(n: int, *, confidence: Fraction = CONFIDENCE) -> int | None:
    """The greatest r for which [x(r), x(n+1-r)] covers the median with the confidence; None when r = 1 is too many."""
    allowed = (1 - confidence) / 2 * 2**n  # how many of the 2^n outcomes may fall below x(r)
    below, rank = 0, 0
    while (below := below + math.comb(n, rank)) <= allowed:
        rank += 1
    return rank or None
