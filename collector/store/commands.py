"""`linkgauge-collector store …`: made ready, looked at, moved."""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from collector.config import DEFAULT_PATH, read, secret
from collector.errors import CollectorError, UsageError

if TYPE_CHECKING:
    from collector.store.copy import Copy, Tally
    from collector.store.foundation import Wishes
    from collector.store.open import Place

Subparsers = Any  # argparse names this class with an underscore
LOCAL_CONFIG: Final = "collector.toml"
CONFIGURED: Final = "configured"
_TIMEOUT_S: Final = 30.0
EXAMPLES: Final = """examples:
  linkgauge-collector store init --dry-run                what would be made; nothing is
  linkgauge-collector store init --keep-raw 400d          with ?raw=raw in store.url: roll-ups stay for ever
  linkgauge-collector store check                         will this database do? in words
  linkgauge-collector store copy sqlite:///var/lib/linkgauge/series.db configured
  linkgauge-collector store refill                        a lost database, written anew from the archive
exit codes: 0 done, or the store will do; 2 wrong usage or configuration; 1 anything else
"""
COPY_WORDS: Final = """Every point is compared by a hash, what is missing is written, and compared again; then the
whole source is looked at once more, for what arrived meanwhile. Stopped or killed, the same command goes on.
FROM and TO are store URLs, or `configured` for the store of the configuration. Memory is bounded; the source is
only read."""


