"""Figures of an area with their intervals: sites are drawn again, not samples. Pure; seeded, so reproducible.

Samples of one site resemble each other, so an area of 100 sites with 120 samples each does not know its mean as
12,000 independent samples would: it is the sites that are a draw. A site comes in as two sums (what is counted, and
of how much), so a draw costs one step per site however many samples it has. The pivot is studentised (bootstrap-t;
the ratio's standard error by linearisation), which holds its coverage from 20 sites up also where sites are skewed;
plain percentiles do not. Where single sites lie far out it is too short, as the draws have seen no others: so neither
end is nearer than Student's with as many degrees of freedom as sites less one. Below 20 sites no interval is given.

The pooled median comes from the same: the interval of the share of samples below it, read back through the samples'
own distribution (Woodruff 1952).
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from operator import itemgetter
from random import Random
from typing import Final

from collector.statistics.beta import student_point
from collector.statistics.ranks import CONFIDENCE

LEAST: Final = 20
SEED: Final = 20_250_701
_DRAWS: Final = 1_200_000  # sites drawn for one figure: what a second has room for
_MOST: Final = 999
_FEWEST: Final = 199

Part = tuple[float, float]
"""One site: what is summed, and of how much: (sum of values, how many), (samples at the mark, how many)."""
Weighted = tuple[float, float]
"""A value and how many samples it stands for."""


@dataclass(frozen=True, slots=True)
class Area:
    """A figure of n sites and bounds for the true one; None below 20 sites."""

    sites: int
    value: float
    low: float | None
    high: float | None


def ratio_of(parts: Sequence[Part], *, confidence: Fraction = CONFIDENCE, seed: int = SEED) -> Area | None:
    """All sums over all amounts: a pooled mean, or the share of all samples; None where nothing was counted."""
    counted = sorted(part for part in parts if part[1] > 0)  # the same draws in whatever order the sites come
    if not counted:
        return None
    amount = math.fsum(weight for _, weight in counted)
    value = math.fsum(total / amount for total, _ in counted)
    sites = len(counted)
    # A site's part in the error, in units of the mean amount: what the draws sum.
    mean = amount / sites
    rests = [(total - value * weight) / mean for total, weight in counted]
    weights = [weight / mean for _, weight in counted]
    error = _error(math.fsum(rest * rest for rest in rests), float(sites), sites)
    if sites < LEAST:
        return Area(sites, value, None, None)
    if error <= 0.0:
        return Area(sites, value, value, value)
    pivots = _pivots(rests, weights, Random(seed))  # noqa: S311 - a draw that can be repeated, no secret
    tail = float(1 - confidence) / 2
    least = student_point(sites - 1, confidence)
    below, above = max(_at(pivots, 1 - tail), least), max(-_at(pivots, tail), least)
    return Area(sites, value, value - below * error, value + above * error)


def pooled_median_of(
    sites: Sequence[Sequence[Weighted]], *, confidence: Fraction = CONFIDENCE, seed: int = SEED
) -> Area | None:
    """The median of all samples of all sites; each sample may stand for several."""
    points = sorted(point for site in sites for point in site if point[1] > 0)
    if not points:
        return None
    reached = list(accumulate(weight for _, weight in points))
    middle = _value_at(points, reached, 0.5)
    shares = [(_below(site, middle), math.fsum(weight for _, weight in site)) for site in sites]
    share = ratio_of(shares, confidence=confidence, seed=seed)
    if share is None or share.low is None or share.high is None:
        return Area(sum(bool(site) for site in sites), middle, None, None)
    low = _value_at(points, reached, 0.5 - (share.high - share.value))
    high = _value_at(points, reached, 0.5 + (share.value - share.low))
    return Area(share.sites, middle, min(low, middle), max(high, middle))


def _pivots(rests: Sequence[float], weights: Sequence[float], chance: Random) -> list[float]:
    """The studentised error of each draw, sorted: how far its ratio is from the true one, in its own errors."""
    sites = len(rests)
    squares = [rest * rest for rest in rests]
    crosses = [rest * weight for rest, weight in zip(rests, weights, strict=True)]
    amounts = [weight * weight for weight in weights]
    numbers, found = range(sites), []
    for _ in range(max(_FEWEST, min(_MOST, _DRAWS // sites))):
        drawn = itemgetter(*chance.choices(numbers, k=sites))
        weight = sum(drawn(weights))
        off = sum(drawn(rests)) / weight
        square = sum(drawn(squares)) - 2 * off * sum(drawn(crosses))
        error = _error(square + off * off * sum(drawn(amounts)), weight, sites)
        if error > 0.0:
            found.append(off / error)
    return sorted(found)


def _error(squares: float, amount: float, sites: int) -> float:
    return math.sqrt(max(squares, 0.0) * sites / max(sites - 1, 1)) / amount


def _at(ordered: Sequence[float], share: float) -> float:
    if not ordered:
        return 0.0
    rank = (len(ordered) - 1) * share
    below = math.floor(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)


def _below(site: Sequence[Weighted], mark: float) -> float:
    """How many samples lie below a mark, those at it by half."""
    return math.fsum(weight if value < mark else weight / 2 for value, weight in site if value <= mark)


def _value_at(points: Sequence[Weighted], reached: Sequence[float], share: float) -> float:
    """The value at which this share of all weight is reached; where it is reached just there, the mean with the next.

    The sum so far is looked for a little below: weights that are no whole numbers add up with rounding.
    """
    wanted = max(share, 0.0) * reached[-1]
    place = min(bisect_left(reached, wanted * (1 - 1e-12)), len(points) - 1)
    value = points[place][0]
    if place + 1 < len(points) and reached[place] <= wanted * (1 + 1e-12):
        return value / 2 + points[place + 1][0] / 2
    return value
