"""How a handler turns plain values into a page: templates, the reader's language, what every page shows."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import jinja2
from aiohttp import web

from collector.web.assets import Assets
from collector.web.sources import Sources
from collector.web.words import LANGUAGES, Words, choose

SOURCES: Final = web.AppKey("sources", Sources)
TEMPLATES: Final = web.AppKey("templates", jinja2.Environment)
OPEN: Final = web.RequestKey("open incidents", int)
"""Where a request holds their number, for the navigation."""
MARK: Final = web.RequestKey("mark", int)
"""Where a request holds the number of the last event before its page was made; the page's stream goes on from there."""
MARK_HEADER: Final = "Linkgauge-Mark"
THEMES: Final = ("auto", "light", "dark")
_YEAR_S: Final = 365 * 86400


_TEMPLATES: Final = Path(__file__).with_name("templates")


def environment(static: Assets, folder: Path = _TEMPLATES) -> jinja2.Environment:
    """The templates as they lie in their folder now; a value that a page forgot is an error, not a gap.

    What is written there later counts for the next start: an update would otherwise give templates values of the old
    code, and every page an error.
    """
    texts = {
        path.relative_to(folder).as_posix(): (path.read_text("utf-8"), str(path), None)
        for path in folder.rglob("*.html")
    }
    made = jinja2.Environment(
        loader=jinja2.FunctionLoader(texts.get),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["static"] = static
    return made


def page(request: web.Request, template: str, *, here: str, **values: Any) -> web.Response:  # noqa: ANN401 - a template's values
    """A template filled in, in the reader's language."""
    sources = request.app[SOURCES]
    words = words_of(request)
    now: datetime = sources.now()
    theme = theme_of(request)
    values.setdefault("open_incidents", request.get(OPEN, 0))
    known = {
        "_": words.say,
        "words": words,
        "now": now,
        "here": here,
        "mark": request.get(MARK),
        "theme": theme,
        "language_links": {code: _address(request, lang=code) for code in LANGUAGES},
        "theme_links": {name: _address(request, theme=name) for name in THEMES},
        "demonstration": sources.demonstration,
        "offered": {resource.canonical for resource in request.app.router.resources()},
        "version": sources.version,
    }
    html = request.app[TEMPLATES].get_template(template).render(known | values)
    response = web.Response(text=html, content_type="text/html")
    if MARK in request:
        response.headers[MARK_HEADER] = str(request[MARK])
    _remember(request, response, {"lang": words.language, "theme": theme})
    return response


def words_of(request: web.Request) -> Words:
    """The language that a request asks for."""
    language = choose(
        request.query.get("lang"), request.cookies.get("lang"), request.headers.get("Accept-Language", "")
    )
    return Words(language, request.app[SOURCES].zone)


def theme_of(request: web.Request) -> str:
    """Light or dark as asked for in the address or remembered in a cookie, else as the reader's system has it."""
    for wish in (request.query.get("theme"), request.cookies.get("theme")):
        if wish in THEMES:
            return wish
    return THEMES[0]


def _address(request: web.Request, **changed: str) -> str:
    """This page's own address with something else in its query; what occurs twice there stays twice."""
    kept = [(name, value) for name, value in request.query.items() if name not in changed]
    return f"{request.path}?{urlencode([*kept, *changed.items()])}"


def _remember(request: web.Request, response: web.Response, chosen: Mapping[str, str]) -> None:
    """What the address chose holds for other pages too."""
    for name, value in chosen.items():
        if request.query.get(name) == value:
            response.set_cookie(name, value, max_age=_YEAR_S, samesite="Lax")
