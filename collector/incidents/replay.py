"""Whether recorded incidents are those that the measurements make. Pure.

What is recorded may lawfully differ from what is derived now: it was opened by what was known then (late data may make
its beginning earlier, or take it away: then it was resolved as not borne out), a parent stood for it, or the
measurements that made it are gone. All else is said.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, TypeVar

from collector.detect.episode import Episode
from collector.incidents.chains import Chain, chains
from collector.incidents.incident import Cause, Incident
from collector.incidents.reconcile import Sight, inhibitor, is_same

Fault = Literal["missing", "unborne", "still_open", "already_over"]


class Timed(Protocol):
    """Whatever was measured at a moment."""

    @property
    def at(self) -> datetime:
        """When it started."""


T = TypeVar("T", bound=Timed)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same.

    `missing`: the measurements make an incident that is not recorded. `unborne`: one is recorded that they do not make.
    `still_open`, `already_over`: it is recorded as active, or as resolved, and they say otherwise.
    """

    fault: Fault
    opened: datetime
    incident: str | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of one subject and cause: how many incidents agree, what differs, and how many cannot be told.

    `moved`: those that agree, but opened at another moment, by what was known then.
    """

    cause: Cause
    agree: int
    differences: Sequence[Difference]
    untold: int = 0
    moved: int = 0

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


def stretches(measured: Iterable[T], recorded: Sequence[Incident]) -> list[list[T]]:
    """Measurements (oldest first) in stretches that each begin after a person's resolution: each is judged alone."""
    ends = sorted(one.dismissed for one in recorded if one.dismissed is not None)
    found: list[list[T]] = [[] for _ in range(len(ends) + 1)]
    for one in measured:
        found[sum(end < one.at for end in ends)].append(one)
    return found


def compared(recorded: Sequence[Incident], episodes: Sequence[Episode], sight: Sight) -> Compared:
    """Hold what is recorded of a subject and cause against its episodes (oldest first, of all stretches).

    `sight.covers`: from when on they are told: what began before, or was over before, is not. `sight.at`: until when
    the measurements were looked at.
    """
    cause = sight.cause
    derived = chains(episodes, cause, [one.dismissed for one in recorded if one.dismissed is not None])
    told = [one for one in recorded if sight.covers is not None and one.since >= sight.covers]
    differences: list[Difference] = []
    agree = moved = 0
    for chain in derived:
        if sight.covers is not None and chain.closed is not None and chain.closed < sight.covers:
            continue
        match = next((one for one in reversed(recorded) if is_same(one, chain, cause)), None)
        if match is None:
            explained = inhibitor(sight, chain.since, chain.closed) is not None
            differences += [] if explained else [Difference("missing", chain.opened)]
            continue
        agree += 1
        moved += match.opened != chain.opened
        differences += _apart(match, chain, derived, sight)
    for one in told:
        if not any(is_same(one, chain, cause) for chain in derived) and not _was_withdrawn(one):
            differences.append(Difference("unborne", one.opened, one.id))
    return Compared(cause, agree, differences, len(recorded) - len(told), moved)


def _apart(incident: Incident, chain: Chain, derived: Sequence[Chain], sight: Sight) -> list[Difference]:
    """Whether only one of both is over; one incident may stand for several chains, of which the last one counts."""
    last = [one for one in derived if is_same(incident, one, sight.cause)][-1]
    goes_on = incident.resolved is None or incident.resolved > sight.at
    if chain is not last or incident.dismissed is not None or goes_on == (chain.closed is None):
        return []
    return [Difference("already_over" if chain.closed is None else "still_open", chain.opened, incident.id)]


def _was_withdrawn(incident: Incident) -> bool:
    return any(step.what == "withdrawn" for step in incident.history)
