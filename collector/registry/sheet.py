"""Tables as people exchange them, CSV or spreadsheet, down to the cell. Pure; all faults at once, each with its place.

What every import shares: sites, villages, places, figures. CSV is UTF-8 with or without a byte-order mark, comma or
semicolon between values (with semicolons a decimal comma is read as one, as Vietnamese spreadsheets write it).
Columns may come in any order. Text is brought to NFC, a no-break space is a space, a zero-width one is nothing.
A fault is named as its reader sees the place: `line 3, column kind` in CSV, `cell C3, column kind` in a spreadsheet.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from collector.errors import UsageError
from collector.registry.codes import nearest, nearest_code

MAX_LINES: Final = 500_000
_SHOWN: Final = 50
# What spreadsheets and web pages put between words without showing it.
_BLANKS: Final = {0xA0: " ", 0x2007: " ", 0x202F: " ", 0x200B: None, 0x2060: None, 0xFEFF: None}
_BROKEN: Final = re.compile(r"#(REF!|VALUE!|DIV/0!|NAME\?|N/A|NUM!|NULL!|SPILL!)")
FORMULA: Final = "\0formula"
"""What the reader of spreadsheets puts where a formula has no stored value; no cell of a file can hold it."""


class SheetError(UsageError):
    """A table that cannot be imported: every fault with its place, one a line."""

    def __init__(self, faults: Sequence[str]) -> None:
        shown = list(faults[:_SHOWN])
        if len(faults) > _SHOWN:
            shown.append(f"... and {len(faults) - _SHOWN} more")
        super().__init__("\n".join(["nothing was imported:", *shown]))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the file with its number and its values as text; `cells`: of a spreadsheet."""

    number: int
    values: tuple[str, ...]
    cells: bool = False

    def place(self, index: int | None = None, column: str = "") -> str:
        """How a person finds the row, or its value number `index` (from 0), which stands in `column`."""
        named = f"column {column}" if column else "" if index is None else f"column {index + 1}"
        if not self.cells or index is None:
            return f"line {self.number}" + (f", {named}" if named else "")
        return f"cell {letters(index)}{self.number}" + (f", {named}" if column else "")


@dataclass(frozen=True, slots=True)
class Row:
    """One line's texts by column: clean, empty where nothing stands.

    `faults`: of the line itself; `broken`: the columns whose cells hold no value at all, on which they are.
    """

    line: Line
    texts: Mapping[str, str]
    places: Mapping[str, int]
    faults: tuple[str, ...] = ()
    broken: frozenset[str] = frozenset()

    def __getitem__(self, column: str) -> str:
        """The text of a column; empty where the file lacks it."""
        return self.texts.get(column, "")

    def fault(self, column: str, what: str) -> str:
        """A fault of this row's value, with its place."""
        return f"{self.line.place(self.places.get(column), column)}: {what}"

    def said(self, found: Iterable[tuple[str, str]]) -> list[str]:
        """The line's faults and those found in its values, (column, what), with their places."""
        return [*self.faults, *(self.fault(column, what) for column, what in found if column not in self.broken)]


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file, and which of the columns asked for it has."""

    header: tuple[str, ...]
    rows: tuple[Row, ...]
    absent: frozenset[str] = field(default_factory=frozenset)


def letters(index: int) -> str:
    """A column's letters in a spreadsheet: 0 is A, 26 is AA."""
    found = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        found = chr(ord("A") + rest) + found
    return found


def clean(text: str) -> str:
    """A value as it is meant: NFC, spaces that are spaces, none at its ends."""
    if text.isascii():
        return text.strip()
    return unicodedata.normalize("NFC", text.translate(_BLANKS)).strip()


