"""How reports flow, stage by stage."""

import msgspec
from aiohttp import web

from collector.web import pipe, rendering
from collector.web.sources import Sources


def add_routes(app: web.Application, _: Sources) -> None:
    """Add the page of the pipe, and its figures."""
    app.add_routes(
        [
            web.get("/pipe", _pipe),
            web.get("/api/v1/pipe", _pipe_figures),
        ]
    )


async def _pipe(request: web.Request) -> web.Response:
    sources = request.app[rendering.SOURCES]
    found = pipe.view(sources.board.sightings(), sources.now())
    return rendering.page(request, "pipe.html", here="pipe", pipe=found, box=(pipe.SPARK_WIDTH, pipe.SPARK_HEIGHT))


async def _pipe_figures(request: web.Request) -> web.Response:
    sources = request.app[rendering.SOURCES]
    found = pipe.item(pipe.view(sources.board.sightings(), sources.now()))
    return web.Response(body=msgspec.json.encode(found), content_type="application/json")
