"""The devices, what is doubted about their results, and how far stopping early is off."""

from aiohttp import web

from collector.rollups.recent import COMPARED, WINDOW
from collector.web import fleet, rendering, views
from collector.web.sources import Sources


def add_routes(app: web.Application, _: Sources) -> None:
    """Add the page of devices."""
    app.add_routes(
        [
            web.get("/fleet", _fleet),
        ]
    )


async def _fleet(request: web.Request) -> web.Response:
    found = await views.fleet_page(request.app[rendering.SOURCES])
    most = max((max(one.bars) for one in found.early_stop), default=1)
    days = {"days": WINDOW.days, "compared_days": COMPARED.days}
    return rendering.page(request, "fleet.html", here="fleet", fleet=found, edges=fleet.EDGES, most=most, **days)
