"""What the detectors make of one site's rows: kept step by step, begun anew where the past has changed. Pure.

An episode is derived and no record, so whatever is lost here comes out the same again.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Generic, Literal, Protocol, TypeVar

from collector.chain.evidence import contacts, counting
from collector.chain.marks import Held, Step, held, mark_at
from collector.chain.rows import THROUGHPUT, Rows
from collector.detect import collapse, outage, shortfall
from collector.detect.episode import Episode
from collector.detect.observation import Contact, Observation
from collector.incidents.incident import Cause
from collector.plans.binding import SPEED
from collector.store.points import nanoseconds

Detector = Literal["plan", "contract", "collapse", "outage"]
CAUSE_OF: Final[Mapping[Detector, Cause]] = {
    "plan": "below_target",
    "contract": "below_contract",
    "collapse": "collapse",
    "outage": "outage",
}
"""The cause of the incidents that each detector's episodes make."""
SLACK: Final = timedelta(minutes=5)
"""So far ahead of us a device's clock may run; what starts later than that is looked at when its time has come."""


class _State(Protocol):
    @property
    def episode(self) -> Episode | None: ...
    @property
    def past(self) -> Episode | None: ...
    @property
    def watch(self) -> float: ...


class _Seen(Protocol):
    @property
    def at(self) -> datetime: ...


S = TypeVar("S", bound=_State)
O = TypeVar("O", bound=_Seen)  # noqa: E741 - an observation


@dataclass(frozen=True, slots=True)
class Fold(Generic[S]):
    """One detector so far: its state after everything up to `until`, and the episodes that it has closed."""

    state: S
    closed: tuple[Episode, ...] = ()
    until: datetime | None = None

    @property
    def episodes(self) -> list[Episode]:
        """All of them, oldest first, the open one last."""
        return [*self.closed, *([self.state.episode] if self.state.episode is not None else [])]


Slow = Fold[shortfall.State]
Quick = Fold[collapse.State]
Lost = Fold[outage.State]
_SLOW: Final = Fold(shortfall.START)
_QUICK: Final = Fold(collapse.START)
_LOST: Final = Fold(outage.START)


@dataclass(frozen=True, slots=True)
class Course:
    """All detectors of one site."""

    plan: Slow = _SLOW
    contract: Slow = _SLOW
    collapse: Quick = _QUICK
    outage: Lost = _LOST

    @property
    def watch(self) -> float:
        """How near recent results of speed are to opening an incident: 0 to 1, 1 while one is open."""
        return max(self.plan.state.watch, self.collapse.state.watch)


@dataclass(frozen=True, slots=True)
class Spacing:
    """How far apart results count in full, for each detector; those of a trial come every few seconds."""

    shortfall: timedelta = shortfall.SPACING
    collapse: timedelta = collapse.SPACING


@dataclass(frozen=True, slots=True)
class Seen:
    """What the detectors of one site look at: its rows by kind, what it was asked and when, and now."""

    kinds: Mapping[str, Rows]
    steps: Sequence[Step]
    at: datetime
    spacing: Spacing = Spacing()


@dataclass(frozen=True, slots=True)
class Start:
    """Where detectors begin.

    `seeds`: episodes that were open before the first row. `floors`: only what started later counts, because a person
    has said that it was over.
    """

    seeds: Mapping[Detector, Episode] = field(default_factory=dict)
    floors: Mapping[Detector, datetime] = field(default_factory=dict)


def begun(start: Start) -> Course:
    """A course that has seen nothing yet. A collapse has no seed: what was usual before it is gone with its rows."""
    plan, contract, out = (start.seeds.get(name) for name in ("plan", "contract", "outage"))
    lost = outage.START if out is None else outage.State(episode=out)
    return Course(
        Fold(_slow(plan), until=start.floors.get("plan")),
        Fold(_slow(contract), until=start.floors.get("contract")),
        Fold(collapse.START, until=start.floors.get("collapse")),
        Fold(lost, until=start.floors.get("outage")),
    )


