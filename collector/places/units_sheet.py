"""The tables of units and of populations as people exchange them: rows of a file to values. Pure; all faults at once.

A unit of before 1 July 2025 with what it became (`successors`: paths or names, with | between several; a name alone is
sought in the provinces that the unit's own became), or any unit that is not known otherwise. `valid_until` is the last
day. A population is a figure of one year, with its source.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, get_args

from collector.places.gazetteer import Gazetteer, meant
from collector.places.unit import KINDS, LEVELS, Level, Population, Unit, path_of
from collector.registry.cells import day_fault, day_of, number_fault, number_of, written
from collector.registry.codes import choice_fault, code_fault, name_fault, nearest_code
from collector.registry.sheet import Line, Row, SheetError, clean, table

COLUMNS: Final = (
    "level", "code", "name", "kind", "parent", "district", "official_code", "valid_from", "valid_until", "successors",
    "source",
)  # fmt: skip
REQUIRED: Final = ("level", "code", "name")
ALIASES: Final = {
    "cap": "level", "ma": "code", "ten": "name", "loai": "kind", "tinh": "parent", "huyen": "district",
    "ma-so": "official_code", "tu-ngay": "valid_from", "den-ngay": "valid_until", "sau-sap-nhap": "successors",
    "nguon": "source",
}  # fmt: skip
POPULATION_COLUMNS: Final = ("place", "year", "population", "households", "source")
POPULATION_REQUIRED: Final = ("place", "year", "population", "source")
POPULATION_ALIASES: Final = {
    "noi": "place", "nam": "year", "dan-so": "population", "so-ho": "households", "nguon": "source",
}  # fmt: skip
SEPARATOR: Final = "|"
_FIELDS: Final = {
    "kind": "kind", "district": "district", "official_code": "official", "valid_until": "valid_until",
    "successors": "successors", "source": "source",
}  # fmt: skip
_YEARS: Final = (1976, 2100)
_MOST: Final = 2e8


@dataclass(frozen=True, slots=True)
class Units:
    """The units of a file, the fields that it had no column for, and where each stands."""

    units: tuple[Unit, ...]
    absent: frozenset[str]
    rows: Mapping[tuple[str, str], Row]


def has_populations(lines: Sequence[Line]) -> bool:
    """Whether a file is of populations: its first line that is not empty names a year."""
    first = next((line for line in lines if any(map(str.strip, line.values))), None)
    return first is not None and bool({clean(value).lower() for value in first.values} & {"year", "năm"})


def parse(lines: Sequence[Line], gazetteer: Gazetteer) -> Units:
    """Read a table of units; raises SheetError naming every fault by its place."""
    found = table(lines, columns=COLUMNS, required=REQUIRED, aliases=ALIASES)
    faults: list[str] = []
    units: list[Unit] = []
    rows: dict[tuple[str, str], Row] = {}
    for row in found.rows:
        said = row.said(_faults(row))
        if not said:
            unit, said = _unit(row, gazetteer)
            units.append(unit)
            key = (unit.path, written(unit.valid_from))
            if key in rows:
                said.append(row.fault("code", f"{unit.path!r} stands in {rows[key].line.place()} already"))
            rows.setdefault(key, row)
        faults += said
    if faults:
        raise SheetError(faults)
    return Units(tuple(units), frozenset(_FIELDS[column] for column in found.absent & _FIELDS.keys()), rows)


def rows_of(units: Iterable[Unit]) -> Iterator[list[str]]:
    """The table that `parse` reads back to the same units: header, then one row a period."""
    yield list(COLUMNS)
    for unit in units:
        words = (unit.kind, unit.parent, unit.district, unit.official)
        yield [
            unit.level, unit.code, unit.name, *(word or "" for word in words), written(unit.valid_from),
            written(unit.valid_until), f" {SEPARATOR} ".join(unit.successors), unit.source or "",
        ]  # fmt: skip


def _faults(row: Row) -> Iterator[tuple[str, str]]:
    level = row["level"]
    for column in REQUIRED:
        if not row[column]:
            yield column, "is empty, and is needed"
    fault = choice_fault(level, get_args(Level)) if level else None
    if fault:
        yield "level", fault
    elif level and (level == "province") == bool(row["parent"]):
        yield "parent", "a province has none" if level == "province" else "is empty, and is needed: the province's code"
    if row["code"] and not nearest_code(row["code"]):
        yield "code", code_fault(row["code"]) or ""
    yield from _name_faults(row)
    yield from _day_faults(row)


def _name_faults(row: Row) -> Iterator[tuple[str, str]]:
    for column, limit in (("name", 200), ("source", 300), ("district", 63), ("official_code", 20), ("kind", 40)):
        fault = name_fault(row[column], limit=limit)
        if fault:
            yield column, fault
    level = next((level for level in LEVELS if level == row["level"]), None)
    if level and row["kind"] and row["kind"].lower() not in KINDS[level]:
        yield "kind", choice_fault(row["kind"].lower(), KINDS[level]) or ""


def _day_faults(row: Row) -> Iterator[tuple[str, str]]:
    for column in ("valid_from", "valid_until"):
        fault = day_fault(row[column]) if row[column] else None
        if fault:
            yield column, fault
    first, last = day_of(row["valid_from"]), day_of(row["valid_until"])
    if first and last and last < first:
        yield "valid_until", f"{last} lies before {first}"


def _unit(row: Row, gazetteer: Gazetteer) -> tuple[Unit, list[str]]:
    level = next(level for level in LEVELS if level == row["level"])
    parent = "/".join(nearest_code(part) for part in row["parent"].split("/")) if row["parent"] else ""
    last = day_of(row["valid_until"])
    heirs = [
        _heir(text.strip(), level, parent, gazetteer) for text in row["successors"].split(SEPARATOR) if text.strip()
    ]
    unit = Unit(
        path=path_of(parent, nearest_code(row["code"])).lstrip("/"),
        level=level,
        name=row["name"],
        kind=row["kind"].lower() or None,
        official=row["official_code"] or None,
        district=row["district"] or None,
        valid_from=day_of(row["valid_from"]),
        valid_until=last,
        successors=tuple(dict.fromkeys(path for path, _ in heirs)),
        source=row["source"] or None,
    )
    return unit, [row.fault("successors", said) for _, said in heirs if said]


def _heir(text: str, level: Level, parent: str, gazetteer: Gazetteer) -> tuple[str, str | None]:
    """The path that a successor's text means, or what is wrong with it. Paths may name what the file itself brings."""
    if "/" in text or level == "province":
        return "/".join(nearest_code(part) for part in text.split("/")), None
    around = _around(parent, gazetteer)
    found = tuple(dict.fromkeys(path for each in around for path in gazetteer.named(text, each, level)))
    if len(found) == 1:
        return found[0], None
    where = " or ".join(around)
    if found:
        return "", f"{text!r} may be {' or '.join(found)}: write the path"
    near = next((near for each in around if (near := gazetteer.nearest(text, each, level))), None)
    return "", f"{text!r} is not known in {where} (elsewhere it is named by its path, province/code){meant(near)}"


