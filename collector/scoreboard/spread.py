"""What roll-ups keep of a site's samples, turned back into samples. Pure.

A roll-up holds n, mean, least, p5, median, p95 and most. Up to five samples these are the samples: the second is found
from p5, which lies at a known part of the way from the least to it. Of more, up to twenty points stand for all: between
p5, median and p95 spaced as a normal distribution's halves, of which each may have a width of its own; beyond them
evenly. The mean of an area is exact so, the median of a site in a whole month too; a median over many sites or months
is that of these points, off by less than its interval's width.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from statistics import NormalDist
from typing import Final

from collector.statistics.beta import student_point
from collector.statistics.bootstrap import Weighted
from collector.statistics.ranks import CONFIDENCE, quantile_ranks

PARTS: Final = ("n", "mean", "min", "p5", "median", "p95", "max")
"""The parts of a field's roll-up, in the order of `Spread`."""
P95: Final = Fraction(95, 100)
HALF: Final = Fraction(1, 2)
POINTS: Final = 20
"""Of one roll-up; half of them where many are put together, each of which is a small part of the whole."""
_MANY: Final = 2
_ALL: Final = 5
_END: Final = 0.05
_EDGE: Final = NormalDist().inv_cdf(_END)
_NORMAL: Final = {
    count: [NormalDist().inv_cdf((i + 0.5) / count) / _EDGE for i in range(count)] for count in range(1, POINTS + 1)
}
"""For each number of points how far each is from the median, in distances from the median to p5."""


@dataclass(frozen=True, slots=True)
class Spread:
    """One roll-up of one field: how many samples, and where they lie."""

    n: int
    mean: float
    least: float
    p5: float
    median: float
    p95: float
    most: float

    def points(self, most: int = POINTS) -> list[Weighted]:
        """Values that stand for the samples, ascending, each with how many it stands for."""
        if self.n <= _ALL:
            return [(value, 1.0) for value in self._samples()]
        count = min(self.n, most)
        weight = self.n / count
        return [(self._at((i + 0.5) / count, _NORMAL[count][i]), weight) for i in range(count)]

    def _samples(self) -> list[float]:
        if self.n <= 1:
            return [self.median] * self.n
        part = (self.n - 1) * _END
        second = min(max(self.least + (self.p5 - self.least) / part, self.least), self.median)
        last_but_one = max(min(self.most - (self.most - self.p95) / part, self.most), self.median)
        inner = {2: [], 3: [self.median], 4: [second, last_but_one], 5: [second, self.median, last_but_one]}
        return [self.least, *inner[self.n], self.most]

    def _at(self, share: float, normal: float) -> float:
        if share < _END:
            return self.least + (self.p5 - self.least) * share / _END
        if share > 1 - _END:
            return self.most - (self.most - self.p95) * (1 - share) / _END
        return self.median + (self.p5 - self.median if normal > 0 else self.median - self.p95) * normal


@dataclass(frozen=True, slots=True)
class SiteFigure:
    """One site's samples of a period. `points`: ascending."""

    site: str
    n: int
    mean: float
    median: float
    points: Sequence[Weighted]

    def bounds(self, share: Fraction) -> tuple[float, float] | None:
        """Bounds at 95 % for the site's quantile: the order statistics, read from the points; None below their n."""
        ranks = quantile_ranks(self.n, share, CONFIDENCE)
        if ranks is None:
            return None
        low, high = (value_at(self.points, (rank - 0.5) / self.n) for rank in ranks)
        return low, high

    def mean_bounds(self) -> tuple[float, float] | None:
        """Student's bounds for the site's mean, with the spread that the points have; None below 6 samples."""
        if self.n <= _ALL:
            return None
        squares = math.fsum(weight * (value - self.mean) ** 2 for value, weight in self.points) / (self.n - 1)
        half = student_point(self.n - 1, CONFIDENCE) * math.sqrt(squares / self.n)
        return self.mean - half, self.mean + half


def site_figure(site: str, spreads: Sequence[Spread]) -> SiteFigure | None:
    """All roll-ups of a site together; None without a sample."""
    some = [spread for spread in spreads if spread.n > 0]
    n = sum(spread.n for spread in some)
    if not n:
        return None
    mean = math.fsum(spread.mean * (spread.n / n) for spread in some)
    if len(some) == 1:
        return SiteFigure(site, n, mean, some[0].median, some[0].points())
    most = POINTS if len(some) <= _MANY else POINTS // 2
    points = sorted(point for spread in some for point in spread.points(most))
    return SiteFigure(site, n, mean, value_at(points, 0.5), points)


def value_at(points: Sequence[Weighted], share: float) -> float:
    """The value at a share of ascending points, each taken to stand at the middle of its weight."""
    reached = list(accumulate(weight for _, weight in points))
    wanted = share * reached[-1]
    before = None
    for (value, weight), end in zip(points, reached, strict=True):
        middle = end - weight / 2
        if middle >= wanted:
            if before is None or middle <= wanted:
                return value
            part = (wanted - before[0]) / (middle - before[0])
            return before[1] * (1 - part) + value * part
        before = middle, value
    return points[-1][0]
