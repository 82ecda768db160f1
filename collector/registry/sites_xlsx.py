"""The sites table as a spreadsheet file; the rules of its content are those of `sites_csv`."""

import io
import zipfile
from collections.abc import Iterable
from decimal import Decimal

from openpyxl import Workbook, load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from collector.registry.site import Site
from collector.registry.sites_csv import Line, SitesFileError, rows_of


def read_xlsx(data: bytes) -> list[Line]:
    """The first sheet's rows as lines of text; raises SitesFileError for what is no spreadsheet."""
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        rows = [list(row) for row in book.worksheets[0].iter_rows(values_only=True)]
        book.close()
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, IndexError, OSError) as error:
        raise SitesFileError([f"not a readable XLSX file ({error})"]) from error
    return [Line(number, tuple(_text(cell) for cell in row)) for number, row in enumerate(rows, 1)]


def write_xlsx(sites: Iterable[Site]) -> bytes:
    """One sheet `sites`; ids and numbers as text, so that no spreadsheet turns them into dates."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("sites")
    for row in rows_of(sites):
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{Decimal(repr(cell)):f}".removesuffix(".0")
    return str(cell)