def _around(parent: str, gazetteer: Gazetteer) -> tuple[str, ...]:
    """Where a unit's successors may lie: in what its own parent became, and in itself if it goes on."""
    heirs = [path for period in gazetteer.periods(parent) for path in period.successors]
    goes_on = gazetteer.unit_at(parent, date.max) is not None
    return tuple(dict.fromkeys([*heirs, *([parent] if goes_on or not heirs else [])]))


def parse_populations(lines: Sequence[Line], gazetteer: Gazetteer) -> tuple[Population, ...]:
    """Read a table of populations; raises SheetError naming every fault by its place."""
    found = table(lines, columns=POPULATION_COLUMNS, required=POPULATION_REQUIRED, aliases=POPULATION_ALIASES)
    faults: list[str] = []
    seen: dict[tuple[str, str], Row] = {}
    figures: list[Population] = []
    for row in found.rows:
        path = "/".join(nearest_code(part) for part in row["place"].split("/"))
        said = row.said(_figure_faults(row, path, gazetteer))
        other = seen.setdefault((path, row["year"]), row)
        if other is not row:
            said.append(row.fault("year", f"{path} in {row['year']} stands in {other.line.place()} already"))
        faults += said
        if not said:
            households = number_of(row["households"])
            people = number_of(row["population"]) or 0
            own = None if households is None else int(households)
            figures.append(Population(path, int(row["year"]), int(people), row["source"], own))
    if faults:
        raise SheetError(faults)
    return tuple(figures)


def _figure_faults(row: Row, path: str, gazetteer: Gazetteer) -> Iterator[tuple[str, str]]:
    for column in POPULATION_REQUIRED:
        if not row[column]:
            yield column, "is empty, and is needed"
    for column, (low, high) in {"year": _YEARS, "population": (0, _MOST), "households": (0, _MOST)}.items():
        fault = number_fault(row[column], low, high, whole=True) if row[column] else None
        if fault:
            yield column, fault
    if row["place"] and path not in gazetteer:
        parent, _, code = path.rpartition("/")
        near = gazetteer.nearest(code, parent or None, "commune" if parent else "province")
        yield "place", f"{row['place']!r} is not known{meant(near)}"
    source = name_fault(row["source"], limit=300)
    if source:
        yield "source", source
