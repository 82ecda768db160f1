"""`linkgauge-collector village …` and `place …`: villages and administrative units at the terminal."""

import argparse
import functools
import gc
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

from collector.errors import UsageError
from collector.places import units_sheet, villages_sheet
from collector.places.faults_sheet import placed
from collector.places.gazetteer import Gazetteer, meant, span
from collector.places.placement import remarks
from collector.places.places import (
    Entry,
    PlaceError,
    Places,
    PopulationChange,
    UnitChange,
    population_told,
    unit_told,
    withdrawn_told,
)  # fmt: skip
from collector.places.unit import LEVELS, Population, Unit
from collector.places.units_sheet import Units
from collector.places.villages_sheet import Villages
from collector.registry.cells import day_of, written
from collector.registry.commands import registry_settings, table
from collector.registry.database import Database, database_of
from collector.registry.journal import Author, Subject, person, sealed
from collector.registry.sheet import Line, SheetError
from collector.registry.sheet_file import named, read_lines, write_lines
from collector.registry.site import Site

Clock = Callable[[], datetime]
Subparsers = Any  # argparse names this class with an underscore
_SHOWN: Final = 200
_COUNTRY: Final = timezone(timedelta(hours=7))
"""Units begin and end by the country's days, wherever this machine stands."""
VILLAGE_EXAMPLES: Final = f"""examples:
  linkgauge-collector village import villages.csv --dry-run     what would change; nothing is written
  linkgauge-collector village import villages.xlsx
  linkgauge-collector village export villages.xlsx
  linkgauge-collector village list --commune lang-son/huu-lung
columns of the file, in any order (a sample: deploy/collector/villages.csv):
  {",".join(villages_sheet.COLUMNS)}
  needed: {" ".join(villages_sheet.REQUIRED)}; days as YYYY-MM-DD, valid_until is the last day; Vietnamese headers
  (Mã thôn, Tên thôn, Xã, Tỉnh, Vĩ độ, Kinh độ, Dân số, Số hộ, Từ ngày, Đến ngày) are understood too
"""
PLACE_EXAMPLES: Final = f"""examples:
  linkgauge-collector place list                                today's provinces
  linkgauge-collector place list bac-ninh --all                 its communes, also those that are no more
  linkgauge-collector place show bac-giang                      from when to when, and what it became
  linkgauge-collector place import communes-2025.xlsx --dry-run
  linkgauge-collector place withdraw bac-giang/tan-moc          take back what was imported by mistake
columns of a file of units, in any order:
  {",".join(units_sheet.COLUMNS)}
  needed: {" ".join(units_sheet.REQUIRED)}; parent: the path of what it lies in (bac-giang, bac-ninh/luc-ngan)
  successors: what it became on the day after valid_until, with | between several (bac-ninh/luc-ngan, or Lục Ngạn)
columns of a file of populations:
  {",".join(units_sheet.POPULATION_COLUMNS)}
"""


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _today(now: datetime) -> date:
    return now.astimezone(_COUNTRY).date()


def add_commands(subparsers: Subparsers, *, clock: Clock = _utc_now) -> None:
    """Add `village` and `place`; each sets `func`, which answers the exit code."""
    village = _parser(subparsers, "village", "villages: import, export, list", VILLAGE_EXAMPLES)
    actions = village.add_subparsers(dest="action", required=True, metavar="ACTION")
    bring = _file(_parser(actions, "import", "add and correct villages, all or nothing", VILLAGE_EXAMPLES))
    _runs(bring, lambda options: import_villages(options, clock), writes=True)
    send = _parser(actions, "export", "write all villages to a CSV or XLSX file", VILLAGE_EXAMPLES)
    send.add_argument("file", type=Path, metavar="FILE")
    _runs(send, export_villages)
    show = _parser(actions, "list", "print villages", VILLAGE_EXAMPLES)
    show.add_argument("--commune", metavar="PATH", help="of this commune only, as province/commune")
    _runs(show, list_villages)
    _add_place(subparsers, clock)


