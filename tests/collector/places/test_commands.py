"""Villages and units at the terminal, on both real databases: all or nothing, with history, taken back."""

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from openpyxl import Workbook
from sqlalchemy import text

from collector.errors import UsageError
from collector.places.commands import add_commands, site_remarks
from collector.registry import commands as registry
from collector.registry.database import Database
from tests.collector.postgres import Postgres
from tests.collector.tables import with_tables

NOW = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)
VILLAGES = "code,name,commune,province,latitude,longitude,population,households,valid_from,valid_until\n"
MAU = "ban-mau,Thôn Bản Mẫu,Hữu Lũng,Lạng Sơn,21.512,106.349,412,98,,\n"
UNITS = "level,code,name,kind,parent,district,official_code,valid_from,valid_until,successors,source\n"
MOC = "commune,Tân Mộc,Tân Mộc,xã,bac-giang,Lục Ngạn,,,2025-06-30,Lục Ngạn,Resolution\n"

Run = Callable[..., str]


both = pytest.mark.parametrize("kind", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if kind == "sqlite":
        return with_tables(tmp_path)
    server: Postgres = request.getfixturevalue("cluster")
    return server.new_database(migrated=True)


@pytest.fixture
def run(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    add_commands(commands, clock=lambda: NOW)
    registry.add_commands(commands, clock=lambda: NOW, remarks=site_remarks)

    def run(*words: str) -> str:
        arguments = parser.parse_args([*words, "--registry", url])
        capsys.readouterr()
        assert arguments.func(arguments) == 0
        return capsys.readouterr().out

    return run


def write(name: str, *lines: str) -> str:
    Path(name).write_text("".join(lines), encoding="utf-8")
    return name


def refused(run: Run, *words: str) -> list[str]:
    with pytest.raises(UsageError) as caught:
        run(*words)
    return str(caught.value).splitlines()


def versions(url: str) -> int:
    database = Database(url)
    database.open()
    with database.read() as connection:
        count: int = connection.scalar(text("SELECT count(*) FROM place_versions")) or 0
    database.close()
    return count


@both
def test_villages_are_imported_once_and_keep_their_history(run: Run, url: str) -> None:
    file = write("v.csv", VILLAGES, MAU)
    assert "1 added, 0 changed, 0 unchanged (dry run: nothing was written)" in run(
        "village", "import", file, "--dry-run"
    )
    assert len(run("village", "list").splitlines()) == 1
    assert run("village", "import", file) == (
        "lang-son/huu-lung/ban-mau: added: Thôn Bản Mẫu (without dates)\nv.csv: 1 added, 0 changed, 0 unchanged\n"
    )
    assert "0 added, 0 changed, 1 unchanged" in run("village", "import", file)
    write("v.csv", VILLAGES, MAU.replace("412", "420"))
    assert "lang-son/huu-lung/ban-mau: population: 412 -> 420\n" in run("village", "import", file)
    assert versions(url) == 2
    assert "420" in run("village", "list", "--commune", "lang-son/huu-lung")
    said = run("place", "show", "lang-son/huu-lung/ban-mau")
    assert "420 people, 98 households\n" in said
    assert "  2026-11-22 01:02:03Z (without dates) added\n  2026-11-22 01:02:03Z population: 412 -> 420\n" in said


def test_a_column_that_is_absent_leaves_what_is_known(run: Run) -> None:
    run("village", "import", write("v.csv", VILLAGES, MAU))
    short = write("s.csv", "code,name,commune,province,population\n", "ban-mau,Bản Mẫu,huu-lung,lang-son,\n")
    said = run("village", "import", short)
    assert "population: 412 -> -" in said
    assert "latitude" not in said


@pytest.mark.parametrize("name", ["out.csv", "out.xlsx"])
def test_what_is_exported_is_imported_unchanged(run: Run, name: str) -> None:
    merged = "ban-mau,Khu phố 3,Hữu Lũng,Lạng Sơn,,,,,2026-01-01,\n"
    run("village", "import", write("v.csv", VILLAGES, MAU.replace(",,\n", ",,2025-12-31\n"), merged))
    assert run("village", "export", name) == f"{name}: 2 villages\n"
    assert "0 added, 0 changed, 2 unchanged" in run("village", "import", name)


def test_all_faults_of_villages_at_once_and_nothing_half_done(run: Run, url: str) -> None:
    rows = [
        MAU,
        MAU,
        MAU.replace("ban-mau", "b").replace("21.512,106.349", "106.349,21.512"),
        MAU.replace("ban-mau", "c").replace("21.512,106.349", "48.2,16.4"),
        MAU.replace("ban-mau", "d").replace("Hữu Lũng", "Hưu Lung X"),
        MAU.replace("ban-mau", "e").replace("Lạng Sơn", "Bắc Giang").replace("Hữu Lũng", "Lục Ngạn"),
        MAU.replace("ban-mau", "f").replace(",98,", ",980,"),
        MAU.replace("ban-mau", "g").replace(",,\n", ",1/7/2025,45839\n"),
        MAU.replace("ban-mau", "h").replace(",,\n", ",2026-01-01,2025-01-01\n"),
        MAU.replace("ban-mau", "i").replace("412", "1.234"),
        MAU.replace("ban-mau", "").replace("Hữu Lũng,Lạng Sơn", "Tân Thanh,Tay Nin"),
    ]
    known = "communes of before July 2025 are imported: place import"
    assert refused(run, "village", "import", write("v.csv", VILLAGES, *rows)) == [
        "nothing was imported:",
        "v.csv: line 3, column code: 'lang-son/huu-lung/ban-mau' stands in line 2 already",
        "v.csv: line 4, column latitude: 106.349, 21.512: latitude and longitude are swapped",
        "v.csv: line 5, column latitude: 48.2, 16.4: is not in Viet Nam",
        (
            f"v.csv: line 6, column commune: 'Hưu Lung X' is not known in lang-son ({known}); "
            "did you mean huu-lung (Xã Hữu Lũng)?"
        ),
        (
            "v.csv: line 7, column commune: 'Lục Ngạn' is not known in bac-giang, but in bac-ninh, which that became: "
            "write province bac-ninh"
        ),
        "v.csv: line 8, column households: 980 households of 412 people",
        "v.csv: line 9, column valid_from: '1/7/2025' is not a day as YYYY-MM-DD (write 2025-07-01)",
        (
            "v.csv: line 9, column valid_until: '45839' is not a day as YYYY-MM-DD: a spreadsheet's number for "
            "2025-07-01? Write 2025-07-01, or format the column as a date"
        ),
        "v.csv: line 10, column valid_until: 2025-01-01 lies before 2026-01-01",
        "v.csv: line 11, column population: 1.234 is not a whole number; write thousands without a point",
        "v.csv: line 12, column code: is empty, and is needed",
        "v.csv: line 12, column province: 'Tay Nin' is not known; did you mean tay-ninh (Tỉnh Tây Ninh)?",
    ]
    assert versions(url) == 0


@both
def test_periods_that_overlap_those_imported_before(run: Run) -> None:
    run("village", "import", write("v.csv", VILLAGES, MAU))
    later = MAU.replace(",,\n", ",2026-01-01,\n")
    assert refused(run, "village", "import", write("l.csv", VILLAGES, later)) == [
        "nothing was imported:",
        (
            "l.csv: line 2, column valid_from: lang-son/huu-lung/ban-mau (since 2026-01-01) overlaps "
            "Thôn Bản Mẫu (without dates)"
        ),
    ]
    ended = MAU.replace(",,\n", ",,2025-12-31\n")
    assert "1 added, 1 changed" in run("village", "import", write("l.csv", VILLAGES, ended, later))


def test_a_spreadsheet_in_vietnamese_with_its_cells_named(run: Run) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Mã thôn", "Tên thôn", "Xã", "Tỉnh", "Dân số", "Từ ngày"])
    sheet.append(["chu", "Bản\u00a0Chu", "Hu\u031b\u0303u Lu\u0303ng", "Lạng Sơn", 120, datetime(2025, 7, 1)])  # noqa: DTZ001
    sheet.append([None] * 6)
    sheet.append(["moi", "Bản Mới", "Hữu Lũng", "Lạng Sơn", "=1+1", None])
    book.save("v.xlsx")
    assert refused(run, "village", "import", "v.xlsx")[1:] == [
        "v.xlsx: cell E4, column population: a formula without a stored value; paste the value itself",
    ]
    sheet["E4"] = 80
    book.save("v.xlsx")
    said = run("village", "import", "v.xlsx")
    assert "lang-son/huu-lung/chu: added: Bản Chu (since 2025-07-01)\n" in said


@both
def test_an_old_commune_and_what_became_of_it(run: Run) -> None:
    file = write("u.csv", UNITS, MOC)
    assert run("place", "import", file) == (
        "bac-giang/tan-moc: added: Xã Tân Mộc (until 2025-06-30), then bac-ninh/luc-ngan\n"
        "u.csv: 1 added, 0 changed, 0 unchanged\n"
    )
    said = run("place", "show", "bac-giang/tan-moc")
    assert "in Lục Ngạn\n  since 2025-07-01 part of Xã Lục Ngạn (bac-ninh/luc-ngan)\n  source: Resolution\n" in said
    assert "made of Xã Tân Mộc (bac-giang/tan-moc)" in run("place", "show", "bac-ninh/luc-ngan")
    assert "bac-giang/tan-moc" in run("place", "list", "bac-giang", "--all")
    assert "bac-giang/tan-moc" not in run("place", "list", "bac-giang")
    assert run("place", "export", "out.xlsx") == "out.xlsx: 1 units\n"
    assert "0 added, 0 changed, 1 unchanged" in run("place", "import", "out.xlsx")
    # A village of then, in the commune of then.
    old = "moc,Thôn Mộc,Tân Mộc,Bắc Giang,,,,,,2025-06-30\n"
    assert "bac-giang/tan-moc/moc: added" in run("village", "import", write("v.csv", VILLAGES, old))
    assert refused(run, "place", "withdraw", "bac-giang/tan-moc") == [
        "bac-giang/tan-moc is still needed by bac-giang/tan-moc/moc: bac-giang/tan-moc is not known"
    ]
    assert "withdrawn" in run("place", "withdraw", "bac-giang/tan-moc/moc")
    assert "withdrawn" in run("place", "withdraw", "bac-giang/tan-moc")
    assert refused(run, "place", "show", "bac-giang/tan-moc") == ["'bac-giang/tan-moc' is not known"]
    assert "1 added" in run("place", "import", file)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (MOC.replace("Lục Ngạn,Res", "Lục Ngạm,Res"), "column successors: 'Lục Ngạm' is not known in bac-ninh"),
        (MOC.replace("Lục Ngạn,Res", "bac-ninh/zz,Res"), "column successors: bac-ninh/zz is not known"),
        (
            MOC.replace("Lục Ngạn,Res", "bac-giang/tan-moc,Res"),
            "column successors: bac-giang/tan-moc would become itself",
        ),
        (MOC.replace("2025-06-30", ""), "column successors: there are successors, but no valid_until"),
        (MOC.replace("2025-06-30", "2025-05-30"), "bac-ninh/luc-ngan is not there on 2025-05-31 ((since 2025-07-01))"),
        (MOC.replace("bac-giang", "nowhere"), "column successors: 'Lục Ngạn' is not known in nowhere"),
        (MOC.replace("commune", "comune"), "column level: 'comune' is not allowed; did you mean commune?"),
        (MOC.replace("bac-giang", ""), "column parent: is empty, and is needed"),
        (MOC.replace("commune", "province"), "column parent: a province has none"),
        (MOC.replace("xã", "làng"), "column kind: 'làng' is not allowed"),
        (MOC.replace("Tân Mộc,xã", "=x,xã"), "column name: '=x' begins with '='"),
        (MOC.replace("commune,Tân Mộc", "commune,???"), "column code: '???' is not allowed"),
        (UNITS.replace("level", "cấp x"), "column level"),
        (
            "province,bac-giang,Bắc Giang,tỉnh,,,,2020-01-01,,,\n",
            "column valid_from: bac-giang (since 2020-01-01) overlaps Tỉnh Bắc Giang (until 2025-06-30)",
        ),
        (
            "commune,a,A,xã,lang-son,,,,2025-06-30,lang-son/b,\ncommune,b,B,xã,lang-son,,,,2025-06-30,lang-son/a,\n",
            "column successors: lang-son/a is not there on 2025-07-01",
        ),
    ],
)
def test_units_that_cannot_be(run: Run, url: str, row: str, fault: str) -> None:
    said = refused(run, "place", "import", write("u.csv", UNITS, row))
    assert any(fault in line for line in said), said
    assert versions(url) == 0


