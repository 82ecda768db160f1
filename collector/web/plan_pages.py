"""The plans and their scoreboards."""

import asyncio

from aiohttp import web

from collector.web import rendering, scoreboard
from collector.web.sources import Sources


def add_routes(app: web.Application, _: Sources) -> None:
    """Add the pages of plans."""
    app.add_routes(
        [
            web.get("/plans", _plans),
            web.get("/plans/{plan}", _scoreboard),
        ]
    )


async def _plans(request: web.Request) -> web.Response:
    sources = request.app[rendering.SOURCES]
    counts = scoreboard.sites_by_plan(await asyncio.to_thread(sources.places.snapshot))
    return rendering.page(request, "plans.html", here="plans", plans=sources.plans.values(), counts=counts)


async def _scoreboard(request: web.Request) -> web.Response:
    sources, words = request.app[rendering.SOURCES], rendering.words_of(request)
    asked = scoreboard.asked_for(request, sources)
    board = await scoreboard.board_of(asked, sources, request.app[scoreboard.BOARDS])
    if request.query.get("format") == "csv" and asked.problem is None:  # no table of another period than was asked for
        return scoreboard.table(board, asked, words, demonstration=sources.demonstration)
    shown = scoreboard.lines(board, words.language)
    months = scoreboard.last_months(sources)
    return rendering.page(
        request, "scoreboard.html", here="plans", board=board, plan=asked.plan, lines=shown, asked=asked, months=months
    )
