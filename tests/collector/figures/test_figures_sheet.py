"""The table of figures: every fault at its place, nothing half-read, and back to the same figures."""

import io
from datetime import date, datetime

import pytest
from openpyxl import Workbook

from collector.figures.figure import Figure, references_of
from collector.figures.figures_sheet import COLUMNS, FigureSheet, area_of, parse, rows_of
from collector.plans.load import load_plans
from collector.plans.period import period
from collector.registry.sheet import SheetError, read_csv, write_csv
from collector.registry.sheet_file import read_xlsx, xlsx

PLANS = load_plans()
NATION = "ispeed_mobile_download_mbps"
TODAY = date(2026, 11, 22)
HEADER = ",".join(COLUMNS) + "\n"
GOOD = "lang-son-2025,households_fixed_broadband,,2026-10,71.5,percent,Sở KHCN 123/BC,\n"


def read(text: str) -> FigureSheet:
    return parse(read_csv(text.encode()), plans=PLANS, today=TODAY)


def faults(text: str) -> tuple[str, ...]:
    with pytest.raises(SheetError) as said:
        read(text)
    return said.value.faults


def test_a_figure_as_it_is_read() -> None:
    (figure,) = read(HEADER + GOOD).figures
    october = period("2026-10")
    assert figure == Figure(
        "lang-son-2025", "households_fixed_broadband", "", october, 71.5, "percent", "Sở KHCN 123/BC", None
    )


def test_semicolons_decimal_commas_a_byte_order_mark_and_vietnamese_headers() -> None:
    header = "\ufeffChỉ tiêu;Kế hoạch;Kỳ;Giá trị;Đơn vị tính;Nguồn;Địa bàn\r\n"
    text = header + "households_fibre;;10/2026;71,5;%;Sở;Bắc Giang/Tân Mộc\r\n"
    (figure,) = read(text).figures
    assert figure.area == "bac-giang/tan-moc"
    assert (figure.plan, figure.value, figure.unit, figure.period.text) == ("", 71.5, "percent", "2026-10")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("71.5", "100.01", "line 2, column value: 100.01 is out of range (0 to 100)"),
        ("71.5", "-0.1", "line 2, column value: -0.1 is out of range"),
        ("71.5", "71.5%", "line 2, column value: '71.5%' is not a number (write 71.5)"),
        ("71.5", "nan", "line 2, column value: 'nan' is not a number"),
        ("71.5", "1e309", "line 2, column value: '1e309' is not a number"),
        ("71.5", "9" * 400, "line 2, column value: "),
        ("71.5", "", "line 2, column value: is empty, and is needed"),
        ("percent", "Mbps", "line 2, column unit: households_fixed_broadband is counted in percent, not in 'Mbps'"),
        ("percent", "", "line 2, column unit: is empty, and is needed"),
        ("2026-10", "2026-10-01", "line 2, column period: '2026-10-01' is a day"),
        ("2026-10", "2026-12", "line 2, column period: 2026-12 has not begun yet"),
        ("lang-son-2025", "lang-son", "line 2, column plan: 'lang-son' is not allowed; did you mean lang-son-2025?"),
        ("_fixed_broadband", "_fixed_brodband", "did you mean households_fixed_broadband?"),
        ("households_fixed_broadband", "households_fibre", "plan lang-son-2025 promises nothing of households_fibre"),
        ("households_fixed_broadband", "download_mbps", "published speeds are ispeed_fixed_download_mbps"),
        (",,2026-10", ",a/b/c,2026-10", "line 2, column area: 'a/b/c' is no area"),
        (",,2026-10", ",a//b,2026-10", "line 2, column area: 'a//b' is no area"),
        ("Sở KHCN 123/BC", "", "line 2, column source: is empty, and is needed"),
        ("Sở KHCN 123/BC", "=A1", "would run as a formula"),
        ("123/BC,", "123/BC," + "x" * 501, "at most 500 are allowed"),
        ("value", "valeu", "unknown column 'valeu'; did you mean value?"),
        (",source", "", "column source is missing"),
        (GOOD, GOOD + GOOD, "line 3, column period: the same figure stands in line 2 already"),
        (GOOD, "", None),
    ],
)
def test_every_fault_names_its_place(old: str, new: str, fault: str | None) -> None:
    text = (HEADER + GOOD).replace(old, new, 1)
    if fault is None:
        assert read(text).figures == ()
        return
    assert any(fault in each for each in faults(text)), faults(text)


