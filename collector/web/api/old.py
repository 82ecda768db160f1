"""The JSON surface under /api/v1 (contract, "HTTP"): the same facts as the pages, for other programs."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

import msgspec
from aiohttp import web

from collector.errors import UsageError
from collector.ledger.period import period
from collector.registry.site import Site, Snapshot
from collector.web import completeness, explain, judged, views, whereabouts
from collector.web.pages import Measured
from collector.web.sources import Sources

_ENCODER = msgspec.json.Encoder()
_LOOPBACK: Final = ("127.0.0.1", "::1")
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_routes(app: web.Application, sources: Sources) -> None:
    """Add the API to the application."""
    app.add_routes(
        [
            web.get("/api/v1/sites", bound(_sites, sources)),
            web.get("/api/v1/sites/{site}", bound(_site, sources)),
            web.get("/api/v1/reports/{report}", bound(_report, sources)),
            web.get("/api/v1/verdicts", bound(judged.answer, sources)),
            web.get("/api/v1/sites/{site}/explain", bound(_explain, sources)),
            web.get("/api/v1/fleet", bound(_fleet, sources)),
            web.get("/api/v1/completeness", bound(_completeness, sources)),
            web.get("/api/v1/plans", bound(_plans, sources)),
            web.get("/api/v1/plans/{plan}", bound(_plan, sources)),
        ]
    )


def problem(status: int, title: str, detail: str) -> web.Response:
    """An RFC 9457 problem document."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return web.Response(body=_ENCODER.encode(body), status=status, content_type="application/problem+json")


async def site_of(request: web.Request, sources: Sources) -> tuple[Snapshot, Site]:
    """The site that the path names; raises HTTPNotFound."""
    snapshot = await asyncio.to_thread(sources.places.snapshot)
    site = snapshot.site(request.match_info["site"])
    if site is None:
        raise web.HTTPNotFound(text="There is no such site.")
    return snapshot, site


async def _sites(_: web.Request, sources: Sources) -> web.Response:
    snapshot = await asyncio.to_thread(sources.places.snapshot)
    agents = _agents_by_site(snapshot)
    sites = (versions[-1].value for versions in snapshot.sites.values())
    return _list([_site_object(sources, agents, site) for site in sites])


async def _site(request: web.Request, sources: Sources) -> web.Response:
    snapshot, site = await site_of(request, sources)
    last = await views.last_of_each_kind(sources, site.id)
    return _json(
        _site_object(sources, _agents_by_site(snapshot), site)
        | {"last": {kind: _last(found) for kind, found in last.items()}}
        | {"places": whereabouts.item(await whereabouts.whereabouts(sources, site))}
    )


async def _report(request: web.Request, sources: Sources) -> web.Response:
    try:
        raw = await asyncio.to_thread(sources.originals.read, request.match_info["report"])
    except ValueError:
        raw = None  # no report has such an id
    if raw is None:
        raise web.HTTPNotFound(text="There is no such report in the archive.")
    return web.Response(body=raw, content_type="application/json", headers={"Cache-Control": "max-age=31536000"})


async def _explain(request: web.Request, sources: Sources) -> web.Response:
    """The chain from samples to incidents, as the command prints it with --json."""
    snapshot, site = await site_of(request, sources)
    found = await explain.explained(sources, site, snapshot, plan=request.query.get("plan"))
    if found is None:
        raise web.HTTPNotFound(text="This site is not registered yet.")
    return _json(found)


def from_here(request: web.Request) -> bool:
    """Whether a change comes from this machine, and not from a foreign page in its browser.

    The page must have been asked for by a name of loopback: a foreign name that resolves to it is an attack.
    """
    origin = request.headers.get("Origin")
    ours = origin is None or origin == str(request.url.origin())
    return ours and request.remote in _LOOPBACK and request.url.host in (*_LOOPBACK, "localhost")


async def _fleet(_: web.Request, sources: Sources) -> web.Response:
    """Every device, and over all of them the doubts and the error of stopping early."""
    found = await views.fleet_page(sources)
    items = [asdict(device) | {"site": device.site.id if device.site else None} for device in found.devices]
    return _json({"items": items, "next": None, "doubts": found.doubts, "early_stop": found.early_stop})


async def _completeness(request: web.Request, sources: Sources) -> web.Response:
    """What became of what was planned: by site, the least complete first, with its days."""
    today = sources.now().date()
    asked = request.query.get("period")
    try:
        window = period(asked) if asked else (today - timedelta(days=29), today)
    except UsageError as error:
        return problem(400, "Bad request", str(error))
    found = await views.completeness_page(sources, window, site=request.query.get("site"))
    told = {"items": [completeness.item(row) for row in found.rows], "next": None, "ratio": found.ratio}
    return _json(told | {"period": {"from": found.first.isoformat(), "to": found.last.isoformat()}})


async def _plans(_: web.Request, sources: Sources) -> web.Response:
    return _list(list(sources.plans.values()))


async def _plan(request: web.Request, sources: Sources) -> web.Response:
    plan = sources.plans.get(request.match_info["plan"])
    if plan is None:
        raise web.HTTPNotFound(text="There is no such plan.")
    return _json(plan)


def _agents_by_site(snapshot: Snapshot) -> dict[str, list[str]]:
    """Who stands where now, in order."""
    found: dict[str, list[str]] = {}
    for agent in sorted(snapshot.agents):
        found.setdefault(snapshot.agents[agent][-1].value or "", []).append(agent)
    return found


def _site_object(sources: Sources, agents: Mapping[str, list[str]], site: Site) -> dict[str, Any]:
    known = {name: value for name, value in asdict(site).items() if value is not None}
    present = sources.judged.present().get(site.id)
    verdicts = list(present.verdicts) if present else []
    told = {"agents": agents.get(site.id, []), "verdict": verdicts[0] if verdicts else None, "verdicts": verdicts}
    return known | told


def _last(found: Measured) -> dict[str, Any]:
    value = {"throughput": found.download_mbps, "latency": found.rtt_ms}.get(found.kind, found.status)
    facts = {"time": found.at, "id": found.id, "value": value, "doubts": list(found.doubts), "failure": found.failure}
    return {name: fact for name, fact in facts.items() if fact is not None}


def _list(items: list[Any]) -> web.Response:
    return _json({"items": items, "next": None})


def _json(value: object) -> web.Response:
    return web.Response(body=_ENCODER.encode(value), content_type="application/json")


def bound(handler: Callable[[web.Request, Sources], Awaitable[web.StreamResponse]], sources: Sources) -> Answer:
    """A handler of a request that has its sources."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return await handler(request, sources)

    return answer
