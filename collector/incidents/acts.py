"""What people do with an incident: acknowledge, silence, resolve, note. Pure; their acts survive what the rules do."""

from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from collector.errors import UsageError
from collector.incidents.incident import RULES, Incident, State, moved

Action = Literal["acknowledge", "silence", "resolve", "note"]
LONGEST: Final = timedelta(days=366)
"""A silence may be no longer: nobody remembers it."""

_STATE_AFTER: Final[dict[Action, State]] = {
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
    silence that ends before it begins or after a year.
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
        if decision.action != "silence":
            raise UsageError("only a silence has an end")
        if not at < decision.until <= at + LONGEST:
            raise UsageError("a silence ends in the future, within a year")
    changed = moved(incident, _STATE_AFTER[decision.action], at, who=who, note=note)
    return msgspec.structs.replace(changed, silenced_until=decision.until)


def unsilenced(incident: Incident, at: datetime) -> Incident | None:
    """The incident as it was before a silence that has ended by then; None while it lasts, or if there is none."""
    if incident.state != "silenced" or incident.silenced_until is None or at < incident.silenced_until:
        return None
    before: State = next((step.state for step in reversed(incident.history) if step.state != "silenced"), "open")
    state: State = before if before == "acknowledged" else "open"
    return moved(incident, state, incident.silenced_until, who=RULES, what="unsilenced")
