"""A plan's scoreboard: for the page, as a table for spreadsheets, and for other programs."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web

from collector.errors import UsageError
from collector.ledger.period import period
from collector.plans.types import Plan, Text
from collector.scoreboard.board import Board, Row
from collector.scoreboard.reading import Shelves, read_scoreboard
from collector.scoreboard.words import STATISTICS, amount, basis, course_said, reasons_said, sites_said, unit_of
from collector.web import csv_table
from collector.web.sources import Sources
from collector.web.words import Language, Words

_MONTHS: Final = 12
COLUMNS: Final = (
    "plan", "from", "to", "target", "indicator", "name", "scope", "how", "promised", "mark", "unit", "verdict",
    "value", "low", "high", "figure_unit", "basis", "n", "k", "sites", "sites_with_results", "completeness", "reasons",
    "trend", "source", "notes", "valid_from", "section", "quote", "settled",
)  # fmt: skip


FRESH: Final = timedelta(minutes=1)
KEPT: Final = 16
"""Boards that are kept, the oldest going first: the page, its table and a second reader want the same one."""
Boards = dict[tuple[str, date, date], Board]
BOARDS: Final = web.AppKey("boards", Boards)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request wants: the plan, the days, how the period was written, and what was wrong with it."""

    plan: Plan
    window: tuple[date, date]
    text: str
    problem: str | None = None


def asked_for(request: web.Request, sources: Sources) -> Asked:
    """The plan and period of a request, without one the last month that is over; raises HTTPNotFound."""
    plan = sources.plans.get(request.match_info["plan"])
    if plan is None:
        raise web.HTTPNotFound(text="There is no such plan.")
    last = last_months(sources)[1]
    text = request.query.get("period", "").strip()
    try:
        return Asked(plan, period(text or last), text or last)
    except UsageError as error:
        return Asked(plan, period(last), last, str(error))


def last_months(sources: Sources) -> list[str]:
    """This month and those before it, as periods."""
    day = sources.now().astimezone(sources.zone).date().replace(day=1)
    found = []
    for _ in range(_MONTHS):
        found.append(f"{day:%Y-%m}")
        day = (day - timedelta(days=1)).replace(day=1)
    return found


async def board_of(asked: Asked, sources: Sources, boards: Boards) -> Board:
    """The scoreboard, made within the last minute; raises StoreUnavailable and RegistryUnavailable."""
    key = asked.plan.id, *asked.window
    kept, now = boards.get(key), sources.now()
    if kept is not None and timedelta(0) <= now - kept.made < FRESH:
        return kept
    boards[key] = board = await _made(asked, sources)
    while len(boards) > KEPT:
        boards.pop(next(iter(boards)))
    return board


async def _made(asked: Asked, sources: Sources) -> Board:
    shelves = Shelves(
        store=sources.store,
        snapshot=sources.places.snapshot,
        told=sources.completeness.told,
        figures=sources.figures,
        zone=sources.zone,
        plans=sources.plans,
    )
    # Asked first: what is rolled up between the two questions is then counted, and at worst said to be waiting.
    waiting = await asyncio.to_thread(sources.unsettled, *_span(asked.window, sources.zone))
    board = await read_scoreboard(asked.plan, asked.window, shelves, now=sources.now())
    is_over = asked.window[1] < sources.now().astimezone(sources.zone).date()
    return msgspec.structs.replace(board, waiting=waiting, settled=is_over and not waiting)


