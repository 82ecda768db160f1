"""Tables down to the cell: what spreadsheets do to text, and faults where their reader looks for them."""

import os
import tracemalloc
import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from io import BytesIO
from pathlib import Path

import pytest
from openpyxl import Workbook

from collector.errors import UsageError
from collector.registry.cells import day_fault, number_fault, number_of, written
from collector.registry.sheet import Line, SheetError, Table, clean, letters, read_csv, table
from collector.registry.sheet_file import named, read_lines, read_xlsx, write_lines

COLUMNS = ("code", "name", "since")
ALIASES = {"ma": "code", "ten": "name"}


def read(lines: list[Line]) -> Table:
    return table(lines, columns=COLUMNS, required=("code",), aliases=ALIASES)


def sheet(*rows: Sequence[object]) -> list[Line]:
    book = Workbook()
    page = book.active
    assert page is not None
    for row in rows:
        page.append(list(row))
    out = BytesIO()
    book.save(out)
    return read_xlsx(out.getvalue())


@pytest.mark.parametrize(("index", "name"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")])
def test_columns_are_called_as_spreadsheets_call_them(index: int, name: str) -> None:
    assert letters(index) == name


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("Hu\u031b\u0303u\u00a0Lu\u0303ng\u00a0", "Hữu Lũng"),
        ("\ufeffa\u200bb", "ab"),
        ("  x ", "x"),
        ("\u202fBản Chu", "Bản Chu"),
    ],
)
def test_text_is_what_it_looks_like(given: str, meant: str) -> None:
    assert clean(given) == meant


def test_a_header_may_be_in_vietnamese_and_in_any_order() -> None:
    found = read(read_csv("Tên,Mã\nBản Chu,chu\n".encode()))
    assert found.header == ("name", "code")
    assert [(row["code"], row["name"], row["since"]) for row in found.rows] == [("chu", "Bản Chu", "")]
    assert found.absent == {"since"}


def test_places_of_faults() -> None:
    row = read(read_csv(b"code,name\nx,y\n")).rows[0]
    assert row.fault("name", "no") == "line 2, column name: no"
    assert row.fault("since", "no") == "line 2, column since: no"
    row = read(sheet(["code", "name"], [], ["x", "y"])).rows[0]
    assert row.fault("name", "no") == "cell B3, column name: no"
    assert row.fault("since", "no") == "line 3, column since: no"


def test_a_wrong_header_of_a_spreadsheet_is_named_by_its_cells() -> None:
    with pytest.raises(SheetError) as caught:
        read(sheet([], ["name", "nam", "name"]))
    assert caught.value.faults == (
        "cell A2: column name stands there 2 times",
        "cell B2: unknown column 'nam'; did you mean name?",
        "cell C2: column name stands there 2 times",
        "line 2: column code is missing",
    )


def test_dates_and_numbers_of_cells_are_written_plainly() -> None:
    midnight = datetime(2025, 7, 1)  # noqa: DTZ001 - as a spreadsheet has it
    found = read(sheet(["code", "name", "since"], [12, 0.5, midnight], [True, 1e-7, date(2025, 7, 1)]))
    assert [dict(row.texts) for row in found.rows] == [
        {"code": "12", "name": "0.5", "since": "2025-07-01"},
        {"code": "true", "name": "0.0000001", "since": "2025-07-01"},
    ]


def test_a_formula_that_was_never_calculated_is_no_empty_cell() -> None:
    found = read(sheet(["code", "name"], ["x", '="a"&"b"'], ["y", "#REF!"]))
    assert [row.faults for row in found.rows] == [
        ("cell B2, column name: a formula without a stored value; paste the value itself",),
        ("cell B3, column name: the spreadsheet's error #REF!; paste the value itself",),
    ]


def test_empty_rows_below_are_nothing() -> None:
    assert len(read(sheet(["code"], ["x"], *([[None, " "]] * 50))).rows) == 1
    assert len(read(read_csv(b"code\nx\n\n,,\n \n")).rows) == 1