def _add_place(subparsers: Subparsers, clock: Clock) -> None:
    place = _parser(subparsers, "place", "provinces, communes and what became of them", PLACE_EXAMPLES)
    actions = place.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = _parser(actions, "list", "print provinces, or the units of one", PLACE_EXAMPLES)
    listing.add_argument("parent", nargs="?", metavar="PATH")
    listing.add_argument("--all", action="store_true", help="also those that are no more")
    _runs(listing, lambda options: list_places(options, clock))
    show = _parser(actions, "show", "all that is known of one place", PLACE_EXAMPLES)
    show.add_argument("path", metavar="CODE")
    _runs(show, lambda options: show_place(options, clock))
    bring = _file(_parser(actions, "import", "add and correct units, or populations", PLACE_EXAMPLES))
    _runs(bring, lambda options: import_places(options, clock), writes=True)
    send = _parser(actions, "export", "write all units that were imported to a CSV or XLSX file", PLACE_EXAMPLES)
    send.add_argument("file", type=Path, metavar="FILE")
    _runs(send, export_places)
    back = _parser(actions, "withdraw", "take back a period that was imported", PLACE_EXAMPLES)
    back.add_argument("path", metavar="PATH")
    back.add_argument("--from", dest="begins", metavar="DAY", help="the period's first day; without: that has none")
    _runs(back, lambda options: withdraw(options, clock), writes=True)


