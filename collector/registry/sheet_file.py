"""Table files, CSV or XLSX by their ending: read to lines of text, written whole or not at all."""

import io
import stat
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from openpyxl import Workbook, load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from collector.errors import UsageError
from collector.registry.sheet import FORMULA, MAX_LINES, Line, SheetError, read_csv, write_csv

MAX_BYTES: Final = 100_000_000
MAX_UNPACKED: Final = 500_000_000
MAX_COLUMNS: Final = 16_384
_CHUNK: Final = 1 << 20
_NO_SHEET: Final = (
    zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, IndexError, OSError, TypeError, AttributeError,
    SyntaxError,
)  # fmt: skip
"""What openpyxl raises for a file that is none; a parse error of XML is a SyntaxError."""


def read_lines(path: Path) -> list[Line]:
    """The lines of a CSV or XLSX file; raises UsageError for one that cannot be read, SheetError for no table."""
    data = _bytes(path)
    try:
        return read_xlsx(data) if is_xlsx(path) else read_csv(data)
    except SheetError as error:
        raise named(error, path) from error


def _bytes(path: Path) -> bytes:
    """A regular file's bytes: what never ends, or only waits for somebody to write, is none."""
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise UsageError(f"cannot read {path}: it is no file; save the table as a CSV or XLSX file and name that")
        data = path.read_bytes() if state.st_size <= MAX_BYTES else None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    if data is None:
        raise UsageError(f"{path} has more than {MAX_BYTES // 10**6} MB: split it")
    return data


def named(error: SheetError, path: Path) -> SheetError:
    """The same faults, each with the file that it is in."""
    return SheetError([f"{path}: {fault}" for fault in error.faults])


def is_xlsx(path: Path) -> bool:
    """Whether a file's ending says that it is a spreadsheet."""
    return path.suffix.lower() in {".xlsx", ".xlsm"}


def read_xlsx(data: bytes, *, unpacked: int = MAX_UNPACKED, columns: int = MAX_COLUMNS) -> list[Line]:
    """The first sheet's rows that hold something, as lines of text; raises SheetError for what is no spreadsheet.

    `unpacked`: bytes that its parts may have together; `columns`: so wide a row may be.
    """
    try:
        has_formulas = _inspected(data, unpacked)
        rows = _rows(data, values=True)
        if has_formulas:  # a formula that nothing has ever calculated reads as an empty cell, which would clear a value
            rows = _told(rows, _rows(data, values=False))
        return [
            Line(number, tuple(_text(cell) for cell in _narrow(row, number, columns)), cells=True)
            for number, row in enumerate(rows, 1)
            if any(cell is not None for cell in row)
        ]
    except _NO_SHEET as error:
        raise SheetError([f"not a readable XLSX file ({error})"]) from error


def _narrow(row: tuple[object, ...], number: int, columns: int) -> tuple[object, ...]:
    """A row without the cells behind its last value: sheets are as wide as somebody once typed."""
    if len(row) <= columns:
        return row
    if any(cell is not None for cell in row[columns:]):
        raise SheetError([f"line {number}: more than {columns} columns; delete what stands to the right of the table"])
    return row[:columns]


def _inspected(data: bytes, unpacked: int) -> bool:
    """Whether a sheet holds formulas; refuses an archive that would fill the memory."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > unpacked:
            raise SheetError([f"the XLSX file unpacks to more than {unpacked // 10**6} MB: split it"])
        sheets = [entry for entry in archive.infolist() if entry.filename.startswith("xl/worksheets/sheet")]
        return any(_holds_formula(archive, sheet) for sheet in sheets)


def _holds_formula(archive: zipfile.ZipFile, sheet: zipfile.ZipInfo) -> bool:
    with archive.open(sheet) as content:
        end = b""
        while chunk := content.read(_CHUNK):
            piece = end + chunk
            if b"<f>" in piece or b"<f " in piece:
                return True
            end = chunk[-2:]
    return False


def _rows(data: bytes, *, values: bool) -> Iterator[tuple[object, ...]]:
    book = load_workbook(io.BytesIO(data), read_only=True, data_only=values)
    try:
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # what the file says of its size pads every row to it
        for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
            if number > MAX_LINES * 3:
                raise SheetError(
                    [f"the sheet goes on below row {MAX_LINES * 3}: delete what stands there, or split it"]
                )
            yield row
    finally:
        book.close()


def _told(values: Iterable[tuple[object, ...]], formulas: Iterable[tuple[object, ...]]) -> Iterator[tuple[object, ...]]:
    for row, told in zip(values, formulas, strict=True):
        yield tuple(
            FORMULA if value is None and formula is not None else value
            for value, formula in zip(row, told, strict=True)
        )


def write_lines(path: Path, rows: Iterable[Sequence[str]], *, title: str) -> None:
    """Write a table, header first, as the file's ending says; the file appears whole or not at all."""
    data = xlsx(rows, title=title) if is_xlsx(path) else write_csv(iter(rows))
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


def xlsx(rows: Iterable[Sequence[str]], *, title: str) -> bytes:
    """One sheet; ids and numbers as text, so that no spreadsheet turns them into dates."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)
    for row in rows:
        sheet.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return f"{Decimal(repr(cell)):f}".removesuffix(".0")
    if isinstance(cell, datetime):  # a date in a spreadsheet is a time at midnight
        return cell.date().isoformat() if cell.time() == datetime.min.time() else cell.isoformat(" ")
    return cell.isoformat() if isinstance(cell, date) else str(cell)
