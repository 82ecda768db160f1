"""Devices: which stand where, and who waits to be registered. One form registers, moves and revokes."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote

from aiohttp import web

from collector.errors import RegistryUnavailable, UsageError
from collector.fleet import AgentState
from collector.registry.changes import Waiting, agent_told
from collector.registry.codes import code_fault
from collector.registry.journal import sealed
from collector.registry.site import Site, Snapshot, Version
from collector.web import csv_table
from collector.web.admin import desk, exports
from collector.web.admin.desk import Desk
from collector.web.admin.intake import StaleError
from collector.web.admin.listing import fitting, folded, paged
from collector.web.admin.tables import SiteRow, found_sites

CHOICES: Final = 12
"""Sites that are offered for a device at once: what fits on a phone, below a search."""
_RESERVED: Final = "collector"


@dataclass(frozen=True, slots=True)
class Device:
    """A registered device: where it stands (None: revoked) since when, and what was heard of it."""

    agent: str
    site: Site | None
    since: datetime | None
    heard: datetime | None
    software: str | None


def add_routes(app: web.Application, at_desk: Desk) -> None:
    """Add the list of devices and the page of one."""
    app.add_routes(
        [
            web.get("/admin/agents", desk.at(at_desk, _list)),
            web.get("/admin/agents/{agent}", desk.at(at_desk, _one)),
            web.post("/admin/agents/{agent}", desk.at(at_desk, _change, changes=True)),
        ]
    )


def devices(snapshot: Snapshot, states: Mapping[str, AgentState]) -> list[Device]:
    """Every device that is or was registered, by id."""
    return [_device(agent, snapshot, states.get(agent)) for agent in sorted(snapshot.agents)]


def _device(agent: str, snapshot: Snapshot, state: AgentState | None) -> Device:
    newest = snapshot.agents[agent][-1]
    status = state.status if state else None
    site = snapshot.site(newest.value) if newest.value else None
    return Device(agent, site, newest.since, state.last_seen if state else None, status.software if status else None)


def waiting_now(waiting: Sequence[Waiting], snapshot: Snapshot) -> list[Waiting]:
    """Who waits, the box that has just appeared first: that is the one somebody stands before."""
    return sorted((one for one in waiting if one.agent not in snapshot.agents), key=lambda one: one.first, reverse=True)


async def _list(request: web.Request, at_desk: Desk) -> web.Response:
    asked = request.query.get("id", "").strip()
    if asked:
        return await _entered(request, at_desk, asked)
    return await _listed(request, at_desk)


async def _entered(request: web.Request, at_desk: Desk, asked: str) -> web.Response:
    """The page of a device by its id as somebody read it off its label."""
    fault = _id_fault(asked)
    if fault:
        return await _listed(request, at_desk, asked=asked, fault=fault)
    return web.Response(status=303, headers={"Location": f"/admin/agents/{quote(asked)}"})


def _id_fault(text: str) -> str | None:
    if text == _RESERVED:
        return "This id is reserved."
    return code_fault(text)


async def _listed(request: web.Request, at_desk: Desk, *, asked: str = "", fault: str | None = None) -> web.Response:
    registry = at_desk.office.registry
    snapshot, waiting = await asyncio.to_thread(lambda: (registry.snapshot(), registry.waiting()))
    known = devices(snapshot, at_desk.sources.fleet.agents)
    if "format" in request.query:
        return await exports.file(request, at_desk, "agents", lambda: _rows(known))
    query = request.query.get("q", "")
    fit = fitting(
        known, query, lambda one: folded(f"{one.agent} {one.site.id} {one.site.name}" if one.site else one.agent)
    )
    answer = desk.page(
        request,
        "admin_agents.html",
        found=paged(fit, query, request.query.get("page"), known=len(known)),
        waiting=waiting_now(waiting, snapshot)[:50],
        waiting_count=len(waiting),
        asked=asked,
        fault=fault,
        done=next((one for one in known if one.agent == request.query.get("done")), None),
    )
    answer.set_status(400 if fault else 200)
    return answer


def _rows(known: Sequence[Device]) -> Iterator[list[str]]:
    """The table of devices; `agent add --from` reads its first two columns."""
    yield ["agent", "site", "site_name", "since", "last_heard", "software"]
    for one in known:
        site, name = (one.site.id, one.site.name) if one.site else ("", "")
        yield [one.agent, site, name, _moment(one.since), _moment(one.heard), csv_table.cell(one.software)]


def _moment(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z") if at else ""


async def _one(request: web.Request, at_desk: Desk) -> web.Response:
    return await _shown(request, at_desk, {})


async def _shown(
    request: web.Request, at_desk: Desk, faults: Mapping[str, str], *, who: str = "", chosen: str = ""
) -> web.Response:
    agent = request.match_info["agent"]
    if _id_fault(agent):
        raise web.HTTPNotFound(text="No device can be called so.")
    query = request.query.get("q", "")
    registry = at_desk.office.registry
    snapshot, waiting = await asyncio.to_thread(lambda: (registry.snapshot(), registry.waiting()))
    sites = await asyncio.to_thread(found_sites, at_desk, query, None)
    versions: Sequence[Version[str | None]] = snapshot.agents.get(agent, ())
    state = at_desk.sources.fleet.agents.get(agent)
    answer = desk.page(
        request,
        "admin_agent.html",
        agent=agent,
        device=_device(agent, snapshot, state) if versions else None,
        waiting=next((one for one in waiting if one.agent == agent), None),
        versions=[(version, snapshot.site(version.value) if version.value else None) for version in reversed(versions)],
        sites=sites,
        choices=[row for row in _empty_first(sites.rows) if agent not in row.agents][:CHOICES],
        faults=faults,
        who=who,
        chosen=chosen,
    )
    answer.set_status(400 if faults else 200)
    return answer


def _empty_first(rows: Sequence[SiteRow]) -> list[SiteRow]:
    """Sites without a device before those that have one: a new box goes where there is none."""
    return sorted(rows, key=lambda row: bool(row.agents))


async def _change(request: web.Request, at_desk: Desk) -> web.Response:
    """Register a device at a site, move it there, or revoke it."""
    agent = request.match_info["agent"]
    form = await desk.form_of(request)
    who, name_fault = desk.name_in(form.get("who"))
    site = str(form.get("site", "")).strip()
    revokes = form.get("act") == "revoke"
    faults = {"who": "Say your name: it is recorded who did this."} if name_fault else {}
    if not revokes and not site:
        faults["site"] = "Choose a site."
    if faults or _id_fault(agent):
        return await _shown(request, at_desk, faults, who=who, chosen=site)
    now = at_desk.sources.now()
    seal = desk.unless_stale(
        sealed(desk.author(who), "agents", agent_told, now=now),
        lambda change: (change.before or "") == form.get("seen", ""),
    )
    registry = at_desk.office.registry
    try:
        if revokes:
            await asyncio.to_thread(lambda: registry.revoke(agent, now=now, seal=seal))
        else:
            await asyncio.to_thread(lambda: registry.add_agent(agent, site, now=now, seal=seal))
    except RegistryUnavailable:
        faults = {"form": "The database cannot be reached right now. Try again."}
    except StaleError:
        faults = {"form": "Somebody registered, moved or revoked it meanwhile, so nothing was done: this is how it is."}
    except UsageError:
        faults = {"site": "There is no such site; import or add it first."}
    if faults:
        return await _shown(request, at_desk, faults, who=who, chosen=site)
    return desk.back(f"/admin/agents?done={quote(agent)}", who)
