"""The page /api: what other programs can ask, as people read it, from the same document that programs read."""

from aiohttp import web

from collector.web import rendering
from collector.web.api import examples, view
from collector.web.api.document import DOCUMENT, described
from collector.web.api.guide import GUIDE, TITLE
from collector.web.sources import Sources


def add_routes(app: web.Application, _: Sources) -> None:
    """Add the page."""
    app.add_routes([web.get("/api", _page)])


async def _page(request: web.Request) -> web.Response:
    words = rendering.words_of(request)
    document = described(request.app[rendering.SOURCES], words.language)
    return rendering.page(
        request,
        "api.html",
        here="api",
        title=TITLE,
        guide=GUIDE,
        groups=view.groups(
            document, str(request.url.origin()), known=await examples.known(request.app[rendering.SOURCES])
        ),
        schemas=view.schemas(document),
        machine=f"{DOCUMENT.path}?lang={words.language}",
    )
