"""Which transitions people are told of. Pure.

1. Told is what is not known yet: that an incident is open, or that one which was told as open is over.
2. Besides: that somebody took it up (acknowledged) or silenced it, that a silence has ended, and that it became worse.
3. Nothing is told of one that is quiet (late data made it so), silenced or in maintenance; but its end is, if it had
   been told as open: whoever keeps it as open must not do so for ever. The rest is told when that is over, if it is
   still true then.
4. Flapping is told once: when an incident comes back for the second time people hear that it comes and goes, and then
   nothing until it has stayed resolved for `SETTLED` of its cause; a person's word is told in any case.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from collector.incidents.incident import RULES, Cause, Incident, Transition, moved

SETTLED: Final[Mapping[Cause, timedelta]] = {
    "below_target": timedelta(days=3),
    "below_contract": timedelta(days=3),
    "collapse": timedelta(days=1),
    "outage": timedelta(hours=2),
    "silent": timedelta(hours=2),
}
"""What comes back within so long after the rules resolved it is the same incident, and not a new one."""
FLAPS: Final = 2
"""An incident that came back so often comes and goes."""
_NEWS: Final = frozenset({"acknowledged", "silenced", "unsilenced", "updated"})


def with_telling(incident: Incident) -> tuple[Incident, bool]:
    """The incident after its newest transition, with what is known of it then, and whether that is to be told."""
    last = incident.history[-1]
    if incident.active:
        is_due = _is_open_news(incident, last)
        return (msgspec.structs.replace(incident, told="open"), True) if is_due else (incident, False)
    held = incident.quiet or (incident.reopened >= FLAPS and last.what != "settled")
    if incident.told == "open" and (not held or last.who != RULES):
        return msgspec.structs.replace(incident, told="resolved"), True
    return incident, False


def settled(incident: Incident, at: datetime) -> Incident | None:
    """A flapping incident whose end has held long enough to be told; None for all others."""
    if incident.active or incident.told != "open" or incident.quiet or incident.resolved is None:
        return None
    if incident.reopened < FLAPS or at - incident.resolved < SETTLED[incident.cause]:
        return None
    return moved(incident, "resolved", incident.resolved + SETTLED[incident.cause], who=RULES, what="settled")


def _is_open_news(incident: Incident, last: Transition) -> bool:
    if incident.quiet or incident.maintenance:
        return False
    if incident.state == "silenced":
        return last.what == "silenced" and incident.told == "open"
    if incident.told != "open":
        return last.what != "noted"
    return last.what in _NEWS or (last.what == "flapping" and incident.reopened == FLAPS)
