"""Incidents and planned maintenance: read by all, changed from this machine only."""

import asyncio
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from collector.incidents.acts import Action
from collector.incidents.incident import Cause, Incident, State
from collector.web import incidents
from collector.web.api import cursor, shapes
from collector.web.api.asked import PLAIN, Paged
from collector.web.api.asking import says
from collector.web.api.here import Here

_BATCH: Final = 500
IncidentId = Annotated[str, says("Mã sự cố", "The incident's id", min_length=1, max_length=200, pattern=PLAIN)]


class Incidents(Paged, frozen=True, kw_only=True):
    """Which incidents are wanted."""

    state: Annotated[State, says("Tình trạng", "The state")] | None = None
    cause: Annotated[Cause, says("Nguyên nhân", "The cause")] | None = None
    site: (
        Annotated[str, says("Mã điểm đo, hoặc mã nhóm", "A site's id, or a group's key", max_length=63, pattern=PLAIN)]
        | None
    ) = None


class OneIncident(msgspec.Struct, frozen=True, kw_only=True):
    """One of them."""

    incident: IncidentId


class OneWindow(msgspec.Struct, frozen=True, kw_only=True):
    """One maintenance window."""

    number: Annotated[int, says("Số của đợt bảo trì", "The window's number", ge=1, le=999_999_999)]


class _Key(NamedTuple):
    """Where an incident stands in the list."""

    updated: Annotated[datetime, msgspec.Meta(tz=True)]
    id: str


class _Began(NamedTuple):
    """Where maintenance stands in the list."""

    starts: Annotated[datetime, msgspec.Meta(tz=True)]
    id: int


async def some(asked: Incidents, here: Here) -> object:
    """A page of incidents, the last changed first."""
    after = cursor.read("incidents", asked.cursor, _Key)
    active = None if asked.state is None else asked.state != "resolved"
    items: list[Incident] = []
    while len(items) <= asked.limit:
        found = await asyncio.to_thread(
            here.sources.casebook.search, active=active, site=asked.site, limit=_BATCH, before=after
        )
        items += (one for one in found if asked.state in (None, one.state) and asked.cause in (None, one.cause))
        if len(found) < _BATCH:
            break
        after = _Key(found[-1].updated, found[-1].id)
    return shapes.Listing(*cursor.page("incidents", items, asked.limit, lambda one: (one.updated, one.id)))


async def one(asked: OneIncident, here: Here) -> object:
    """One incident."""
    return await incidents.found(here.sources, asked.incident)


def act(action: Action) -> Any:  # noqa: ANN401 - an operation's function
    """Record a person's decision of this kind."""

    async def decide(asked: OneIncident, body: incidents.Body, here: Here) -> object:
        await incidents.found(here.sources, asked.incident)
        decision = incidents.decision_of(action, body, here.sources.now())
        return await incidents.decide(here.sources, asked.incident, decision)

    return decide


async def windows(asked: Paged, here: Here) -> object:
    """A page of maintenance, by its start."""
    after = cursor.read("maintenance", asked.cursor, _Began)
    found = await asyncio.to_thread(here.sources.calendar.list)
    left = (each for each in found if after is None or _Began(each.starts, each.id) > after)
    return shapes.Listing(*cursor.page("maintenance", left, asked.limit, lambda each: (each.starts, each.id)))


async def plan(_: object, body: incidents.Work, here: Here) -> object:
    """Put maintenance into the calendar."""
    return await incidents.planned(here.sources, body)


async def end(asked: OneWindow, body: incidents.End, here: Here) -> object:
    """End it early."""
    now = here.sources.now()
    return await asyncio.to_thread(here.sources.calendar.end, asked.number, who=body.who, at=now)
