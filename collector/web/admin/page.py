"""Administration: what there is, what waits for somebody, what was changed lately and by whom, and which plans bind."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

from collector.plans.types import Plan
from collector.registry.journal import Entry, Journal
from collector.web import csv_table, rendering
from collector.web.admin import desk, devices, site_form, tables, uploads
from collector.web.admin.desk import Desk
from collector.web.sources import Sources
from collector.web.words import Words

_LATELY: Final = 8
_PER_PAGE: Final = 50
_MOST: Final = 10**9


@dataclass(frozen=True, slots=True)
class Binding:
    """A plan that is loaded, where it comes from (None: shipped), and how many sites it binds."""

    plan: Plan
    origin: Path | None
    replaces: bool
    sites: int


def add_routes(app: web.Application, sources: Sources) -> None:
    """Add the pages of administration, where there is something to administer."""
    if sources.office is None:
        return
    at_desk = Desk(sources, sources.office)
    app.add_routes(
        [
            web.get("/admin", desk.at(at_desk, _overview)),
            web.get("/admin/changes", desk.at(at_desk, _changes)),
            web.get("/admin/plans", desk.at(at_desk, _plans)),
        ]
    )
    for part in (tables, site_form, devices, uploads):
        part.add_routes(app, at_desk)

    async def clear(_: web.Application) -> None:
        at_desk.drafts.clear()

    app.on_cleanup.append(clear)


async def _overview(request: web.Request, at_desk: Desk) -> web.Response:
    office = at_desk.office

    def look() -> dict[str, object]:
        snapshot = office.registry.snapshot()
        waiting = devices.waiting_now(office.registry.waiting(), snapshot)
        standing = sum(versions[-1].value is not None for versions in snapshot.agents.values())
        villages, places = office.places.counted()
        counts = {
            "sites": len(snapshot.sites),
            "agents": standing,
            "villages": villages,
            "places": places,
            "figures": len(office.figures.entries()),
            "plans": len(at_desk.sources.plans),
        }
        return {"counts": counts, "waiting": waiting, "entries": office.journal.list(limit=_LATELY)}

    return desk.page(request, "admin.html", **await asyncio.to_thread(look))


async def _changes(request: web.Request, at_desk: Desk) -> web.Response:
    if "format" in request.query:
        return await asyncio.to_thread(_file, at_desk, rendering.words_of(request))
    asked = request.query.get("before", "")
    before = int(asked) if asked.isdecimal() and int(asked[:10]) < _MOST else None
    found = await asyncio.to_thread(lambda: at_desk.office.journal.list(limit=_PER_PAGE + 1, before=before))
    entries: list[Entry] = list(found[:_PER_PAGE])
    older = entries[-1].number if len(found) > _PER_PAGE else None
    return desk.page(request, "admin_changes.html", entries=entries, older=older, before=before)


def _file(at_desk: Desk, words: Words) -> web.Response:
    """All that was recorded as CSV, a row for each difference, the newest first. Blocks."""
    heading = [(name, "") for name in ("at", "who", "way", "subject", "file", "key", "field", "before", "after")]
    rows = (
        (entry.at, entry.author.who, entry.author.way, entry.subject, entry.author.about,
         one.key, one.field, one.before, one.after)
        for entry in _every(at_desk.office.journal)
        for one in entry.differences
    )  # fmt: skip
    return csv_table.answer("changes", heading, rows, words=words, demonstration=at_desk.sources.demonstration)


def _every(journal: Journal) -> Iterator[Entry]:
    before: int | None = None
    while found := journal.list(limit=_PER_PAGE, before=before):
        yield from found
        before = found[-1].number


async def _plans(request: web.Request, at_desk: Desk) -> web.Response:
    snapshot = await asyncio.to_thread(at_desk.office.registry.snapshot)
    bound = [versions[-1].value.plan for versions in snapshot.sites.values()]
    office = at_desk.office
    found = [
        Binding(plan, office.origins.get(name), name in office.replaced, bound.count(name))
        for name, plan in at_desk.sources.plans.items()
    ]
    return desk.page(request, "admin_plans.html", plans=found, without=bound.count(None))
