"""The JSON surface of incidents and of planned maintenance (contract, "HTTP"): read by all, changed from here only."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, TypeVar

import msgspec
from aiohttp import web

from collector.errors import UsageError
from collector.events import Event
from collector.incidents.acts import Action, Decision
from collector.incidents.incident import Cause, Incident, State
from collector.incidents.maintenance import Extent, Window, checked, unknown_site
from collector.web import api
from collector.web.sources import Sources

NOT_HERE: Final = "Changes are accepted from this machine and its own page only."
_ACTIONS: Final[tuple[Action, ...]] = ("acknowledge", "silence", "resolve", "note")
_EXAMPLE: Final = 'send {"who": "your name", "note": "why"}'
_WORK: Final = (
    'send {"extent": "site|commune|provider|all", "name": "...", "starts": "2026-11-22T01:00:00Z", '
    '"ends": "2026-11-22T03:00:00Z", "who": "your name", "note": "why"}'
)
Who = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Words = Annotated[str, msgspec.Meta(max_length=1000)]
T = TypeVar("T")


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
    name: Annotated[str, msgspec.Meta(max_length=200)] = ""
    note: Words | None = None


class _End(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who ends it."""

    who: Who


def add_routes(app: web.Application, sources: Sources) -> None:
    """Add the API of incidents."""
    number = r"/api/v1/maintenance/{number:\d{1,9}}/end"
    app.add_routes(
        [
            web.get("/api/v1/incidents", api.bound(_incidents, sources)),
            web.get("/api/v1/incidents/{incident}", api.bound(_incident, sources)),
            web.post(
                "/api/v1/incidents/{incident}/{action:acknowledge|silence|resolve|note}", api.bound(_act, sources)
            ),
            web.get("/api/v1/maintenance", api.bound(_windows, sources)),
            web.post("/api/v1/maintenance", api.bound(_plan, sources)),
            web.post(number, api.bound(_end, sources)),
        ]
    )


async def found(sources: Sources, incident: str) -> Incident:
    """One incident; raises HTTPNotFound."""
    one = await asyncio.to_thread(sources.casebook.get, incident)
    if one is None:
        raise web.HTTPNotFound(text="There is no such incident.")
    return one


async def search(
    sources: Sources, *, state: State | None = None, cause: Cause | None = None, site: str | None = None
) -> list[Incident]:
    """Incidents, the last changed first; only of this state, cause or site."""
    active = None if state is None else state != "resolved"
    all_of_it = await asyncio.to_thread(sources.casebook.search, active=active, site=site)
    return [one for one in all_of_it if state in (None, one.state) and cause in (None, one.cause)]


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


async def _incidents(request: web.Request, sources: Sources) -> web.Response:
    state, cause = (request.query.get(name) for name in ("state", "cause"))
    try:
        wanted = msgspec.convert({"state": state, "cause": cause}, Wish)
    except msgspec.ValidationError as error:
        return api.problem(400, "Bad request", str(error))
    items = await search(sources, state=wanted.state, cause=wanted.cause, site=request.query.get("site"))
    return _json({"items": items, "next": None})


class Wish(msgspec.Struct, frozen=True):
    """Which incidents are wanted; None: all."""

    state: State | None = None
    cause: Cause | None = None


async def _incident(request: web.Request, sources: Sources) -> web.Response:
    return _json(await found(sources, request.match_info["incident"]))


async def _act(request: web.Request, sources: Sources) -> web.Response:
    """Record a person's decision. Until sign-in exists: from this machine only, and from our own page if from one."""
    action = next(action for action in _ACTIONS if action == request.match_info["action"])

    async def act(body: Body) -> Incident:
        return await decide(sources, request.match_info["incident"], decision_of(action, body, sources.now()))

    return await _changed(request, Body, _EXAMPLE, act)


async def _windows(_: web.Request, sources: Sources) -> web.Response:
    return _json({"items": await asyncio.to_thread(sources.calendar.list), "next": None})


async def _plan(request: web.Request, sources: Sources) -> web.Response:
    async def plan(work: Work) -> Window:
        return await planned(sources, work)

    return await _changed(request, Work, _WORK, plan)


async def _end(request: web.Request, sources: Sources) -> web.Response:
    number = int(request.match_info["number"])

    async def end(body: _End) -> Window:
        return await asyncio.to_thread(sources.calendar.end, number, who=body.who, at=sources.now())

    return await _changed(request, _End, 'send {"who": "your name"}', end)


async def planned(sources: Sources, work: Work) -> Window:
    """Put maintenance into the calendar; raises UsageError for a site that there is not, and what makes no sense."""
    window = checked(Window(**msgspec.structs.asdict(work)))
    if window.extent == "site":
        snapshot = await asyncio.to_thread(sources.places.snapshot)
        if window.name not in snapshot.sites:
            raise unknown_site(window.name, snapshot.sites)
    return await asyncio.to_thread(sources.calendar.add, window, at=sources.now())


async def _changed(request: web.Request, body: type[T], example: str, change: Callable[[T], Any]) -> web.Response:
    """Do what a body asks for, if it may be asked for from there; the changed object."""
    if not api.from_here(request):
        return api.problem(403, "Not allowed", NOT_HERE)
    try:
        asked = msgspec.json.decode(await request.read(), type=body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return api.problem(400, "Bad request", f"{error}; {example}")
    try:
        return _json(await change(asked))
    except UsageError as error:
        return api.problem(409, "Conflict", str(error))


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")
