"""Which samples a rule looks at, and the numbers that describe them. Pure.

A window reaches back the rule's days from the moment of judging. It begins later where the promise or the line itself
is younger: what was measured before a target came into force does not break it, and what was measured on a line that
was replaced says nothing of the present one. A reference that moves on every month is no new promise, and cuts nothing.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Final

import msgspec

from collector.judge.reasons import Reason
from collector.judge.sample import Evidence, Sample
from collector.plans.binding import PLAN_ZONE, Binding
from collector.statistics.mean import mean_value

CLOCK_SLACK: Final = timedelta(minutes=5)
"""A sample from a clock that runs further ahead counts when its time has come: until then it would be the newest."""
_STARTED: Final = attrgetter("started")
_VALUE: Final = attrgetter("value")


class Span(msgspec.Struct, frozen=True, gc=False):
    """Where among a site's samples a window begins and ends, from which moment, and what cut it short."""

    first: int
    end: int
    start: datetime
    cut: tuple[Reason, ...] = ()


class Looked(msgspec.Struct, frozen=True, gc=False):
    """The samples of a window, oldest first, their values from the least up, and what describes them."""

    n: int
    samples: Sequence[Sample]
    ordered: Sequence[float]
    mean: float | None
    median: float | None
    p5: float | None
    p95: float | None

    def reaching(self, mark: float) -> int:
        """How many are at or above a mark."""
        return self.n - bisect_left(self.ordered, mark)


def span_of(evidence: Evidence, binding: Binding, at: datetime, days: int) -> Span:
    """The window of a rule that looks back so many days; cut by a younger line, or by a younger target."""
    samples = evidence.samples
    start = at - timedelta(days=days)
    first = bisect_right(samples, start, key=_STARTED)
    end, latest = len(samples), at + CLOCK_SLACK
    if end and samples[-1].started > latest:
        end = bisect_right(samples, latest, key=_STARTED)
    cut: list[Reason] = []
    edges: list[tuple[datetime | None, Reason]] = [
        (_begins(binding.target.valid_from) if binding.target else None, "target_changed"),
        (evidence.since, "line_changed"),
    ]
    for edge, reason in edges:
        if edge is not None and edge > start:
            start = edge
            later = bisect_left(samples, edge, key=_STARTED)
            if later > first:
                first = later
                cut.append(reason)
    return Span(min(first, end), end, start, tuple(cut))


def look(evidence: Evidence, span: Span) -> Looked:
    """The samples of a span, sorted once for every rule that looks at them."""
    samples = evidence.samples[span.first : span.end]
    ordered = sorted(map(_VALUE, samples))
    if not ordered:
        return Looked(0, samples, ordered, None, None, None, None)
    return Looked(
        n=len(ordered),
        samples=samples,
        ordered=ordered,
        mean=mean_value(ordered),
        median=quantile(ordered, 0.5),
        p5=quantile(ordered, 0.05),
        p95=quantile(ordered, 0.95),
    )


def quantile(ordered: Sequence[float], part: float) -> float:
    """The value below which a part of the samples lies, interpolated between neighbours (Hyndman and Fan's type 7).

    As `statistics.order` does it, without its bounds: three are wanted of every site with every batch.
    """
    place = part * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


@lru_cache(maxsize=1024)
def _begins(day: date) -> datetime:
    """The first moment of a plan's day."""
    return datetime.combine(day, time(), PLAN_ZONE)
