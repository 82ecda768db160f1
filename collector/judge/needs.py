"""How many more samples an open verdict needs, and when they come. Pure; an estimate, and said to be one.

It asks: if what is measured from now on is like what is there, how many samples until the interval is clear of the
target? For a median and for a share that is answered exactly, with the same share of samples on either side of the
mark; for a mean by the interval's width, which shrinks with the square root of n. A statistic that sits on its target
is never clear of it: then more than `LIMIT` are said to be needed.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from collector.judge.bounds import CACHED, Bounds, rank_of, share_bounds

LIMIT: Final = 1000
_ONE_BY_ONE: Final = 50


@dataclass(frozen=True, slots=True)
class Needed:
    """So many more conclusive samples; `over`: more than these."""

    more: int
    over: bool = False


@lru_cache(maxsize=CACHED)
def for_median(n: int, k: int, confidence: float) -> Needed:
    """Until the median's interval is clear of a mark that k of n samples reach."""
    fewer = min(k, n - k)

    def is_clear(more: int) -> bool:
        rank = rank_of(n + more, confidence)
        return rank is not None and math.ceil(fewer * (n + more) / n) < rank

    return _fewest(is_clear) if 2 * fewer < n else Needed(LIMIT, over=True)


@lru_cache(maxsize=CACHED)
def for_share(n: int, k: int, share: float, confidence: float) -> Needed:
    """Until the interval of the share k in n is clear of the share that is wanted."""
    rounded, side = (math.floor, 1) if k / n > share else (math.ceil, -1)

    def is_clear(more: int) -> bool:
        bounds = share_bounds(rounded(k * (n + more) / n), n + more, confidence)
        return bounds is not None and bounds.side(share) == side

    return _fewest(is_clear)


def for_mean(n: int, bounds: Bounds, target: float) -> Needed:
    """Until the mean's interval, shrinking with the square root of n, is clear of a target."""
    distance = abs(bounds.value - target)
    edge = bounds.low if bounds.value > target else bounds.high
    reach = abs(bounds.value - edge) if edge is not None else math.inf
    if reach >= distance * math.sqrt(1 + LIMIT / n):
        return Needed(LIMIT, over=True)
    return Needed(max(1, math.ceil(n * (reach / distance) ** 2) - n))


def _fewest(is_clear: Callable[[int], bool]) -> Needed:
    """The fewest more that are enough: one by one at first, then doubled until they are, and halved back.

    One by one, because where ranks jump one more may be enough and two are not.
    """
    for more in range(1, _ONE_BY_ONE + 1):
        if is_clear(more):
            return Needed(more)
    short, enough = _ONE_BY_ONE, 2 * _ONE_BY_ONE
    while not is_clear(enough):
        if enough >= LIMIT:
            return Needed(LIMIT, over=True)
        short, enough = enough, min(2 * enough, LIMIT)
    while enough - short > 1:
        middle = (short + enough) // 2
        short, enough = (short, middle) if is_clear(middle) else (middle, enough)
    return Needed(enough)


def arrival(times: Sequence[datetime], more: int, *, at: datetime, days: int, per_day: float) -> datetime | None:
    """When a window holds so many samples more than now, at a pace; None when it never does.

    Meanwhile the oldest leave the window: what comes has to replace them too.
    """
    wanted = len(times) + more
    come = more
    window = timedelta(days=days)
    while come <= per_day * days:
        then = at + timedelta(days=come / per_day)
        held = len(times) - bisect_right(times, then - window) + come
        if held >= wanted:
            return then
        come += wanted - held
    return None
