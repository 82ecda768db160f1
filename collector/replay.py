"""`linkgauge-collector incident replay`: derive incidents from the stored series again; say what is not the same."""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from collector.chain.course import SLACK, Seen, Spacing
from collector.chain.marks import Step, World, steps
from collector.chain.rows import SHAPES, THROUGHPUT, Rows
from collector.config import DEFAULT_PATH, CollectorConfig, read, secret
from collector.errors import UsageError
from collector.explain.comparison import WORDS, comparisons
from collector.explain.courses import courses
from collector.figures.figures import Figures
from collector.incidents.history import History
from collector.incidents.incident import Incident
from collector.incidents.replay import Compared
from collector.ledger.period import period
from collector.plans.load import load_plans
from collector.registry.database import Database, database_of
from collector.registry.registry import Registry
from collector.store.open import store_from_url
from collector.store.points import nanoseconds
from collector.store.store import Store

Subparsers = Any  # argparse names this class with an underscore
_LOCAL: Final = Path("collector.toml")
_AT_ONCE: Final = 50
"""Sites whose rows are in memory at one time."""
_DAYS: Final = 60
_EPILOG: Final = """examples:
  linkgauge-collector incident replay                              the last 60 days of every site
  linkgauge-collector incident replay --site ls-huulung-th1 --from 2026-10-01 --to 2026-11-15
Nothing is changed. What the judge of the running service has not come to yet is a difference, too.
exit codes: 0 all are the same; 1 some are not; 2 wrong usage"""


@dataclass(frozen=True, slots=True)
class Case:
    """One site: its rows by kind, what it was asked, its recorded incidents and those of groups that it was in."""

    site: str
    kinds: Mapping[str, Rows]
    steps: Sequence[Step]
    incidents: Sequence[Incident]
    spacing: Spacing


def add_command(actions: Subparsers) -> None:
    """Add `replay` to the actions of `incident`."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "replay",
        help="derive incidents from the stored series again",
        description="Derive incidents from the stored series again, and say what differs from what is recorded.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--site", metavar="ID", help="only this site")
    parser.add_argument("--from", dest="first", metavar="DAY", help=f"from this day on (default: {_DAYS} days ago)")
    parser.add_argument("--to", dest="last", metavar="DAY", help="until this day, included (default: now)")
    parser.add_argument(
        "--config",
        type=Path,
        default=_LOCAL if _LOCAL.exists() else DEFAULT_PATH,
        metavar="FILE",
        help=f"configuration (default: {_LOCAL} here, else {DEFAULT_PATH})",
    )
    parser.set_defaults(func=_run)


def replayed(case: Case, start: datetime, at: datetime) -> list[Compared]:
    """Each cause of a site from `start` on, held against what its rows make; `at`: up to when they were read."""
    own = [one for one in case.incidents if one.site == case.site and one.opened <= at]
    walked = courses(Seen(case.kinds, case.steps, at, case.spacing), own)
    return comparisons(walked, case.incidents, case.kinds, case.site, at, start)


def _run(options: argparse.Namespace) -> int:
    settings = read(options.config, os.environ)
    zone, now = ZoneInfo(settings.web.zone), datetime.now(UTC)
    start, end = _moments(options, zone, now)
    database = database_of(settings.registry)
    database.open()
    try:
        return asyncio.run(_replay(options.site, (start, end), settings, database))
    finally:
        database.close()


def _moments(options: argparse.Namespace, zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    first = period(options.first)[0] if options.first else now.astimezone(zone).date() - timedelta(days=_DAYS)
    start = datetime.combine(first, time(), zone).astimezone(UTC)
    end = now + SLACK  # a device's clock may be ahead of ours: the judge looks so far, too
    if options.last:
        end = min(end, datetime.combine(period(options.last)[1] + timedelta(days=1), time(), zone).astimezone(UTC))
    if start >= min(end, now):
        raise UsageError("--from must be a day before --to, and not in the future")
    return start, end


async def _replay(
    site: str | None, span: tuple[datetime, datetime], settings: CollectorConfig, database: Database
) -> int:
    registry, history = Registry(database), History(database)
    snapshot = registry.snapshot()
    if site is not None and site not in snapshot.sites:
        raise UsageError(f"there is no site {site!r}; see: linkgauge-collector site list")
    world = World(load_plans(settings.plans.folder), Figures(database).references())
    recorded = [one for some in history.recorded(span[0]).values() for one in some]
    spacing = Spacing(timedelta(seconds=settings.judge.spacing_s), timedelta(seconds=settings.judge.spacing_s / 2))
    names = list(snapshot.sites) if site is None else [site]
    token = secret(settings.store.token, settings.store.token_file, "store.token_file")
    store = store_from_url(settings.store.url, token=token, timeout_s=settings.store.timeout_s)
    await store.open()
    agree = faults = untold = 0
    try:
        for first in range(0, len(names), _AT_ONCE):
            group = names[first : first + _AT_ONCE]
            rows = await _read(store, group, span)
            for name in group:
                asked_then = steps(snapshot.sites[name], world, start=span[0] - THROUGHPUT.span, end=span[1])
                incidents = [one for one in recorded if one.site == name or name in one.children]
                case = Case(name, rows[name], asked_then, incidents, spacing)
                for found in replayed(case, *span):
                    agree, faults, untold = agree + found.agree, faults + len(found.differences), untold + found.untold
                    sys.stdout.writelines(_lines(name, found))
    finally:
        await store.close()
    rest = f"; of {untold} it cannot be told any more" if untold else ""
    sys.stderr.write(f"{agree} incidents are as the measurements make them; {faults} differ{rest}\n")
    return 1 if faults else 0


async def _read(store: Store, sites: Sequence[str], span: tuple[datetime, datetime]) -> dict[str, dict[str, Rows]]:
    """Rows of the span, and before it as many as the judge has when it starts: its detectors learn from them."""
    found: dict[str, dict[str, Rows]] = {site: {} for site in sites}
    for shape in SHAPES:
        start_ns, end_ns = nanoseconds(span[0] - shape.span), nanoseconds(span[1])
        whole = replace(shape, most=1_000_000)
        there = await store.values(shape.kind, shape.columns, sites=sites, start_ns=start_ns, end_ns=end_ns)
        for site, values in there.items():
            rows = found[site][shape.kind] = Rows(whole)
            rows.put(start_ns, values)
    return found


def _lines(site: str, found: Compared) -> Iterator[str]:
    for one in found.differences:
        named = f"  {one.incident}" if one.incident else ""
        yield f"{site}  {found.cause}  {one.opened:%Y-%m-%d %H:%M:%S} UTC{named}: {WORDS[one.fault].en}\n"
