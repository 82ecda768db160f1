"""The history of verdicts, from samples: for every conclusive result, what the rule says as of its moment. Pure.

A verdict's point stands at the end of its window, which is the newest sample that it looks at. So the history holds
one verdict per conclusive result: the rule applied at that moment to everything measured until then, whenever it
came in. The newest of the last days is left out: it is the live judge's, who judges it again as time passes.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from collector.judge.judge import WINDOW, judge
from collector.judge.sample import Evidence, Sample
from collector.judge.verdict import INDICATOR
from collector.plans.binding import binding_for
from collector.plans.types import Plan
from collector.registry.site import Site
from collector.store.points import verdict_point
from collector.store.store import Point, Values

KIND: Final = "throughput"
COLUMNS: Final = (INDICATOR, "conclusive")
AHEAD: Final = timedelta(days=1)
"""How far ahead of us a device's clock may run; the pipeline takes nothing beyond."""

At = Callable[[datetime], Site | None]
"""A site as it was at a moment."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def reach(start: datetime, end: datetime, now: datetime) -> tuple[datetime, datetime]:
    """What must be read to tell anew the verdicts that samples from `start` to before `end` change."""
    last = end + WINDOW
    return start - 2 * WINDOW, last if last <= now - WINDOW else max(last, now + AHEAD)


def samples_of(rows: Sequence[Values]) -> list[Sample]:
    """The conclusive samples among rows that hold their time and `COLUMNS`, oldest first."""
    return [
        Sample(_EPOCH + timedelta(microseconds=time_ns // 1000), float(value))
        for time_ns, value, conclusive in rows
        if conclusive is True and value is not None
    ]


def history(
    samples: Sequence[Sample],
    span: tuple[datetime, datetime],
    *,
    now: datetime,
    site_at: At,
    plans: Mapping[str, Plan],
) -> Iterator[Point]:
    """The verdicts that samples within a span (start ≤ t < end) change: their own, those after them, the one before.

    `samples`: all of the site's that `reach` names, oldest first. The one before had been the newest until then, and
    was judged again while the site was silent.
    """
    times = [sample.started for sample in samples]
    first = max(bisect_right(times, span[0] - timedelta(microseconds=1)) - 1, 0)
    for place in range(first, len(samples)):
        at = times[place]
        if at >= span[1] + WINDOW:
            return
        if place + 1 < len(times) and times[place + 1] == at:
            continue  # of two at one moment the later place sees both
        if place + 1 == len(times) and at > now - WINDOW:
            return
        site = site_at(at)
        if site is not None:
            known = samples[bisect_right(times, at - WINDOW) : place + 1]
            verdict = judge(site, binding_for(plans.get(site.plan or ""), site, at), Evidence(known), at=at)
            yield verdict_point(msgspec.to_builtins(verdict), site)
