"""How reports flow, stage by stage."""

from aiohttp import web

from collector.web import pipe, rendering
from collector.web.sources import Sources


def add_routes(app: web.Application, _: Sources) -> None:
    """Add the page of the pipe."""
    app.add_routes(
        [
            web.get("/pipe", _pipe),
        ]
    )


async def _pipe(request: web.Request) -> web.Response:
    sources = request.app[rendering.SOURCES]
    found = pipe.view(sources.board.sightings(), sources.now())
    return rendering.page(request, "pipe.html", here="pipe", pipe=found, box=(pipe.SPARK_WIDTH, pipe.SPARK_HEIGHT))
