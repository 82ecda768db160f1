"""From a site's rows to the detectors' steps and episodes, as the judge took them. Pure.

The judge begins anew after each word of a person who resolved an incident, and in the middle of what began before the
first row that is there.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from math import inf, log
from statistics import median_low
from typing import Final, TypeVar

import msgspec

from collector.chain.course import CAUSE_OF, Detector, Seen, Spacing, asked, observed, questioned
from collector.chain.rows import THROUGHPUT, Rows, moment
from collector.detect import collapse, outage, shortfall
from collector.detect.episode import Episode
from collector.detect.observation import Contact, Observation
from collector.explain.account import Contacts, Course, Step
from collector.explain.rules import rule_of
from collector.incidents.incident import Incident
from collector.incidents.reconcile import episode_of
from collector.incidents.replay import stretches

S = TypeVar("S", shortfall.State, collapse.State)
_ASKS_OTHERS: Final = "ipv6"
"""Of this kind it is not counted what got through."""


def courses(seen: Seen, recorded: Sequence[Incident] = ()) -> list[Course]:
    """Every detector, from the first row on. `recorded`: the site's incidents until now, of all causes."""
    rows, steps, at = seen.kinds.get(THROUGHPUT.kind), seen.steps, seen.at
    slow = partial(shortfall.advance, spacing=seen.spacing.shortfall)
    quick = partial(collapse.advance, spacing=seen.spacing.collapse)
    found = []
    for detector, question in (("plan", "plan"), ("contract", "contract"), ("collapse", questioned(steps))):
        name: Detector = detector  # type: ignore[assignment]  # one of these words
        samples = observed(rows, steps, question, after=None, at=at)  # type: ignore[arg-type]  # one of these words
        known = [one for one in recorded if one.cause == CAUSE_OF[name]]
        parts, seed = stretches(samples, known), seed_of(known, covers(seen.kinds, name))
        if name == "collapse":  # what was usual before its first row is gone: it has no seed
            course = _walked(name, parts, (collapse.START, collapse.START), quick, seen.spacing)
        else:
            start = shortfall.START if seed is None else shortfall.State(episode=seed)
            course = _walked(name, parts, (start, shortfall.START), slow, seen.spacing)
        found.append(msgspec.structs.replace(course, anew=_anew(known)))
    known = [one for one in recorded if one.cause == CAUSE_OF["outage"]]
    seed = seed_of(known, covers(seen.kinds, "outage"))
    lost = _lost(stretches(asked(seen.kinds, after=None, at=at), known), seed, seen.spacing)
    return [*found, msgspec.structs.replace(lost, anew=_anew(known))]


def covers(kinds: Mapping[str, Rows], detector: Detector) -> datetime | None:
    """The oldest row that a detector has looked at; of several kinds, from when on all of them are there."""
    names = kinds.keys() - {_ASKS_OTHERS} if detector == "outage" else {THROUGHPUT.kind}
    return max((moment(rows.times[0]) for kind, rows in kinds.items() if kind in names and rows), default=None)


def seed_of(recorded: Iterable[Incident], first: datetime | None) -> Episode | None:
    """The episode that was open when the first row came; None: none was."""
    for one in recorded:
        began = episode_of(one)
        if first is not None and began.opened < first and (one.resolved is None or one.resolved >= first):
            return began
    return None


def _anew(recorded: Iterable[Incident]) -> list[datetime]:
    return sorted(one.dismissed for one in recorded if one.dismissed is not None)


def _walked(
    detector: Detector,
    parts: Iterable[Sequence[Observation]],
    starts: tuple[S, S],
    advance: Callable[[S, Observation], S],
    spacing: Spacing,
) -> Course:
    """`starts`: where the first part starts, and where those after it do."""
    state, again = starts
    seed, steps, episodes = state.episode, list[Step](), list[Episode]()
    if seed is not None:
        episodes.append(seed)
    for place, part in enumerate(parts):
        state, last = again if place else state, None
        for one in part:
            if last is not None and one.at <= last:
                continue
            before, state, last = state, advance(state, one), one.at
            steps.append(_step(one, before, state, spacing.shortfall))
            _collect(episodes, before.episode, state.past if state.episode is None else state.episode)
    return Course(
        detector=detector,
        cause=CAUSE_OF[detector],
        rule=rule_of(detector, spacing),
        watch=state.watch,
        steps=steps,
        episodes=episodes,
        seed=seed,
    )


def _step(one: Observation, before: S, after: S, spacing: timedelta) -> Step:
    opens = before.episode is None and after.episode is not None
    closes = before.episode is not None and after.episode is None
    step = Step(
        at=one.at,
        value=one.value,
        mark=one.mark,
        score=log(one.value / one.mark) if one.value > 0 else None,
        watch=after.watch,
        opens=opens,
        closes=closes,
    )
    if isinstance(before, shortfall.State):
        return _summed(step, before, spacing)
    usual = after.usual if after.usual is not None else before.usual
    if usual is None and len(after.earlier) >= collapse.ENOUGH:
        usual = median_low(after.earlier)
    return msgspec.structs.replace(step, usual=usual)


def _summed(step: Step, before: shortfall.State, spacing: timedelta) -> Step:
    """A step with the sum as a person does it: also of a sample that decides, after which the detector has 0 again."""
    apart = spacing if before.last is None else step.at - before.last
    had = 0.0 if apart > shortfall.FORGET else before.evidence
    weight = min(max(apart / spacing, 0.0), 1.0)
    x = step.score if step.score is not None else -inf
    says = x if before.episode is not None else -x
    added = weight * (min(max(says, -shortfall.STRONG), shortfall.WEAK) - shortfall.REF)
    return msgspec.structs.replace(
        step, added=added, evidence=max(had + added, 0.0), needs=before.needs, weight=weight if weight < 1 else None
    )


def _lost(parts: Sequence[Sequence[Contact]], seed: Episode | None, spacing: Spacing) -> Course:
    state, episodes = outage.START if seed is None else outage.State(episode=seed), list[Episode]()
    if seed is not None:
        episodes.append(seed)
    for place, part in enumerate(parts):
        state, last = outage.START if place else state, None
        for one in part:
            if last is not None and one.at <= last:
                continue
            before, state, last = state, outage.advance(state, one), one.at
            _collect(episodes, before.episode, state.past if state.episode is None else state.episode)
    contacts = [one for part in parts for one in part]
    lost = [(one.at, one.kind, one.peer) for one in contacts if not one.reached]
    return Course(
        detector="outage",
        cause=CAUSE_OF["outage"],
        rule=rule_of("outage", spacing),
        watch=state.watch,
        contacts=Contacts(len(contacts) - len(lost), lost),
        episodes=episodes,
        seed=seed,
    )


def _collect(episodes: list[Episode], before: Episode | None, now: Episode | None) -> None:
    """Keep the newest of what is known of each episode."""
    if now is None:
        return
    if episodes and (before is not None or episodes[-1].opened == now.opened):
        episodes[-1:] = [now]
    elif not episodes or now.opened > episodes[-1].opened:
        episodes.append(now)