def add_commands(commands: Subparsers) -> Subparsers:
    """Add `store` with its actions; gives these, for those that are done with more than the store."""
    store = commands.add_parser(
        "store",
        help="the time series: make, check, copy, refill",
        description="The time series: make what it needs, see whether it will do, move series, write them anew.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = store.add_subparsers(title="actions", metavar="ACTION", required=True)
    _add_init(actions)
    check = actions.add_parser(
        "check",
        help="whether the store will do",
        description="Reach the store, write a probe point, read it back, and say in words what was found.",
        epilog="example: linkgauge-collector store check --config /etc/linkgauge/collector.toml",
    )
    add_config(check)
    check.set_defaults(func=_check)
    _add_copy(actions)
    return actions


def _add_init(actions: Subparsers) -> None:
    init = actions.add_parser(
        "init",
        help="make what the store needs",
        description="Make database or buckets, retention, mappings; what is there already is left alone.",
        epilog="examples: linkgauge-collector store init --dry-run · linkgauge-collector store init --keep-raw 400d",
    )
    init.add_argument("--keep-raw", metavar="TIME", help="keep raw measurements so long: 400d, 60w, 2y, forever")
    init.add_argument("--shorten", action="store_true", help="allow a shorter time than now: older points are deleted")
    init.add_argument(
        "--admin-file", type=Path, metavar="FILE", help="user:password (1.x) or token of an administrator"
    )
    init.add_argument("--dry-run", action="store_true", help="only say what would be made")
    add_config(init)
    init.set_defaults(func=_init)


def _add_copy(actions: Subparsers) -> None:
    copy = actions.add_parser(
        "copy",
        help="move series to another store",
        description=COPY_WORDS,
        epilog="example: linkgauge-collector store copy sqlite:///var/lib/linkgauge/series.db configured",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    copy.add_argument("source", metavar="FROM", help="URL of the store to read")
    copy.add_argument("target", metavar="TO", help="URL of the store to fill")
    copy.add_argument("--from-token-file", type=Path, metavar="FILE", help="its token, or user:password")
    copy.add_argument("--to-token-file", type=Path, metavar="FILE", help="its token, or user:password")
    copy.add_argument("--only", action="append", default=[], metavar="MEASUREMENT", help="only this one; repeatable")
    copy.add_argument(
        "--patience", type=float, default=300.0, metavar="S", help="wait so long for a side (default 300)"
    )
    add_config(copy)
    copy.set_defaults(func=_copy)


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add `--config`."""
    local = Path(LOCAL_CONFIG)
    parser.add_argument(
        "--config",
        type=Path,
        default=local if local.exists() else DEFAULT_PATH,
        metavar="FILE",
        help=f"configuration (default: {local} here, else {DEFAULT_PATH})",
    )


def configured(options: argparse.Namespace) -> tuple[str, str | None, float]:
    """URL, token and timeout of the configuration's store."""
    settings = read(options.config, os.environ).store
    return settings.url, secret(settings.token, settings.token_file, "store.token_file"), settings.timeout_s


def _init(options: argparse.Namespace) -> int:
    from collector.store.foundation import Wishes
    from collector.store.keeping import span_of
    from collector.store.open import place_from_url

    url, token, timeout_s = configured(options)
    admin = token_from(options.admin_file, "--admin-file")
    place = place_from_url(url, token=token, timeout_s=timeout_s)
    if admin is not None and place.server is not None and place.server.version != 1:
        place = place_from_url(url, token=admin, timeout_s=timeout_s)
    if admin is not None and ":" not in admin and place.server is not None and place.server.version == 1:
        raise UsageError("--admin-file: InfluxDB 1.x wants one line user:password in it")
    keep = None if options.keep_raw is None else span_of(options.keep_raw)
    wishes = Wishes(keep, options.keep_raw is not None, options.shorten, admin)
    return asyncio.run(_make(place, wishes, dry=options.dry_run))


async def _make(place: "Place", wishes: "Wishes", *, dry: bool) -> int:
    from collector.store.foundation import steps_for

    steps = await steps_for(place, wishes)
    for step in steps:
        if not dry:
            await step.do()
        sys.stdout.write(f"{'would' if dry else 'done:'} {step.words}\n")
    if not steps:
        sys.stdout.write(f"{place.words}: all is there, nothing to make\n")
    return 0


def _check(options: argparse.Namespace) -> int:
    from collector.store.fitness import examine
    from collector.store.open import place_from_url, store_from_url

    url, token, timeout_s = configured(options)
    place = place_from_url(url, token=token, timeout_s=timeout_s)

    async def look() -> int:
        store = store_from_url(url, token=token, timeout_s=timeout_s)
        try:
            found = await examine(place, store, _now)
        finally:
            await store.close()
        for level, words in found.said:
            sys.stdout.write(f"{level:<4}  {words}\n")
        verdict = "this store will do" if found.will_do else "this store will not do as it is"
        sys.stdout.write(f"{place.words}: {verdict}\n")
        return 0 if found.will_do else 1

    return asyncio.run(look())


def _copy(options: argparse.Namespace) -> int:
    from collector.store.copy import Copy
    from collector.store.open import shelf_from_url, store_from_url

    source, source_token, source_s = _side(options, options.source, options.from_token_file, "--from-token-file")
    target, target_token, target_s = _side(options, options.target, options.to_token_file, "--to-token-file")
    if source == target:
        raise UsageError("FROM and TO are the same store")

    async def move() -> int:
        shelves = (
            shelf_from_url(source, token=source_token, timeout_s=source_s),
            shelf_from_url(target, token=target_token, timeout_s=target_s),
        )
        into = store_from_url(target, token=target_token, timeout_s=target_s)
        try:
            await shelves[0].measurements()
            await into.open()
            copy = Copy(*shelves, into, patience_s=options.patience)
            with _shown(copy):
                tallies = await copy.run(options.only)
        finally:
            for one in (*shelves, into):
                await one.close()
        return _tell(tallies, copy.late)

    return asyncio.run(move())


def _side(options: argparse.Namespace, url: str, token_file: Path | None, name: str) -> tuple[str, str | None, float]:
    if url == CONFIGURED:
        return configured(options)
    return url, token_from(token_file, name), _TIMEOUT_S


def token_from(path: Path | None, name: str) -> str | None:
    """Read a token from a file that an option names."""
    return None if path is None else secret(None, str(path), name)


def _tell(tallies: "dict[str, Tally]", late: int) -> int:
    """Say what became of each measurement; 0 when the target holds everything."""
    for name, tally in sorted(tallies.items()):
        if not (tally.source.count or tally.extra):
            continue
        words = "equal" if tally.good else f"NOT EQUAL: {tally.refused} refused, {tally.differing} differ"
        extra = f"; {tally.extra} more are in the target only" if tally.extra else ""
        count = f"{tally.source.count:>10} points  checksum {tally.source.words}"
        sys.stdout.write(f"{name:<24} {count}  {tally.written} written  {words}{extra}\n")
    if not any(tally.source.count for tally in tallies.values()):
        sys.stderr.write("nothing to copy: there are no such points in FROM; is its URL right, and --only?\n")
    bad = [tally for tally in tallies.values() if not tally.good]
    if bad:
        why = next(
            (tally.why for tally in bad if tally.why), "other fields stood there before; copy into an empty store"
        )
        raise CollectorError(f"the target does not hold everything: {why}")
    if late:
        raise CollectorError(
            f"points keep arriving in the source ({late} in the last pass): stop what writes there, "
            "and run this command again"
        )
    return 0


@contextmanager
def _shown(copy: "Copy") -> Iterator[None]:
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
        bars: dict[tuple[int, str], Any] = {}

        def tell(name: str, share: float, tally: "Tally") -> None:
            key = (copy.passes, name)
            if key not in bars:
                bars[key] = progress.add_task(name, total=1.0)
            verb = "copying" if copy.passes == 1 else "looking again at"
            words = f"{verb} {name}: {tally.source.count} points, {tally.written} written"
            progress.update(bars[key], completed=share, description=words)

        copy.tell = tell
        yield


def _now() -> datetime:
    return datetime.now(UTC)
