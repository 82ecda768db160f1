"""A record of incidents as the database keeps it, in memory; and a judge that derives episodes from contacts.

The detector here is a toy of the real one's shape: its numbers may be tuned without these tests having to follow.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from collector.detect.episode import Episode
from collector.detect.observation import Contact
from collector.incidents.incident import Finding, Incident, Subject
from collector.incidents.reconcile import Sight, counts_from, reconcile
from collector.incidents.telling import with_telling
from collector.plans.types import Text

START = datetime(2026, 11, 1, tzinfo=UTC)
STEP = timedelta(minutes=5)
SITE = Subject("s1", {"name": "Trường Tiểu học Hữu Lũng", "province": "Lạng Sơn"})


def found(episode: Episode) -> Finding:
    """What is said of an episode, of which the tests want the beginning."""
    return Finding("warning", Text(vi="vi", en="en"), {"since": episode.since, "k": episode.k, "n": episode.n})


def contacts(pattern: str, *, start: datetime = START, step: timedelta = STEP) -> list[Contact]:
    """One contact a step: `x` is lost, `.` gets through, a space is no report at all."""
    return [Contact(start + step * place, mark == ".") for place, mark in enumerate(pattern) if mark != " "]


def fold(known: Sequence[Contact], episode: Episode | None = None) -> list[Episode]:
    """Episodes: three losses in a row open one, three contacts in a row close it."""
    closed: list[Episode] = []
    row: list[Contact] = []
    for contact in known:
        row = [*row, contact] if contact.reached == (episode is not None) else []
        if episode is None and len(row) == 3:
            episode, row = Episode(row[0].at, contact.at, contact.at, None, 3, 3), []
        elif episode is not None:
            end = contact.at if len(row) == 3 else None
            k, n = episode.k + (not contact.reached), episode.n + 1
            episode = Episode(episode.since, episode.opened, contact.at, end, k, n)
            if end is not None:
                closed.append(episode)
                episode, row = None, []
    return [*closed, episode] if episode else closed


@dataclass
class Book:
    """Incidents of one site and cause, what was told of them, and the newest contact that was judged."""

    recorded: dict[str, Incident] = field(default_factory=dict)
    told: list[tuple[str, str]] = field(default_factory=list)
    judged: datetime | None = None

    @property
    def incidents(self) -> list[Incident]:
        return sorted(self.recorded.values(), key=lambda one: one.opened)

    def keep(self, changes: Sequence[Incident]) -> list[Incident]:
        """Take changes over as the database does, with what is told of them."""
        known: dict[str, str | None] = {}
        kept = []
        for change in changes:
            told = known.get(change.id, change.told)
            incident, is_told = with_telling(msgspec.structs.replace(change, told=told))
            known[incident.id] = incident.told
            self.recorded[incident.id] = incident
            assert incident.history[-1].what is not None
            if is_told:
                self.told.append((incident.id, incident.history[-1].what))
            kept.append(incident)
        assert sum(one.active for one in self.recorded.values()) <= 1
        return kept

    def see(self, known: Sequence[Contact], *, at: datetime | None = None, parents: Sequence[Incident] = ()) -> None:
        """Judge all that is known now."""
        if not known:
            return
        since = counts_from(self.incidents)
        counting = sorted((c for c in known if since is None or c.at > since), key=lambda c: c.at)
        newest = counting[-1].at if counting else None
        sight = Sight(
            SITE, "outage", at or max(c.at for c in known), newest=newest,
            covers=counting[0].at if counting else None, judged=self.judged, parents=parents,
        )  # fmt: skip
        self.keep(reconcile(self.incidents, fold(counting), sight, found))
        self.judged = max((m for m in (self.judged, newest) if m is not None), default=None)


def identity(incident: Incident) -> tuple[str, datetime, datetime | None, int]:
    """What a replay must find again."""
    return incident.id, incident.opened, incident.resolved, incident.reopened
