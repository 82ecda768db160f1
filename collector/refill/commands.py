"""`linkgauge-collector store refill`: the series written anew from the archive."""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from collector.config import read
from collector.errors import CollectorError, UsageError
from collector.store.commands import CONFIGURED, add_config, configured, token_from

if TYPE_CHECKING:
    from collector.refill.refill import Refill, Tally

Subparsers = Any  # argparse names this class with an underscore
_TIMEOUT_S: Final = 30.0
_SHOWN: Final = 10
WORDS: Final = """Every archived report becomes the very point that it was when it came in, so this may be stopped,
repeated, and done beside a running service. Memory is bounded; the archive is only read. Into the store of the
configuration, roll-ups are computed again by the process that leads. What agents said of themselves (status), verdicts
and incidents are not in the archive."""


def add_command(actions: Subparsers) -> None:
    """Add `refill` to the actions of `store`."""
    refill = actions.add_parser(
        "refill",
        help="write the series anew from the archive",
        description=WORDS,
        epilog="examples: linkgauge-collector store refill\n"
        "          linkgauge-collector store refill --period 2026-10 --to sqlite:///var/tmp/october.db",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    refill.add_argument(
        "--period", metavar="PERIOD", help="only what started in 2026, 2026-10, 2026-10-22 or FROM..TO, UTC"
    )
    refill.add_argument("--to", default=CONFIGURED, metavar="URL", help="another store than the configuration's")
    refill.add_argument("--to-token-file", type=Path, metavar="FILE", help="its token, or user:password")
    refill.add_argument(
        "--patience", type=float, default=300.0, metavar="S", help="wait so long for a database (default 300)"
    )
    add_config(refill)
    refill.set_defaults(func=_refill)


def _refill(options: argparse.Namespace) -> int:
    from collector.archive.archive import Archive, folder_from_url
    from collector.ledger.ledger import Ledger
    from collector.refill.refill import Refill
    from collector.registry.database import database_of
    from collector.registry.registry import Registry
    from collector.store.open import store_from_url

    window = None if options.period is None else _window(options.period)
    settings = read(options.config, os.environ)
    folder = folder_from_url(settings.archive.url)
    if not folder.is_dir():
        raise UsageError(f"archive {folder}: there is no such folder; name the right file with --config")
    url, token, timeout_s = _target(options)
    into = store_from_url(url, token=token, timeout_s=timeout_s)
    archive, registry = Archive(folder, writer=False), Registry(database_of(settings.registry))
    touch = Ledger(registry.database).touch if url == settings.store.url else None
    with closing(archive), closing(registry):
        archive.open()
        registry.open()
        refill = Refill(archive, registry, into, touch=touch, window=window, patience_s=options.patience)
        return _tell(asyncio.run(_run(refill, _reports(folder, window))), touched=touch is not None)


def _window(text: str) -> tuple[date, date]:
    from collector.ledger.period import period

    first, last = period(text)
    return first, last + timedelta(days=1)


def _target(options: argparse.Namespace) -> tuple[str, str | None, float]:
    if options.to == CONFIGURED:
        return configured(options)
    return options.to, token_from(options.to_token_file, "--to-token-file"), _TIMEOUT_S


def _reports(folder: Path, window: tuple[date, date] | None) -> int:
    """Count what there is to read."""
    from collector.archive.inventory import days
    from collector.refill.refill import AHEAD

    return sum(day.reports for day in days(folder) if window is None or day.day >= window[0] - AHEAD)


async def _run(refill: "Refill", reports: int) -> "Tally":
    try:
        await refill.into.open()
        with _shown(refill, reports):
            return await refill.run()
    finally:
        await refill.into.close()


def _tell(tally: "Tally", *, touched: bool) -> int:
    """Say what became of the reports; 0 when the store holds all that it can."""
    say = sys.stdout.write
    outside = f", {tally.outside} of them of other days" if tally.outside else ""
    say(f"{tally.read} reports read{outside}, {tally.written} points written\n")
    if tally.again:
        say(f"{tally.again} second copies, which count once\n")
    if tally.strangers:
        most = sorted(tally.strangers.items(), key=lambda one: (-one[1], one[0]))
        names = ", ".join(f"{name} {count}" for name, count in most[:_SHOWN])
        more = f" and {len(most) - _SHOWN} more" if len(most) > _SHOWN else ""
        say(f"without a site: {sum(tally.strangers.values())} reports of agents nobody registered: {names}{more}\n")
    if tally.unread:
        say(f"{tally.unread} this version cannot read; see linkgauge-collector archive verify\n")
    if tally.hours:
        say(f"{tally.hours} hours of sites are marked: whoever leads computes their roll-ups again\n")
    if not touched and tally.written:
        say("roll-ups are not in there: make it the configuration's store and run this again, or use store copy\n")
    if tally.read == tally.outside:
        sys.stderr.write("nothing to write: the archive holds nothing of that time\n")
    if tally.refused:
        raise CollectorError(f"the store refused {tally.refused} points for good: {tally.why}")
    return 0


@contextmanager
def _shown(refill: "Refill", reports: int) -> Iterator[None]:
    """A progress bar on a terminal; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("reading the archive", total=max(1, reports))

        def tell(tally: "Tally") -> None:
            words = f"{tally.read} reports read, {tally.written} points written"
            progress.update(bar, completed=min(tally.read, reports), description=words)

        refill.tell = tell
        yield
