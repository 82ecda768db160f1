"""Maintenance windows: planned work during which incidents are recorded and nobody is told. Pure."""

import difflib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from collector.errors import UsageError
from collector.incidents.incident import RULES, Incident, moved
from collector.registry.codes import nearest_code

Extent = Literal["site", "commune", "provider", "all"]
LONGEST: Final = timedelta(days=366)
_LAST_YEAR: Final = 9998  # after it a moment may be in no year of another zone


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Planned work: where (`extent` and its `name`; "all" has none), from `starts` until before `ends`, who, why.

    `ended`: when somebody ended it early.
    """

    id: int = 0
    extent: Extent
    name: str = ""
    starts: datetime
    ends: datetime
    who: str
    note: str | None = None
    ended: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Whether work goes on then."""
        return self.starts <= at < min(self.ends, self.ended or self.ends)

    def is_about(self, incident: Incident) -> bool:
        """Whether an incident is about a place where the work is."""
        return self.covers(incident.site, incident.about)

    def covers(self, site: str | None, about: Mapping[str, str]) -> bool:
        """Whether the work is at a site, or in what the sites of a group have in common."""
        place = site if self.extent == "site" else about.get(self.extent)
        if self.extent == "commune":  # filed by its code, and named as people call it
            return place is not None and nearest_code(self.name) == nearest_code(place)
        return self.extent == "all" or self.name == place


def unknown_site(site: str, sites: Iterable[str]) -> UsageError:
    """That there is no such site among these, and which one may be meant."""
    near = difflib.get_close_matches(site, list(sites), n=1, cutoff=0.5)
    meant = f"; did you mean {near[0]}?" if near else ";"
    return UsageError(f"there is no site {site!r}{meant} see: linkgauge-collector site list")


def checked(window: Window) -> Window:
    """The window, if it makes sense; raises UsageError with what to do."""
    if not window.who.strip():
        raise UsageError("a name is needed: who plans the work is kept with it")
    if (window.extent == "all") != (not window.name.strip()):
        raise UsageError(f"maintenance of {window.extent}: {'takes no name' if window.name else 'which one? name it'}")
    if not timedelta(0) < window.ends - window.starts <= LONGEST:
        raise UsageError("maintenance ends after it starts, and within a year")
    if window.ends.year > _LAST_YEAR:
        raise UsageError(f"maintenance ends by the year {_LAST_YEAR}")
    return msgspec.structs.replace(window, who=window.who.strip(), name=window.name.strip())


def maintained(incident: Incident, windows: Iterable[Window], at: datetime) -> Incident | None:
    """The incident after a window around it has begun or ended by then; None when nothing changes."""
    if not incident.active:
        return None
    holding = next((window for window in windows if window.holds(at) and window.is_about(incident)), None)
    if (holding is not None) == incident.maintenance:
        return None
    note = None if holding is None else ": ".join(words for words in (holding.who, holding.note) if words)
    what: Literal["maintenance", "maintenance_over"] = "maintenance" if holding else "maintenance_over"
    changed = moved(incident, incident.state, at, who=RULES, note=note, what=what)
    return msgspec.structs.replace(changed, maintenance=holding is not None)
