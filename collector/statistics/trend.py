"""Whether a monthly figure rises, and when it gets where it should. Pure and distribution-free.

Theil and Sen's slope is the median of the slopes of all pairs of months, so a freak month does not carry it. Its
interval (Sen 1968) is read from the same sorted slopes: at the true slope the number of pairs below it has the
distribution of Kendall's tau, counted exactly up to 60 points and beyond by its normal limit. It assumes that what
is left beside the line is independent from month to month; where neighbours resemble each other it is too narrow.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate, combinations, pairwise
from statistics import NormalDist, median
from typing import Final, Literal

from collector.statistics.ranks import CONFIDENCE

LEAST: Final = 6
FAR: Final = 120.0
"""Steps ahead beyond which no date is named: ten years of months."""
_EXACT: Final = 60

Way = Literal["reached", "approaching", "no_trend", "away", "far"]


@dataclass(frozen=True, slots=True)
class Trend:
    """The slope per step of x over n points, its bounds, and where the line stands at the last point."""

    n: int
    slope: float
    low: float
    high: float
    level: float
    at: float

    @property
    def clear(self) -> bool:
        """Whether the interval lies on one side of zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Arrival:
    """When the line reaches a target, in steps after the last point; only `approaching` has a number.

    `latest` is None where the slow end of the interval gets there beyond `FAR`.
    """

    way: Way
    steps: float | None = None
    earliest: float | None = None
    latest: float | None = None


def trend_of(points: Sequence[tuple[float, float]], *, confidence: Fraction = CONFIDENCE) -> Trend | None:
    """The trend of (x, y) with x all different; None below 6 points."""
    if len(points) < LEAST:
        return None
    ordered = sorted(points)
    if any(earlier[0] == later[0] for earlier, later in pairwise(ordered)):
        raise ValueError("two points at one place")
    slopes = sorted((y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(ordered, 2))
    rank = slope_rank(len(ordered), confidence)
    if rank is None:
        return None
    slope, last = median(slopes), ordered[-1][0]
    level = median(y - slope * (x - last) for x, y in ordered)
    return Trend(len(ordered), slope, slopes[rank - 1], slopes[-rank], level, last)


def arrival(trend: Trend, target: float, *, value: float | None = None) -> Arrival:
    """When a figure that should be at least the target gets there at this pace.

    `value`: the newest figure, when it decides whether the target is reached already; without it the line does.
    """
    if (trend.level if value is None else value) >= target:
        return Arrival("reached")
    if not trend.clear:
        return Arrival("no_trend")
    if trend.high < 0:
        return Arrival("away")
    missing = max(target - trend.level, 0.0)
    steps, earliest, latest = (missing / slope for slope in (trend.slope, trend.high, trend.low))
    if steps > FAR:
        return Arrival("far")
    return Arrival("approaching", steps, earliest, latest if latest <= FAR else None)


@lru_cache(maxsize=1024)
def slope_rank(n: int, confidence: Fraction = CONFIDENCE) -> int | None:
    """The greatest r for which the r-th smallest and the r-th greatest slope bound the true one; None below 5."""
    pairs = n * (n - 1) // 2
    if n > _EXACT:
        spread = math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
        point = NormalDist().inv_cdf(1 - float(1 - confidence) / 2)
        return math.floor((pairs - point * spread) / 2)
    allowed = (1 - confidence) / 2 * math.factorial(n)
    fitting = sum(below <= allowed for below in accumulate(_inversions(n)))
    return fitting or None


@lru_cache(maxsize=_EXACT + 1)
def _inversions(n: int) -> tuple[int, ...]:
    """How many orders of n things have 0, 1, 2, … pairs the wrong way round."""
    counts = [1]
    for things in range(2, n + 1):
        sums = [0, *accumulate(counts + [0] * (things - 1))]
        counts = [sums[end] - sums[max(end - things, 0)] for end in range(1, len(sums))]
    return tuple(counts)
