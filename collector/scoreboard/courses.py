"""How a promise's figure moves from month to month, and when it gets there at that pace. Pure."""

import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from collector.figures.figure import Entry
from collector.plans.types import Target
from collector.scoreboard.board import Course, Month
from collector.scoreboard.measured import LEAST_OF_SITE, can_reach
from collector.scoreboard.spread import Spread, value_at
from collector.statistics.trend import arrival, trend_of

Months = Mapping[date, Mapping[str, Spread]]
"""Each month by its first day: every site's roll-up in it."""

FEWEST_SITES: Final = 3
"""Sites that a month needs to be a point of a trend."""
_MONTHS: Final = 12


def measured_course(target: Target, mark: float | None, months: Months, *, shared: bool) -> Course | None:
    """The trend of sites' months; with `shared` of the percentage of sites whose month reaches the mark.

    A month's figure is the median of its sites' medians: cheap, and moved by no single site. It need not be equal to
    the figure of the period, so it is the trend that decides whether the target is reached in it.
    """
    points = measured_months(target, mark, months, shared=shared)
    return _course(points, (target.share or 100.0) if shared else mark, target)


def measured_months(target: Target, mark: float | None, months: Months, *, shared: bool) -> list[Month]:
    """The figures of sites' months, oldest first."""
    found = ((month, _of(target, mark, months[month], shared=shared)) for month in sorted(months))
    return [Month(month=month, value=value) for month, value in found if value is not None]


def reported_course(target: Target, mark: float | None, entries: Sequence[Entry]) -> Course | None:
    """The trend of reported figures."""
    return _course(reported_months(entries), mark, target)


def reported_months(entries: Sequence[Entry]) -> list[Month]:
    """Reported figures, each in the last month of its period; of two there, the shorter period's."""
    newest: dict[date, Entry] = {}
    for entry in sorted(entries, key=lambda entry: entry.figure.period.began):
        newest[(entry.figure.period.ended - timedelta(days=1)).replace(day=1)] = entry
    return [
        Month(month=month, value=entry.figure.value)
        for month, entry in sorted(newest.items(), key=lambda one: one[0])
        if entry.figure.value is not None
    ]


def index_of(month: date) -> int:
    """A month as a number that rises by one a month."""
    return month.year * _MONTHS + month.month - 1


def month_of(index: float) -> date:
    """The first month that ends no earlier than a point on that scale."""
    number = math.ceil(index - 1e-9)
    return date(number // _MONTHS, number % _MONTHS + 1, 1)


def _course(points: Sequence[Month], mark: float | None, target: Target) -> Course | None:
    trend = trend_of([(float(index_of(one.month)), one.value) for one in points])
    if trend is None or mark is None or target.comparison == "at_most":
        return None
    when = arrival(trend, mark)
    earliest, month, latest = (
        None if steps is None else month_of(trend.at + steps) for steps in (when.earliest, when.steps, when.latest)
    )
    return Course(
        months=trend.n,
        slope=trend.slope,
        low=trend.low,
        high=trend.high,
        pace=when.way,
        month=month,
        earliest=earliest,
        latest=latest,
    )


def _of(target: Target, mark: float | None, sites: Mapping[str, Spread], *, shared: bool) -> float | None:
    some = [spread for spread in sites.values() if spread.n >= LEAST_OF_SITE]
    if len(some) < FEWEST_SITES:
        return None
    if not shared:
        return value_at(sorted((spread.median, 1.0) for spread in some), 0.5)
    if mark is None:
        return None
    return 100 * sum(_value(target, spread) >= mark for spread in some) / len(some)


def _value(target: Target, spread: Spread) -> float:
    if target.promise == "average":
        return spread.mean
    return spread.p95 if can_reach(target) else spread.p5 if target.indicator == "ipv6" else spread.median
