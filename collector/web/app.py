"""The web application: its pages put together, errors and security headers. The JSON surface is in `api`."""

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from collector.errors import CollectorError
from collector.web import (
    assets,
    completeness_page,
    error_page,
    fleet_page,
    incident_pages,
    live,
    pipe_page,
    plan_pages,
    quarantine_page,
    rendering,
    scoreboard,
    shared,
)
from collector.web.admin import page as admin_page
from collector.web.api import page as api_page
from collector.web.api import routes
from collector.web.open_count import OpenCount
from collector.web.overview import page as overview_page
from collector.web.overview.listing import LiveList
from collector.web.site import page as site_page
from collector.web.sources import Sources

COMPRESSED_BYTES: Final = 16_384
"""Pages and lists from this size on are compressed: those of two thousand devices are a twentieth then."""
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
NO_PAGES: Final = ("/api/", "/static/", "/metrics", "/healthz", "/readyz")
"""What programs ask for all the time has no navigation, and nobody watches it."""
PAGES: Final = (
    overview_page, site_page, incident_pages, fleet_page, quarantine_page, completeness_page, plan_pages, pipe_page,
    admin_page, api_page,
)  # fmt: skip
"""The modules that each add a page or a few."""

_OPEN: Final = web.AppKey("open", OpenCount)


def make_app(sources: Sources) -> web.Application:
    """Put pages, API and live events together; health and metrics are added by the service."""
    app = web.Application(middlewares=[_with_headers, _with_errors, _with_bar, routes.problems])
    app[rendering.SOURCES] = sources
    app[_OPEN] = OpenCount(sources.casebook)
    app[shared.SHARED] = shared.Shared()
    static = assets.read()
    app[rendering.TEMPLATES] = rendering.environment(static)
    app[scoreboard.BOARDS] = {}
    for part in PAGES:
        part.add_routes(app, sources)
    assets.add_routes(app, static)
    routes.add_routes(app, sources)
    live.add_routes(app, sources, digests={"list": LiveList(sources).digest})
    return app


@web.middleware
async def _with_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    response = await handler(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.app[rendering.SOURCES].demonstration:
        response.headers["Linkgauge-Demonstration"] = "true"
    if not response.prepared:
        response.headers.setdefault("Cache-Control", "no-store")
    if isinstance(response, web.Response) and _worth_compressing(response):
        response.enable_compression()
    return response


def _worth_compressing(response: web.Response) -> bool:
    return (response.content_length or 0) >= COMPRESSED_BYTES and "Content-Encoding" not in response.headers


@web.middleware
async def _with_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what went wrong into a page that says what to do; the API's own problems never come here."""
    try:
        return await handler(request)
    except (web.HTTPClientError, CollectorError) as error:
        return error_page.answer(request, error)


@web.middleware
async def _with_bar(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Have at hand where a page is made what was told before, and the number of open incidents."""
    if not request.path.startswith(NO_PAGES):
        request[rendering.MARK] = request.app[live.AUDIENCE].mark()
        request[rendering.OPEN] = await request.app[_OPEN].now()
    return await handler(request)
