"""`linkgauge-collector plan show PLAN --period 2026-10`: the plan's scoreboard at the terminal."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from collector.config import DEFAULT_PATH, CollectorConfig, read, secret
from collector.errors import UsageError
from collector.figures.figures import Figures
from collector.ledger.completeness import Completeness
from collector.ledger.ledger import Ledger
from collector.ledger.period import period
from collector.plans.load import load_plans
from collector.registry.database import database_of
from collector.registry.registry import Registry
from collector.scoreboard.board import Board, Row
from collector.scoreboard.reading import Shelves, read_scoreboard
from collector.scoreboard.words import amount, basis, course_said, reasons_said, sites_said, unit_of
from collector.store.open import store_from_url

_LOCAL: Final = Path("collector.toml")
Show = Callable[[argparse.Namespace], int]


def add_period(show: argparse.ArgumentParser) -> None:
    """Add `--period` to `plan show`; without it everything stays as it was."""
    show.add_argument(
        "--period", metavar="P", help="the scoreboard of these days: 2026, 2026-10, 2026-10-01..2026-12-31"
    )
    show.set_defaults(func=partial(_show, otherwise=show.get_default("func")))


def _show(options: argparse.Namespace, *, otherwise: Show) -> int:
    if options.period is None:
        return otherwise(options)
    path = Path(options.config) if options.config else _LOCAL if _LOCAL.exists() else DEFAULT_PATH
    board = asyncio.run(_board(read(path, os.environ), options.plan, period(options.period)))
    text = msgspec.json.encode(board).decode() if options.json else "\n".join(_lines(board))
    sys.stdout.write(text + "\n")
    return 0


async def _board(settings: CollectorConfig, plan: str, window: tuple[date, date]) -> Board:
    plans = load_plans(settings.plans.folder)
    if plan not in plans:
        raise UsageError(f"there is no plan {plan!r}; known: {', '.join(plans)}")
    token = secret(settings.store.token, settings.store.token_file, "store.token_file")
    store = store_from_url(settings.store.url, token=token, timeout_s=settings.store.timeout_s)
    registry = Registry(database_of(settings.registry))
    with closing(registry):
        await asyncio.to_thread(registry.open)
        await store.open()
        shelves = Shelves(
            store=store,
            snapshot=registry.snapshot,
            told=Completeness(Ledger(registry.database)).told,
            figures=Figures(registry.database),
            zone=ZoneInfo(settings.web.zone),
            plans=plans,
        )
        try:
            return await read_scoreboard(plans[plan], window, shelves, now=datetime.now(UTC))
        finally:
            await store.close()


def _lines(board: Board) -> Iterator[str]:
    yield f"{board.plan}, {board.first} to {board.last}: {board.name.en}; {board.sites} sites"
    for row in board.rows:
        yield ""
        yield from _row(row)


def _row(row: Row) -> Iterator[str]:
    finding, unit = row.finding, unit_of(row)
    why = "; ".join(reason.en for reason in reasons_said(finding))
    yield f"{row.target}: {row.name.en} ({row.scope}, {row.how}): {row.promised.en}"
    yield f"  {finding.verdict}" + (f": {why}" if why else "")
    if finding.value is not None:
        ends = ""
        if finding.low is not None and finding.high is not None:
            ends = f" (95 % interval {amount(finding.low, 'count').en} to {amount(finding.high, unit).en})"
        yield f"  {amount(finding.value, unit).en}{ends}; {basis(row).en}"
    if finding.sites is not None:
        yield f"  {sites_said(finding.sites).en}"
    if row.trend is not None:
        yield f"  {course_said(row.trend, unit).en}"
    if row.completeness is not None:
        yield f"  {100 * row.completeness:.1f} % of what was planned is here"
    for text in ([finding.source] if finding.source else []) + row.notes:
        yield f"  {text.en}"