def follow(course: Course, seen: Seen) -> Course:
    """The course after whatever is newer than what it has seen."""
    kinds, steps, at, spacing = seen.kinds, seen.steps, seen.at, seen.spacing
    rows = kinds.get(THROUGHPUT.kind)
    slow = partial(shortfall.advance, spacing=spacing.shortfall)
    quick = partial(collapse.advance, spacing=spacing.collapse)
    by_plan, by_contract, by = held(steps, "plan"), held(steps, "contract"), questioned(steps)
    marks = {"plan": by_plan, "contract": by_contract, "collapse": by_plan if by == "plan" else by_contract}
    ends = [getattr(course, name).until for name, some in marks.items() if _any(some)]
    first = None if None in ends else min(ends, default=None)
    found = counting(rows, SPEED, rows.since(_next(first))) if rows is not None and ends else []
    plan, contract = _against(found, by_plan, at), _against(found, by_contract, at)
    return Course(
        fold(course.plan, plan, slow),
        fold(course.contract, contract, slow),
        fold(course.collapse, plan if by == "plan" else contract, quick),
        fold(course.outage, asked(kinds, after=course.outage.until, at=at), outage.advance),
    )


def renewed(course: Course, start: Start, *, changed: Mapping[str, datetime]) -> Course:
    """The course to go on from when rows are not what they were, by kind from when on: what has seen them begins anew.

    Speed is a matter of throughput alone; every kind is a contact.
    """
    fresh, speed, contact = begun(start), changed.get(THROUGHPUT.kind), min(changed.values(), default=None)
    return Course(
        _kept(course.plan, fresh.plan, speed),
        _kept(course.contract, fresh.contract, speed),
        _kept(course.collapse, fresh.collapse, speed),
        _kept(course.outage, fresh.outage, contact),
    )


def reached(course: Course, seen: Seen) -> Course:
    """As `follow`, where nothing but contacts came: no detector of speed has anything to see."""
    found = asked(seen.kinds, after=course.outage.until, at=seen.at)
    return replace(course, outage=fold(course.outage, found, outage.advance))


def fold(old: Fold[S], seen: Iterable[O], advance: Callable[[S, O], S]) -> Fold[S]:
    """One detector after some more; of several at one moment the first is looked at."""
    state, closed, until = old.state, list(old.closed), old.until
    for one in seen:
        if until is not None and one.at <= until:
            continue
        before = state.episode
        state, until = advance(state, one), one.at
        if before is not None and state.episode is None and state.past is not None:
            closed.append(state.past)
    return Fold(state, tuple(closed), until)


def observed(
    rows: Rows | None, steps: Sequence[Step], question: Held, *, after: datetime | None, at: datetime
) -> list[Observation]:
    """The conclusive download results after a moment, each with the mark that held then; without a mark, none."""
    return [] if rows is None else _against(counting(rows, SPEED, rows.since(_next(after))), held(steps, question), at)


def questioned(steps: Sequence[Step]) -> Held:
    """Which mark a collapse is measured by: the plan's, or where there is none the contract's."""
    return "plan" if _any(held(steps, "plan")) else "contract"


def asked(kinds: Mapping[str, Rows], *, after: datetime | None, at: datetime) -> list[Contact]:
    """Whether reports after a moment got through to what they asked, oldest first."""
    found = [
        contact
        for kind, rows in kinds.items()
        for contact in contacts(rows, kind, rows.since(_next(after)))
        if contact.at <= at + SLACK
    ]
    return sorted(found, key=lambda contact: contact.at)


def _against(
    found: Iterable[tuple[datetime, float]], marks: Sequence[tuple[datetime, float | None]], at: datetime
) -> list[Observation]:
    if not _any(marks):
        return []
    until = at + SLACK
    return [
        Observation(started, value, mark)
        for started, value in found
        if started <= until and (mark := mark_at(marks, started))
    ]


def _any(marks: Sequence[tuple[datetime, float | None]]) -> bool:
    return any(mark is not None for _, mark in marks)


def _next(after: datetime | None) -> int:
    """The first nanosecond after a moment, which is exact to the microsecond."""
    return 0 if after is None else nanoseconds(after) + 1_000


def _slow(episode: Episode | None) -> shortfall.State:
    return shortfall.START if episode is None else shortfall.State(episode=episode)


def _kept(old: Fold[S], fresh: Fold[S], changed: datetime | None) -> Fold[S]:
    return fresh if changed is not None and old.until is not None and changed <= old.until else old
