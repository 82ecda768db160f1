"""Days: is the site's median below its mark? A sequential test on log(value / mark). Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from math import log
from typing import Final

import msgspec

from collector.detect.episode import Episode
from collector.detect.observation import Observation

SPACING: Final = timedelta(hours=1)
"""A sample counts in full so long after the one before it, and in proportion sooner."""


class State(msgspec.Struct, frozen=True):
    """What the samples so far come to. `episode`: the open one. `past`: the one that was closed last.

    `watch`: 0 to 1, how near it is to opening (1: open). `recovery`: 0 to 1, how near an open one is to its end.
    `since`: the first of the weak samples that `watch` rests on, `k` of the `n` samples since then are below the mark.
    """

    episode: Episode | None = None
    past: Episode | None = None
    watch: float = 0.0
    recovery: float = 0.0
    since: datetime | None = None
    k: int = 0
    n: int = 0
    last: datetime | None = None


START: Final = State()


def advance(state: State, observation: Observation, *, spacing: timedelta = SPACING) -> State:
    """The state after one more sample; it must have started after the ones before."""
    at = observation.at
    apart = None if state.last is None else at - state.last
    weight = 1.0 if apart is None or apart >= spacing else apart / spacing
    below = observation.value < observation.mark
    score = max(-0.45, min(0.45, log(max(observation.value, 1e-9) / observation.mark)))
    if state.episode is not None:
        recovery = max(0.0, state.recovery + weight * (score - 0.06) / 1.4)
        old = state.episode
        episode = Episode(old.since, old.opened, at, at if recovery >= 1 else None, old.k + below, old.n + 1)
        if recovery >= 1:
            return State(past=episode, last=at)
        return State(episode, state.past, 1.0, recovery, old.since, episode.k, episode.n, at)
    watch = max(0.0, state.watch - weight * (score + 0.06) / 1.4)
    if not watch:
        return State(past=state.past, last=at)
    since, k, n = state.since or at, state.k + below, state.n + 1
    if watch < 1:
        return State(None, state.past, watch, 0.0, since, k, n, at)
    return State(Episode(since, at, at, None, k, n), state.past, 1.0, 0.0, since, k, n, at)


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
