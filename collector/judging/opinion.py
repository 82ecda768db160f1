"""What is thought of one site: its verdicts, and how far its detectors are. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import msgspec

from collector.chain.course import Course, Seen, Spacing, Start, begun, follow, reached, renewed
from collector.chain.evidence import KIND_OF, Span, evidence_of, pace_of
from collector.chain.marks import Step, World, steps
from collector.chain.rows import THROUGHPUT, Rows, moment
from collector.judge.judge import CLOCK_SLACK, judge_site
from collector.judge.line import line_since
from collector.judge.presets import widest
from collector.judge.verdict import Verdict
from collector.registry.site import Site, Version

WATCH: Final = 0.4
"""From here on recent weak results are shown."""
_GAPS: Final = 9
_MEASURED: Final = frozenset(KIND_OF.values())
_SOON: Final = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Known:
    """What does not change from report to report: the site's versions, and what it was asked and when.

    `start`: where its detectors begin.
    """

    versions: Sequence[Version[Site]]
    steps: Sequence[Step]
    start: Start = field(default_factory=Start)

    @property
    def site(self) -> Site:
        """The site as it is now."""
        return self.steps[-1].site


@dataclass(frozen=True, slots=True)
class Opinion:
    """All that follows from a site's rows. `every`: how far apart its speed runs are, as far as that is known."""

    verdicts: list[Verdict]
    course: Course
    every: timedelta | None
    newest: datetime | None


def known(versions: Sequence[Version[Site]], world: World, now: datetime) -> Known | None:
    """What a site is asked within the window; None for one that is not registered yet."""
    found = steps(versions, world, start=now - THROUGHPUT.span, end=now)
    return Known(versions, found) if found else None


def opinion(
    one: Known, kinds: Mapping[str, Rows], course: Course | None, *, at: datetime, silent: bool, spacing: Spacing
) -> Opinion:
    """Judge every question, and let the detectors see what is new to them."""
    followed = follow(course or begun(one.start), Seen(kinds, one.steps, at, spacing))
    span = Span(at - widest(), at + CLOCK_SLACK, line_since(one.versions, at))
    bindings = one.steps[-1].bindings
    evidence = evidence_of(kinds, (binding.indicator for binding in bindings), span)
    paces = {name: pace for name, some in evidence.items() if (pace := pace_of(some, at)) is not None}
    verdicts = judge_site(one.site, bindings, evidence, at=at, silent=silent, per_day=paces)
    rows = kinds.get(THROUGHPUT.kind)
    return Opinion(
        [_watched(verdict, followed) for verdict in verdicts],
        followed,
        every_of(rows),
        moment(rows.times[-1]) if rows else None,
    )


def after_contacts(before: Opinion, course: Course, seen: Seen) -> Opinion:
    """An opinion after reports that no verdict rests on, as of latency every few minutes."""
    return replace(before, course=reached(course, seen))


def is_judged_by(kinds: Iterable[str]) -> bool:
    """Whether any verdict rests on reports of these kinds."""
    return not _MEASURED.isdisjoint(kinds)


def begun_anew(one: Known, course: Course, changed: Mapping[str, datetime]) -> Course:
    """The course to go on from, when rows are not what they were: by kind from when on."""
    return renewed(course, one.start, changed=changed)


def every_of(rows: Rows | None) -> timedelta | None:
    """How far apart the last runs were, whatever came of them; None of fewer than two."""
    if rows is None or len(rows) < 2:  # noqa: PLR2004 - a gap has two ends
        return None
    times = rows.times[-_GAPS:]
    gaps = sorted(later - earlier for earlier, later in pairwise(times))
    return timedelta(microseconds=gaps[len(gaps) // 2] // 1000)


def same(one: Verdict, other: Verdict) -> bool:
    """Whether two verdicts say the same.

    Without samples the window moves with the clock and says nothing; so does a forecast by some hours.
    """
    near = one.needed_by is not None and other.needed_by is not None and abs(one.needed_by - other.needed_by) < _SOON
    window = other.window if not (one.n or other.n) else one.window
    by = other.needed_by if near else one.needed_by
    said = msgspec.structs.replace(one, window=window, needed_by=by, sentence=other.sentence if near else one.sentence)
    return said == other


def _watched(verdict: Verdict, course: Course) -> Verdict:
    """The verdict with how near recent results are to an incident; only the download speed is watched."""
    if verdict.indicator != "download_mbps":
        return verdict
    watch = course.watch if verdict.question == "plan" else course.contract.state.watch
    return msgspec.structs.replace(verdict, watch=round(watch, 2)) if watch >= WATCH else verdict
