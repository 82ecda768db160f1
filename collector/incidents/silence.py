"""Silence as an episode: from the last sign of life of a site's agents until one is heard again. Pure.

A site is silent when every agent of it is: nothing heard for `status`, or `reports` of its announced speed runs brought
no report. It is back when one is heard again and, if reports were what was missing, one has come since. How long is
too long is told by the caller; that our own hearing was interrupted, too (`since`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from collector.detect.episode import Episode
from collector.incidents.incident import Incident

Missing = Literal["status", "reports"]


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of one agent now.

    `since`: from when its silence counts (it was seen, or listening began). `seen`: its newest sign of life. `missed`:
    announced throughput times that passed without a report. `reported`: its newest throughput report started then.
    """

    agent: str
    since: datetime
    seen: datetime | None
    missed: int
    reported: datetime | None = None


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a site may be silent."""

    status: timedelta = timedelta(minutes=10)
    reports: int = 3


def missing(heard: Heard, patience: Patience, at: datetime) -> Missing | None:
    """What of an agent is missing; None: it is heard."""
    if at - heard.since >= patience.status:
        return "status"
    return "reports" if heard.missed >= patience.reports else None


def is_silent(agents: Sequence[Heard], patience: Patience, at: datetime) -> bool:
    """Whether every agent of a site is silent; a site without agents has nothing to be silent."""
    return bool(agents) and all(missing(heard, patience, at) is not None for heard in agents)


def silences(recorded: Sequence[Incident], agents: Sequence[Heard], patience: Patience, at: datetime) -> list[Episode]:
    """The present silence of a site as an episode, or the one that has just ended; empty: there is none.

    `recorded`: its `silent` incidents. A person's resolution lets the site be until it was heard again.
    """
    last = max(recorded, key=lambda one: one.opened, default=None)
    if last is not None and last.active:
        back = returned(last, [one for one in agents if missing(one, patience, at) is None], last.opened)
        return [Episode(last.since, last.opened, at, at if back else None)]
    if not is_silent(agents, patience, at):
        return []
    if last is not None and last.dismissed is not None and not returned(last, agents, last.dismissed):
        return []
    since = min(max(heard.since for heard in agents), at)
    return [Episode(since, at, at)]


def evidence_of(agents: Sequence[Heard], patience: Patience, at: datetime) -> dict[str, Any]:
    """What is kept of each agent: what is missing, when it was seen and reported last."""
    return {
        "why": {heard.agent: missing(heard, patience, at) for heard in agents},
        "seen": {heard.agent: heard.seen for heard in agents},
        "missed": {heard.agent: heard.missed for heard in agents},
        "reported": {heard.agent: heard.reported for heard in agents},
    }


def returned(last: Incident, agents: Sequence[Heard], since: datetime) -> str | None:
    """The agent that ended a silence: seen after `since`, and with a newer report if reports were what was missing."""
    wants_report = "reports" in last.evidence.get("why", {}).values()
    for heard in agents:
        before = last.evidence.get("reported", {}).get(heard.agent)
        newer = heard.reported is not None and (before is None or heard.reported > msgspec.convert(before, datetime))
        if heard.seen is not None and heard.seen > since and (newer or not wants_report):
            return heard.agent
    return None