def read_csv(data: bytes) -> list[Line]:
    """Split CSV bytes into the lines that hold something, header first; raises SheetError for what is no CSV.

    More than `MAX_LINES` are counted and not kept: ten megabytes of line breaks would be a gigabyte of lines.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SheetError([f"line {line}: not UTF-8; save the file as 'CSV UTF-8'"]) from error
    head = text.partition("\n")[0]
    semicolon = head.count(";") > head.count(",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if semicolon else ",", strict=True)
    lines: list[Line] = []
    number, count = 1, 0
    try:
        for row in reader:
            is_filled = any(map(str.strip, row))
            count += is_filled
            if is_filled and count <= MAX_LINES:
                values = tuple(_decimal_point(value) for value in row) if semicolon else tuple(row)
                lines.append(Line(number, values))
            number = reader.line_num + 1
    except csv.Error as error:
        raise SheetError([f"line {number}: not valid CSV ({error})"]) from error
    if count > MAX_LINES:
        raise SheetError([_too_long(count)])
    return lines


def _too_long(count: int) -> str:
    return f"the file has {count} lines; at most {MAX_LINES} are read: split it"


def _decimal_point(value: str) -> str:
    return value.replace(",", ".") if re.fullmatch(r"\s*-?[0-9]+,[0-9]+\s*", value) else value


def table(
    lines: Sequence[Line], *, columns: Sequence[str], required: Sequence[str], aliases: Mapping[str, str] | None = None
) -> Table:
    """The table below the first line that is not empty, which must name its columns; raises SheetError.

    `aliases`: other names of columns, as codes ("ma-thon" for a header "Mã thôn"), and the column meant.
    """
    filled = [line for line in lines if any(map(str.strip, line.values))]
    if not filled:
        raise SheetError([f"the file is empty; expected the columns {','.join(columns)}"])
    if len(filled) > MAX_LINES:
        raise SheetError([_too_long(len(filled))])
    header = header_of(filled[0], columns=columns, aliases=aliases or {})
    faults = list(_header_faults(header, filled[0], columns=columns, required=required))
    if faults:
        raise SheetError(faults)
    places = {column: place for place, column in enumerate(header)}
    rows = tuple(_row(line, header, places) for line in filled[1:])
    return Table(tuple(header), rows, frozenset(columns) - frozenset(header))


def header_of(line: Line, *, columns: Sequence[str], aliases: Mapping[str, str]) -> list[str]:
    """The columns that a first line names; what it names otherwise stays as it is."""
    header = [clean(value).lower() for value in line.values]
    while header and not header[-1]:
        header.pop()
    return [name if name in columns else aliases.get(nearest_code(name), name) for name in header]


def _header_faults(
    header: Sequence[str], line: Line, *, columns: Sequence[str], required: Sequence[str]
) -> Iterator[str]:
    for index, column in enumerate(header):
        place = line.place(index) if line.cells else line.place()
        if column not in columns:
            near = nearest(column, columns)
            hint = f"; did you mean {near}?" if near else f" (known: {','.join(columns)})"
            yield f"{place}: unknown column {column!r}{hint}"
        elif header.count(column) > 1:
            yield f"{place}: column {column} stands there {header.count(column)} times"
    for column in required:
        if column not in header:
            yield f"{line.place()}: column {column} is missing"


def _row(line: Line, header: Sequence[str], places: Mapping[str, int]) -> Row:
    texts = dict(zip(header, map(clean, line.values), strict=False))
    faults: list[str] = []
    broken: set[str] = set()
    if len(line.values) > len(header):
        extra = [value for value in line.values[len(header) :] if value.strip()]
        if extra:
            place = line.place(len(header))
            faults.append(f"{place}: a value too many ({extra[0]!r}); is a comma in a name not quoted?")
    for column, text in texts.items():
        if text == FORMULA or (text.startswith("#") and _BROKEN.fullmatch(text)):
            why = "a formula without a stored value" if text == FORMULA else f"the spreadsheet's error {text}"
            faults.append(f"{line.place(places[column], column)}: {why}; paste the value itself")
            broken.add(column)
    return Row(line, texts, places, tuple(faults), frozenset(broken))


def write_csv(rows: Iterator[Sequence[str]]) -> bytes:
    """CSV bytes, UTF-8, one row a line."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()
