"""Hours: has the site's speed collapsed, far below its mark and far below its own usual? Pure.

A sample is weak if it is below half of its mark and below half of the site's usual, the median of the 120 samples
before the newest four (30 days of four a day). An episode opens when the newest is weak and so are at least 3 of the
newest 4, all within two days; it ends when at least 3 of the newest 4 reach 65 % of the mark or of the usual. The usual
is that from before it began, however long it lasts.

With noise of CV 0.25 a sample of a site at its mark is weak with p = 0.24 % by day and 2.8 % while an evening takes a
fifth of the speed, 0.8 % over all: 3 of 4 come up 4 p³ x 1,460 = 0.003 times a year, and 0.13 if it were evening
always. `shortfall` would find it too, a sample later on a clean start and several after good ones; what this adds is
the name: no shortfall to be watched for weeks but a line that has broken.

**Time.** A sample sooner than `SPACING` after the one before it is not looked at: a storm of tests is one look. After
`FORGET` without samples nothing is usual any more; an open episode stays open.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from statistics import median_low
from typing import Final

import msgspec

from collector.detect.episode import Episode
from collector.detect.observation import Observation

SPACING: Final = timedelta(hours=1)
"""A sample that comes sooner after the one before it is not counted: a storm of tests is one look."""
FAR: Final = 0.5
BACK: Final = 0.65
"""Weak is below `FAR` of both mark and usual; strong is at or above `BACK` of either."""
LOOK: Final = 4
AGREE: Final = 3
WITHIN: Final = timedelta(days=2)
FORGET: Final = timedelta(days=30)
ENOUGH: Final = 8
MOST: Final = 120
"""From so many samples on there is a usual, and of so many it is the median."""

Look = tuple[datetime, float, float]


class State(msgspec.Struct, frozen=True):
    """What the samples so far come to. `episode`: the open one. `past`: the one that was closed last.

    `looks`: the newest four samples, as (time, value, mark). `earlier`: the values of those before.
    `usual`: while an episode is open, what was usual before it.
    """

    episode: Episode | None = None
    past: Episode | None = None
    usual: float | None = None
    looks: tuple[Look, ...] = ()
    earlier: tuple[float, ...] = ()

    @property
    def watch(self) -> float:
        """0 to 1, how near it is to opening; 1: open."""
        if self.episode is not None:
            return 1.0
        usual = _usual(self)
        if usual is None:
            return 0.0
        return min(sum(_is_weak(look, usual) for look in self.looks) / AGREE, 0.99)

    @property
    def since(self) -> datetime | None:
        """The first of the present weak looks, or of the open episode; None: none is weak, or nothing is usual yet."""
        if self.episode is not None:
            return self.episode.since
        usual = _usual(self)
        return None if usual is None else next((look[0] for look in self.looks if _is_weak(look, usual)), None)


START: Final = State()


def advance(state: State, observation: Observation, *, spacing: timedelta = SPACING) -> State:
    """The state after one more sample; it must have started after the ones before."""
    at, looks, earlier = observation.at, state.looks, state.earlier
    if looks and at - looks[-1][0] < spacing:
        return state
    if looks and at - looks[-1][0] > FORGET:
        looks, earlier = (looks if state.episode is not None else ()), ()
    if len(looks) == LOOK or (looks and state.episode is None and at - looks[0][0] > WITHIN):
        keep = LOOK - 1 if state.episode is not None else sum(at - look[0] <= WITHIN for look in looks[1 - LOOK :])
        gone = len(looks) - keep
        earlier = (*earlier, *(look[1] for look in looks[:gone]))[-MOST:]
        looks = looks[gone:]
    looks = (*looks, (at, observation.value, observation.mark))
    if state.episode is not None and state.usual is not None:
        return _going_on(state.episode, state.usual, looks, earlier)
    now = State(None, state.past, None, looks, earlier)
    return now if observation.value >= observation.mark * FAR else _opened(now)


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


def _going_on(episode: Episode, usual: float, looks: tuple[Look, ...], earlier: tuple[float, ...]) -> State:
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
    return median_low(state.earlier)
