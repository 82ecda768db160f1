"""Sites: all of them, one, as points of a map, and how one is judged."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Annotated, Final

import msgspec
from aiohttp import web

from collector.registry import site as registry
from collector.registry.site import SiteKind, Snapshot
from collector.verdicts import Present
from collector.web import explain, pages, views, whereabouts
from collector.web.api import cursor, shapes
from collector.web.api.answers import Blob, marked, site_named
from collector.web.api.asked import PLAIN, USUAL, Cursor, Limit, PlanId, SiteId
from collector.web.api.asking import says
from collector.web.api.here import Here, Written
from collector.web.api.operation import JSON
from collector.web.pages import Measured, State

GEOJSON: Final = "application/geo+json"
_NOBODY: Final[list[str]] = []
_ENCODER: Final = msgspec.json.Encoder()
_Word = Annotated[
    str, says("Đúng như trong danh mục điểm đo", "Exactly as the sites are filed", max_length=100, pattern=PLAIN)
]


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which sites are wanted; every condition that is given must hold."""

    province: _Word | None = None
    commune: _Word | None = None
    provider: _Word | None = None
    kind: Annotated[SiteKind, says("Loại điểm đo", "The kind of site")] | None = None
    plan: PlanId | None = None
    state: (
        Annotated[State, says("Tình trạng như trên trang chính", "The state that the page files it under")] | None
    ) = None


class Sites(Choice, frozen=True, kw_only=True):
    """A page of the list."""

    limit: Limit = USUAL
    cursor: Cursor | None = None


class OneSite(msgspec.Struct, frozen=True, kw_only=True):
    """One of them."""

    site: SiteId


class Explained(OneSite, frozen=True, kw_only=True):
    """One of them, and the plan that it is to be judged by."""

    plan: PlanId | None = None


async def sites(asked: Sites, here: Here) -> object:
    """A page of the sites, by their ids."""
    snapshot = await asyncio.to_thread(here.sources.places.snapshot)
    after = cursor.read("sites", asked.cursor, str)
    fitting = (site for site in _fitting(asked, here, snapshot) if after is None or site.id > after)
    found, following = cursor.page("sites", fitting, asked.limit, lambda site: site.id)
    agents = _agents(here, snapshot)
    written = [_written(here, site, agents) for site in found]
    body = _ENCODER.encode(shapes.Listing([one.body for one in written], following))
    mark = marked("".join([following or "", *(one.mark for one in written)]).encode())
    return Blob(body, JSON, mark=mark)


async def site(asked: OneSite, here: Here) -> object:
    """One site with its last reports and where it lies."""
    snapshot, one = await site_named(asked.site, here.sources)
    last = await views.last_of_each_kind(here.sources, one.id)
    places = whereabouts.item(await whereabouts.whereabouts(here.sources, one))
    told = _object(one, _agents(here, snapshot).get(one.id, []), here.sources.judged.present().get(one.id))
    return told | {"last": {kind: _last(found) for kind, found in last.items()}, "places": places}


async def geojson(asked: Choice, here: Here) -> object:
    """All that have a position."""
    snapshot = await asyncio.to_thread(here.sources.places.snapshot)
    present, features, without = here.sources.judged.present(), [], 0
    for one in _fitting(asked, here, snapshot):
        if one.longitude is None or one.latitude is None:
            without += 1
            continue
        point = shapes.Point(coordinates=(one.longitude, one.latitude))
        features.append(shapes.Feature(id=one.id, geometry=point, properties=_facts(one, present.get(one.id))))
    body = _ENCODER.encode(shapes.FeatureCollection(features=features, without_position=without))
    return Blob(body, GEOJSON)


async def explained(asked: Explained, here: Here) -> object:
    """The chain from samples to incidents, as the command prints it with --json."""
    snapshot, one = await site_named(asked.site, here.sources)
    found = await explain.explained(here.sources, one, snapshot, plan=asked.plan)
    if found is None:
        raise web.HTTPNotFound(text="This site is not registered yet.")
    return found


def _fitting(asked: Choice, here: Here, snapshot: Snapshot) -> Iterator[registry.Site]:
    """The sites that are wanted, by their ids."""
    present = here.sources.judged.present()
    wanted = {name: value for name, value in msgspec.structs.asdict(asked).items() if name in _FILED and value}
    for name in sorted(snapshot.sites):
        one = snapshot.sites[name][-1].value
        if any(getattr(one, field) != value for field, value in wanted.items()):
            continue
        if asked.state is None or asked.state == _state(present.get(name)):
            yield one


_FILED: Final = ("province", "commune", "provider", "kind", "plan")


def _agents(here: Here, snapshot: Snapshot) -> Mapping[str, list[str]]:
    """Who stands where now, in order."""
    shelf = here.shelf
    if shelf.snapshot is not snapshot:
        found: dict[str, list[str]] = {}
        for agent in sorted(snapshot.agents):
            found.setdefault(snapshot.agents[agent][-1].value or "", []).append(agent)
        shelf.agents, shelf.snapshot = found, snapshot
        shelf.sites = {name: kept for name, kept in shelf.sites.items() if name in snapshot.sites}
    return shelf.agents


def _written(here: Here, one: registry.Site, agents: Mapping[str, list[str]]) -> Written:
    """A site as JSON, from the shelf while nothing about it has changed."""
    mine, present = agents.get(one.id, _NOBODY), here.sources.judged.present().get(one.id)
    kept = here.shelf.sites.get(one.id)
    if kept is not None and kept.site is one and kept.agents is mine and kept.present is present:
        return kept
    body = _ENCODER.encode(_object(one, mine, present))
    here.shelf.sites[one.id] = made = Written(one, mine, present, msgspec.Raw(body), marked(body))
    return made


def _object(one: registry.Site, agents: list[str], present: Present | None) -> dict[str, object]:
    known: dict[str, object] = {name: value for name, value in asdict(one).items() if value is not None}
    verdicts = list(present.verdicts) if present else []
    told = {"verdict": verdicts[0] if verdicts else None, "verdicts": verdicts}
    return known | {"agents": agents, "state": _state(present)} | told


def _state(present: Present | None) -> State:
    verdict = present.verdicts[0] if present else None
    silent = verdict is not None and "silent" in verdict.reasons
    return pages.state_of(verdict, pages.Contact(silent=silent))


def _facts(one: registry.Site, present: Present | None) -> shapes.Facts:
    verdict = present.verdicts[0] if present else None
    return shapes.Facts(
        id=one.id,
        name=one.name,
        kind=one.kind,
        area=one.area,
        province=one.province,
        commune=one.commune,
        access=one.access,
        provider=one.provider,
        plan=one.plan,
        state=_state(present),
        verdict=verdict.verdict if verdict else None,
        value=verdict.value if verdict else None,
        target=verdict.target if verdict else None,
        unit=verdict.unit if verdict else None,
        n=verdict.n if verdict else None,
    )


def _last(found: Measured) -> dict[str, object]:
    value = {"throughput": found.download_mbps, "latency": found.rtt_ms}.get(found.kind, found.status)
    facts = {"time": found.at, "id": found.id, "value": value, "doubts": list(found.doubts), "failure": found.failure}
    return {name: fact for name, fact in facts.items() if fact is not None}
