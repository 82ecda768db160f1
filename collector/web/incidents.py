"""What pages and API do with incidents and planned maintenance: find, decide, plan."""

import asyncio
from datetime import datetime, timedelta
from typing import Annotated, Final

import msgspec
from aiohttp import web

from collector.errors import UsageError
from collector.events import Event
from collector.incidents.acts import Action, Decision
from collector.incidents.incident import Incident
from collector.incidents.maintenance import Extent, Window, checked, unknown_site
from collector.web.sources import Sources

_PLAIN: Final = r"^[^\x00-\x1f\x7f]*$"
_WRITTEN: Final = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
"""Words of people; no database takes the control characters that are left out."""
_NAME: Final = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"
Who = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=_NAME)]
Words = Annotated[str, msgspec.Meta(max_length=1000, pattern=_WRITTEN)]


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who decides, and why; of a silence until when, or for how many hours."""

    who: Who
    note: Words | None = None
    until: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    hours: Annotated[float, msgspec.Meta(gt=0, le=8784)] | None = None


class Work(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Planned maintenance."""

    extent: Extent
    starts: Annotated[datetime, msgspec.Meta(tz=True)]
    ends: Annotated[datetime, msgspec.Meta(tz=True)]
    who: Who
    name: Annotated[str, msgspec.Meta(max_length=200, pattern=_PLAIN)] = ""
    note: Words | None = None


class End(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who ends it."""

    who: Who


async def found(sources: Sources, incident: str) -> Incident:
    """One incident; raises HTTPNotFound."""
    one = await asyncio.to_thread(sources.casebook.get, incident)
    if one is None:
        raise web.HTTPNotFound(text="There is no such incident.")
    return one


async def decide(sources: Sources, incident: str, decision: Decision) -> Incident:
    """Record a person's decision and show it to open pages; raises HTTPNotFound and UsageError."""
    await found(sources, incident)
    acted = await asyncio.to_thread(sources.casebook.decide, incident, decision, at=sources.now())
    sources.bus.publish(Event("incident", acted.site, sources.now(), {"id": acted.id, "state": acted.state}))
    return acted


def decision_of(action: Action, body: Body, now: datetime) -> Decision:
    """A decision as it was sent; raises UsageError for two ends of one silence."""
    if body.until is not None and body.hours is not None:
        raise UsageError("say until when, or for how many hours, and not both")
    until = now + timedelta(hours=body.hours) if body.hours is not None else body.until
    return Decision(action, body.who, body.note, until)


async def planned(sources: Sources, work: Work) -> Window:
    """Put maintenance into the calendar; raises UsageError for a site that there is not, and what makes no sense."""
    window = checked(Window(**msgspec.structs.asdict(work)))
    if window.extent == "site":
        snapshot = await asyncio.to_thread(sources.places.snapshot)
        if window.name not in snapshot.sites:
            raise unknown_site(window.name, snapshot.sites)
    return await asyncio.to_thread(sources.calendar.add, window, at=sources.now())
