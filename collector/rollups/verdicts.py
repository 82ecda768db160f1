"""The history of verdicts, from samples: for every conclusive result, what the rules say as of its moment. Pure.

A verdict's point stands at the end of its window, which is the newest sample that it looks at. So the history holds,
of each question, one verdict per conclusive result of its indicator: the rule applied at that moment to everything
measured until then, whenever it came in, with what the site was asked then. The newest of the last days is left out:
it is the live judge's, who judges it again as time passes.

What it costs: a sample that came late changes the verdicts of one window after it. At four tests a day and three
questions these are 360, each of some fifty microseconds: a day of one site that comes late takes 20 ms of computing,
a whole fleet's day spread by the roll-ups' share of the time.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Final

import msgspec

from collector.chain.evidence import KIND_OF, Told, told
from collector.chain.marks import Step, World, steps
from collector.chain.rows import SHAPES, Rows, moment
from collector.judge.judge import judge_site
from collector.judge.line import line_since
from collector.judge.presets import widest
from collector.judge.sample import Evidence, Sample
from collector.judge.verdict import Verdict
from collector.plans.binding import bindings_for
from collector.registry.site import Site, Version
from collector.store.points import verdict_point
from collector.store.store import Point, Values

JUDGED: Final[Mapping[str, tuple[str, ...]]] = {
    kind: tuple(name for name, of in KIND_OF.items() if of == kind) for kind in dict.fromkeys(KIND_OF.values())
}
"""Kind → the indicators that its reports measure."""
SHAPE_OF: Final = {shape.kind: shape for shape in SHAPES}
AHEAD: Final = timedelta(days=1)
"""How far ahead of us a device's clock may run; the pipeline takes nothing beyond."""
_MOMENT: Final = timedelta(microseconds=1)
_SINCE: Final = attrgetter("since")
Versions = Sequence[Version[Site]]


def columns(kind: str) -> tuple[str, ...]:
    """What must be read of a kind."""
    return SHAPE_OF[kind].columns


def reach(start: datetime, end: datetime, now: datetime) -> tuple[datetime, datetime]:
    """What must be read to tell anew the verdicts that samples from `start` to before `end` change."""
    window = widest()
    last = end + window
    return start - 2 * window, last if last <= now - window else max(last, now + AHEAD)


def is_judged(kind: str, versions: Versions, world: World, now: datetime) -> bool:
    """Whether anything that a kind measures is asked of a site, as it ever was."""
    sites = (version.value for version in versions)
    found = (bindings_for(world.plans, site, now, references=world.references) for site in sites)
    return any(binding.indicator in JUDGED[kind] for bindings in found for binding in bindings)


def history(
    kind: str,
    found: Sequence[Values],
    span: tuple[datetime, datetime],
    *,
    now: datetime,
    versions: Versions,
    world: World,
) -> Iterator[Point]:
    """The verdicts that results within a span (start ≤ t < end) change: their own, those after them, the one before.

    `found`: all of the site's rows that `reach` names, as (time, *`columns`), oldest first; `versions`: the site's. The
    one before had been the newest until then, and was judged again while the site was silent.
    """
    if not found:
        return
    rows = Rows(SHAPE_OF[kind])
    rows.put(0, found)
    asked = steps(versions, world, start=moment(found[0][0]), end=moment(found[-1][0]) + _MOMENT)
    for indicator in JUDGED[kind]:
        course = _Course.of(asked, versions, indicator)
        if course.is_asked:
            yield from _told(course, told(rows, indicator), span, now)


@dataclass(frozen=True, slots=True)
class _Course:
    """What a site was asked of one indicator, step by step, and since when it had its line at each of them."""

    indicator: str
    steps: tuple[Step, ...]
    lines: tuple[datetime | None, ...]

    @classmethod
    def of(cls, asked: Sequence[Step], versions: Versions, indicator: str) -> "_Course":
        only = [
            Step(step.since, step.site, tuple(one for one in step.bindings if one.indicator == indicator))
            for step in asked
        ]
        return cls(indicator, tuple(only), tuple(line_since(versions, step.since) for step in only))

    @property
    def is_asked(self) -> bool:
        return any(step.bindings for step in self.steps)

    def line_at(self, at: datetime) -> datetime | None:
        """From when a site had the line of a moment; None: from the beginning."""
        place = bisect_right(self.steps, at, key=_SINCE) - 1
        return self.lines[place] if place >= 0 else None

    def verdicts(self, known: Evidence, at: datetime) -> Iterator[tuple[Site, Verdict]]:
        """The verdicts as of a moment; none for a site that was not registered then."""
        place = bisect_right(self.steps, at, key=_SINCE) - 1
        if place < 0:
            return
        step = self.steps[place]
        evidence = Evidence(known.samples, known.failed, {}, known.uncounted, self.lines[place])
        for verdict in judge_site(step.site, step.bindings, {self.indicator: evidence}, at=at):
            yield step.site, verdict


def _told(course: _Course, runs: Sequence[Told], span: tuple[datetime, datetime], now: datetime) -> Iterator[Point]:
    """The points of one indicator."""
    window = widest()
    samples = [Sample(one.at, one.value) for one in runs if one.fate == "counts" and one.value is not None]
    failed = [one.at for one in runs if one.fate == "failed"]
    doubted = [one.at for one in runs if one.fate == "doubted"]
    times = [sample.started for sample in samples]
    for place in range(max(bisect_left(times, span[0]) - 1, 0), len(samples)):
        at = times[place]
        if at >= span[1] + window:
            return
        if place + 1 < len(times) and times[place + 1] == at:
            continue  # of two at one moment the later place sees both
        if place + 1 == len(times) and at > now - window:
            return
        line = course.line_at(at)
        since = at - window if line is None else max(at - window, line - _MOMENT)
        known = Evidence(
            samples[bisect_right(times, at - window) : place + 1],
            failed=_within(failed, since, at),
            uncounted=_within(doubted, since, at),
        )
        for site, verdict in course.verdicts(known, at):
            yield verdict_point(_fields(verdict), site)


def _within(times: Sequence[datetime], start: datetime, end: datetime) -> int:
    """How many lie after a moment, up to another."""
    return bisect_right(times, end) - bisect_right(times, start)


def _fields(verdict: Verdict) -> dict[str, Any]:
    """What a point tells of a verdict."""
    return msgspec.structs.asdict(verdict) | {"window": {"to": verdict.window.end}}