def test_a_correction_may_not_break_what_was_imported_before(run: Run) -> None:
    new = "commune,n,N,xã,lang-son,,,2025-07-01,,,\n"
    old = "commune,o,O,xã,lang-son,,,,2025-06-30,lang-son/n,\n"
    run("place", "import", write("u.csv", UNITS, new, old))
    gone = new.replace("2025-07-01,,", "2025-07-01,2025-07-31,")
    assert "0 added, 1 changed" in run("place", "import", write("u.csv", UNITS, gone))
    assert refused(run, "place", "withdraw", "lang-son/n", "--from", "2025-07-01") == [
        "lang-son/n is still needed by lang-son/o: lang-son/n is not known"
    ]
    assert refused(run, "place", "withdraw", "lang-son/n") == [
        "lang-son/n was not imported from the beginning on; it was from 2025-07-01"
    ]
    assert refused(run, "place", "withdraw", "lang-son/n", "--from", "July")[0].startswith("--from: 'July'")


@both
def test_populations_by_year_with_their_source(run: Run) -> None:
    head = "place,year,population,households,source\n"
    file = write("p.csv", head, "bac-giang,2024,1922740,,Yearbook 2024\n", "bac-ninh,2025,3619433,,Report\n")
    assert "bac-giang 2024: 1922740 people, Yearbook 2024\n" in run("place", "import", file)
    assert "0 added, 0 changed, 2 unchanged" in run("place", "import", file)
    write("p.csv", head, "bac-giang,2024,1922741,500000,Yearbook\n")
    said = run("place", "import", file)
    assert "1922741 people, 500000 households, Yearbook (was 1922740, Yearbook 2024)" in said
    assert "  2024: 1922741 people, 500000 households (Yearbook)\n" in run("place", "show", "bac-giang")
    bad = write("b.csv", head, "bac-gian,24,x,,\n", "hue,2024,1,,S\nhue,2024,2,,S\n")
    assert refused(run, "place", "import", bad)[1:] == [
        "b.csv: line 2, column source: is empty, and is needed",
        "b.csv: line 2, column year: 24 is out of range (1976 to 2100)",
        "b.csv: line 2, column population: 'x' is not a number",
        "b.csv: line 2, column place: 'bac-gian' is not known; did you mean bac-giang (Tỉnh Bắc Giang)?",
        "b.csv: line 4, column year: hue in 2024 stands in line 3 already",
    ]


