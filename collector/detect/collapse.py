"""Hours: has the site's speed collapsed, far below its mark and far below its own usual? Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from statistics import median_low
from typing import Final

import msgspec

from collector.detect.episode import Episode
from collector.detect.observation import Observation

SPACING: Final = timedelta(minutes=30)
"""A sample that comes sooner after the one before it is not counted: a storm of tests is one look."""
FAR: Final = 0.5
BACK: Final = 0.65
"""Weak is below `FAR` of both mark and usual; strong is at or above `BACK` of either."""
LOOK: Final = 4
AGREE: Final = 3
USUAL: Final = timedelta(days=30)
ENOUGH: Final = 8
"""So many samples of the last 30 days, the newest `LOOK` apart, have a usual."""
MOST: Final = 180

Look = tuple[datetime, float, float]


class State(msgspec.Struct, frozen=True):
    """What the samples so far come to. `episode`: the open one. `past`: the one that was closed last.

    `looks`: the newest four samples, as (time, value, mark). `earlier`: the ones before them, as (time, value).
    `usual`: while an episode is open, what was usual before it.
    """

    episode: Episode | None = None
    past: Episode | None = None
    usual: float | None = None
    looks: tuple[Look, ...] = ()
    earlier: tuple[tuple[datetime, float], ...] = ()

    @property
    def watch(self) -> float:
        """0 to 1, how near it is to opening; 1: open."""
        if self.episode is not None:
            return 1.0
        usual = _usual(self)
        if usual is None:
            return 0.0
        return min(sum(_is_weak(look, usual) for look in self.looks) / AGREE, 0.99)


START: Final = State()


def advance(state: State, observation: Observation, *, spacing: timedelta = SPACING) -> State:
    """The state after one more sample; it must have started after the ones before."""
    at = observation.at
    if state.looks and at - state.looks[-1][0] < spacing:
        return state
    looks, earlier = (*state.looks, (at, observation.value, observation.mark)), state.earlier
    if len(looks) > LOOK:
        since = at - USUAL
        while earlier and (earlier[0][0] < since or len(earlier) >= MOST):
            earlier = earlier[1:]
        earlier = (*earlier, looks[0][:2])
        looks = looks[1:]
    if state.episode is not None and state.usual is not None:
        return _going_on(state.episode, state.usual, looks, earlier)
    now = State(None, state.past, None, looks, earlier)
    if observation.value >= observation.mark * FAR:
        return now
    return _opened(now)


def fold(
    observations: Iterable[Observation], state: State = START, *, spacing: timedelta = SPACING
) -> tuple[State, list[Episode]]:
    """The state after these samples, oldest first, and the episodes that were closed on the way, oldest first."""
    closed: list[Episode] = []
    for observation in observations:
        before = state.episode
        state = advance(state, observation, spacing=spacing)
        if before is not None and state.episode is None and state.past is not None:
            closed.append(state.past)
    return state, closed


def _opened(state: State) -> State:
    usual = _usual(state)
    if usual is None:
        return state
    weak = [look for look in state.looks if _is_weak(look, usual)]
    at = state.looks[-1][0]
    if len(weak) < AGREE or weak[-1][0] != at:
        return state
    since = weak[0][0]
    n = sum(look[0] >= since for look in state.looks)
    episode = Episode(since, at, at, None, len(weak), n)
    return State(episode, state.past, usual, state.looks, state.earlier)


def _going_on(
    episode: Episode, usual: float, looks: tuple[Look, ...], earlier: tuple[tuple[datetime, float], ...]
) -> State:
    at = looks[-1][0]
    strong = sum(value >= BACK * min(mark, usual) for _, value, mark in looks)
    over = strong >= AGREE
    k = episode.k + _is_weak(looks[-1], usual)
    now = Episode(episode.since, episode.opened, at, at if over else None, k, episode.n + 1)
    if over:
        return State(None, now, None, looks, earlier)
    return State(now, None, usual, looks, earlier)


def _is_weak(look: Look, usual: float) -> bool:
    return look[1] < FAR * min(look[2], usual)


def _usual(state: State) -> float | None:
    if len(state.earlier) < ENOUGH:
        return None
    return median_low([value for _, value in state.earlier])
