"""From a site's rows to the detectors' steps and episodes, and whether what is recorded is what comes of them. Pure."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from math import log
from typing import TypeVar

import msgspec

from collector.chain.course import CAUSE_OF, Detector, Seen, asked, observed, questioned
from collector.chain.rows import THROUGHPUT
from collector.detect import collapse, outage, shortfall
from collector.detect.episode import Episode
from collector.detect.observation import Contact, Observation
from collector.explain.account import Contacts, Course, Replay, Step
from collector.incidents.chains import Chain, chains
from collector.incidents.incident import Incident
from collector.plans.types import Text

S = TypeVar("S", shortfall.State, collapse.State)


def courses(seen: Seen) -> list[Course]:
    """Every detector, from the first row on."""
    rows, steps, at = seen.kinds.get(THROUGHPUT.kind), seen.steps, seen.at
    slow = partial(shortfall.advance, spacing=seen.spacing.shortfall)
    quick = partial(collapse.advance, spacing=seen.spacing.collapse)
    plan, contract = (observed(rows, steps, question, after=None, at=at) for question in ("plan", "contract"))
    return [
        _walked("plan", plan, (shortfall.START, slow)),
        _walked("contract", contract, (shortfall.START, slow)),
        _walked("collapse", observed(rows, steps, questioned(steps), after=None, at=at), (collapse.START, quick)),
        _lost(asked(seen.kinds, after=None, at=at)),
    ]


def _walked(detector: Detector, seen: Iterable[Observation], by: tuple[S, Callable[[S, Observation], S]]) -> Course:
    state, advance = by
    steps, episodes, last = list[Step](), list[Episode](), None
    for one in seen:
        if last is not None and one.at <= last:
            continue
        before, state, last = state, advance(state, one), one.at
        steps.append(_step(one, before, state))
        _collect(episodes, before.episode, state.past if state.episode is None else state.episode)
    return Course(detector=detector, cause=CAUSE_OF[detector], watch=state.watch, steps=steps, episodes=episodes)


def _step(one: Observation, before: S, after: S) -> Step:
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
    if isinstance(after, shortfall.State) and isinstance(before, shortfall.State):  # type: ignore[redundant-expr]  # one type for both
        added = None if opens or closes else after.evidence - before.evidence
        return msgspec.structs.replace(step, evidence=after.evidence, added=added, needs=after.needs)
    return step


def _lost(contacts: Sequence[Contact]) -> Course:
    state, episodes = outage.START, list[Episode]()
    for one in contacts:
        before, state = state, outage.advance(state, one)
        _collect(episodes, before.episode, state.past if state.episode is None else state.episode)
    lost = [(one.at, one.kind, one.peer) for one in contacts if not one.reached]
    told = Contacts(len(contacts) - len(lost), lost)
    return Course(detector="outage", cause=CAUSE_OF["outage"], watch=state.watch, contacts=told, episodes=episodes)


def _collect(episodes: list[Episode], before: Episode | None, now: Episode | None) -> None:
    """Keep the newest of what is known of each episode."""
    if now is None:
        return
    if before is not None or (episodes and episodes[-1].opened == now.opened):
        episodes[-1:] = [now]
    else:
        episodes.append(now)


def replays(found: Iterable[Course], incidents: Sequence[Incident], *, since: datetime) -> list[Replay]:
    """For each cause, whether the incidents recorded `since` then are those that the episodes make."""
    return [_replay(course, [one for one in incidents if one.cause == course.cause], since) for course in found]


def _replay(course: Course, recorded: Sequence[Incident], since: datetime) -> Replay:
    cause = next(cause for cause in CAUSE_OF.values() if cause == course.cause)
    dismissed = [one.dismissed for one in recorded if one.dismissed is not None]
    made = chains(course.episodes, cause, dismissed)
    apart = [
        Text(
            vi=f"dữ liệu cho thấy một đợt mở lúc {chain.opened:%Y-%m-%d %H:%M:%S} UTC, không có sự cố nào ghi lại",
            en=f"the data make one that opened at {chain.opened:%Y-%m-%d %H:%M:%S} UTC; none is recorded",
        )
        for chain in made
        if not any(_is(one, chain) for one in recorded)
    ]
    apart += [
        Text(
            vi=f"sự cố {one.id} đã ghi, dữ liệu hiện có không cho thấy",
            en=f"incident {one.id} is recorded; the data that are there do not make it",
        )
        for one in recorded
        if one.since >= since and not any(_is(one, chain) for chain in made)
    ]
    return Replay(course.cause, not apart, apart)


def _is(incident: Incident, chain: Chain) -> bool:
    return chain.overlaps(incident.since, incident.resolved)
