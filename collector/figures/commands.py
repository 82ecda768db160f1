"""`linkgauge-collector figure …`: reported figures and reference series at the terminal."""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from collector.figures.figure import Change, Figure, told
from collector.figures.figures import Figures
from collector.figures.figures_sheet import COLUMNS, REQUIRED, area_of, parse, rows_of
from collector.plans.binding import PLAN_ZONE
from collector.plans.load import load_plans
from collector.plans.period import FORMS, period
from collector.registry.cells import written
from collector.registry.commands import registry_settings, table
from collector.registry.database import database_of
from collector.registry.journal import Author, person, sealed
from collector.registry.plan_files import plans_folder
from collector.registry.sheet import SheetError
from collector.registry.sheet_file import named, read_lines, write_lines

Clock = Callable[[], datetime]
Subparsers = Any  # argparse names this class with an underscore
_SHOWN: Final = 200
EXAMPLES: Final = f"""examples:
  linkgauge-collector figure import figures.csv --dry-run      what would change; nothing is written
  linkgauge-collector figure import figures.xlsx --who "Phòng BCVT"
  linkgauge-collector figure list --plan lang-son-2025
  linkgauge-collector figure list --history                    also what was before, by whom and when
  linkgauge-collector figure export figures.xlsx
  linkgauge-collector figure withdraw ispeed_mobile_download_mbps 2026-09
columns of the file, in any order (a sample: deploy/collector/figures.csv):
  {",".join(COLUMNS)}
  needed: {" ".join(REQUIRED)}; period: {FORMS}; area: province or province/commune
  no plan and no area: a figure of the nation, which "about the national average" is held against
"""


def _utc_now() -> datetime:
    return datetime.now(UTC)


def add_commands(subparsers: Subparsers, *, clock: Clock = _utc_now) -> None:
    """Add `figure`; each action sets `func`, which answers the exit code."""
    figure = _parser(subparsers, "figure", "reported figures and reference series: import, list, export, withdraw")
    actions = figure.add_subparsers(dest="action", required=True, metavar="ACTION")
    bring = _parser(actions, "import", "enter and correct figures from a CSV or XLSX file, all or nothing")
    bring.add_argument("file", type=Path, metavar="FILE")
    bring.add_argument("--dry-run", action="store_true", help="say what would change and write nothing")
    _runs(bring, lambda options: import_figures(options, clock), who=True)
    listing = _narrowed(_parser(actions, "list", "print figures"))
    listing.add_argument("--history", action="store_true", help="also what was before, by whom and when")
    _runs(listing, list_figures)
    send = _narrowed(_parser(actions, "export", "write figures to a CSV or XLSX file"))
    send.add_argument("file", type=Path, metavar="FILE")
    _runs(send, export_figures)
    back = _parser(actions, "withdraw", "take a figure back that was entered by mistake")
    back.add_argument("indicator", metavar="INDICATOR")
    back.add_argument("period", metavar="PERIOD")
    back.add_argument("--plan", metavar="PLAN", default="")
    back.add_argument("--area", metavar="AREA", default="")
    _runs(back, lambda options: withdraw(options, clock), who=True)


def _parser(subparsers: Subparsers, name: str, about: str) -> argparse.ArgumentParser:
    make: Callable[..., argparse.ArgumentParser] = subparsers.add_parser
    raw = argparse.RawDescriptionHelpFormatter
    return make(name, help=about, description=about, epilog=EXAMPLES, formatter_class=raw)


