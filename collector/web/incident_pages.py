"""Incidents on pages: the list, one with its history, and what people do there. All of it works without scripts."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, get_args
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web

from collector.errors import UsageError
from collector.incidents.acts import Action
from collector.incidents.incident import Cause, Incident, Severity, State, Transition
from collector.incidents.maintenance import Extent, Window
from collector.web import api, incidents, rendering
from collector.web.sources import Sources

CAUSES: Final[tuple[Cause, ...]] = get_args(Cause)
STATES: Final[tuple[State, ...]] = get_args(State)
EXTENTS: Final[tuple[Extent, ...]] = get_args(Extent)
SHOWN: Final = 300
_SEE_OTHER: Final = 303
_RANK: Final[dict[Severity, int]] = {"critical": 0, "warning": 1, "notice": 2}
_ACTIONS: Final[tuple[Action, ...]] = get_args(Action)


@dataclass(frozen=True, slots=True)
class List:
    """The list: active ones first, the gravest of them first; how many more there are; and planned work."""

    rows: Sequence[Incident]
    more: int
    names: Mapping[str, str]
    wish: incidents.Wish
    work: Sequence[Window]


@dataclass(frozen=True, slots=True)
class Page:
    """One incident, with all of its history (the newest last), and the incidents that a parent's end has left."""

    incident: Incident
    history: Sequence[Transition]
    names: Mapping[str, str]
    left: Sequence[Incident]

    @property
    def samples(self) -> list[tuple[datetime, float]]:
        """The measurements that it rests on."""
        rows = self.incident.evidence.get("samples", [])
        found = [(row.get("started"), row.get("value", row.get("mbps"))) for row in rows]
        return [(msgspec.convert(at, datetime), float(value)) for at, value in found if at and value is not None]


def add_routes(app: web.Application, sources: Sources) -> None:
    """Add the pages of incidents."""
    app.add_routes(
        [
            web.get("/incidents", _incidents),
            web.post("/incidents/maintenance", api.bound(plan, sources)),
            web.post(r"/incidents/maintenance/{number:\d{1,9}}/end", api.bound(end, sources)),
            web.get("/incidents/{incident}", _incident),
            web.post("/incidents/{incident}", api.bound(act, sources)),
        ]
    )


def wish_of(query: Mapping[str, str]) -> incidents.Wish:
    """What a page's address asks for; what is unknown asks for nothing."""
    state = next((state for state in STATES if state == query.get("state")), None)
    return incidents.Wish(state, next((cause for cause in CAUSES if cause == query.get("cause")), None))


async def listed(sources: Sources, wish: incidents.Wish) -> List:
    """The list's rows; raises RegistryUnavailable."""
    found = await incidents.search(sources, state=wish.state, cause=wish.cause)
    rows = sorted(found, key=lambda one: (not one.active, _RANK[one.severity] if one.active else 0))
    work = await asyncio.to_thread(sources.calendar.list, since=sources.now())
    waiting = [window for window in work if window.ended is None]
    return List(rows[:SHOWN], len(rows[SHOWN:]), await _names(sources), wish, waiting)


async def shown(sources: Sources, incident: str) -> Page:
    """One incident; raises HTTPNotFound and RegistryUnavailable."""
    one = await incidents.found(sources, incident)
    history = await asyncio.to_thread(sources.casebook.transitions, incident)
    active = await asyncio.to_thread(sources.casebook.search, active=True) if one.group else []
    left = [other for other in active if other.parent == one.id]
    return Page(one, history or one.history, await _names(sources), left)


async def act(request: web.Request, sources: Sources) -> web.Response:
    """The page's form: record a decision, and come back to the incident."""
    incident = request.match_info["incident"]

    async def change(form: Mapping[str, Any]) -> None:
        action = next((action for action in _ACTIONS if action == form.get("action")), None)
        if action is None:
            raise UsageError("choose what to do")
        asked = {name: form[name] for name in ("who", "note") if form.get(name)}
        hours = form.get("hours") if action == "silence" else None
        body = msgspec.convert(asked | ({"hours": hours} if hours else {}), incidents.Body, strict=False)
        await incidents.decide(sources, incident, incidents.decision_of(action, body, sources.now()))

    return await _changed(request, change, f"/incidents/{quote(incident, safe='')}")


async def plan(request: web.Request, sources: Sources) -> web.Response:
    """The page's form: plan maintenance."""

    async def change(form: Mapping[str, Any]) -> None:
        moments = {name: _moment(form.get(name), sources.zone) for name in ("starts", "ends")}
        asked = {name: form[name] for name in ("extent", "name", "who", "note") if form.get(name)}
        work = msgspec.convert(asked | moments, incidents.Work)
        await incidents.planned(sources, work)

    return await _changed(request, change, "/incidents")


async def end(request: web.Request, sources: Sources) -> web.Response:
    """The page's form: end maintenance."""

    async def change(form: Mapping[str, Any]) -> None:
        number, who = int(request.match_info["number"]), str(form.get("who", ""))[:100]
        await asyncio.to_thread(sources.calendar.end, number, who=who, at=sources.now())

    return await _changed(request, change, "/incidents")


async def _changed(request: web.Request, change: Any, back: str) -> web.Response:  # noqa: ANN401 - a coroutine function
    if not api.from_here(request):
        return api.problem(403, "Not allowed", api.NOT_HERE)
    try:
        await change(await request.post())
    except (UsageError, msgspec.ValidationError) as error:
        return api.problem(400, "Bad request", f"{error}. Go back and try again.")
    return web.Response(status=_SEE_OTHER, headers={"Location": back})


def _moment(text: object, zone: ZoneInfo) -> datetime:
    """A moment as a form's field writes it, in the province's zone."""
    try:
        return datetime.fromisoformat(str(text)).replace(tzinfo=zone)
    except ValueError as error:
        raise UsageError("say from when until when, like 2026-11-22T08:30") from error


async def _names(sources: Sources) -> Mapping[str, str]:
    snapshot = await asyncio.to_thread(sources.places.snapshot)
    return {site: versions[-1].value.name for site, versions in snapshot.sites.items()}


async def _incidents(request: web.Request) -> web.Response:
    found = await listed(request.app[rendering.SOURCES], wish_of(request.query))
    choices = {"states": STATES, "causes": CAUSES, "extents": EXTENTS}
    return rendering.page(request, "incidents.html", here="incidents", found=found, names=found.names, **choices)


async def _incident(request: web.Request) -> web.Response:
    found = await shown(request.app[rendering.SOURCES], request.match_info["incident"])
    return rendering.page(request, "incident.html", here="incidents", found=found)
