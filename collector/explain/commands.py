"""`linkgauge-collector explain SITE`: from samples to verdict to incident, with the numbers."""

import argparse
import asyncio
import os
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from collector.chain.course import Spacing
from collector.chain.marks import World
from collector.config import DEFAULT_PATH, CollectorConfig, read, secret
from collector.errors import UsageError
from collector.explain.account import Account
from collector.explain.reading import Wish, account
from collector.explain.text import lines
from collector.figures.figures import Figures
from collector.incidents.history import History
from collector.plans.load import load_plans
from collector.registry.database import database_of
from collector.registry.registry import Registry
from collector.store.open import store_from_url

Subparsers = Any  # argparse names this class with an underscore
_LOCAL: Final = Path("collector.toml")
_EXAMPLES: Final = """examples:
  linkgauge-collector explain ls-huulung-th1
  linkgauge-collector explain ls-huulung-th1 --question contract --at 2026-10-31T17:00Z
  linkgauge-collector explain ls-huulung-th1 --plan quang-ninh-2030   as if it were under another plan
no service has to run: registry, series and incidents are read as they are stored; times are UTC
"""


def add_command(commands: Subparsers) -> None:
    """Add `explain`; it sets `func`, which answers the exit code."""
    explain = commands.add_parser(
        "explain",
        help="why a site is judged as it is: every sample, rank and step",
        description="The whole chain of one site: what binds it, every run, the sums, the verdicts, the detectors' "
        "steps, the incidents, and whether the data give the same incidents again.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    explain.add_argument("site", metavar="SITE")
    explain.add_argument("--plan", metavar="P", help="as if the site were under this plan")
    explain.add_argument("--question", choices=("plan", "contract"), help="only this one")
    explain.add_argument("--at", metavar="TIME", help="as of then, for example 2026-10-31T17:00Z (default: now)")
    explain.add_argument("--all", action="store_true", help="every step of the detectors, not only the last ones")
    explain.add_argument("--json", action="store_true", help="all of it as one JSON object")
    explain.add_argument(
        "--config",
        type=Path,
        default=_LOCAL if _LOCAL.exists() else DEFAULT_PATH,
        metavar="FILE",
        help=f"configuration (default: {_LOCAL} here, else {DEFAULT_PATH})",
    )
    explain.set_defaults(func=explain_site)


def explain_site(options: argparse.Namespace) -> int:
    """Print the chain of one site."""
    settings = read(options.config, os.environ)
    at = datetime.now(UTC) if options.at is None else moment(options.at)
    found = asyncio.run(_account(settings, Wish(options.site, at, options.plan, options.question)))
    if options.json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in lines(found, everything=options.all)))
    return 0


def moment(text: str) -> datetime:
    """A moment as people write it; without a zone it is UTC. Raises UsageError."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--at {text!r} is not a time; write it like 2026-10-31T17:00Z") from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


async def _account(settings: CollectorConfig, wish: Wish) -> Account:
    token = secret(settings.store.token, settings.store.token_file, "store.token_file")
    store = store_from_url(settings.store.url, token=token, timeout_s=settings.store.timeout_s)
    registry = Registry(database_of(settings.registry))
    with closing(registry):
        await asyncio.to_thread(registry.open)
        snapshot = await asyncio.to_thread(registry.snapshot)
        references = await asyncio.to_thread(Figures(registry.database).references)
        world = World(load_plans(settings.plans.folder), references)
        await store.open()
        try:
            search, apart_s = History(registry.database).search, settings.judge.spacing_s
            spacing = Spacing(timedelta(seconds=apart_s), timedelta(seconds=apart_s / 2))
            return await account(wish, snapshot, world, store, search, spacing)
        finally:
            await store.close()
