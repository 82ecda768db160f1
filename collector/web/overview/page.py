"""The first page: a province at a glance, and single lines of its list."""

from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from collector.web import api, pages, rendering, views, whereabouts
from collector.web.pages import Filters
from collector.web.sources import Sources

WORST: Final = 200
"""Sites that a list shows unless asked for all: more take longer to lay out than to find."""


def add_routes(app: web.Application, _: Sources) -> None:
    """Add the list."""
    app.add_routes(
        [
            web.get("/", _overview),
            web.get("/sites/{site}/row", _row),
        ]
    )


async def _overview(request: web.Request) -> web.Response:
    sources = request.app[rendering.SOURCES]
    found = await views.overview(sources)
    query = request.query
    state = next((state for state in pages.ORDER if state == query.get("state")), None)
    filters = Filters(query.get("q", "")[:100], state, query.get("province", ""), query.get("kind", ""))
    named = await whereabouts.names(sources, (row.site for row in found.rows)) if filters.text else {}
    rows = pages.listed(found.rows, filters, names=named)
    called = await whereabouts.called(sources, (row.site for row in found.rows))
    return rendering.page(
        request,
        "overview.html",
        here="sites",
        rows=rows if "all" in query else rows[:WORST],
        listed=len(rows),
        everything=f"?{urlencode({**query, 'all': '1'})}",
        total=len(found.rows),
        counts=pages.counts(found.rows),
        filters=filters,
        called=called,
        provinces=dict(sorted((row.site.province, called[row.site.id][1]) for row in found.rows)),
        waiting=found.waiting,
        behind=found.behind,
        open_incidents=len(found.incidents),
    )


async def _row(request: web.Request) -> web.Response:
    sources = request.app[rendering.SOURCES]
    snapshot, site = await api.site_of(request, sources)
    row, called = await views.one_row(sources, site, snapshot), await whereabouts.called(sources, [site])
    return rendering.page(request, "row.html", here="sites", row=row, called=called)
