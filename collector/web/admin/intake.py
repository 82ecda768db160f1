"""Reading an uploaded table, holding it against what is known, and bringing it in: one way for all kinds of tables.

The readers and the changes are those of the terminal's `import`. Blocks: called in a thread.
"""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeVar, get_args

from sqlalchemy import Connection

from collector.errors import UsageError
from collector.figures import figures_sheet
from collector.figures.figure import told as figure_told
from collector.places import units_sheet, villages_sheet
from collector.places.faults_sheet import placed
from collector.places.placement import called, remarks
from collector.places.places import PlaceError, UnitChange, period_key, population_told, unit_told
from collector.places.unit import Unit
from collector.places.units_sheet import Units
from collector.places.villages_sheet import Villages
from collector.plans.types import Plan
from collector.registry import sites_csv
from collector.registry.changes import site_told
from collector.registry.difference import Change
from collector.registry.journal import Seal
from collector.registry.sheet import Line, Row, SheetError, read_csv
from collector.registry.sheet_file import read_xlsx
from collector.registry.site import Site
from collector.web.admin.office import Office
from collector.web.admin.preview import Preview, Weighed, lines_of, previewed

T = TypeVar("T")
Kind = Literal["sites", "villages", "places", "figures"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
MAX_BYTES: Final = 10_000_000
MAX_UNPACKED: Final = 120_000_000
MAX_COLUMNS: Final = 256
_PASSES: Final = 3


_DONE: Final = Weighed((), {}, {})
"""Of what was brought in nothing is told: reading on could fail, and it would look as if nothing had been done."""


class StaleError(Exception):
    """What a person agreed to is not what the file would do now."""


@dataclass(frozen=True, slots=True)
class Round:
    """One going through: with what plans, when, by whom; with a seal it is done, without it is only weighed."""

    office: Office
    plans: Mapping[str, Plan]
    now: datetime
    today: datetime
    """Now, in the province's zone."""
    who: str = ""
    seal: Seal[Change] | None = None

    @property
    def dry(self) -> bool:
        """Whether nothing may be written."""
        return self.seal is None

    def sealing(self, told: Callable[[T], Change]) -> Seal[T]:
        """The seal, for changes that are to be told first."""

        def seal(connection: Connection, changes: Sequence[T]) -> None:
            if self.seal is not None:
                self.seal(connection, [told(change) for change in changes])

        return seal


def lines_from(data: bytes) -> list[Line]:
    """An upload's lines, by what it is and not by its name; raises SheetError for what is no table."""
    if data.startswith(b"PK\x03\x04"):
        return read_xlsx(data, unpacked=MAX_UNPACKED, columns=MAX_COLUMNS)
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise SheetError(["this is a spreadsheet of the old kind (XLS) or a locked one; save it as XLSX or CSV UTF-8"])
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SheetError(["not UTF-8; save the file as 'CSV UTF-8'"])
    if b"\x00" in data[:4096] or data.startswith((b"%PDF", b"\x89PNG", b"\xff\xd8", b"{\\rtf", b"<!DOCTYPE", b"<html")):
        raise SheetError(["this is no table; choose a CSV or XLSX file"])
    return read_csv(data)


def weigh(kind: Kind, data: bytes, by: Round) -> Preview:
    """The preview of a file, whatever is wrong with it: lines with faults are left out of what would change."""
    with _uncollected():
        try:
            lines = lines_from(data)
        except SheetError as error:
            return previewed(Weighed((), {}, {}), error.faults)
        faults: list[str] = []
        for _ in range(_PASSES):
            try:
                return previewed(_KINDS[kind](lines, by), faults)
            except SheetError as error:
                faults += error.faults
                wrong = lines_of(error.faults)
                if not wrong or _header(lines) in wrong:
                    break
                lines = [line for line in lines if line.number not in wrong]
        return previewed(Weighed((), {}, {}), faults)


def _header(lines: Sequence[Line]) -> int | None:
    """The number of the line that names the columns."""
    return next((line.number for line in lines if any(map(str.strip, line.values))), None)


def bring(kind: Kind, data: bytes, by: Round) -> None:
    """Bring a file in, whole or not at all; raises SheetError, and what the seal raises."""
    with _uncollected():
        _KINDS[kind](lines_from(data), by)


def _sites(lines: Sequence[Line], by: Round) -> Weighed:
    sheet = sites_csv.parse(lines, plans=by.plans)
    changes = by.office.registry.import_sites(
        sheet.sites, now=by.now, keep=sheet.absent, dry=by.dry, seal=by.sealing(site_told)
    )
    if not by.dry:
        return _DONE
    held = {site: versions[-1].value.name for site, versions in by.office.registry.snapshot().sites.items()}
    said = list(_site_remarks(sheet.sites, sheet.rows, by))
    given = {site.id: site.name for site in sheet.sites}
    names = dict(_site_names(sheet.sites, by))
    return Weighed([site_told(change) for change in changes], given, held, said, names=names)


def _site_names(sites: Sequence[Site], by: Round) -> Iterator[tuple[tuple[str, str], str]]:
    """Of sites' places the names that their codes do not say."""
    gazetteer, known = by.office.places.gazetteer(), dict[tuple[str, str], tuple[str, str]]()
    for site in sites:
        filed = (site.province, site.commune)
        if filed not in known:
            known[filed] = called(gazetteer, *filed, by.today.date())
        for field, code, name in zip(("province", "commune"), filed, known[filed], strict=True):
            if name != code:
                yield (site.id, field), name


def _site_remarks(sites: Sequence[Site], rows: Sequence[Row], by: Round) -> Iterator[str]:
    gazetteer = by.office.places.gazetteer()
    seen: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for site, row in zip(sites, rows, strict=True):
        where = (site.province, site.commune)
        if where not in seen:
            seen[where] = [(each.column, each.text) for each in remarks(site, gazetteer, by.today.date())]
            for column, text in seen[where]:
                yield row.fault(column, text)


def _villages(lines: Sequence[Line], by: Round) -> Weighed:
    sheet = villages_sheet.parse(lines, by.office.places.gazetteer())
    changes = _units(sheet, by)
    return _weighed_units(sheet, changes, by.office.places.villages()) if by.dry else _DONE


def _places(lines: Sequence[Line], by: Round) -> Weighed:
    places = by.office.places
    if units_sheet.has_populations(lines):
        figures = units_sheet.parse_populations(lines, places.gazetteer())
        found = places.import_populations(figures, now=by.now, dry=by.dry, seal=by.sealing(population_told))
        if not by.dry:
            return _DONE
        held = {f"{each.path} {each.year}": each.path for each in places.populations()}
        given = {f"{each.path} {each.year}": each.path for each in figures}
        return Weighed([population_told(change) for change in found], given, held)
    sheet = units_sheet.parse(lines, places.gazetteer())
    changes = _units(sheet, by)
    return _weighed_units(sheet, changes, places.imported()) if by.dry else _DONE


def _units(sheet: Villages | Units, by: Round) -> list[UnitChange]:
    try:
        return by.office.places.import_units(
            sheet.units, now=by.now, keep=sheet.absent, dry=by.dry, seal=by.sealing(unit_told)
        )
    except PlaceError as error:
        raise placed(error.faults, sheet) from error


def _weighed_units(sheet: Villages | Units, changes: Sequence[UnitChange], held: Sequence[Unit]) -> Weighed:
    given = {period_key(unit): unit.title for unit in sheet.units}
    return Weighed([unit_told(change) for change in changes], given, {period_key(unit): unit.title for unit in held})


def _figures(lines: Sequence[Line], by: Round) -> Weighed:
    sheet = figures_sheet.parse(lines, plans=by.plans, today=by.today.date())
    changes = by.office.figures.bring(sheet.figures, who=by.who, now=by.now, dry=by.dry, seal=by.sealing(figure_told))
    if not by.dry:
        return _DONE
    held = {_key(entry.figure.key): entry.figure.source for entry in by.office.figures.entries()}
    given = {_key(figure.key): figure.source for figure in sheet.figures}
    return Weighed([figure_told(change) for change in changes], given, held, sheet.remarks)


def _key(parts: Sequence[str]) -> str:
    return " ".join(part for part in parts if part)


_KINDS: Final[dict[Kind, Callable[[Sequence[Line], Round], Weighed]]] = {
    "sites": _sites, "villages": _villages, "places": _places, "figures": _figures,
}  # fmt: skip


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without looking for garbage in circles: of a hundred thousand lines that takes a third of the time."""
    had = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if had:
            gc.enable()


def kind_of(text: str) -> Kind:
    """The kind that a path names; raises UsageError."""
    for kind in KINDS:
        if kind == text:
            return kind
    raise UsageError(f"nothing is imported as {text!r}")