def _narrowed(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--plan", metavar="PLAN", help='only under this plan; "": under none')
    parser.add_argument("--indicator", metavar="INDICATOR", help="only of this one")
    return parser


def _runs(parser: argparse.ArgumentParser, func: Callable[[argparse.Namespace], int], *, who: bool = False) -> None:
    parser.add_argument("--config", metavar="FILE", help="collector configuration")
    parser.add_argument("--registry", metavar="URL", help="the registry's database, instead of the configured one")
    if who:
        parser.add_argument("--who", metavar="NAME", help="recorded as who entered it (default: the system's user)")
    parser.set_defaults(func=func)


def import_figures(options: argparse.Namespace, clock: Clock) -> int:
    """Import a file of figures and print what changed."""
    who = person(options.who)
    lines = read_lines(options.file)
    now = clock()
    try:
        sheet = parse(lines, plans=load_plans(plans_folder(options.config)), today=now.astimezone(PLAN_ZONE).date())
    except SheetError as error:
        raise named(error, options.file) from error
    with _figures(options) as figures:
        seal = sealed(Author(who, "terminal", options.file.name), "figures", told, now=now)
        changes = figures.bring(sheet.figures, who=who, now=now, dry=options.dry_run, seal=seal)
    _say(*(f"note: {remark}" for remark in sheet.remarks))
    _say(*map(_told, changes[:_SHOWN]))
    if len(changes) > _SHOWN:
        _say(f"... and {len(changes) - _SHOWN} more")
    added = sum(change.before is None for change in changes)
    counts = f"{added} added, {len(changes) - added} changed, {len(sheet.figures) - len(changes)} unchanged"
    _say(f"{options.file}: {counts}" + (" (dry run: nothing was written)" if options.dry_run else ""))
    return 0


def list_figures(options: argparse.Namespace) -> int:
    """Print figures, one a line."""
    with _figures(options) as figures:
        entries = figures.entries(plan=options.plan, indicator=options.indicator, history=options.history)
    rows = [
        (
            *_place(entry.figure),
            _value(entry.figure),
            entry.who,
            f"{entry.entered:%Y-%m-%d %H:%MZ}",
            entry.figure.source,
        )
        for entry in entries
    ]
    _say(*table(("plan", "indicator", "area", "period", "value", "who", "entered", "source"), rows))
    return 0


def export_figures(options: argparse.Namespace) -> int:
    """Write figures as `import` reads them; the file appears whole or not at all."""
    with _figures(options) as figures:
        found = [entry.figure for entry in figures.entries(plan=options.plan, indicator=options.indicator)]
    write_lines(options.file, rows_of(found), title="figures")
    _say(f"{options.file}: {len(found)} figures")
    return 0


def withdraw(options: argparse.Namespace, clock: Clock) -> int:
    """Take one figure back."""
    key = (options.plan, options.indicator, area_of(options.area) if options.area else "", period(options.period).text)
    with _figures(options) as figures:
        who, now = person(options.who), clock()
        change = figures.take_back(
            key, who=who, now=now, seal=sealed(Author(who, "terminal"), "figures", told, now=now)
        )
    _say(_told(change))
    return 0


@contextmanager
def _figures(options: argparse.Namespace) -> Iterator[Figures]:
    database = database_of(registry_settings(options.config, options.registry))
    database.open()
    try:
        yield Figures(database)
    finally:
        database.close()


def _told(change: Change) -> str:
    after = change.after
    name = " ".join(part for part in _place(after) if part != "-")
    if change.before is None:
        return f"{name}: {_value(after)} ({after.source})"
    before = change.before.figure
    if after.value is None:
        return f"{name}: {_value(before)} was taken back"
    parts = [f"{_value(before)} -> {_value(after)}"] if before.value != after.value else []
    parts += [
        f"{column}: {old or '(empty)'} -> {new or '(empty)'}"
        for column, old, new in (("source", before.source, after.source), ("note", before.note, after.note))
        if old != new
    ]
    return f"{name}: {', '.join(parts)}"


def _place(figure: Figure) -> tuple[str, str, str, str]:
    return figure.plan or "-", figure.indicator, figure.area or "-", figure.period.text


def _value(figure: Figure) -> str:
    return "(taken back)" if figure.value is None else f"{written(figure.value)} {figure.unit}"


def _say(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