def _parser(subparsers: Subparsers, name: str, about: str, examples: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name, help=about, description=about, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    return parser


def _file(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--dry-run", action="store_true", help="say what would change and write nothing")
    return parser


def _runs(parser: argparse.ArgumentParser, func: Callable[[argparse.Namespace], int], *, writes: bool = False) -> None:
    parser.add_argument("--config", metavar="FILE", help="collector configuration")
    parser.add_argument("--registry", metavar="URL", help="the registry's database, instead of the configured one")
    if writes:
        parser.add_argument("--who", metavar="NAME", help="recorded as who did it (default: the system's user)")
    parser.set_defaults(func=func)


def import_villages(options: argparse.Namespace, clock: Clock) -> int:
    """Import a file of villages and print what changed."""
    with _uncollected():
        lines = read_lines(options.file)
        return _import_villages(options, lines, clock)


def _import_villages(options: argparse.Namespace, lines: Sequence[Line], clock: Clock) -> int:
    with _places(options) as places, _in_file(options.file):
        sheet = villages_sheet.parse(lines, places.gazetteer())
        changes = _brought(places, sheet, options, clock)
    _told(options, (line for change in changes for line in described(change)))
    _counted(options, changes, len(sheet.units))
    return 0


def site_remarks(database: Database, now: datetime) -> Callable[[Site], Iterable[tuple[str, str, bool]]]:
    """What answers the remarks on a site's places, as the registry's commands ask for them."""
    gazetteer, today = Places(database).gazetteer(), _today(now)

    @functools.cache
    def on(province: str, commune: str) -> list[tuple[str, str, bool]]:
        site = Site("x", "x", "other", "rural", province, commune)
        return [(each.column, each.text, each.is_doubtful) for each in remarks(site, gazetteer, today)]

    return lambda site: on(site.province, site.commune)


def export_villages(options: argparse.Namespace) -> int:
    """Write all villages in all their periods; the file appears whole or not at all."""
    with _places(options) as places:
        villages = places.villages()
    write_lines(options.file, villages_sheet.rows_of(villages), title="villages")
    _say(f"{options.file}: {len(villages)} villages")
    return 0


def list_villages(options: argparse.Namespace) -> int:
    """Print villages."""
    with _places(options) as places:
        found = [unit for unit in places.villages() if options.commune in (None, unit.parent)]
    rows = [
        (unit.path, unit.title, _or(unit.population), _or(unit.households), _or(unit.valid_from), _or(unit.valid_until))
        for unit in found
    ]
    _say(*table(("village", "name", "population", "households", "from", "until"), rows))
    return 0


def import_places(options: argparse.Namespace, clock: Clock) -> int:
    """Import a file of units or of populations and print what changed."""
    lines = read_lines(options.file)
    if units_sheet.has_populations(lines):
        return _import_populations(options, lines, clock)
    with _places(options) as places, _in_file(options.file):
        sheet = units_sheet.parse(lines, places.gazetteer())
        changes = _brought(places, sheet, options, clock)
    _told(options, (line for change in changes for line in described(change)))
    _counted(options, changes, len(sheet.units))
    return 0


def _import_populations(options: argparse.Namespace, lines: Sequence[Line], clock: Clock) -> int:
    with _places(options) as places, _in_file(options.file):
        figures = units_sheet.parse_populations(lines, places.gazetteer())
        now = clock()
        seal = sealed(_author(options, options.file), "populations", population_told, now=now)
        changes = places.import_populations(figures, now=now, dry=options.dry_run, seal=seal)
    _told(options, map(_figure_told, changes))
    _counted(options, changes, len(figures))
    return 0


def _brought(places: Places, sheet: Villages | Units, options: argparse.Namespace, clock: Clock) -> list[UnitChange]:
    """Import units; what they cannot be is said at the cells that say so."""
    now = clock()
    subject: Subject = "villages" if isinstance(sheet, Villages) else "places"
    seal = sealed(_author(options, options.file), subject, unit_told, now=now)
    try:
        return places.import_units(sheet.units, now=now, keep=sheet.absent, dry=options.dry_run, seal=seal)
    except PlaceError as error:
        raise placed(error.faults, sheet) from error


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without looking for garbage in circles: a million cells are held, and looking them through takes a third more."""
    had = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if had:
            gc.enable()


@contextmanager
def _in_file(path: Path) -> Iterator[None]:
    try:
        yield
    except SheetError as error:
        raise named(error, path) from error


def export_places(options: argparse.Namespace) -> int:
    """Write all units that were imported, in all their periods; the file appears whole or not at all."""
    with _places(options) as places:
        units = places.imported()
    write_lines(options.file, units_sheet.rows_of(units), title="places")
    _say(f"{options.file}: {len(units)} units")
    return 0


def list_places(options: argparse.Namespace, clock: Clock) -> int:
    """Print provinces, or the units of one."""
    today = _today(clock())
    with _places(options) as places:
        gazetteer = places.gazetteer()
    parent = _known(gazetteer, options.parent).path if options.parent else None
    found = [unit for unit in gazetteer.within(parent) if options.all or unit.holds_on(today)]
    found.sort(key=lambda unit: (LEVELS.index(unit.level), unit.path, unit.valid_from or date.min))
    rows = [
        (unit.path, unit.title, unit.official or "-", _or(unit.valid_from), _or(unit.valid_until), _heirs(unit))
        for unit in found
    ]
    _say(*table(("path", "name", "number", "from", "until", "became"), rows))
    return 0


def show_place(options: argparse.Namespace, clock: Clock) -> int:
    """Print all that is known of one place."""
    today = _today(clock())
    with _places(options) as places:
        gazetteer = places.gazetteer()
        periods = list(gazetteer.periods(options.path)) or places.periods(options.path)
        figures = places.populations(options.path)
        history = places.history(options.path)
    for unit in periods or [_known(gazetteer, options.path)]:
        _say(*_period(unit, gazetteer, today))
    _say(*_entries(history))
    _say(*(f"  {each.year}: {each.population} people{_households(each)} ({each.source})" for each in figures))
    return 0


def _period(unit: Unit, gazetteer: Gazetteer, today: date) -> Iterator[str]:
    yield f"{unit.path}: {unit.title}, {unit.level} {span(unit)}" + (
        f", number {unit.official}" if unit.official else ""
    )
    if unit.district:
        yield f"  in {unit.district}"
    before = gazetteer.predecessors(unit)
    if before:
        yield "  made of " + ", ".join(f"{each.title} ({each.path})" for each in before)
    if unit.ended_before(today):
        present = gazetteer.current_of(unit, today)
        one = "part of " if len(present.units) == 1 else "one or several of "
        names = " | ".join(f"{each.title} ({each.path})" for each in present.units)
        yield f"  since {unit.day_after()} {one}{names}" if names else "  what it became is not known: place import"
    inside = [
        each for each in gazetteer.within(unit.path) if unit.valid_until is None or each.holds_on(unit.valid_until)
    ]
    if inside:
        yield f"  {len(inside)} units in it: place list {unit.path}"
    if unit.population is not None:
        yield f"  {unit.population} people, {_or(unit.households)} households"
    if unit.source:
        yield f"  source: {unit.source}"


def _entries(history: Sequence[Entry]) -> Iterator[str]:
    """Who reads a figure may ask since when it has been so: what was entered when."""
    last: dict[date | None, Unit] = {}
    for entry in history:
        unit, when = entry.unit, f"{entry.at:%Y-%m-%d %H:%M:%SZ}"
        before = last.pop(unit.valid_from, None)
        if entry.withdrawn:
            yield f"  {when} {span(unit)} withdrawn"
            continue
        last[unit.valid_from] = unit
        if before is None:
            yield f"  {when} {span(unit)} added"
        else:
            yield from (f"  {when} {line.partition(': ')[2]}" for line in described(UnitChange(before, unit)))


def withdraw(options: argparse.Namespace, clock: Clock) -> int:
    """Take back a period that was imported."""
    begins = day_of(options.begins) if options.begins else None
    if options.begins and begins is None:
        raise UsageError(f"--from: {options.begins!r} is not a day as YYYY-MM-DD")
    with _places(options) as places:
        now = clock()
        seal = sealed(_author(options), "places", withdrawn_told, now=now)
        unit = places.withdraw(options.path, begins, now=now, seal=seal)
    _say(f"{unit.path} {span(unit)}: withdrawn")
    return 0


def _author(options: argparse.Namespace, file: Path | None = None) -> Author:
    return Author(person(options.who), "terminal", file.name if file else "")


@contextmanager
def _places(options: argparse.Namespace) -> Iterator[Places]:
    database = database_of(registry_settings(options.config, options.registry))
    database.open()
    try:
        yield Places(database)
    finally:
        database.close()


def _known(gazetteer: Gazetteer, path: str) -> Unit:
    found = gazetteer.periods(path)
    if not found:
        parent, _, code = path.rpartition("/")
        near = gazetteer.nearest(code, parent or None, "commune" if parent else "province")
        raise UsageError(f"{path!r} is not known{meant(near)}")
    return found[-1]


def described(change: UnitChange) -> Iterator[str]:
    """Say what changed at one unit, a line each."""
    unit = change.after
    if change.before is None:
        became = f", then {_heirs(unit)}" if unit.successors else ""
        yield f"{unit.path}: added: {unit.title} {span(unit)}{became}"
        return
    for field in fields(Unit):
        before, after = getattr(change.before, field.name), getattr(unit, field.name)
        if before != after:
            yield f"{unit.path}: {field.name}: {_or(before)} -> {_or(after)}"


def _figure_told(change: PopulationChange) -> str:
    after, before = change.after, change.before
    was = "" if before is None else f" (was {before.population}{_households(before)}, {before.source})"
    return f"{after.path} {after.year}: {after.population} people{_households(after)}, {after.source}{was}"


def _households(figure: Population) -> str:
    return "" if figure.households is None else f", {figure.households} households"


def _heirs(unit: Unit) -> str:
    return " | ".join(unit.successors) or "-"


def _or(value: object) -> str:
    return "-" if value is None or value == () else written(value) if isinstance(value, float) else str(value)


def _told(options: argparse.Namespace, lines: Iterable[str]) -> None:
    """Print what changed; of a large file the first lines only, unless nothing was written yet."""
    for number, line in enumerate(lines):
        if number == _SHOWN and not options.dry_run:
            _say("… and more (a dry run shows all)")
            return
        _say(line)


def _counted(options: argparse.Namespace, changes: Sequence[UnitChange | PopulationChange], total: int) -> None:
    added = sum(change.before is None for change in changes)
    counts = f"{added} added, {len(changes) - added} changed, {total - len(changes)} unchanged"
    _say(f"{options.file}: {counts}" + (" (dry run: nothing was written)" if options.dry_run else ""))


def _say(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
