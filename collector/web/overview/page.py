"""The first page: a province at a glance, single lines of its list, and the outlines that its map draws."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web
from markupsafe import Markup

from collector.web import api, csv_table, rendering
from collector.web.overview import listing, points, selection
from collector.web.overview.line import Line
from collector.web.overview.selection import FACETS, Filters
from collector.web.overview.tiles import tiles
from collector.web.shared import SHARED
from collector.web.sources import Sources
from collector.web.words import Words

WORST: Final = 200
"""Sites that a list shows unless asked for more: more take longer to lay out than to find."""
_CSV: Final = (
    ("site", ""), ("name", ""), ("state", ""), ("since", ""), ("kind", ""), ("area", ""), ("province", ""),
    ("commune", ""), ("village", ""), ("latitude", ""), ("longitude", ""), ("access", ""), ("provider", ""),
    ("plan", ""), ("last_mbps", ""), ("last_at", ""), ("last_failure", ""), ("last_doubts", ""), ("median_mbps", ""),
    ("n", ""), ("target_mbps", ""), ("seen", ""), ("trouble", ""), ("watch", ""),
)  # fmt: skip


def add_routes(app: web.Application, _: Sources) -> None:
    """Add the list and what its scripts ask for."""
    app.add_routes(
        [
            web.get("/", _overview),
            web.get("/sites/{site}/row", _row),
            web.get("/api/v1/outlines.geojson", _outlines),
        ]
    )


async def _overview(request: web.Request) -> web.Response:
    """The page; of it only `part` list or wrong, or `whole`, which scripts ask for when they have changed."""
    if "part" not in request.query or "format" in request.query:
        return await _page(request)
    return await request.app[SHARED].page(request, lambda: _page(request))


async def _page(request: web.Request) -> web.Response:
    sources, query = request.app[rendering.SOURCES], request.query
    filters, sort = selection.filters_of(query), selection.sort_of(query)
    if query.get("part") == "wrong":
        wrongs = await listing.wrong_now(sources, filters)
        return rendering.page(
            request, "wrong.html", here="sites", wrongs=wrongs, filters=filters, cases=_cases(filters)
        )
    found = await listing.listing(sources, filters)
    placed = selection.chosen(found.lines, filters.place)
    rows = selection.ordered(selection.chosen(placed, filters), sort)
    words = rendering.words_of(request)
    if query.get("format") == "csv":
        table = (_cells(line) for line in rows)
        return csv_table.answer("sites", _CSV, table, words=words, demonstration=sources.demonstration)
    shown = len(rows) if "all" in query else _rows_of(query.get("rows", ""))
    return rendering.page(
        request,
        "list.html" if query.get("part") == "list" else "overview.html",
        here="sites",
        lines=rows[:shown],
        listed=len(rows),
        more=_link(query, rows=str(shown + WORST)),
        everything=_link(query, all="1"),
        csv=_link(query, format="csv"),
        total=len(found.lines),
        tiles=tiles(placed),
        filters=filters,
        sort=sort,
        link=lambda **changed: _link(query, **changed),
        choices_now=lambda: _choices(found.lines, filters, words),
        chips=_chips(found.lines, filters, words),
        columns=selection.COLUMNS,
        points_now=lambda: Markup(points.block(points.points(placed))),  # noqa: S704 - it escapes what could end the element
        unplaced=points.unplaced(placed),
        located=points.unplaced(found.lines) < len(found.lines),
        outlined=await asyncio.to_thread(sources.outlines) is not None,
        waiting=found.overview.waiting,
        behind=found.overview.behind,
        open_incidents=len(found.overview.incidents),
        wrongs=found.wrongs,
        cases=_cases(filters),
    )


def _cases(filters: Filters) -> str:
    """Where all that is open stands, with those of the filters that are known there."""
    asked = {"state": "open", "province": filters.province, "provider": filters.provider, "q": filters.text}
    return f"/incidents?{urlencode({name: value for name, value in asked.items() if value})}"


def _rows_of(text: str) -> int:
    return max(WORST, int(text)) if text.isascii() and text.isdigit() and len(text) < 7 else WORST  # noqa: PLR2004 - digits


def _link(query: Mapping[str, str], **changed: str) -> str:
    """The list's address with something else in it: a part that is empty goes, and what is asked of the list anew."""
    dropped = {"part", "lang", "theme", "format", *changed}
    kept = {name: value for name, value in query.items() if value and name not in dropped}
    asked = kept | {name: value for name, value in changed.items() if value}
    return f"/?{urlencode(asked)}" if asked else "/"


def _said(name: str, value: str, called: Mapping[str, str], words: Words) -> str:
    """A filter's value as people read it."""
    if name in ("kind", "area", "access", "network"):
        return words.say(f"{name}-{value}")
    return called.get(value, value)


def _called(lines: Sequence[Line], name: str) -> Mapping[str, str]:
    """What a filter's values are called, where they are places."""
    if name not in ("province", "commune"):
        return {}
    return {FACETS[name](line): getattr(line, name) for line in lines}


def _choices(lines: Sequence[Line], filters: Filters, words: Words) -> Mapping[str, Mapping[str, str]]:
    """By filter its values, and how each reads."""
    found = {}
    for name, values in selection.choices(lines, filters).items():
        called = _called(lines, name)
        said = {value: _said(name, value, called, words) for value in values}
        found[name] = dict(sorted(said.items(), key=lambda one: selection.folded(one[1])))
    return found


def _chips(lines: Sequence[Line], filters: Filters, words: Words) -> Iterator[tuple[str, str]]:
    """What is filtered now: the part of the address that says so, and how it reads."""
    if filters.text:
        yield "q", f"“{filters.text}”"
    if filters.state:
        yield "state", words.say(f"state-{filters.state}")
    if filters.incident:
        yield "incident", words.say("with an open incident")
    for name in FACETS:
        if value := getattr(filters, name):
            yield name, _said(name, value, _called(lines, name), words)
    if filters.box:
        yield "box", words.say("what the map shows")


def _cells(line: Line) -> Sequence[object]:
    row, site = line.row, line.row.site
    return (
        site.id, site.name, row.state, line.since, site.kind, site.area, line.province, line.commune, site.village,
        site.latitude, site.longitude, site.access, site.provider, site.plan, row.last_mbps, row.last_at,
        row.last_failure, list(row.last_doubts), row.median_mbps, row.n, row.target_mbps, row.contact.seen,
        list(row.trouble), row.watch,
    )  # fmt: skip


async def _row(request: web.Request) -> web.Response:
    sources = request.app[rendering.SOURCES]

    async def make() -> web.Response:
        snapshot, site = await api.site_of(request, sources)
        return rendering.page(request, "row.html", here="sites", line=await listing.one_line(sources, site, snapshot))

    return await request.app[SHARED].page(request, make)


async def _outlines(request: web.Request) -> web.Response:
    """GeoJSON of communes and provinces, as the operator supplied it."""
    body = await asyncio.to_thread(request.app[rendering.SOURCES].outlines)
    if body is None:
        raise web.HTTPNotFound(text="No outlines are configured.")
    mark = sha256(body).hexdigest()[:16]
    headers: dict[str, Any] = {"Cache-Control": "no-cache", "ETag": f'W/"{mark}"', "Vary": "Accept-Encoding"}
    if any(known.value in (mark, "*") for known in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, content_type="application/geo+json", headers=headers)