def test_today_s_places_are_known_without_any_import(run: Run) -> None:
    assert len(run("place", "list").splitlines()) == 35
    assert len(run("place", "list", "--all").splitlines()) == 1 + 63 + 23
    assert "since 2025-07-01 part of Tỉnh Đồng Nai (dong-nai)" in run("place", "show", "binh-phuoc")
    assert refused(run, "place", "show", "binh-fuoc") == [
        "'binh-fuoc' is not known; did you mean binh-phuoc (Tỉnh Bình Phước)?"
    ]
    assert refused(run, "place", "list", "lang-son/huu-lun") == [
        "'lang-son/huu-lun' is not known; did you mean huu-lung (Xã Hữu Lũng)?"
    ]


@pytest.mark.parametrize(("hour", "provinces"), [(16, 63), (17, 34)])
def test_a_place_ends_with_the_country_s_day_not_with_that_of_greenwich(
    url: str, capsys: pytest.CaptureFixture[str], hour: int, provinces: int
) -> None:
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers(required=True), clock=lambda: datetime(2025, 6, 30, hour, tzinfo=UTC))
    arguments = parser.parse_args(["place", "list", "--registry", url])
    assert arguments.func(arguments) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + provinces


def test_an_import_of_sites_says_what_is_known_of_their_places(run: Run) -> None:
    head = "id,name,kind,area,province,commune\n"
    run("place", "import", write("u.csv", UNITS, MOC))
    file = write("s.csv", head, "a,A,school,rural,bac-giang,tan-moc\n", "b,B,school,rural,bac-giang,tan-mok\n")
    said = run("site", "import", file)
    assert "s.csv: line 2, column province: Tỉnh Bắc Giang: since 2025-07-01 part of bac-ninh" in said
    assert "(and 1 more)" in said
    assert "s.csv: line 2, column commune: Xã Tân Mộc: since 2025-07-01 part of bac-ninh/luc-ngan" in said
    assert refused(run, "site", "import", file, "--strict")[1:] == [
        (
            "s.csv: line 3, column commune: 'tan-mok' is not known in Tỉnh Bắc Ninh, filed as given; "
            "did you mean tan-moc (Xã Tân Mộc)?"
        )
    ]
    words = ["--id", "z", "--name", "Z", "--kind", "school", "--area", "rural", "--province", "Huế", "--commune", "X"]
    assert "--commune: 'x' is not known in Thành phố Huế, filed as given" in run("site", "add", *words)
    write("s.csv", head, "a,A,school,rural,bac-giang,tan-moc\n")
    assert "0 added, 0 changed, 1 unchanged" in run("site", "import", file, "--strict")
