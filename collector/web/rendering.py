"""How a handler turns plain values into a page: templates, the reader's language, what every page shows."""

from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

import jinja2
from aiohttp import web

from collector.web.sources import Sources
from collector.web.words import LANGUAGES, Words, choose

SOURCES: Final = web.AppKey("sources", Sources)
TEMPLATES: Final = web.AppKey("templates", jinja2.Environment)


def environment() -> jinja2.Environment:
    """The templates; a value that a page forgot is an error, not a gap."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("collector.web", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(request: web.Request, template: str, *, here: str, **values: Any) -> web.Response:  # noqa: ANN401 - a template's values
    """A template filled in, in the reader's language."""
    sources = request.app[SOURCES]
    words = words_of(request)
    now: datetime = sources.now()
    links = {code: f"{request.path}?{urlencode({**request.query, 'lang': code})}" for code in LANGUAGES}
    values.setdefault("open_incidents", 0)
    html = (
        request.app[TEMPLATES]
        .get_template(template)
        .render(
            {
                "_": words.say,
                "words": words,
                "now": now,
                "here": here,
                "language_links": links,
                "version": sources.version,
            }
            | values
        )
    )
    response = web.Response(text=html, content_type="text/html")
    if request.query.get("lang") in LANGUAGES:
        response.set_cookie("lang", words.language, max_age=365 * 86400, samesite="Lax", httponly=True)
    return response


def words_of(request: web.Request) -> Words:
    """The language that a request asks for."""
    language = choose(
        request.query.get("lang"), request.cookies.get("lang"), request.headers.get("Accept-Language", "")
    )
    return Words(language, request.app[SOURCES].zone)
