"""The villages table as people exchange it: rows of a file to villages, and back. Pure; all faults at once.

A village is known by province, commune and code; the same one in a later period, or in the commune that its own was
merged into, is another row. Province and commune may be given as codes or as people write them, but must be known:
today's are; those of before 1 July 2025 are imported first (`place import`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from collector.places.gazetteer import Gazetteer, meant
from collector.places.unit import KINDS, Unit, path_of
from collector.registry.cells import are_here, day_fault, day_of, number_fault, number_of, written
from collector.registry.codes import CODE, code_fault, name_fault, nearest_code
from collector.registry.sheet import Line, Row, SheetError, table

COLUMNS: Final = (
    "code", "name", "commune", "province", "latitude", "longitude", "population", "households", "valid_from",
    "valid_until",
)  # fmt: skip
REQUIRED: Final = ("code", "name", "commune", "province")
ALIASES: Final = {
    "ma": "code", "ma-thon": "code", "ma-thon-ban": "code",
    "ten": "name", "ten-thon": "name", "ten-thon-ban": "name", "thon": "name", "thon-ban": "name",
    "xa": "commune", "xa-phuong": "commune", "phuong-xa": "commune", "ten-xa": "commune",
    "tinh": "province", "tinh-thanh-pho": "province", "tinh-thanh": "province",
    "vi-do": "latitude", "kinh-do": "longitude", "dan-so": "population", "so-dan": "population",
    "so-ho": "households", "so-ho-dan": "households", "tu-ngay": "valid_from", "hieu-luc-tu": "valid_from",
    "den-ngay": "valid_until", "hieu-luc-den": "valid_until",
}  # fmt: skip
"""Vietnamese headers, as codes (`Mã thôn` is ma-thon)."""
_MOST: Final = 1e6
_HINTS: Final = 100
"""So many unknown places get the nearest known one named: that takes a millisecond each."""


@dataclass(frozen=True, slots=True)
class Villages:
    """The villages of a file, the fields that it had no column for, and where each stands."""

    units: tuple[Unit, ...]
    absent: frozenset[str]
    rows: Mapping[tuple[str, str], Row]


def parse(lines: Sequence[Line], gazetteer: Gazetteer) -> Villages:
    """Read a table of villages; raises SheetError naming every fault by its place."""
    found = table(lines, columns=COLUMNS, required=REQUIRED, aliases=ALIASES)
    reader = _Reader(gazetteer)
    faults: list[str] = []
    units: list[Unit] = []
    rows: dict[tuple[str, str], Row] = {}
    for row in found.rows:
        said = row.said(reader.faults(row))
        if said:
            faults += said
            continue
        unit = reader.unit(row)
        key = (unit.path, written(unit.valid_from))
        if key in rows:
            faults.append(row.fault("code", f"{unit.path!r} stands in {rows[key].line.place()} already"))
        rows.setdefault(key, row)
        units.append(unit)
    if faults:
        raise SheetError(faults)
    return Villages(
        tuple(units), found.absent & {"latitude", "longitude", "population", "households", "valid_until"}, rows
    )


class _Reader:
    """Reads rows; remembers the communes that it has looked up, as a file names few of them many times."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self._gazetteer = gazetteer
        self._provinces: dict[str, tuple[str, ...]] = {}
        self._communes: dict[tuple[str, str], tuple[str, ...]] = {}
        self._unknown: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {}

    def faults(self, row: Row) -> Iterator[tuple[str, str]]:
        for column in REQUIRED:
            if not row[column]:
                yield column, "is empty, and is needed"
        code = row["code"]
        if code and not CODE.fullmatch(code) and not nearest_code(code):
            yield "code", code_fault(code) or ""
        name = name_fault(row["name"], limit=200)
        if name:
            yield "name", name
        yield from _position_faults(row)
        yield from _count_faults(row)
        yield from _day_faults(row)
        if row["province"] and row["commune"]:
            yield from self._place_faults(row["province"], row["commune"])

    def unit(self, row: Row) -> Unit:
        """The village of a row without faults."""
        name, kind = _kind_of(row["name"])
        (commune,) = self._paths(row["province"], row["commune"])
        code = row["code"]
        return Unit(
            path=path_of(commune, code if CODE.fullmatch(code) else nearest_code(code)),
            level="village",
            name=name,
            kind=kind,
            valid_from=day_of(row["valid_from"]),
            valid_until=day_of(row["valid_until"]),
            latitude=number_of(row["latitude"]),
            longitude=number_of(row["longitude"]),
            population=_count(row["population"]),
            households=_count(row["households"]),
        )

    def _paths(self, province: str, commune: str) -> tuple[str, ...]:
        key = (province, commune)
        if key not in self._communes:
            provinces = self._provinces_of(province)
            named = (path for each in provinces for path in self._gazetteer.named(commune, each, "commune"))
            self._communes[key] = tuple(named)
        return self._communes[key]

    def _provinces_of(self, text: str) -> tuple[str, ...]:
        if text not in self._provinces:
            self._provinces[text] = self._gazetteer.named(text, None, "province")
        return self._provinces[text]

    def _place_faults(self, province: str, commune: str) -> tuple[tuple[str, str], ...]:
        if len(self._paths(province, commune)) == 1:
            return ()
        key = (province, commune)
        if key not in self._unknown:
            hinting = len(self._unknown) < _HINTS
            self._unknown[key] = (self._unknown_place(province, commune, hinting=hinting),)
        return self._unknown[key]

    def _unknown_place(self, province: str, commune: str, *, hinting: bool) -> tuple[str, str]:
        provinces, found = self._provinces_of(province), self._paths(province, commune)
        if not provinces:
            near = self._gazetteer.nearest(province, None, "province") if hinting else None
            return "province", f"{province!r} is not known{meant(near)}"
        if found:
            return "commune", f"{commune!r} may be {' or '.join(found)}: write the code"
        heirs = [path for unit in self._gazetteer.periods(provinces[0]) for path in unit.successors]
        for heir in heirs:
            if heir != provinces[0] and self._gazetteer.named(commune, heir, "commune"):
                said = f"is not known in {provinces[0]}, but in {heir}, which that became: write province {heir}"
                return "commune", f"{commune!r} {said}"
        near = self._gazetteer.nearest(commune, provinces[0], "commune") if hinting else None
        said = f"{commune!r} is not known in {provinces[0]} (communes of before July 2025 are imported: place import)"
        return "commune", f"{said}{meant(near)}"