def test_all_faults_are_told_at_once() -> None:
    rows = "".join(
        GOOD.replace("71.5", value).replace("2026-10", month) for value, month in (("x", "y"), ("101", "2026"))
    )
    assert [fault.partition(":")[0] for fault in faults(HEADER + GOOD + rows)] == [
        "line 3, column period",
        "line 3, column value",
        "line 4, column value",
    ]


def test_one_period_written_in_two_ways_is_the_same_figure() -> None:
    assert "the same figure" in faults(HEADER + GOOD + GOOD.replace("2026-10", "10/2026"))[0]


def test_a_state_is_1_or_0() -> None:
    row = "quang-ninh-2030,iot_low_latency,,2026,{},done,Sở,\n"
    assert read(HEADER + row.format(1)).figures[0].value == 1
    assert "write 1 for done" in faults(HEADER + row.format("0.5"))[0]


def test_per_100_people_may_be_above_100() -> None:
    assert read(HEADER + "binh-phuoc-2025,mobile_subscriptions_per_100,,2026,104.2,per_100_people,x,\n").figures


def test_a_share_that_looks_like_a_spreadsheets_is_remarked() -> None:
    sheet = read(HEADER + GOOD.replace("71.5", "0.95"))
    assert sheet.figures[0].value == 0.95
    assert "line 2, column value: 0.95 percent; a spreadsheet keeps" in sheet.remarks[0]


def test_csv_and_xlsx_read_back_the_same() -> None:
    rows = (
        GOOD
        + ',ispeed_mobile_download_mbps,,2026-Q3,83.52,Mbit/s,"VNNIC, ""i-Speed""",ghi chú\n'
        + ",ispeed_mobile_download_mbps,bac-giang,2026,1e1,Mbps,x,\n".replace("1e1", "0")
    )
    figures = read(HEADER + rows).figures
    assert len(figures) == 3
    assert parse(read_csv(write_csv(rows_of(figures))), plans=PLANS, today=TODAY).figures == figures
    assert parse(read_xlsx(xlsx(rows_of(figures), title="figures")), plans=PLANS, today=TODAY).figures == figures


def test_a_month_that_a_spreadsheet_made_a_date_of_is_refused_at_its_cell() -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(list(COLUMNS))
    sheet.append(["", NATION, "", datetime(2026, 10, 1), 80.5, "Mbps", "VNNIC"])  # noqa: DTZ001 - as a cell holds it
    sheet.append(["", NATION, "", "2026-09", 80, "Mbps", "VNNIC"])
    sheet.append(["", NATION, "", 2025, "=40*2", "Mbps", "VNNIC"])
    out = io.BytesIO()
    book.save(out)
    with pytest.raises(SheetError) as said:
        parse(read_xlsx(out.getvalue()), plans=PLANS, today=TODAY)
    month, formula = said.value.faults
    assert month.startswith("cell D2, column period: '2026-10-01' is a day, not a period; if 2026-10 was meant")
    assert formula.startswith("cell E4, column value: a formula without a stored value")


def test_only_the_nations_figures_are_references() -> None:
    rows = (
        ",ispeed_mobile_download_mbps,,2026-09,80,Mbps,VNNIC,\n"
        ",ispeed_mobile_download_mbps,,2026-08,70,Mbps,VNNIC,\n"
        ",ispeed_mobile_download_mbps,bac-giang,2026-09,60,Mbps,VNNIC,\n"
        "quang-ninh-2030,ispeed_mobile_download_mbps,,2026-09,50,Mbps,VNNIC,\n"
    )
    (series,) = references_of(read(HEADER + rows).figures).values()
    assert (series.id, series.unit) == ("ispeed_mobile_download_mbps", "Mbps")
    assert [(point.period, point.value) for point in series.points] == [("2026-08", 70), ("2026-09", 80)]
    newest = series.at(date(2026, 10, 1))
    before = series.at(date(2026, 9, 30))
    assert newest is not None
    assert before is not None
    assert (newest.value, before.value) == (80, 70)
    assert series.at(date(2026, 8, 31)) is None


def test_areas() -> None:
    assert area_of("Bắc Giang / Tân Mộc") == "bac-giang/tan-moc"
    assert area_of("bac-giang") == "bac-giang"