def _span(window: tuple[date, date], zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Days of the province as moments."""
    first, last = window
    begin, end = (datetime.combine(day, time(), zone) for day in (first, last + timedelta(days=1)))
    return begin.astimezone(UTC), end.astimezone(UTC)


def item(board: Board) -> dict[str, object]:
    """The scoreboard as the API gives it: each row with its sentences."""
    rows = [msgspec.to_builtins(row) | {"said": _said(row)} for row in board.rows]
    told: dict[str, object] = msgspec.to_builtins(board) | {"rows": rows}
    return told


def table(board: Board, asked: Asked, words: Words, *, demonstration: bool) -> web.Response:
    """The scoreboard as a CSV file: every row with all that it says."""
    cells = (_cells(board, row, words.language) for row in board.rows)
    rows = [[found[column] for column in COLUMNS] for found in cells]
    columns = [(column, "") for column in COLUMNS]
    return csv_table.answer(board.plan, columns, rows, words=words, demonstration=demonstration, when=asked.text)


@dataclass(frozen=True, slots=True)
class Line:
    """A row in words of one language."""

    row: Row
    name: str
    promised: str
    value: str | None
    interval: str | None
    basis: str
    sites: str | None
    beside: tuple[str, ...]
    reasons: tuple[str, ...]
    trend: str | None
    source: str | None
    notes: tuple[str, ...]


def lines(board: Board, language: Language) -> list[Line]:
    """The rows as the page shows them."""
    return [_line(row, language) for row in board.rows]


def _line(row: Row, language: Language) -> Line:
    finding, unit = row.finding, unit_of(row)

    def say(text: Text) -> str:
        return text.vi if language == "vi" else text.en

    bounds = None
    if finding.low is not None and finding.high is not None:
        bounds = f"{say(amount(finding.low, 'count'))} – {say(amount(finding.high, unit))}"  # noqa: RUF001 - a range
    return Line(
        row=row,
        name=say(row.name),
        promised=say(row.promised),
        value=None if finding.value is None else say(amount(finding.value, unit)),
        interval=bounds,
        basis=say(basis(row)),
        sites=None if finding.sites is None else say(sites_said(finding.sites)),
        beside=tuple(_beside(row, language)),
        reasons=tuple(say(text) for text in reasons_said(finding)),
        trend=None if row.trend is None else say(course_said(row.trend, unit)),
        source=None if finding.source is None else say(finding.source),
        notes=tuple(say(text) for text in row.notes),
    )


def _beside(row: Row, language: Language) -> Iterator[str]:
    for one in row.finding.beside:
        name, value = STATISTICS[one.statistic], amount(one.value, row.unit)
        told = f"{name.vi} {value.vi}" if language == "vi" else f"{name.en} {value.en}"
        if one.low is not None and one.high is not None:
            low, high = amount(one.low, "count"), amount(one.high, row.unit)
            told += f" ({low.vi} – {high.vi})" if language == "vi" else f" ({low.en} – {high.en})"  # noqa: RUF001 - a range
        yield told


def _said(row: Row) -> Mapping[str, object]:
    """The row's sentences, for programs that only show them."""
    finding = row.finding
    told: dict[str, object] = {"basis": basis(row), "reasons": reasons_said(finding)}
    if finding.sites is not None:
        told["sites"] = sites_said(finding.sites)
    if row.trend is not None:
        told["trend"] = course_said(row.trend, unit_of(row))
    return {name: msgspec.to_builtins(value) for name, value in told.items()}


def _cells(board: Board, row: Row, language: Language) -> Mapping[str, object]:
    finding, line = row.finding, _line(row, language)
    sites = finding.sites
    return {
        "plan": board.plan, "from": board.first, "to": board.last, "target": row.target, "indicator": row.indicator,
        "name": line.name, "scope": row.scope, "how": row.how, "promised": line.promised, "mark": row.mark,
        "unit": row.unit, "verdict": finding.verdict, "value": finding.value, "low": finding.low,
        "high": finding.high, "figure_unit": unit_of(row),
        "basis": finding.statistic and line.basis, "n": finding.n, "k": finding.k,
        "sites": sites.aimed if sites else None, "sites_with_results": sites.seen if sites else None,
        "completeness": row.completeness, "reasons": "; ".join(line.reasons), "trend": line.trend,
        "source": line.source, "notes": "; ".join(line.notes), "valid_from": row.valid_from,
        "section": row.section, "quote": row.quote, "settled": board.settled,
    }  # fmt: skip
