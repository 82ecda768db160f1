"""The sites table: every fault named by line and column, and what is written is read back the same."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from collector.registry.codes import nearest_code
from collector.registry.sheet_file import read_xlsx, xlsx
from collector.registry.site import Site
from collector.registry.sites_csv import (
    CHOICES,
    COLUMNS,
    WORDS,
    Line,
    SitesFileError,
    parse,
    read_csv,
    rows_of,
    write_csv,
)

PLANS = ["lang-son-2025", "bac-giang-2025"]
HEAD = ",".join(COLUMNS)
GOOD = "th1,Trường TH 1,school,rural,lang-son,huu-lung,,21.5,106.25,fibre,VNPT,100,50,lang-son-2025"
SITE = Site(
    "th1", "Trường TH 1", "school", "rural", "lang-son", "huu-lung", None, 21.5, 106.25, "fibre", "VNPT", 100.0, 50.0,
    "lang-son-2025",
)  # fmt: skip


def read(text: str | bytes) -> tuple[Site, ...]:
    return parse(read_csv(text.encode() if isinstance(text, str) else text), plans=PLANS).sites


def faults(text: str | bytes) -> tuple[str, ...]:
    with pytest.raises(SitesFileError) as caught:
        read(text)
    return caught.value.faults


@pytest.mark.parametrize(("written", "code"), [("Hữu Lũng", "huu-lung"), ("ĐỒNG ĐĂNG", "dong-dang"), ("a--b", "a--b")])
def test_a_place_written_as_people_write_it_is_filed_under_its_code(written: str, code: str) -> None:
    (site,) = read(f"{HEAD}\n{GOOD.replace('huu-lung', written)}\n")
    assert site.commune == code


@pytest.mark.parametrize(
    ("word", "others"),
    [
        ("school", ["Trường học", "TRUONG HOC", "Trường THCS", "School"]),
        ("clinic", ["Trạm Y tế", "tram y te"]),
        ("office", ["Trụ sở", "UBND", "Trụ sở UBND xã", "Uỷ ban nhân dân", "Ủy ban nhân dân"]),
        ("urban", ["Thành thị", "đô thị"]),
        ("rural", ["Nông thôn", "NÔNG THÔN", "Rural"]),
        ("fibre", ["Cáp quang", "FTTH"]),
        ("copper", ["cáp đồng"]),
        ("cellular_4g", ["4G", "Di động 4G", "Cellular 4G"]),
        ("cellular_5g", ["5g"]),
        ("satellite", ["Vệ tinh"]),
    ],
)
def test_an_office_s_own_words_are_stored_as_the_contract_s(word: str, others: list[str]) -> None:
    (column,) = [name for name, words in CHOICES.items() if word in words]
    for other in others:
        cells = {"kind": "school", "area": "rural", "access": "fibre"} | {column: other}
        (site,) = read(f"id,name,province,commune,{','.join(cells)}\na,A,p,c,{','.join(cells.values())}\n")
        assert getattr(site, column) == word
        assert f",{word}," in write_csv([site]).decode()


def test_no_word_means_two_things() -> None:
    for column, choices in WORDS.items():
        assert tuple(choices) == CHOICES[column]
        said = [nearest_code(word) for words in choices.values() for word in words]
        assert len(said) == len(set(said))


def test_the_contract_names_these_columns() -> None:
    assert HEAD == (
        "id,name,kind,area,province,commune,village,latitude,longitude,access,provider,"
        "contract_down_mbps,contract_up_mbps,plan"
    )


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}\n{GOOD}\n",
        f"{HEAD}\r\n{GOOD}\r\n",
        f"\ufeff{HEAD}\n{GOOD}",
        f"{HEAD.upper()}\n\n{GOOD}\n,,,\n",
        f"{HEAD}\n{GOOD}".replace(",", ";"),
        f"{HEAD}\n{GOOD}".replace(",", ";").replace("21.5", "21,5").replace("106.25", "106,25"),
        f"{HEAD},,\n{GOOD},,\n",
        f"{HEAD}\n{GOOD}".replace("id,name,kind", "Mã điểm,Tên điểm,Loại").replace("latitude", "Vĩ độ"),
        f"{HEAD}\n" + GOOD.replace("Trường", "Tru\u031bo\u031b\u0300ng").replace("th1", " th1 "),
    ],
)
def test_tables_as_spreadsheets_write_them(text: str) -> None:
    assert read(text) == (SITE,)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "school",
            "shool",
            "line 2, column kind: 'shool' is not allowed; did you mean school? (allowed: school (trường học), clinic",
        ),
        ("rural", "Rurall", "line 2, column area: 'Rurall' is not allowed; did you mean rural?"),
        ("fibre", "3g", "line 2, column access: '3g' is not allowed (allowed: fibre (cáp quang), cable"),
        ("lang-son-2025", "lang-son", "line 2, column plan: 'lang-son' is not allowed; did you mean lang-son-2025?"),
        ("huu-lung", "???", "line 2, column commune: '???' is not allowed"),
        ("th1", "TH 1", "did you mean 'th-1'?"),
        ("th1", "", "line 2, column id: is empty, and is needed"),
        ("th1", "../x", "line 2, column id: '../x' is not allowed"),
        ("Trường TH 1", "", "line 2, column name: is empty"),
        ("Trường TH 1", "=1+1", "a spreadsheet would run as a formula"),
        ("Trường TH 1", '"two\nlines"', "line 2, column name: holds a line break"),
        ("Trường TH 1", "x" * 201, "201 characters long; at most 200"),
        ("Trường TH 1", "TH 1, Hữu Lũng", "line 2, column 15: a value too many"),
        ("21.5", "91", "line 2, column latitude: 91 is out of range (-90 to 90)"),
        ("21.5,106.25", "106.25,21.5", "106.25 is out of range (-90 to 90); latitude and longitude are swapped"),
        ("21.5", "nan", "line 2, column latitude: 'nan' is not a number"),
        ("21.5", "21,5", "line 2, column"),
        ("21.5", "", "line 2, column latitude: latitude and longitude are given together"),
        (",100,", ",0,", "line 2, column contract_down_mbps: 0 is out of range"),
        (",50,", ",1e3,", "line 2, column contract_up_mbps: '1e3' is not a number"),
    ],
)
def test_a_fault_is_named_by_line_and_column(old: str, new: str, fault: str) -> None:
    assert any(fault in said for said in faults(f"{HEAD}\n{GOOD.replace(old, new)}")), faults(
        f"{HEAD}\n{GOOD.replace(old, new)}"
    )


def test_all_faults_are_named_at_once() -> None:
    text = f"{HEAD}\n{GOOD}\n{GOOD.replace('school', 'x').replace('rural', 'y')}\n{GOOD.replace('th1', 'TH2')}"
    said = faults(text)
    assert [fault.split(":")[0] for fault in said] == [
        "line 3, column kind",
        "line 3, column area",
        "line 3, column id",
        "line 4, column id",
    ]
    assert "'th1' stands in line 2 already" in said[2]


def test_a_long_list_of_faults_is_cut_for_the_terminal() -> None:
    text = HEAD + "".join(f"\nTH{number}{GOOD[3:]}" for number in range(60))
    with pytest.raises(SitesFileError, match="and 10 more") as caught:
        read(text)
    assert len(caught.value.faults) == 60


@pytest.mark.parametrize(
    ("head", "fault"),
    [
        (HEAD.replace("commune", "comune"), "line 1: unknown column 'comune'; did you mean commune?"),
        (HEAD.replace("commune", "comune"), "line 1: column commune is missing"),
        (f"{HEAD},zzz", "line 1: unknown column 'zzz' (known: id,name"),
        (f"{HEAD},id", "line 1: column id stands there 2 times"),
        ("", "the file is empty"),
    ],
)
def test_a_wrong_header_is_named(head: str, fault: str) -> None:
    assert any(fault in said for said in faults(f"{head}\n")), faults(f"{head}\n")


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (f"{HEAD}\n{GOOD}\n{GOOD}".encode("utf-16"), "not UTF-8"),
        (f"{HEAD}\n".encode() + b"th1,Tr\xf4ng", "line 2: not UTF-8; save the file as 'CSV UTF-8'"),
        (f'{HEAD}\nth1,"never closed\n{GOOD}'.encode(), "not valid CSV"),
        (f"{HEAD}\n\0{GOOD}".encode(), "line 2"),
    ],
)
def test_what_is_no_table_is_named(data: bytes, fault: str) -> None:
    assert fault in faults(data)[0]


def test_an_absent_optional_column_is_told_from_an_empty_one() -> None:
    sheet = parse(read_csv(b"id,name,kind,area,province,commune,plan\nth1,T,school,rural,p,c,\n"), plans=PLANS)
    assert sheet.absent == set(COLUMNS) - {"id", "name", "kind", "area", "province", "commune", "plan"}
    assert sheet.sites[0].plan is None


code = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
name = st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=30).filter(
    lambda text: text[0] not in "=+-@" and text.strip() == text
)
speed = st.none() | st.floats(0.01, 1e6).filter(lambda value: "e" not in repr(value))
sites = st.builds(
    replace,
    st.just(SITE),
    id=code,
    name=name,
    provider=st.none() | name,
    village=st.none() | code,
    latitude=st.floats(-90, 90).filter(lambda value: "e" not in repr(value)),
    contract_down_mbps=speed,
    contract_up_mbps=speed,
)


@given(st.lists(sites, max_size=5, unique_by=lambda site: site.id))
def test_what_is_written_is_read_back(found: list[Site]) -> None:
    import unicodedata

    normal = tuple(
        replace(
            site,
            name=unicodedata.normalize("NFC", site.name),
            provider=site.provider and unicodedata.normalize("NFC", site.provider),
        )
        for site in found
    )
    assert read(write_csv(found)) == normal


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_give_sites_or_named_faults(data: bytes) -> None:
    for text in (data, HEAD.encode() + b"\n" + data):
        try:
            assert isinstance(read(text), tuple)
        except SitesFileError as error:
            assert error.faults  # noqa: PT017 - either outcome is right


def test_spreadsheets_are_read_back_the_same() -> None:
    found = [SITE, replace(SITE, id="th2", latitude=None, longitude=None, access=None)]
    assert parse(read_xlsx(xlsx(rows_of(found), title="sites")), plans=PLANS).sites == tuple(found)


def test_numbers_typed_into_a_spreadsheet_are_read(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(list(COLUMNS))
    sheet.append([101, "T", "school", "rural", "p", "c", None, 21.5, 106, "fibre", "VNPT", 100, 50.5, None])
    book.save(tmp_path / "sites.xlsx")
    (site,) = parse(read_xlsx((tmp_path / "sites.xlsx").read_bytes()), plans=PLANS).sites
    assert (site.id, site.latitude, site.longitude, site.contract_up_mbps) == ("101", 21.5, 106.0, 50.5)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04nonsense", write_csv([SITE])])
def test_what_is_no_spreadsheet_is_named(data: bytes) -> None:
    with pytest.raises(SitesFileError, match="not a readable XLSX"):
        read_xlsx(data)


def test_lines_from_elsewhere_may_be_short() -> None:
    (site,) = parse([Line(1, COLUMNS), Line(2, tuple(GOOD.split(","))[:6])], plans=PLANS).sites
    assert site.plan is None
