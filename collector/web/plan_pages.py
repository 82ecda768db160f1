"""The plans and their scoreboards."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

from aiohttp import web

from collector.registry.site import Site
from collector.scoreboard.board import Board
from collector.web import csv_table, promises, rendering, scoreboard, whereabouts
from collector.web.promises import Card, Commune
from collector.web.sources import Sources

_CARDS: Final = (
    ("plan", ""), ("name", ""), ("document", ""), ("issued", ""), ("target", ""), ("indicator", ""),
    ("scope", ""), ("how", ""), ("promised", ""), ("valid_from", ""), ("section", ""), ("sites", ""),
)  # fmt: skip
_COMMUNES: Final = (
    ("province", ""), ("commune", ""), ("sites", ""), ("met", ""), ("below", ""),
    ("inconclusive", ""), ("silent", ""), ("unjudged", ""), ("share_met", ""),
)  # fmt: skip


def add_routes(app: web.Application, _: Sources) -> None:
    """Add the pages of plans."""
    app.add_routes(
        [
            web.get("/plans", _plans),
            web.get("/plans/{plan}", _scoreboard),
        ]
    )


async def _plans(request: web.Request) -> web.Response:
    sources, words = request.app[rendering.SOURCES], rendering.words_of(request)
    sites = await _sites(sources)
    cards = promises.cards(sources.plans.values(), sites, sources.judged.current())
    if request.query.get("format") == "csv":
        rows = _promised(cards, words.language)
        return csv_table.answer("plans", _CARDS, rows, words=words, demonstration=sources.demonstration)
    return rendering.page(request, "plans.html", here="plans", cards=cards, states=promises.STATES)


async def _scoreboard(request: web.Request) -> web.Response:
    sources, words = request.app[rendering.SOURCES], rendering.words_of(request)
    asked = scoreboard.asked_for(request, sources)
    if request.query.get("table") == "communes" and request.query.get("format") == "csv":
        rows = _commune_rows(await _communes(sources, asked.plan.id))
        name = f"{asked.plan.id}-communes"
        return csv_table.answer(name, _COMMUNES, rows, words=words, demonstration=sources.demonstration)
    board = await scoreboard.board_of(asked, sources, request.app[scoreboard.BOARDS])
    if request.query.get("format") == "csv" and asked.problem is None:  # no table of another period than was asked for
        return _file(request, board, asked)
    months = scoreboard.last_months(sources)
    return rendering.page(
        request, "scoreboard.html", here="plans", board=board, plan=asked.plan, asked=asked,
        lines=scoreboard.lines(board, words.language), months=months,
        years=sorted({month[:4] for month in months}, reverse=True),
        outcomes=promises.outcomes(board), figures=promises.figures(board, asked.plan, words),
        communes=await _communes(sources, asked.plan.id), typed=request.query.get("period", "").strip(),
    )  # fmt: skip


def _file(request: web.Request, board: Board, asked: scoreboard.Asked) -> web.Response:
    """The scoreboard as a table, or (`table`) the months of one promise."""
    sources, words = request.app[rendering.SOURCES], rendering.words_of(request)
    name = request.query.get("table", "")
    one = next((one for one in promises.figures(board, asked.plan, words) if one.id == name), None)
    if one is None:
        return scoreboard.table(board, asked, words, demonstration=sources.demonstration)
    columns = [(column.code, column.heading) for column in one.table.columns]
    return csv_table.answer(
        f"{board.plan}-{name}", columns, one.table.rows, words=words, demonstration=sources.demonstration
    )


async def _sites(sources: Sources) -> list[Site]:
    snapshot = await asyncio.to_thread(sources.places.snapshot)
    return [versions[-1].value for versions in snapshot.sites.values()]


async def _communes(sources: Sources, plan: str) -> list[Commune]:
    own = [site for site in await _sites(sources) if site.plan == plan]
    return promises.communes(own, sources.judged.current(), await whereabouts.called(sources, own))


def _promised(cards: Sequence[Card], language: str) -> Iterator[Sequence[object]]:
    for card in cards:
        document = card.plan.document
        for one in card.promises:
            target = one.target
            yield (
                card.plan.id, getattr(card.plan.name, language), document.number, document.issued, target.id,
                getattr(one.name, language), target.scope, target.how, getattr(one.said, language), target.valid_from,
                target.section, card.sites,
            )  # fmt: skip


def _commune_rows(found: Sequence[Commune]) -> Iterator[Sequence[object]]:
    for one in found:
        yield (one.province, one.commune, one.sites, *(one.counts[state] for state in promises.STATES), one.share)
