"""A peer fails, and with it every site that measures against it: what becomes of it is the product's own code."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from random import Random
from typing import Final

from collector.detect import outage
from collector.detect.episode import Episode
from collector.detect.observation import Contact
from collector.incidents.grouping import Standing, grouped
from collector.incidents.incident import Finding, Incident, Subject
from collector.incidents.reconcile import Sight, reconcile
from collector.plans.types import Text
from tests.bench.alarms_fleet import BASE
from tests.bench.alarms_outage import Lines, contacts

BROKE_S: Final = 3600
LASTS_S: Final = 40 * 60
_END_S: Final = BROKE_S + LASTS_S + 5400
_PASS_S: Final = 60
_LINES: Final = Lines("province", 0.002)
_FINDING: Final = Finding("critical", Text(vi="mất kết nối", en="outage"), {})


@dataclass(frozen=True, slots=True)
class PeerFailure:
    """What became of it: `failing` sites, the parents, incidents of single sites, minutes until the first parent."""

    failing: int
    parents: list[Incident]
    alone: list[Incident]
    minutes: float


@dataclass(slots=True)
class _Site:
    """One site as the judge follows it."""

    number: int
    of: int
    contacts: Iterator[Contact]
    next: Contact | None = None
    state: outage.State = outage.START
    episodes: list[Episode] = field(default_factory=list)
    recorded: dict[str, Incident] = field(default_factory=dict)

    @property
    def half(self) -> int:
        """Its province and its peer: the first fails."""
        return 0 if self.number < self.of // 2 else 1

    @property
    def name(self) -> str:
        """Its id."""
        return f"site-{self.number:05d}"

    def until(self, moment: datetime) -> None:
        """Take in what has come until then."""
        self.state, closed = outage.fold(self._due(moment), self.state)
        self.episodes += closed

    def _due(self, moment: datetime) -> Iterable[Contact]:
        while True:
            if self.next is None:
                self.next = next(self.contacts, None)
            if self.next is None or self.next.at >= moment:
                return
            yield self.next
            self.next = None

    def standing(self) -> Standing:
        """How it stands, for the grouping."""
        episode = self.state.episode
        return Standing(
            site=self.name,
            measured=self.state.last is not None,
            since=self.state.since if episode is None else episode.since,
            decided=episode is not None,
            peer=f"peer-{self.half + 1}",
            provider=("vnpt", "viettel", "fpt")[self.number % 3],
            commune=f"commune-{self.half}-{self.number % 200}",
            province=("lang-son", "bac-giang")[self.half],
        )

    def judge(self, moment: datetime, parents: Iterable[Incident]) -> None:
        """Record what is an incident of its own."""
        episodes = self.episodes + ([self.state.episode] if self.state.episode else [])
        if not episodes:
            return
        mine = [parent for parent in parents if self.name in parent.children]
        sight = Sight(Subject(self.name), "outage", moment, newest=self.state.last, parents=mine)
        for incident in reconcile(list(self.recorded.values()), episodes, sight, lambda _: _FINDING):
            self.recorded[incident.id] = incident


def peer_failure(sites: int, seed: int) -> PeerFailure:
    """Two provinces with a peer each; one fails for 40 minutes, names and pages get through. Judged every minute."""
    fleet = [_Site(number, sites, _asked(number, sites, seed)) for number in range(sites)]
    parents: dict[str, Incident] = {}
    first = inf
    for now in range(_PASS_S, _END_S, _PASS_S):
        moment = BASE + timedelta(seconds=now)
        for site in fleet:
            site.until(moment)
        active = [parent for parent in parents.values() if parent.active]
        known = grouped("outage", [site.standing() for site in fleet], active, at=moment)
        parents.update({parent.id: parent for parent in known.changes})
        for site in fleet:
            site.judge(moment, parents.values())
        if parents:
            first = min(first, (now - BROKE_S) / 60)
    alone = [incident for site in fleet for incident in site.recorded.values()]
    return PeerFailure(sites // 2, list(parents.values()), alone, first)


def _asked(number: int, sites: int, seed: int) -> Iterator[Contact]:
    """The contacts of one site; those of the first half ask the peer that fails."""
    random = Random(f"{seed} province {number}")  # noqa: S311 - a simulation
    fails = number < sites // 2
    peer = "peer-1" if fails else "peer-2"
    for one in contacts(_LINES, random, 0, _END_S):
        at, is_direct = (one.at - BASE).total_seconds(), one.kind in outage.DIRECT
        broken = fails and is_direct and BROKE_S <= at < BROKE_S + LASTS_S
        yield Contact(one.at, one.reached and not broken, peer if is_direct else None, one.kind)
