"""One site by hand: added or changed in a form, read by the same reader as files, with errors beside their fields."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, get_args
from urllib.parse import quote

from aiohttp import web

from collector.errors import RegistryUnavailable, UsageError
from collector.registry import sites_csv
from collector.registry.cells import written
from collector.registry.changes import SiteChange, site_told
from collector.registry.journal import sealed
from collector.registry.sheet import Line, SheetError
from collector.registry.site import Access, Area, Site, SiteKind, Version
from collector.web.admin import columns, desk
from collector.web.admin.desk import Desk
from collector.web.admin.intake import StaleError
from collector.web.admin.preview import fault_of, mark_of

_CHOICES: Final = {"kind": get_args(SiteKind), "area": get_args(Area), "access": get_args(Access)}
_CHANGED: Final = (
    "Somebody changed this site meanwhile, so nothing was saved. Open it again to see what it is now; "
    "if you save from here, it becomes what stands below."
)
NEW: Final = "+"
"""Where the form of a site that is not known yet stands; no site is called so."""


def add_routes(app: web.Application, at_desk: Desk) -> None:
    """Add the form of one site."""
    app.add_routes(
        [
            web.get("/admin/sites/{site}", desk.at(at_desk, _form)),
            web.post("/admin/sites/{site}", desk.at(at_desk, _save, changes=True)),
        ]
    )


async def _form(request: web.Request, at_desk: Desk) -> web.Response:
    return await _shown(request, at_desk, None, {})


async def _shown(
    request: web.Request, at_desk: Desk, given: Mapping[str, str] | None, faults: Mapping[str, str], who: str = ""
) -> web.Response:
    name = request.match_info["site"]
    versions: tuple[Version[Site], ...] = ()
    if name != NEW:
        versions = (await asyncio.to_thread(at_desk.office.registry.snapshot)).sites.get(name, ())
        if not versions:
            raise web.HTTPNotFound(text="There is no such site.")
    site = versions[-1].value if versions else None
    known = {column: written(getattr(site, column)) for column in sites_csv.COLUMNS} if site else {}
    answer = desk.page(
        request,
        "admin_site.html",
        site=site,
        seen=_seen(site),
        since=versions[-1].since if versions else None,
        values=known if given is None else given,
        columns=columns.of("sites"),
        choices=_CHOICES | {"plan": tuple(at_desk.sources.plans)},
        faults=faults,
        who=who,
    )
    answer.set_status(400 if faults else 200)
    return answer


async def _save(request: web.Request, at_desk: Desk) -> web.Response:
    name = request.match_info["site"]
    form = await desk.form_of(request)
    given = {column: str(form.get(column, "")) for column in sites_csv.COLUMNS}
    if name != NEW:
        given["id"] = name
    who, name_fault = desk.name_in(form.get("who"))
    faults = {"who": "Say your name: it is recorded who did this."} if name_fault else {}
    seen = "" if name == NEW else str(form.get("seen", ""))
    faults |= await _kept(at_desk, given, who, seen) if not faults else _faults(at_desk, given)
    if faults:
        return await _shown(request, at_desk, given, faults, who)
    return desk.back(f"/admin/sites?done=site&q={quote(given['id'])}", who)


def _faults(at_desk: Desk, given: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with the fields, by column."""
    try:
        sites_csv.parse(_lines(given), plans=at_desk.sources.plans)
    except SheetError as error:
        return {fault.column or "form": fault.what for fault in map(fault_of, reversed(error.faults))}
    return {}


async def _kept(at_desk: Desk, given: Mapping[str, str], who: str, seen: str) -> dict[str, str]:
    """Write the site, if it is still the one that was seen; gives what is wrong instead of writing."""
    faults = _faults(at_desk, given)
    if faults:
        return faults
    (site,) = sites_csv.parse(_lines(given), plans=at_desk.sources.plans).sites
    now = at_desk.sources.now()
    seal = desk.unless_stale(
        sealed(desk.author(who), "sites", site_told, now=now), lambda change: _seen(change.before) == seen
    )
    try:
        await asyncio.to_thread(lambda: at_desk.office.registry.import_sites([site], now=now, seal=seal))
    except StaleError:
        if not seen:
            return {"id": "This site is there already; choose it in the list to change it."}
        return {"form": _CHANGED}
    except RegistryUnavailable:
        return {"form": "The database cannot be reached right now. Try again."}
    except UsageError as error:
        return {"form": str(error)}
    return {}


def _seen(site: Site | None) -> str:
    """A name of exactly this site, to tell whether it is still as somebody saw it; empty: there was none."""
    return mark_of([site_told(SiteChange(None, site, None))]) if site else ""


def _lines(given: Mapping[str, Any]) -> list[Line]:
    return [Line(1, tuple(given)), Line(2, tuple(given.values()))]
