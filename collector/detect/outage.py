"""Minutes: does nothing get through? Reports that lost everything, one after the other. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from collector.detect.episode import Episode
from collector.detect.observation import Contact

AGREE: Final = 3
BACK: Final = 3


class State(msgspec.Struct, frozen=True):
    """What the contacts so far come to. `episode`: the open one. `past`: the one that was closed last.

    `since`: the first loss of the present row of `row` losses (while open: of contacts that got through).
    """

    episode: Episode | None = None
    past: Episode | None = None
    row: int = 0
    since: datetime | None = None
    peers: tuple[str, ...] = ()

    @property
    def watch(self) -> float:
        """0 to 1, how near it is to opening; 1: open."""
        return 1.0 if self.episode is not None else min(self.row / AGREE, 0.99)


START: Final = State()


def advance(state: State, contact: Contact) -> State:
    """The state after one more contact; it must have started after the ones before."""
    at, old = contact.at, state.episode
    if old is not None:
        row = state.row + 1 if contact.reached else 0
        over = row >= BACK
        now = Episode(old.since, old.opened, at, at if over else None, old.k + (not contact.reached), old.n + 1)
        return State(past=now) if over else State(now, None, row, None, state.peers)
    if contact.reached:
        return State(past=state.past)
    row, since = state.row + 1, state.since or at
    peers = state.peers if contact.peer is None or contact.peer in state.peers else (*state.peers, contact.peer)
    if row < AGREE:
        return State(None, state.past, row, since, peers)
    return State(Episode(since, at, at, None, row, row), None, 0, None, peers)


def fold(contacts: Iterable[Contact], state: State = START) -> tuple[State, list[Episode]]:
    """The state after these contacts, oldest first, and the episodes that were closed on the way, oldest first."""
    closed: list[Episode] = []
    for contact in contacts:
        before = state.episode
        state = advance(state, contact)
        if before is not None and state.episode is None and state.past is not None:
            closed.append(state.past)
    return state, closed
