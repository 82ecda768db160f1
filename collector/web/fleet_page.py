"""The devices, what is doubted about their results, and how far stopping early is off."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from collector.rollups.recent import COMPARED, WINDOW
from collector.web import csv_table, fleet, fleet_listing, rendering, views, whereabouts
from collector.web.fleet import Device
from collector.web.fleet_listing import Account, Versions
from collector.web.sources import Sources
from collector.web.words import Words

SHOWN: Final = 200
"""Devices that a list shows unless asked for all: more take longer to lay out than to find."""
_DEVICES: Final = (
    ("agent", ""), ("site", ""), ("name", ""), ("commune", ""), ("province", ""),
    ("state", ""), ("seen", ""), ("version", ""), ("outdated", ""), ("clock_set", ""),
    ("waiting", ""), ("dropped", ""), ("disk_free_bytes", ""), ("uptime_s", ""),
    ("doubted", ""), ("next_kind", ""), ("next_at", ""), ("trouble", ""),
)  # fmt: skip
_DOUBTS: Final = (("doubt", ""), ("words", ""), ("reports", ""), ("devices", ""))
_EARLY: Final = (("way", ""), ("up_to", ""), ("beyond", ""), ("runs", ""))


def add_routes(app: web.Application, _: Sources) -> None:
    """Add the page of devices."""
    app.add_routes(
        [
            web.get("/fleet", _fleet),
        ]
    )


async def _fleet(request: web.Request) -> web.Response:
    sources, words, query = request.app[rendering.SOURCES], rendering.words_of(request), request.query
    found = await views.fleet_page(sources)
    places = await whereabouts.called(sources, [device.site for device in found.devices if device.site])
    known = fleet_listing.versions(found.devices)
    filters, sort = fleet_listing.filters_of(query), fleet_listing.sort_of(query)
    devices = fleet_listing.ordered(fleet_listing.chosen(found.devices, filters, known, places), sort)
    if query.get("format") == "csv":
        columns, rows = _table(query.get("table", ""), found, words, [_cells(one, known, places) for one in devices])
        return csv_table.answer("fleet", columns, rows, words=words, demonstration=sources.demonstration)
    provinces = sorted({fleet_listing.place_of(one, places)[1] for one in found.devices} - {""})
    return rendering.page(
        request, "fleet.html", here="fleet", fleet=found, edges=fleet.EDGES,
        most=max((max(one.bars) for one in found.early_stop), default=1), days=WINDOW.days,
        compared_days=COMPARED.days, listed=devices,
        shown=devices if "all" in query else devices[:SHOWN], filters=filters, sort=sort, versions=known,
        version_of=fleet_listing.version_of, states=fleet_listing.states(found.devices),
        troubles=fleet_listing.troubles(found.devices), provinces=provinces, places=places, narrow=fleet_listing.NARROW,
        waiting=await asyncio.to_thread(sources.places.waiting), account=await _account(sources),
        link=lambda **changed: _link(query, **changed), chips=list(filters.chosen.items()),
    )  # fmt: skip


async def _account(sources: Sources) -> Account:
    """What became of yesterday's runs, a day as the devices' accounts have it; raises RegistryUnavailable."""
    day = sources.now().date() - timedelta(days=1)
    return fleet_listing.account(await asyncio.to_thread(sources.completeness.read, day, day))


def _table(
    name: str, found: views.FleetPage, words: Words, devices: Sequence[Sequence[object]]
) -> tuple[Sequence[tuple[str, str]], Sequence[Sequence[object]]]:
    """The columns and rows of one of the page's tables."""
    if name == "doubts":
        return _DOUBTS, [(one.doubt, words.say(one.doubt), one.reports, one.agents) for one in found.doubts]
    if name == "early":
        ends = [*fleet.EDGES, None]
        return _EARLY, [
            (one.way, end, fleet.EDGES[-1] if end is None else None, count)
            for one in found.early_stop
            for end, count in zip(ends, one.bars, strict=True)
        ]
    return _DEVICES, devices


def _cells(device: Device, known: Versions, places: Mapping[str, tuple[str, str]]) -> Sequence[object]:
    site, (commune, province) = device.site, fleet_listing.place_of(device, places)
    kind, at = device.next[0] if device.next else (None, None)
    return (
        device.agent, site.id if site else None, site.name if site else None, commune, province, device.state,
        device.seen, fleet_listing.version_of(device), known.is_old(device), device.clock, device.waiting,
        device.dropped, device.disk_free_bytes, device.uptime_s, device.doubted, kind, at, list(device.trouble),
    )  # fmt: skip


def _link(query: Mapping[str, str], **changed: str) -> str:
    kept = {name: value for name, value in query.items() if name not in ("lang", "theme", "format", "table", "all")}
    asked = {name: value for name, value in {**kept, **changed}.items() if value}
    return f"/fleet?{urlencode(asked)}" if asked else "/fleet"
