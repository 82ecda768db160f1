"""An incident as the contract shows it: one per site and cause, with its history. Values only."""

from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from collector.plans.types import Text

Cause = Literal["below_target", "silent"]
State = Literal["open", "acknowledged", "silenced", "resolved"]
Severity = Literal["warning", "critical"]
RULES: Final = "rules"  # who did it, when it was no person


class Transition(msgspec.Struct, frozen=True):
    """One change of state: when, into which, by whom, and what they noted."""

    at: datetime
    state: State
    who: str
    note: str | None = None


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """The contract's incident; the same object is a webhook's body. `evidence` depends on the cause."""

    id: str
    site: str
    cause: Cause
    state: State
    severity: Severity
    opened: datetime
    updated: datetime
    resolved: datetime | None = None
    summary: Text
    evidence: dict[str, Any]
    history: list[Transition]

    @property
    def active(self) -> bool:
        """Whether it still needs somebody."""
        return self.state != "resolved"


def opened(
    site: str, cause: Cause, at: datetime, *, severity: Severity, summary: Text, evidence: dict[str, Any]
) -> Incident:
    """A new incident; its id follows from site, cause and moment, so that a replay finds it again.

    `evidence` is kept JSON-ready (times as text), the same before and after it was stored.
    """
    return Incident(
        id=f"{site}.{cause}.{at:%Y%m%dT%H%M%S%fZ}",
        site=site,
        cause=cause,
        state="open",
        severity=severity,
        opened=at,
        updated=at,
        summary=summary,
        evidence=msgspec.to_builtins(evidence),
        history=[Transition(at, "open", RULES)],
    )


def moved(incident: Incident, state: State, at: datetime, *, who: str, note: str | None = None) -> Incident:
    """The incident after one more transition."""
    return msgspec.structs.replace(
        incident,
        state=state,
        updated=at,
        resolved=at if state == "resolved" else None,
        history=[*incident.history, Transition(at, state, who, note)],
    )
