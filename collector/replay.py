"""`linkgauge-collector incident replay`: derive incidents from the stored series again; say what is not the same."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from collector.chain.course import CAUSE_OF, Detector, Fold, Spacing, asked, fold, observed, questioned
from collector.chain.marks import Step, World, steps
from collector.chain.rows import SHAPES, THROUGHPUT, Rows, moment
from collector.config import DEFAULT_PATH, CollectorConfig, read, secret
from collector.detect import collapse, outage, shortfall
from collector.detect.episode import Episode
from collector.errors import UsageError
from collector.figures.figures import Figures
from collector.incidents.history import History, Key
from collector.incidents.incident import Incident, Subject
from collector.incidents.reconcile import Sight
from collector.incidents.replay import Compared, Timed, compared, stretches
from collector.ledger.period import period
from collector.plans.load import load_plans
from collector.registry.database import Database, database_of
from collector.registry.registry import Registry
from collector.store.open import store_from_url
from collector.store.points import nanoseconds
from collector.store.store import Store

Subparsers = Any  # argparse names this class with an underscore
_LOCAL: Final = Path("collector.toml")
S = TypeVar("S", shortfall.State, collapse.State, outage.State)
T = TypeVar("T", bound=Timed)
_AT_ONCE: Final = 50
"""Sites whose rows are in memory at one time."""
_DAYS: Final = 60
_WORDS: Final = {
    "missing": "the measurements make an incident that is not recorded",
    "unborne": "it is recorded, and the measurements do not make it",
    "still_open": "it is recorded as active, and the measurements say that it is over",
    "already_over": "it is recorded as over, and the measurements say that it goes on",
}
_EPILOG: Final = """examples:
  linkgauge-collector incident replay                              the last 60 days of every site
  linkgauge-collector incident replay --site ls-huulung-th1 --from 2026-10-01 --to 2026-11-15
Nothing is changed. What the judge of the running service has not come to yet is a difference, too.
exit codes: 0 all are the same; 1 some are not; 2 wrong usage"""


@dataclass(frozen=True, slots=True)
class Case:
    """One site: its rows by kind, what it was asked, its recorded incidents, and the groups it belonged to."""

    site: str
    kinds: Mapping[str, Rows]
    steps: Sequence[Step]
    recorded: Mapping[Key, Sequence[Incident]]
    parents: Sequence[Incident]
    spacing: Spacing

    def covers(self, detector: Detector) -> datetime | None:
        """The oldest row that a detector has looked at; of several kinds, from when on all of them are there."""
        kinds = self.kinds.keys() - {"ipv6"} if detector == "outage" else {THROUGHPUT.kind}
        return max((moment(rows.times[0]) for kind, rows in self.kinds.items() if kind in kinds and rows), default=None)


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


def replayed(case: Case, at: datetime) -> list[Compared]:
    """Each cause of a site, held against what its rows make; `at`: up to when they were read."""
    return [_replayed(case, detector, at) for detector in CAUSE_OF]


def _replayed(case: Case, detector: Detector, at: datetime) -> Compared:
    cause = CAUSE_OF[detector]
    recorded = [one for one in case.recorded.get((case.site, cause), ()) if one.opened <= at]
    episodes, newest = _derived(case, detector, recorded, at)
    parents = [parent for parent in case.parents if parent.cause == cause and case.site in parent.children]
    sight = Sight(Subject(case.site), cause, at, newest=newest, covers=case.covers(detector), parents=parents)
    return compared(recorded, episodes, sight)


def _derived(
    case: Case, detector: Detector, recorded: Sequence[Incident], at: datetime
) -> tuple[list[Episode], datetime | None]:
    """The episodes of a detector, each stretch by itself, and the newest measurement."""
    if detector == "outage":
        contacts = asked(case.kinds, after=None, at=at)
        return _folded(stretches(contacts, recorded), Fold(outage.START), outage.advance)
    question = questioned(case.steps) if detector == "collapse" else detector
    seen = observed(case.kinds.get(THROUGHPUT.kind), case.steps, question, after=None, at=at)
    parts = stretches(seen, recorded)
    if detector == "collapse":
        return _folded(parts, Fold(collapse.START), partial(collapse.advance, spacing=case.spacing.collapse))
    return _folded(parts, Fold(shortfall.START), partial(shortfall.advance, spacing=case.spacing.shortfall))


def _folded(
    parts: Sequence[Sequence[T]], start: Fold[S], advance: Callable[[S, T], S]
) -> tuple[list[Episode], datetime | None]:
    episodes = [episode for part in parts for episode in fold(start, part, advance).episodes]
    return episodes, max((part[-1].at for part in parts if part), default=None)


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
    end = now
    if options.last:
        end = min(now, datetime.combine(period(options.last)[1] + timedelta(days=1), time(), zone).astimezone(UTC))
    if start >= end:
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
    recorded = history.recorded(span[0])
    parents = [one for some in recorded.values() for one in some if one.group is not None]
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
                asked_then = steps(snapshot.sites[name], world, start=span[0], end=span[1])
                case = Case(name, rows[name], asked_then, recorded, parents, spacing)
                for found in replayed(case, span[1]):
                    agree, faults, untold = agree + found.agree, faults + len(found.differences), untold + found.untold
                    sys.stdout.writelines(_lines(name, found))
    finally:
        await store.close()
    rest = f"; of {untold} it cannot be told any more" if untold else ""
    sys.stderr.write(f"{agree} incidents are as the measurements make them; {faults} differ{rest}\n")
    return 1 if faults else 0


async def _read(store: Store, sites: Sequence[str], span: tuple[datetime, datetime]) -> dict[str, dict[str, Rows]]:
    found: dict[str, dict[str, Rows]] = {site: {} for site in sites}
    start_ns, end_ns = (nanoseconds(at) for at in span)
    for shape in SHAPES:
        whole = replace(shape, most=1_000_000)
        there = await store.values(shape.kind, shape.columns, sites=sites, start_ns=start_ns, end_ns=end_ns)
        for site, values in there.items():
            rows = found[site][shape.kind] = Rows(whole)
            rows.put(start_ns, values)
    return found


def _lines(site: str, found: Compared) -> Iterator[str]:
    for one in found.differences:
        named = f"  {one.incident}" if one.incident else ""
        yield f"{site}  {found.cause}  {one.opened:%Y-%m-%d %H:%M:%S} UTC{named}: {_WORDS[one.fault]}\n"
