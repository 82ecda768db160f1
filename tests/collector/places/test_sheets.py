"""Tables of villages, units and populations: whatever comes, values or named faults; what goes out comes in again."""

import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.places import units_sheet, villages_sheet
from collector.places.catalogue import known
from collector.places.gazetteer import Gazetteer
from collector.places.unit import Unit
from collector.registry.sheet import Line, SheetError, read_csv

Read = Callable[[list[Line]], object]


def villages(lines: list[Line]) -> object:
    return villages_sheet.parse(lines, known())


def units(lines: list[Line]) -> object:
    return units_sheet.parse(lines, known())


def populations(lines: list[Line]) -> object:
    return units_sheet.parse_populations(lines, known())


READERS: dict[tuple[str, ...], Read] = {
    villages_sheet.COLUMNS: villages,
    units_sheet.COLUMNS: units,
    units_sheet.POPULATION_COLUMNS: populations,
}
cell = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["", "province", "commune", "village", "bac-giang", "lang-son/huu-lung", "2025-06-30", "9999-12-31",
         "1e9", "-0", "21.5", "106.3", "/", "//", "|", "a/b/c/d/e", "\0formula", "#REF!", "x" * 400, "٣", "½"]
    ),
)  # fmt: skip


@pytest.mark.parametrize("columns", READERS)
@given(data=st.data())
def test_any_cells_give_values_or_named_faults(columns: tuple[str, ...], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.lists(cell, max_size=len(columns) + 1), max_size=4))
    lines = [Line(1, columns), *(Line(number, tuple(row)) for number, row in enumerate(rows, 2))]
    try:
        READERS[columns](lines)
    except SheetError as error:
        assert all(fault.startswith("line ") for fault in error.faults)  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize("columns", READERS)
@given(data=st.binary(max_size=200))
def test_any_bytes_give_values_or_named_faults(columns: tuple[str, ...], data: bytes) -> None:
    try:
        READERS[columns](read_csv(",".join(columns).encode() + b"\n" + data))
    except SheetError as error:
        assert error.faults  # noqa: PT017 - either outcome is right


names = st.text(st.characters(codec="utf-8", categories=["L"]), min_size=1, max_size=20)
codes = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
counts = st.none() | st.integers(0, 1_000_000)
days = st.none() | st.dates(date(1900, 1, 1), date(2100, 1, 1))


@given(
    st.lists(
        st.builds(
            lambda code, name, first, people, place: Unit(
                f"lang-son/huu-lung/{code}", "village", name, "thôn", valid_from=first, population=people,
                households=people, latitude=place and 21.5, longitude=place and 106.25,
            ),
            codes, names, days, counts, st.booleans() | st.none(),
        ),
        unique_by=lambda unit: (unit.path, unit.valid_from),
        max_size=5,
    )
)  # fmt: skip
def test_villages_that_go_out_come_in_again(found: list[Unit]) -> None:
    given = [
        replace(
            unit,
            name=unicodedata.normalize("NFC", unit.name),
            latitude=unit.latitude or None,
            longitude=unit.longitude or None,
        )
        for unit in found
    ]
    rows = [Line(number, tuple(row)) for number, row in enumerate(villages_sheet.rows_of(given), 1)]
    if given:
        assert list(villages_sheet.parse(rows, known()).units) == given


def test_a_name_that_two_communes_have_is_written_as_the_code() -> None:
    head = Line(1, villages_sheet.REQUIRED)
    two = Line(2, ("a", "A", "van-lang", "thai-nguyen"))
    with pytest.raises(
        SheetError, match="may be thai-nguyen/van-lang-5665 or thai-nguyen/van-lang-2143: write the code"
    ):
        villages([head, two])
    exact = Line(2, ("a", "A", "Văn Lăng", "thai-nguyen"))
    (unit,) = villages_sheet.parse([head, exact], known()).units
    assert unit.parent == "thai-nguyen/van-lang-5665"


def test_hints_stop_where_everything_is_wrong() -> None:
    """Looking for the nearest name takes a millisecond: a file of nothing but slips must not take minutes."""
    rows = [Line(number, ("a", "A", f"huu-lun{number}", "lang-son")) for number in range(2, 300)]
    with pytest.raises(SheetError) as caught:
        villages([Line(1, villages_sheet.REQUIRED), *rows])
    assert sum("did you mean" in fault for fault in caught.value.faults) == 100


def test_a_successor_alone_is_sought_in_what_the_province_became() -> None:
    head = Line(1, ("level", "code", "name", "parent", "valid_until", "successors"))
    row = Line(2, ("commune", "x", "X", "bac-giang", "2025-06-30", "Lục Ngạn | bac-ninh/nam-duong"))
    (unit,) = units_sheet.parse([head, row], Gazetteer(known())).units
    assert unit.successors == ("bac-ninh/luc-ngan", "bac-ninh/nam-duong")
    stays = Line(2, ("commune", "x", "X", "lang-son", "2025-06-30", "Hữu Lũng"))
    (unit,) = units_sheet.parse([head, stays], known()).units
    assert unit.successors == ("lang-son/huu-lung",)


def test_populations_are_told_from_units_by_their_year() -> None:
    assert units_sheet.has_populations([Line(1, ("", "")), Line(2, ("place", " Năm "))])
    assert not units_sheet.has_populations([Line(1, units_sheet.COLUMNS)])
    assert not units_sheet.has_populations([])