def _position_faults(row: Row) -> Iterator[tuple[str, str]]:
    latitude, longitude = number_of(row["latitude"]), number_of(row["longitude"])
    if bool(row["latitude"]) != bool(row["longitude"]):
        yield "latitude", "latitude and longitude are given together or not at all"
    elif latitude is not None and longitude is not None:
        if not are_here(latitude, longitude):
            swapped = are_here(longitude, latitude)
            where = f"{row['latitude']}, {row['longitude']}"
            yield "latitude", f"{where}: " + ("latitude and longitude are swapped" if swapped else "is not in Viet Nam")
        return
    for column in ("latitude", "longitude"):
        fault = number_fault(row[column], -180, 180) if row[column] else None
        if fault:
            yield column, fault


def _count_faults(row: Row) -> Iterator[tuple[str, str]]:
    faults = {
        column: fault
        for column in ("population", "households")
        if row[column] and (fault := number_fault(row[column], 0, _MOST, whole=True))
    }
    yield from faults.items()
    population, households = number_of(row["population"]), number_of(row["households"])
    if not faults and population is not None and households is not None and households > population:
        yield "households", f"{households:g} households of {population:g} people"


def _day_faults(row: Row) -> Iterator[tuple[str, str]]:
    for column in ("valid_from", "valid_until"):
        fault = day_fault(row[column]) if row[column] else None
        if fault:
            yield column, fault
    first, last = day_of(row["valid_from"]), day_of(row["valid_until"])
    if first and last and last < first:
        yield "valid_until", f"{last} lies before {first}"


def _count(text: str) -> int | None:
    number = number_of(text)
    return None if number is None else int(number)


def _kind_of(name: str) -> tuple[str, str | None]:
    """A name without its kind, and that; a name that is nothing but a number keeps it (Thôn 3)."""
    lower = name.lower()
    for kind in KINDS["village"]:
        rest = name[len(kind) + 1 :]
        if lower.startswith(f"{kind} ") and rest.strip():
            return rest.strip(), kind
    return name, None


def rows_of(villages: Iterable[Unit]) -> Iterator[list[str]]:
    """The table that `parse` reads back to the same villages: header, then one row a period."""
    yield list(COLUMNS)
    for unit in villages:
        province, commune, code = unit.path.split("/")
        yield [
            code, unit.title, commune, province, written(unit.latitude), written(unit.longitude),
            written(unit.population), written(unit.households), written(unit.valid_from), written(unit.valid_until),
        ]  # fmt: skip
