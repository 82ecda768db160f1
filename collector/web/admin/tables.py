"""The lists of what is administered, a page at a time, and all of it as files that `import` reads back."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from aiohttp import web

from collector.figures import figures_sheet
from collector.figures.figure import Entry
from collector.places import units_sheet, villages_sheet
from collector.places.placement import called
from collector.places.unit import Unit
from collector.registry import sites_csv
from collector.registry.site import Site
from collector.web.admin import columns, desk, exports
from collector.web.admin.desk import Desk
from collector.web.admin.intake import KINDS, Kind
from collector.web.admin.listing import Page, fitting, folded, paged


@dataclass(frozen=True, slots=True)
class SiteRow:
    """A site as it is now, since when, the devices that stand there, and its places as people call them."""

    site: Site
    since: datetime | None
    agents: tuple[str, ...]
    province: str
    commune: str


def add_routes(app: web.Application, at_desk: Desk) -> None:
    """Add the lists and their files."""
    lists: Mapping[Kind, desk.Handler] = {
        "sites": _sites, "villages": _villages, "places": _places, "figures": _figures,
    }  # fmt: skip
    for kind, shown in lists.items():
        app.add_routes([web.get(f"/admin/{kind}", desk.at(at_desk, shown))])
    app.add_routes([web.get(f"/admin/template/{{kind:{'|'.join(KINDS)}}}", desk.at(at_desk, _template))])


async def _sites(request: web.Request, at_desk: Desk) -> web.Response:
    if "format" in request.query:
        return await exports.file(
            request, at_desk, "sites", lambda: sites_csv.rows_of(row.site for row in site_rows(at_desk))
        )
    found = await asyncio.to_thread(found_sites, at_desk, request.query.get("q", ""), request.query.get("page"))
    return _page(request, "sites", found)


def site_rows(at_desk: Desk) -> list[SiteRow]:
    """Every site, by id. Blocks."""
    snapshot = at_desk.office.registry.snapshot()
    standing: dict[str, list[str]] = {}
    for agent, versions in sorted(snapshot.agents.items()):
        standing.setdefault(versions[-1].value or "", []).append(agent)
    return [
        SiteRow(site.value, site.since, tuple(standing.get(name, ())), site.value.province, site.value.commune)
        for name, (*_, site) in sorted(snapshot.sites.items())
    ]


def found_sites(at_desk: Desk, query: str, number: str | None) -> Page[SiteRow]:
    """A page of the sites that fit a search by id, name, place or device. Blocks."""
    rows = site_rows(at_desk)

    def text(row: SiteRow) -> str:
        site = row.site
        return folded(f"{site.id} {site.name} {site.province} {site.commune} {' '.join(row.agents)}")

    found = paged(fitting(rows, query, text), query, number, known=len(rows))
    gazetteer, today = at_desk.office.places.gazetteer(), at_desk.sources.now().astimezone(at_desk.sources.zone).date()

    def named(row: SiteRow) -> SiteRow:
        province, commune = called(gazetteer, row.site.province, row.site.commune, today)
        return replace(row, province=province, commune=commune)

    return replace(found, rows=[named(row) for row in found.rows])


async def _villages(request: web.Request, at_desk: Desk) -> web.Response:
    if "format" in request.query:
        return await exports.file(
            request, at_desk, "villages", lambda: villages_sheet.rows_of(at_desk.office.places.villages())
        )
    query, number = request.query.get("q", ""), request.query.get("page")
    return _page(request, "villages", await asyncio.to_thread(_found_villages, at_desk, query, number))


def _found_villages(at_desk: Desk, query: str, number: str | None) -> Page[Unit]:
    """A page of the villages; only its own rows are read whole."""
    known = at_desk.villages()
    names = paged(fitting(known, query, lambda one: one[1]), query, number, known=len(known))
    units = at_desk.office.places.some({path for path, _ in names.rows})
    return Page(units, names.query, names.number, names.pages, names.total, names.all)


async def _places(request: web.Request, at_desk: Desk) -> web.Response:
    places = at_desk.office.places
    if "format" in request.query:
        return await exports.file(request, at_desk, "places", lambda: units_sheet.rows_of(places.imported()))
    units = await asyncio.to_thread(places.imported)
    query = request.query.get("q", "")
    fit = fitting(units, query, lambda unit: folded(f"{unit.path} {unit.title}"))
    return _page(request, "places", paged(fit, query, request.query.get("page"), known=len(units)))


async def _figures(request: web.Request, at_desk: Desk) -> web.Response:
    figures = at_desk.office.figures
    if "format" in request.query:
        return await exports.file(
            request, at_desk, "figures", lambda: figures_sheet.rows_of(entry.figure for entry in figures.entries())
        )
    entries = await asyncio.to_thread(figures.entries)
    query = request.query.get("q", "")
    fit = fitting(entries, query, _figure_text)
    return _page(request, "figures", paged(fit, query, request.query.get("page"), known=len(entries)))


def _figure_text(entry: Entry) -> str:
    figure = entry.figure
    return folded(f"{figure.plan} {figure.indicator} {figure.area} {figure.period.text} {figure.source} {entry.who}")


def _page(request: web.Request, kind: Kind, found: Page[SiteRow] | Page[Unit] | Page[Entry]) -> web.Response:
    done = {"done": request.query.get("done", "")}
    done |= {name: "".join(filter(str.isdecimal, request.query.get(name, ""))) for name in ("added", "changed")}
    return desk.page(request, "admin_table.html", kind=kind, found=found, done=done)


async def _template(request: web.Request, at_desk: Desk) -> web.Response:
    kind = next(kind for kind in KINDS if kind == request.match_info["kind"])
    return await exports.file(request, at_desk, kind, lambda: columns.template(kind), stem=f"{kind}-template")
