"""`linkgauge-collector ledger show`: what became of what agents planned, and of every number that they have given."""

import argparse
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from collector.archive.intervals import Intervals, Range, subtract
from collector.config import DEFAULT_PATH, read
from collector.errors import UsageError
from collector.ledger import reading
from collector.ledger.accounts import AgentDay, Numbers, agent_days, fates
from collector.ledger.facts import Place
from collector.ledger.ledger import Asked, Ledger
from collector.ledger.period import period
from collector.registry.database import database_of
from collector.registry.registry import Registry

Subparsers = Any  # argparse names this class with an underscore
_LOCAL: Final = Path("collector.toml")
_USUAL: Final = timedelta(days=6)
_REPEAT: Final = timedelta(minutes=90)
_SHORT: Final = 5
_EXAMPLES: Final = """examples:
  linkgauge-collector ledger show                                  the last seven days, all agents
  linkgauge-collector ledger show --agent ls-huulung-th1 --period 2026-10
days are UTC, as the agents' own accounts are
planned, run, skipped   by the agent's account of the day, which it sends when the day is over; * taken from a
                        neighbouring day, - not known
received, late          what is stored of that day, and how much of it came late
numbers                 the reports that the agent numbered on that day: produced, and of these dropped (no room),
                        rejected (in quarantine), deferred (the agent keeps them), ended (lost with a disk),
                        open (missing; they are asked for)
"""
_HEAD: Final = ("agent", "day", "kind", "planned", "run", "received", "late", "skipped")
Row = Sequence[str]


def add_commands(commands: Subparsers) -> None:
    """Add `ledger`; each action sets `func`, which answers the exit code."""
    ledger = commands.add_parser(
        "ledger",
        help="what became of every report: planned, received, late, missing and why",
        description="What became of what agents planned, and of every number that they have given to a report.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = ledger.add_subparsers(title="actions", metavar="ACTION", required=True)
    show = actions.add_parser(
        "show",
        help="by agent, day and kind, and where numbers are missing",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    show.add_argument("--agent", metavar="AGENT", help="only this one")
    show.add_argument("--period", metavar="PERIOD", help="2026, 2026-10, 2026-10-22 or 2026-10-01..2026-10-31")
    show.add_argument(
        "--config",
        type=Path,
        default=_LOCAL if _LOCAL.exists() else DEFAULT_PATH,
        metavar="FILE",
        help=f"configuration (default: {_LOCAL} here, else {DEFAULT_PATH})",
    )
    show.set_defaults(func=show_ledger)


def show_ledger(options: argparse.Namespace) -> int:
    """Print the accounts of agents, and every hole with its explanation."""
    now = datetime.now(UTC)
    today = now.date()
    window = period(options.period) if options.period else (today - _USUAL, today)
    registry = Registry(database_of(read(options.config, os.environ).registry))
    with closing(registry):
        registry.open()
        ledger = Ledger(registry.database)
        ledger.open()
        agents = sorted(registry.snapshot().agents)
        if options.agent is not None:
            if options.agent not in agents:
                raise UsageError(
                    f"nobody has registered the agent {options.agent!r}; see linkgauge-collector agent list"
                )
            agents = [options.agent]
        asked = ledger.asked()
        _say(_HEAD)
        for chunk in reading.chunks(agents):
            with registry.database.read() as connection:
                found = reading.records(connection, chunk, start=window[0], end=window[1], waited=now - _REPEAT)
            for agent, known in found.items():
                _show_agent(agent, known, window, today)
                _show_holes(agent, known.numbers, asked)
    return 0


def _show_agent(agent: str, known: reading.Records, window: tuple[date, date], today: date) -> None:
    fate = fates(known.numbers, known.spans, today=today)
    for day in agent_days(agent, known.days, fate, window=window, since=known.since, today=today):
        for row in _rows(day):
            _say(row)


def _rows(day: AgentDay) -> list[Row]:
    rows: list[Row] = []
    star = "" if day.accounted else "*"
    kinds = {kind.kind: kind for kind in day.kinds}
    for name in sorted({*kinds, *day.expected}):
        kind, planned = kinds.get(name), day.expected.get(name)
        run = kind.run if kind is not None else None
        skipped = " ".join(f"{reason}:{count}" for reason, count in sorted(kind.skipped.items())) if kind else ""
        received, late = (kind.received, kind.late) if kind is not None else (0, 0)
        shown = "-" if planned is None else f"{planned}{star}"
        rows.append(
            (day.agent, day.day.isoformat(), name, shown, _number(run), str(received), str(late), skipped or "-")
        )
    fate = day.fate
    parts = ("produced", "dropped", "rejected", "deferred", "ended", "open")
    told = " ".join(f"{name}:{getattr(fate, name)}" for name in parts if getattr(fate, name))
    rows.append((day.agent, day.day.isoformat(), "numbers", "", "", "", "", told or "no reports"))
    return rows


def _show_holes(agent: str, numbers: Mapping[str, Numbers], asked: Mapping[Place, Asked]) -> None:
    for epoch, known in sorted(numbers.items()):
        rest = known.stored.missing(known.top)
        for name in ("dropped", "rejected", "deferred", "ended"):
            left = subtract(rest, getattr(known, name))
            _hole(agent, epoch, name, subtract(rest, Intervals(left)))
            rest = left
        request = asked.get(Place(agent, epoch))
        times = f"asked {request.times} times, last {request.last:%Y-%m-%d %H:%M} UTC" if request else "not asked yet"
        _hole(agent, epoch, f"open, {times}", rest)


def _hole(agent: str, epoch: str, why: str, ranges: Sequence[Range]) -> None:
    if ranges:
        words = [f"{first}-{last}" if first != last else str(first) for first, last in ranges]
        more = f" and {len(words) - _SHORT} more ranges" if len(words) > _SHORT else ""
        sys.stdout.write(f"{agent}  epoch {epoch}  numbers {', '.join(words[:_SHORT])}{more}: {why}\n")


def _number(value: int | None) -> str:
    return "-" if value is None else str(value)


def _say(row: Iterable[str]) -> None:
    agent, day, kind, *numbers, last = row
    sys.stdout.write(f"{agent:24} {day:10} {kind:12} " + " ".join(f"{one:>8}" for one in numbers) + f"  {last}\n")
