"""What is held back, on a page."""

from aiohttp import web

from collector.web import api, quarantine, rendering
from collector.web.sources import Sources


def add_routes(app: web.Application, sources: Sources) -> None:
    """Add the page of the quarantine."""
    app.add_routes(
        [
            web.get("/quarantine", _quarantine),
            web.post("/quarantine", api.bound(quarantine.judge_again, sources)),
        ]
    )


async def _quarantine(request: web.Request) -> web.Response:
    wish = quarantine.wish_of(request.query)
    found = await quarantine.view(request.app[rendering.SOURCES], wish)
    return rendering.page(
        request, "quarantine.html", here="quarantine", found=found, wish=wish, asked=request.query.get("asked")
    )
