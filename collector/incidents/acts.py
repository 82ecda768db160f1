"""What people do with an incident: acknowledge, silence, resolve, note. Pure; their acts survive what the rules do."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from collector.errors import UsageError
from collector.incidents.incident import RULES, Incident, State, moved

Action = Literal["acknowledge", "silence", "unsilence", "resolve", "note"]
LONGEST: Final = timedelta(days=366)
"""A silence may be no longer: nobody remembers it."""

_STATE_AFTER: Final[Mapping[Action, State]] = {
    "acknowledge": "acknowledged",
    "silence": "silenced",
    "resolve": "resolved",
}


class Decision(msgspec.Struct, frozen=True):
    """What a person decided, who that is, and why. `until`: of a silence; None: until somebody ends it."""

    action: Action
    who: str
    note: str | None = None
    until: datetime | None = None


def acted(incident: Incident, decision: Decision, at: datetime) -> Incident:
    """The incident after a person's decision.

    Raises UsageError without a name, for one that is over (a note may be added to it), for an empty note, and for a
    silence that ends before it begins or after a year, or to end a silence where there is none.
    """
    who, note = decision.who.strip(), decision.note
    if not who:
        raise UsageError("a name is needed: who decides is kept with the incident")
    if decision.action == "note":
        if not (note or "").strip():
            raise UsageError("a note needs words")
        return moved(incident, incident.state, at, who=who, note=note, what="noted")
    if not incident.active:
        raise UsageError(f"incident {incident.id} is resolved already")
    if decision.until is not None:
        _check_end(decision.action, decision.until, at)
    if decision.action == "unsilence":
        return _unsilenced_by(incident, decision, at)
    changed = moved(incident, _STATE_AFTER[decision.action], at, who=who, note=note)
    return msgspec.structs.replace(changed, silenced_until=decision.until)


def unsilenced(incident: Incident, at: datetime) -> Incident | None:
    """The incident as it was before a silence that has ended by then; None while it lasts, or if there is none."""
    if incident.state != "silenced" or incident.silenced_until is None or at < incident.silenced_until:
        return None
    return moved(incident, _before(incident), incident.silenced_until, who=RULES, what="unsilenced")


def _check_end(action: Action, until: datetime, at: datetime) -> None:
    if action != "silence":
        raise UsageError("only a silence has an end")
    if not at < until <= at + LONGEST:
        raise UsageError("a silence ends in the future, within a year")


def _unsilenced_by(incident: Incident, decision: Decision, at: datetime) -> Incident:
    if incident.state != "silenced":
        raise UsageError(f"incident {incident.id} is not silenced")
    return moved(incident, _before(incident), at, who=decision.who.strip(), note=decision.note, what="unsilenced")


def _before(incident: Incident) -> State:
    """The state that a silence came upon."""
    before: State = next((step.state for step in reversed(incident.history) if step.state != "silenced"), "open")
    return before if before == "acknowledged" else "open"
