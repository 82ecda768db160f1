"""The sites table as people exchange it: CSV bytes or spreadsheet rows to sites, and back. Pure; all faults at once.

UTF-8 with or without a byte-order mark; comma or semicolon between values (with semicolons a decimal comma is read as
one, as Vietnamese spreadsheets write it). Columns may come in any order; an optional column that is absent leaves
what the registry knows as it is, an empty value clears it. A place may be written as people write it (Hữu Lũng): it is
filed under its code (huu-lung), as the contract asks.
"""

import csv
import io
import math
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, get_args

from collector.errors import UsageError
from collector.registry.codes import choice_fault, code_fault, name_fault, nearest, nearest_code
from collector.registry.site import Access, Area, Site, SiteKind

COLUMNS: Final = tuple(Site.__dataclass_fields__)
REQUIRED: Final = ("id", "name", "kind", "area", "province", "commune")
_CODES: Final = ("id", "province", "commune", "village")
_PLACES: Final = frozenset({"province", "commune", "village"})
_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "kind": get_args(SiteKind),
    "area": get_args(Area),
    "access": get_args(Access),
}
_NAMES: Final = {"name": 200, "provider": 63}
_RANGES: Final = {
    "latitude": (-90.0, 90.0),
    "longitude": (-180.0, 180.0),
    "contract_down_mbps": (0.01, 1e6),
    "contract_up_mbps": (0.01, 1e6),
}
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_SHOWN: Final = 50


class SitesFileError(UsageError):
    """A sites file that cannot be imported: every fault with line and column, one a line."""

    def __init__(self, faults: Sequence[str]) -> None:
        shown = list(faults[:_SHOWN])
        if len(faults) > _SHOWN:
            shown.append(f"... and {len(faults) - _SHOWN} more")
        super().__init__("\n".join(["nothing was imported:", *shown]))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the file with its line number and its values as text."""

    number: int
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The sites of a file, and the optional columns that it did not have."""

    sites: tuple[Site, ...]
    absent: frozenset[str]


def read_csv(data: bytes) -> list[Line]:
    """Split CSV bytes into lines of values, header first; raises SitesFileError for what is no CSV."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SitesFileError([f"line {line}: not UTF-8; save the file as 'CSV UTF-8'"]) from error
    head = text.partition("\n")[0]
    semicolon = head.count(";") > head.count(",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if semicolon else ",", strict=True)
    lines: list[Line] = []
    number = 1
    try:
        for row in reader:
            values = tuple(_decimal_point(value) if semicolon else value for value in row)
            lines.append(Line(number, values))
            number = reader.line_num + 1
    except csv.Error as error:
        raise SitesFileError([f"line {number}: not valid CSV ({error})"]) from error
    return lines


def _decimal_point(value: str) -> str:
    return value.replace(",", ".") if re.fullmatch(r"\s*-?[0-9]+,[0-9]+\s*", value) else value


def parse(lines: Sequence[Line], *, plans: Collection[str]) -> Sheet:
    """Read a table of sites; raises SitesFileError naming every fault by line and column."""
    rows = [line for line in lines if any(value.strip() for value in line.values)]
    if not rows:
        raise SitesFileError([f"the file is empty; expected the columns {','.join(COLUMNS)}"])
    header = [value.strip().lower() for value in rows[0].values]
    while header and not header[-1]:
        header.pop()
    faults = list(_header_faults(header))
    if faults:
        raise SitesFileError([f"line {rows[0].number}: {fault}" for fault in faults])
    sites: list[Site] = []
    first: dict[str, int] = {}
    for line in rows[1:]:
        found, site = _row(line, header, plans)
        if site.id and site.id in first:
            found.append(f"column id: {site.id!r} stands in line {first[site.id]} already")
        first.setdefault(site.id, line.number)
        faults += [f"line {line.number}, {fault}" for fault in found]
        sites.append(site)
    if faults:
        raise SitesFileError(faults)
    return Sheet(tuple(sites), frozenset(COLUMNS) - frozenset(header))


def _header_faults(header: Sequence[str]) -> Iterator[str]:
    for column in header:
        if column not in COLUMNS:
            near = nearest(column, COLUMNS)
            hint = f"; did you mean {near}?" if near else f" (known: {','.join(COLUMNS)})"
            yield f"unknown column {column!r}{hint}"
        elif header.count(column) > 1:
            yield f"column {column} stands there {header.count(column)} times"
    for column in REQUIRED:
        if column not in header:
            yield f"column {column} is missing"


def _row(line: Line, header: Sequence[str], plans: Collection[str]) -> tuple[list[str], Site]:
    extra = [value for value in line.values[len(header) :] if value.strip()]
    faults = []
    if extra:
        faults.append(f"column {len(header) + 1}: a value too many ({extra[0]!r}); is a comma in a name not quoted?")
    texts = {
        column: unicodedata.normalize("NFC", line.values[place].strip()) if place < len(line.values) else ""
        for place, column in enumerate(header)
    }
    for column in _PLACES & texts.keys():
        if code_fault(texts[column]):
            texts[column] = nearest_code(texts[column]) or texts[column]
    faults += [f"column {column}: {fault}" for column, fault in _faults(texts, plans)]
    numbers = {column: _number(texts.get(column, "")) for column in _RANGES}
    words: dict[str, str | None] = {column: texts.get(column) or None for column in COLUMNS if column not in _RANGES}
    for column in REQUIRED:
        words[column] = words[column] or ""
    return faults, Site(**words, **numbers)  # type: ignore[arg-type]  # checked above, column by column


def _faults(texts: Mapping[str, str], plans: Collection[str]) -> Iterator[tuple[str, str]]:
    for column, text in texts.items():
        fault = _fault(column, text, plans)
        if fault:
            yield column, fault
    if bool(texts.get("latitude")) != bool(texts.get("longitude")):
        yield "latitude", "latitude and longitude are given together or not at all"


def _fault(column: str, text: str, plans: Collection[str]) -> str | None:
    if not text:
        return "is empty, and is needed" if column in REQUIRED else None
    if column in _RANGES:
        return _number_fault(text, *_RANGES[column])
    if column in _CHOICES:
        return choice_fault(text, _CHOICES[column])
    if column == "plan":
        return choice_fault(text, plans)
    if column in _CODES:
        return code_fault(text)
    return name_fault(text, limit=_NAMES[column])


def _number_fault(text: str, low: float, high: float) -> str | None:
    number = _number(text)
    if number is None:
        meant = re.sub(r"[^0-9.,-]+", "", text).replace(",", ".")
        return f"{text!r} is not a number" + (f" (write {meant})" if _NUMBER.fullmatch(meant) else "")
    if not low <= number <= high:
        return f"{text} is out of range ({low:g} to {high:g})"
    return None


def _number(text: str) -> float | None:
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def rows_of(sites: Iterable[Site]) -> Iterator[list[str]]:
    """The table that `parse` reads back to the same sites: header, then one row a site."""
    yield list(COLUMNS)
    for site in sites:
        yield [_text(getattr(site, column)) for column in COLUMNS]


def _text(value: str | float | None) -> str:
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}".removesuffix(".0")
    return value or ""


def write_csv(sites: Iterable[Site]) -> bytes:
    """CSV bytes, UTF-8, one site a line."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows_of(sites))
    return out.getvalue().encode()
