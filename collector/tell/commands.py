"""`linkgauge-collector tell list|test`: what was told to whom and what came of it, and whether a route works."""

import argparse
import asyncio
import os
import sys
import uuid
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import aiohttp
from sqlalchemy import Row

from collector.config import DEFAULT_PATH, CollectorConfig, read
from collector.errors import CollectorError, UsageError
from collector.registry.database import database_of
from collector.tell.answer import Answer, Parcel
from collector.tell.channels import Channels
from collector.tell.deliveries import Deliveries
from collector.tell.posting import Wire
from collector.tell.route import Route
from collector.tell.routes import routes_of
from collector.tell.wording import one_line

Subparsers = Any  # argparse names this class with an underscore
_LOCAL: Final = Path("collector.toml")
_STATES: Final = ("waiting", "held", "sent", "silenced", "summed", "superseded", "expired")
_HEAD: Final = ("made", "route", "kind", "incident", "state", "tries", "told", "answer")
_EXAMPLES: Final = """examples:
  linkgauge-collector tell list                       the routes, and the newest messages
  linkgauge-collector tell list --state waiting       what nobody has taken yet, and why
  linkgauge-collector tell test noc                   send a test message by the route noc, and say what happened
states: waiting (tried again), held (a silence is on it), sent, silenced (the silence outlasted it), summed (told within
a summary), superseded (a newer message says it), expired (given up). Times are UTC."""


def add_commands(commands: Subparsers) -> None:
    """Add `tell`; each action sets `func`, which answers the exit code."""
    tell = commands.add_parser(
        "tell",
        help="who is told of incidents, and what was told",
        description="Who is told of incidents, what was told to whom and when, and what the receivers answered.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = tell.add_subparsers(title="actions", metavar="ACTION", required=True)
    shown = _add(actions, "list", "routes and messages, the newest first", _list)
    shown.add_argument("--route", metavar="ROUTE", help="only this one")
    shown.add_argument("--state", choices=_STATES, metavar="STATE", help=f"only these: {' '.join(_STATES)}")
    shown.add_argument("--limit", type=int, default=50, metavar="N", help="at most so many messages (default: 50)")
    _add(actions, "test", "send a test message, and say what happened", _test).add_argument("route", metavar="ROUTE")


def _add(actions: Subparsers, name: str, words: str, func: object) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=words, epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--config",
        type=Path,
        default=_LOCAL if _LOCAL.exists() else DEFAULT_PATH,
        metavar="FILE",
        help=f"configuration (default: {_LOCAL} here, else {DEFAULT_PATH})",
    )
    parser.set_defaults(func=func)
    return parser


def _list(options: argparse.Namespace) -> int:
    config = read(options.config, os.environ)
    routes = routes_of(config)
    database = database_of(config.registry)
    with closing(database):
        database.open()
        deliveries = Deliveries(database)
        names, asked = [route.name for route in routes], options.route
        if asked is not None and asked not in names and not deliveries.search(route=asked, limit=1):
            raise _unknown(asked, names)
        backlog = deliveries.backlog()
        rows = deliveries.search(route=options.route, state=options.state, limit=max(1, options.limit))
    for route in routes:
        when = f"daily at {route.daily:%H:%M}" if route.daily is not None else "at once"
        left = backlog.get(route.name)
        waiting = f", {left.waiting} waiting, {left.held} held" if left is not None else ""
        _say(
            [f"route {route.name}: {route.address}, {when}, {route.language}, from {route.wanted.severity} up{waiting}"]
        )
    if not routes:
        _say(["no routes: nobody is told of anything; write [[tell.routes]] into the configuration"])
    if rows:
        _say(_HEAD)
    for row in rows:
        _say(_cells(row))
    return 0


def _cells(row: Row[Any]) -> list[str]:
    told = f"{row.told:%Y-%m-%d %H:%M:%S}" if row.told is not None else "-"
    answer = row.silenced_by if row.state in {"held", "silenced"} else row.answer
    made, what = f"{row.made:%Y-%m-%d %H:%M:%S}", row.incident or row.key
    return [made, row.route, row.kind, what, row.state, str(row.attempts), told, one_line(answer or "-", 300)]


def _unknown(name: str, known: Iterable[str]) -> UsageError:
    """That there is no such route, and which there are."""
    return UsageError(f"there is no route {name!r}; those of the configuration: {', '.join(sorted(known)) or 'none'}")


def _test(options: argparse.Namespace) -> int:
    config = read(options.config, os.environ)
    routes = {route.name: route for route in routes_of(config)}
    route = routes.get(options.route)
    if route is None:
        raise _unknown(options.route, routes)
    answer = asyncio.run(_tested(config, route))
    database = database_of(config.registry)
    with closing(database):
        database.open()
        Deliveries(database).record_test(route.name, answer.said, at=datetime.now(UTC), sent=_is_taken(answer))
    if not _is_taken(answer):
        raise CollectorError(f"{route.name} ({route.address}) has not taken the test message: {answer.said}")
    _say([f"{route.name} ({route.address}) has taken the test message: {answer.said}"])
    return 0


def _is_taken(answer: Answer) -> bool:
    return answer.outcome == "confirmed"


async def _tested(config: CollectorConfig, route: Route) -> Answer:
    drawn = uuid.uuid4().hex
    async with aiohttp.ClientSession(headers={"User-Agent": "linkgauge-collector"}) as session:
        wire = Wire(session, lambda: datetime.now(UTC))
        async with Channels(config, wire).opened([route]) as channels:
            return await channels[route.name].send(Parcel(drawn, "test", ("{}",), (), drawn))


def _say(cells: Sequence[str]) -> None:
    sys.stdout.write("\t".join(cells) + "\n")
