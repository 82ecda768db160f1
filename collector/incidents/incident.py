"""An incident as the contract shows it: one per site and cause, with its history. Values only."""

from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Literal
from unicodedata import normalize

import msgspec

from collector.plans.types import Text

Cause = Literal["below_target", "below_contract", "collapse", "outage", "silent"]
State = Literal["open", "acknowledged", "silenced", "resolved"]
Severity = Literal["notice", "warning", "critical"]
By = Literal["peer", "provider_commune", "provider", "commune", "province"]
What = Literal[
    "opened", "confirmed", "updated", "joined", "reopened", "flapping", "resolved", "withdrawn", "settled",
    "acknowledged", "silenced", "unsilenced", "noted", "maintenance", "maintenance_over",
]  # fmt: skip
RULES: Final = "rules"  # who did it, when it was no person
_SLUG: Final = 24

_WHAT: Final[dict[State, What]] = {
    "open": "reopened",
    "acknowledged": "acknowledged",
    "silenced": "silenced",
    "resolved": "resolved",
}


class Transition(msgspec.Struct, frozen=True):
    """One change: when, into which state, by whom, what they noted, and what happened (old records do not say).

    The rules note numbers only, which need no language: `what` says the rest.
    """

    at: datetime
    state: State
    who: str
    note: str | None = None
    what: What | None = None


class Group(msgspec.Struct, frozen=True):
    """What the sites of a parent have in common, and its name for people: a peer, "VNPT, Lạng Sơn"."""

    by: By
    name: str

    @property
    def key(self) -> str:
        """The group as an identifier. It begins as no site's id does, and fits where those do."""
        plain = normalize("NFKD", self.name.lower().replace("đ", "d")).encode("ascii", "ignore").decode()
        slug = "-".join("".join(c if c.isalnum() else " " for c in plain).split())[:_SLUG].rstrip("-")
        mark = sha256(self.name.encode()).hexdigest()[:8]
        return f"_{self.by.replace('_', '-')}-{slug}-{mark}" if slug else f"_{self.by.replace('_', '-')}-{mark}"


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """The contract's incident; the same object is a webhook's body. `evidence` depends on the cause.

    `site`: None for a parent, which has a `group` and `children` (site ids) instead. `quiet`: late data made it what it
    is, so nobody has been told of that. `told`: as what people know it; None: not at all (records from before this was
    kept were all told). `about`: kind, area, province, commune, provider, plan and name, as of opening.
    """

    id: str
    site: str | None = None
    cause: Cause
    state: State
    severity: Severity
    opened: datetime
    updated: datetime
    resolved: datetime | None = None
    summary: Text
    evidence: dict[str, Any]
    history: list[Transition]
    quiet: bool = False
    told: Literal["open", "resolved"] | None = "open"
    silenced_until: datetime | None = None
    maintenance: bool = False
    group: Group | None = None
    parent: str | None = None
    children: list[str] = []
    first_action: Text | None = None
    about: dict[str, str] = {}

    @property
    def active(self) -> bool:
        """Whether it still needs somebody."""
        return self.state != "resolved"

    @property
    def subject(self) -> str:
        """What it is about, as an identifier: a site's id, or a group's key."""
        return self.group.key if self.group is not None else self.site or ""

    @property
    def since(self) -> datetime:
        """From when the trouble was first seen; at the latest when it was opened. What came back is one with it."""
        began = self.evidence.get("since")
        return self.opened if began is None else min(self.opened, msgspec.convert(began, datetime))

    @property
    def reopened(self) -> int:
        """How often it came back."""
        return sum(step.what in ("reopened", "flapping") for step in self.history)

    @property
    def dismissed(self) -> datetime | None:
        """When a person resolved it: only what is measured later counts again. None: it is active, or the rules did."""
        ends = (
            s for s in reversed(self.history) if s.state == "resolved" and s.what in (None, "resolved", "withdrawn")
        )
        last = next(ends, None)
        return self.resolved if last is not None and last.who != RULES else None


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom an incident is about: a site, or a group of sites."""

    site: str | None
    about: dict[str, str] = field(default_factory=dict)
    group: Group | None = None

    @property
    def key(self) -> str:
        """The site's id or the group's key."""
        return self.group.key if self.group is not None else self.site or ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is said of a stretch of trouble: how grave it is, in words, with its numbers, and what to do first."""

    severity: Severity
    summary: Text
    evidence: dict[str, Any]
    first_action: Text | None = None


def begun(
    subject: Subject, cause: Cause, at: datetime, finding: Finding, *, quiet: bool = False, parent: str | None = None
) -> Incident:
    """A new incident; its id follows from subject, cause and moment, so that a replay finds it again.

    The evidence is kept JSON-ready (times as text), the same before and after it was stored.
    """
    return Incident(
        id=f"{subject.key}.{cause}.{at:%Y%m%dT%H%M%S%fZ}",
        site=subject.site,
        cause=cause,
        state="open",
        severity=finding.severity,
        opened=at,
        updated=at,
        summary=finding.summary,
        evidence=msgspec.to_builtins(finding.evidence),
        history=[Transition(at, "open", RULES, None, "opened")],
        quiet=quiet,
        told=None,
        group=subject.group,
        parent=parent,
        first_action=finding.first_action,
        about=dict(subject.about),
    )


def moved(
    incident: Incident, state: State, at: datetime, *, who: str, note: str | None = None, what: What | None = None
) -> Incident:
    """The incident after one more transition; it is dated no earlier than the one before.

    Only `resolved` says when it really ended: the news of that may have come after somebody's act.
    """
    ended = (incident.resolved or at) if state == "resolved" else None
    at = max(at, incident.updated)
    return msgspec.structs.replace(
        incident,
        state=state,
        updated=at,
        resolved=ended,
        silenced_until=incident.silenced_until if state == "silenced" else None,
        history=[*incident.history, Transition(at, state, who, note, what or _WHAT[state])],
    )
