"""Outages simulated: contacts of every kind on the agent's own schedule, a line that breaks, a peer that fails."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import inf
from random import Random
from typing import Final

from collector.detect import outage
from collector.detect.observation import Contact
from tests.bench.alarms_fleet import BASE

EVERY_S: Final = {"latency": 300, "dns": 900, "web": 3600, "ipv6": 3600, "throughput": 14_400}
YEAR_S: Final = 365 * 86_400
_LEARN_S: Final = 7 * 86_400
_PASS_S: Final = 60
_PEER_FAILS_S: Final = 40 * 60


@dataclass(frozen=True, slots=True)
class Lines:
    """How lines behave. `lost`: the share of reports that lose everything, independently. `kinds`: what is measured.

    `even`: latency comes exactly every five minutes; else, as the agent does, at a random moment of each slot.
    """

    name: str
    lost: float
    kinds: tuple[str, ...] = tuple(EVERY_S)
    even: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """Minutes from the moment a line broke to the contact that decided."""

    minutes: Sequence[float]

    def within(self, minutes: float) -> float:
        """The share that was decided within so many minutes."""
        return sum(one <= minutes for one in self.minutes) / len(self.minutes)

    def quantile(self, share: float) -> float:
        """So large a share was decided within so many minutes."""
        return sorted(self.minutes)[min(int(share * len(self.minutes)), len(self.minutes) - 1)]


def false_openings(lines: Lines, years: int, seed: int) -> tuple[int, int]:
    """Over so many site-years without a real outage: how often the product opens, and how often three in a row."""
    ours = rows = 0
    for year in range(years):
        random, state, row = Random(f"{seed} {lines.name} {year}"), outage.START, 0  # noqa: S311 - a simulation
        for contact in contacts(lines, random, 0, YEAR_S):
            state = outage.advance(state, contact)
            if contact.kind == "latency":
                row = 0 if contact.reached else row + 1
                rows += row == 3
            ours += state.episode is not None and state.episode.opened == contact.at
    return ours, rows


def found(lines: Lines, sites: int, seed: int) -> Found:
    """After a week of learning the line breaks at a random moment, and nothing of any kind gets through."""
    minutes: list[float] = []
    for site in range(sites):
        random = Random(f"{seed} {lines.name} {site}")  # noqa: S311 - a simulation
        broke = _LEARN_S + random.random() * 14_400
        state, learning = outage.START, True
        delay = inf
        for contact in contacts(lines, random, 0, _LEARN_S + 7 * 14_400):
            at = (contact.at - BASE).total_seconds()
            if learning and at >= broke:
                state, learning = outage.State(losses=state.losses) if state.episode else state, False
            state = outage.advance(
                state, contact if learning else Contact(contact.at, reached=False, kind=contact.kind)
            )
            if not learning and state.episode is not None:
                delay = (at - broke) / 60
                break
        minutes.append(delay)
    return Found(minutes)


def contacts(lines: Lines, random: Random, start_s: float, end_s: float) -> Iterator[Contact]:
    """One site's contacts, oldest first."""
    streams = [_times(kind, random, start_s, end_s, even=lines.even and kind == "latency") for kind in lines.kinds]
    for at, kind in heapq.merge(*streams):
        peer = "p" if kind in outage.DIRECT else None
        yield Contact(BASE + timedelta(seconds=at), random.random() >= lines.lost, peer, kind)


def _times(kind: str, random: Random, start_s: float, end_s: float, *, even: bool) -> Iterator[tuple[float, str]]:
    every = EVERY_S[kind]
    first = random.random() * every
    for slot in range(int(start_s // every), int(end_s // every)):
        yield slot * every + (first if even else random.random() * every), kind
