"""Minutes: does nothing get through? A sequential test on reports that lost everything. Pure.

**The test.** Each report that lost everything is worth log(1 / p), where p is the share of such reports that is usual
at this site for this kind, learnt from it. The worth of losses in a row adds up; at `SURE`, with at least `AGREE`
losses over `SPAN`, an episode opens. One latency or throughput report that gets through ends the row. Reports of other
kinds ask others than the peer: each kind counts once in a row, never alone, and not at all once one of them got through
in it (then it is the peer, or the way to it, and latency alone decides; `elsewhere` tells).

**The numbers.** Latency every five minutes is 105,120 reports a year. If losses were independent, a row worth w would
come up e^-w x 105,120 times a year by chance: SURE = log(105,120 / 0.05) allows one in twenty years.

- Where 0.7 % of the reports or fewer lose everything, three in a row are enough: within 15 minutes at every fifth.
- At 2 % three in a row come up 0.84 times a year by chance. There it takes four, or three and the loss of another
  kind, and that comes up 0.04 times a year. Where names are asked for every 15 minutes it is still mostly 15 minutes.

`python -m tests.bench.alarms` finds both by simulation.

**The end**: `BACK` latency or throughput reports in a row got through.

**Time.** Three losses within a minute are one moment: `SPAN`. Losses further apart than `FORGET` are no row. An open
episode stays open while nothing comes.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from math import log
from typing import Final

import msgspec
from msgspec.structs import replace

from collector.detect.episode import Episode
from collector.detect.observation import Contact

SURE: Final = log(105_120 / 0.05)
AGREE: Final = 3
BACK: Final = 3
SPAN: Final = timedelta(minutes=4)
FORGET: Final = timedelta(hours=6)
DIRECT: Final = frozenset({"latency", "throughput"})
"""The kinds that ask the peer itself."""


class Losses(msgspec.Struct, frozen=True):
    """The share of a kind's reports that lost everything, and of how many that is known, what was assumed included."""

    share: float
    of: float

    def learnt(self, *, lost: bool, most: float) -> "Losses":
        """What is known after one more report; the last `most` are remembered."""
        of = min(self.of + 1.0, most)
        return Losses(self.share + (lost - self.share) / of, of)


_DIRECT_PRIOR: Final = Losses(0.005, 1000.0)
_DIRECT_MOST: Final = 4000.0
_OTHER_PRIOR: Final = Losses(0.02, 100.0)
_OTHER_MOST: Final = 500.0


class State(msgspec.Struct, frozen=True):
    """What the contacts so far come to. `episode`: the open one. `past`: the one that was closed last.

    The present row of losses: `since` its first, `worth` of its direct ones, `others` of other kinds', the `kinds` that
    were lost, the `peers` that did not answer, `elsewhere`: another kind got through. `k` of the `n` contacts from
    `since` on were lost. While an episode is open all these tell of it; `back` direct contacts in a row got through.
    """

    episode: Episode | None = None
    past: Episode | None = None
    since: datetime | None = None
    last: datetime | None = None
    worth: float = 0.0
    others: float = 0.0
    k: int = 0
    n: int = 0
    back: int = 0
    kinds: frozenset[str] = frozenset()
    peers: frozenset[str] = frozenset()
    elsewhere: bool = False
    losses: Mapping[str, Losses] = {}

    @property
    def evidence(self) -> float:
        """What speaks for an outage, in units of log likelihood."""
        return self.worth if self.elsewhere else self.worth + self.others

    @property
    def watch(self) -> float:
        """0 to 1, how near it is to opening; 1: open."""
        return 1.0 if self.episode is not None else min(self.evidence / SURE, 0.99)


START: Final = State()


def advance(state: State, contact: Contact, *, span: timedelta = SPAN) -> State:
    """The state after one more contact; it must have started after the ones before."""
    if state.episode is not None:
        return _open(state, state.episode, contact)
    usual = _usual(state, contact.kind)
    learnt = usual.learnt(lost=not contact.reached, most=_DIRECT_MOST if contact.kind in DIRECT else _OTHER_MOST)
    losses = {**state.losses, contact.kind: learnt}
    begun = state.since is not None and state.last is not None and contact.at - state.last <= FORGET
    if contact.reached and (not begun or contact.kind in DIRECT):
        return State(past=state.past, last=contact.at, losses=losses)
    row = state if begun else State(past=state.past)
    if contact.reached:
        return replace(row, last=contact.at, n=row.n + 1, elsewhere=True, losses=losses)
    return _opened(_lost(row, contact, -log(usual.share), losses), span)


def fold(contacts: Iterable[Contact], state: State = START, *, span: timedelta = SPAN) -> tuple[State, list[Episode]]:
    """The state after these contacts, oldest first, and the episodes that were closed on the way, oldest first."""
    closed: list[Episode] = []
    for contact in contacts:
        was_open = state.episode is not None
        state = advance(state, contact, span=span)
        if was_open and state.episode is None and state.past is not None:
            closed.append(state.past)
    return state, closed


def _usual(state: State, kind: str) -> Losses:
    return state.losses.get(kind) or (_DIRECT_PRIOR if kind in DIRECT else _OTHER_PRIOR)


def _lost(row: State, contact: Contact, worth: float, losses: Mapping[str, Losses]) -> State:
    """One more loss in a row, or its first."""
    is_direct, is_new = contact.kind in DIRECT, contact.kind not in row.kinds
    return replace(
        row,
        since=row.since or contact.at,
        last=contact.at,
        worth=row.worth + worth if is_direct else row.worth,
        others=row.others + worth if is_new and not is_direct else row.others,
        k=row.k + 1,
        n=row.n + 1,
        kinds=row.kinds | {contact.kind},
        peers=row.peers | {contact.peer} if contact.peer is not None else row.peers,
        losses=losses,
    )


def _opened(row: State, span: timedelta) -> State:
    """An episode if the row is worth it."""
    if row.since is None or row.last is None or row.last - row.since < span:
        return row
    if row.evidence < SURE or row.k < AGREE or not row.worth:
        return row
    return replace(row, episode=Episode(row.since, row.last, row.last, None, row.k, row.n))


def _open(state: State, was: Episode, contact: Contact) -> State:
    """An episode is open: it goes on, or ends. Nothing is learnt of the usual meanwhile."""
    lost, is_direct = not contact.reached, contact.kind in DIRECT
    back = state.back + is_direct if contact.reached else (0 if is_direct else state.back)
    over = back >= BACK
    now = Episode(was.since, was.opened, contact.at, contact.at if over else None, was.k + lost, was.n + 1)
    if over:
        return State(past=now, last=contact.at, losses=state.losses)
    return replace(
        state,
        episode=now,
        last=contact.at,
        k=now.k,
        n=now.n,
        back=back,
        kinds=state.kinds | {contact.kind} if lost else state.kinds,
        peers=state.peers | {contact.peer} if lost and contact.peer is not None else state.peers,
        elsewhere=state.elsewhere or (not lost and not is_direct),
    )
