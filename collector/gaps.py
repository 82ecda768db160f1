"""Which reports to ask agents for again, and when. Pure: time comes in, requests come out.

Two memories. *Gaps*: an agent's status or report shows a higher sequence number than the archives of all collectors
have without holes; after a grace without progress the holes are asked for, more and more seldom. That makes a collector
whole that was restored from an older backup. *Waiting*: reports deferred because nobody had registered their agent;
asked for as soon as somebody does.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from agent.wire.control import Resend
from collector.archive.intervals import Intervals, Range, subtract

Missing = Callable[[str, str, int], list[Range]]
Held = Mapping[tuple[str, str], Intervals]
_EPOCHS = 8  # newest epochs remembered per agent: more means a sick agent, not more to ask for
_RANGES = 1000
_AT_ONCE = 500  # agents asked in one look: after a restore all of them have gaps, and answer at once
_DOUBLINGS = 20


@dataclass(slots=True)
class _Epoch:
    top: int
    watched: int  # the top as it was one grace ago: what is above it may still be on its way
    due: float
    wait: float
    holes: int | None = None
    times: int = 0


@dataclass(slots=True)
class Gaps:
    """Highest sequence numbers seen, and when to ask next. Times are monotonic seconds."""

    grace_s: float
    max_s: float
    _agents: dict[str, dict[str, _Epoch]] = field(default_factory=dict)

    def see(self, agent: str, epoch: str, seq: int, *, now: float) -> None:
        """Note that this place in a registered agent's spool is in use."""
        epochs = self._agents.setdefault(agent, {})
        state = epochs.get(epoch)
        if state is not None:
            state.top = max(state.top, seq)
            return
        epochs[epoch] = _Epoch(seq, seq, now + self.grace_s, self.grace_s)
        if len(epochs) > _EPOCHS:
            del epochs[next(iter(epochs))]

    def resume(self, agent: str, epoch: str, top: int, *, times: int, now: float) -> None:
        """Go on where another process stopped asking, or this one before a restart."""
        self.see(agent, epoch, top, now=now)
        state = self._agents[agent].get(epoch)
        if state is not None:
            state.times = times
            state.wait = min(self.grace_s * 2.0 ** min(times, _DOUBLINGS), self.max_s)

    def places(self) -> list[tuple[str, str]]:
        """Give the epochs that are looked after."""
        return [(agent, epoch) for agent, epochs in self._agents.items() for epoch in epochs]

    def asked(self, agent: str, epoch: str) -> tuple[int, int]:
        """Give an epoch's highest number known, and how often its holes have been asked for in vain."""
        state = self._agents[agent][epoch]
        return state.top, state.times

    def due(self, missing: Missing, held: Held, *, now: float) -> list[tuple[str, Resend]]:
        """Give what to ask for now; `held` are places that agents will send again by themselves.

        It is never more than 500: who is left over is asked at the next look.
        """
        asked: list[tuple[str, Resend]] = []
        for agent, epochs in self._agents.items():
            if len(asked) >= _AT_ONCE:
                break
            for epoch, state in epochs.items():
                ranges = self._check(state, partial(_open, missing, held, (agent, epoch)), now)
                if ranges:
                    asked.append((agent, Resend(epoch, ranges[:_RANGES])))
        return asked

    def _check(self, state: _Epoch, holes: Callable[[int], list[Range]], now: float) -> list[Range]:
        if state.holes is None:
            state.holes = _count(holes(state.watched))
        if now < state.due:
            return []
        ranges = holes(state.watched)
        before, state.holes = state.holes, _count(ranges)
        if state.holes == 0 or state.holes < before:
            state.due, state.wait, state.times = now + self.grace_s, self.grace_s, 0
            ranges = []
        else:
            state.due, state.wait = now + state.wait, min(state.wait * 2, self.max_s)
            state.times += 1
        if state.watched != state.top:
            state.watched, state.holes = state.top, None
        return ranges


@dataclass(slots=True)
class Waiting:
    """Places of deferred reports, bounded: what is beyond the limits is simply served by the agents' hourly retry.

    No agent has room for more than a few epochs, so one that is sick or hostile takes none from the others.
    """

    agents: int
    ranges: int
    places: dict[tuple[str, str], Intervals] = field(default_factory=dict)
    _epochs: Counter[str] = field(default_factory=Counter)

    def add(self, agent: str, epoch: str, seqs: Iterable[int]) -> None:
        """Remember deferred places."""
        intervals = self.places.get((agent, epoch))
        if intervals is None:
            if len(self.places) >= self.agents or self._epochs.get(agent, 0) >= _EPOCHS:
                return
            intervals = self.places[agent, epoch] = Intervals()
            self._epochs[agent] += 1
        for seq in seqs:
            if intervals.pieces < self.ranges:
                intervals.add(seq)

    def forget(self, agent: str, epoch: str) -> Intervals:
        """Forget the places of one epoch; gives them."""
        intervals = self.places.pop((agent, epoch), None)
        if intervals is None:
            return Intervals()
        self._epochs[agent] -= 1
        if not self._epochs[agent]:
            del self._epochs[agent]
        return intervals

    def take(self, agents: Callable[[str], bool]) -> list[tuple[str, Resend]]:
        """Give and forget the places of agents that are known now."""
        ready = [key for key in self.places if agents(key[0])]
        return [(agent, Resend(epoch, self.forget(agent, epoch).ranges()[:_RANGES])) for agent, epoch in ready]


def _open(missing: Missing, held: Held, key: tuple[str, str], top: int) -> list[Range]:
    ranges = missing(*key, top)
    return subtract(ranges, held[key]) if key in held else ranges


def _count(ranges: Iterable[Range]) -> int:
    return sum(last - first + 1 for first, last in ranges)