def test_a_value_beyond_the_header_is_named() -> None:
    assert read(sheet(["code"], ["x", "y"])).rows[0].faults[0].startswith("cell B2: a value too many ('y')")


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx"])
def test_what_is_written_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_lines(path, [["code", "name"], ["007", "Đồng, Đăng"]], title="places")
    assert read(read_lines(path)).rows[0].texts == {"code": "007", "name": "Đồng, Đăng"}
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["pipe", "pipe.xlsx", "/dev/zero", "folder.csv", "link.csv"])
def test_what_never_ends_or_only_waits_is_no_table(tmp_path: Path, name: str) -> None:
    for pipe in ("pipe", "pipe.xlsx"):
        os.mkfifo(tmp_path / pipe)
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "link.csv").symlink_to("/dev/zero")
    with pytest.raises(UsageError, match=r"cannot read \S+: it is no file; save the table as a CSV or XLSX file"):
        read_lines(tmp_path / name)


def test_a_table_is_read_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("code\nx\n")
    (tmp_path / "link.csv").symlink_to("table.csv")
    assert len(read(read_lines(tmp_path / "link.csv")).rows) == 1


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*none\.csv: No such file"):
        read_lines(tmp_path / "none.csv")
    (tmp_path / "bad.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(SheetError, match=r"bad\.xlsx: not a readable XLSX file"):
        read_lines(tmp_path / "bad.xlsx")
    assert named(SheetError(["line 1: x"]), Path("f.csv")).faults == ("f.csv: line 1: x",)
    with pytest.raises(UsageError, match="cannot write"):
        write_lines(tmp_path / "no" / "a.csv", [], title="x")


def test_what_holds_nothing_is_no_line_and_takes_no_memory() -> None:
    empty = b"\n,,\n \n" * 10_000
    tracemalloc.start()
    lines = read_csv(b"code,name\n" + empty + b"a,A\n")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [(line.number, line.values) for line in lines] == [(1, ("code", "name")), (30_002, ("a", "A"))]
    assert peak < 1_500_000, "the text itself, and not its lines"


def test_too_many_lines_are_refused() -> None:
    with pytest.raises(SheetError, match="has 500002 lines; at most 500000"):
        read_csv(b"x\n" * 500_002)
    with pytest.raises(SheetError, match="at most 500000"):
        read([Line(1, ("code",)), *([Line(2, ("x",))] * 500_000)])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("2025-07-01", None),
        ("2025-02-30", "'2025-02-30' is not a day as YYYY-MM-DD"),
        ("1/7/2025", "'1/7/2025' is not a day as YYYY-MM-DD (write 2025-07-01)"),
        ("45839", "'45839' is not a day as YYYY-MM-DD: a spreadsheet's number for 2025-07-01? Write 2025-07-01"),
        ("tháng 7", "'tháng 7' is not a day as YYYY-MM-DD"),
        ("9999-12-31", "9999-12-31 is no day of these times; leave it empty if it is open"),
    ],
)
def test_days(text: str, fault: str | None) -> None:
    found = day_fault(text)
    assert found is None if fault is None else (found or "").startswith(fault)


def test_numbers() -> None:
    assert number_of("1e3") is None
    assert number_fault("1.234", 0, 1e6, whole=True) == "1.234 is not a whole number; write thousands without a point"
    assert number_fault("12", 0, 1e6, whole=True) is None
    assert (written(12.0), written(None), written(date(2025, 7, 1)), written(1e-7)) == (
        "12",
        "",
        "2025-07-01",
        "0.0000001",
    )


def test_a_sheet_that_claims_to_be_huge_is_read_by_what_is_in_it() -> None:
    book = Workbook()
    page = book.active
    assert page is not None
    page["A1"] = "code"
    page["A400000"] = "x"
    out = BytesIO()
    book.save(out)
    (row,) = read(read_xlsx(out.getvalue())).rows
    assert row.line.number == 400_000


def test_an_archive_that_unpacks_to_more_than_memory_is_refused() -> None:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", "")
    bomb = bytearray(out.getvalue())
    size = bomb.index(b"PK\x01\x02") + 24  # in the directory, where it says how much it unpacks to
    bomb[size : size + 4] = (600_000_000).to_bytes(4, "little")
    with pytest.raises(SheetError, match="unpacks to more than 500 MB"):
        read_xlsx(bytes(bomb))


def test_an_archive_that_is_no_workbook() -> None:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<broken")
    with pytest.raises(SheetError, match="not a readable XLSX"):
        read_xlsx(out.getvalue())
