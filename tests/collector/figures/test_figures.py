"""Figures in both databases: history, the newest that holds, two at once, and the command line."""

import argparse
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest

from collector.errors import RegistryUnavailable, UsageError
from collector.figures.commands import add_commands
from collector.figures.figure import Figure
from collector.figures.figures import Figures
from collector.figures.figures_sheet import COLUMNS, parse
from collector.plans.load import load_plans
from collector.plans.period import period
from collector.registry.database import Database
from collector.registry.journal import person
from collector.registry.sheet_file import read_lines
from tests.collector.tables import with_tables

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "deploy" / "collector" / "figures.csv"
NOW = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)
NATION = "ispeed_mobile_download_mbps"
Run = Callable[..., str]


def figure(month: str = "2026-10", value: float = 71.5, *, plan: str = "lang-son-2025", source: str = "Sở") -> Figure:
    return Figure(plan, "households_fixed_broadband", "", period(month), value, "percent", source)


@pytest.fixture
def figures(database_url: str) -> Iterator[Figures]:
    database = Database(database_url)
    database.open()
    yield Figures(database)
    database.close()


def test_what_was_entered_is_reported(figures: Figures) -> None:
    assert figures.reported("lang-son-2025") == []
    assert figures.references() == {}
    later, earlier = figure("2026-10"), figure("2026-09", 70)
    other = figure(plan="bac-giang-2025")
    changes = figures.bring([later, earlier, other], who="Lan", now=NOW)
    assert [change.before for change in changes] == [None] * 3
    assert figures.reported("lang-son-2025") == [earlier, later]
    assert figures.reported("lang-son-2025", "households_fixed_broadband") == [earlier, later]
    assert figures.reported("lang-son-2025", "households_fibre") == []
    assert figures.references() == {}


def test_who_changed_what_and_when_is_kept(figures: Figures) -> None:
    figures.bring([figure()], who="Lan", now=NOW)
    assert figures.bring([figure()], who="Minh", now=NOW + timedelta(hours=1)) == []
    (change,) = figures.bring([figure(value=72.5, source="Sở, sửa")], who="Hà", now=NOW + timedelta(days=1))
    assert change.before is not None
    assert (change.before.figure.value, change.before.who) == (71.5, "Lan")
    assert figures.reported("lang-son-2025") == [figure(value=72.5, source="Sở, sửa")]
    said = [(entry.version, entry.figure.value, entry.who) for entry in figures.entries(history=True)]
    assert said == [(1, 71.5, "Lan"), (2, 72.5, "Hà")]
    assert [entry.entered for entry in figures.entries()] == [NOW + timedelta(days=1)]


def test_a_dry_run_writes_nothing(figures: Figures) -> None:
    assert len(figures.bring([figure()], who="Lan", now=NOW, dry=True)) == 1
    assert figures.entries(history=True) == []


def test_what_was_taken_back_is_no_figure_but_stays_told(figures: Figures) -> None:
    figures.bring([figure()], who="Lan", now=NOW)
    figures.take_back(figure().key, who="Minh", now=NOW)
    assert figures.reported("lang-son-2025") == []
    assert figures.entries() == []
    assert [entry.who for entry in figures.entries(history=True)] == ["Lan", "Minh"]
    with pytest.raises(UsageError, match="no figure of plan lang-son-2025, indicator households_fixed_broadband"):
        figures.take_back(figure().key, who="Minh", now=NOW)
    assert len(figures.bring([figure()], who="Lan", now=NOW)) == 1
    assert figures.reported("lang-son-2025") == [figure()]


def test_all_or_nothing(figures: Figures) -> None:
    broken = replace(figure("2026-08"), source=None)  # type: ignore[arg-type]  # what the database refuses
    with pytest.raises(RegistryUnavailable, match="source"):
        figures.bring([figure(), broken], who="Lan", now=NOW)
    assert figures.entries(history=True) == []


def test_two_who_import_at_once_enter_each_figure_once(database_url: str) -> None:
    databases = [Database(database_url), Database(database_url)]
    months = [figure(f"2026-{month:02d}") for month in range(1, 11)]
    together = Barrier(2)

    def bring(database: Database) -> int:
        database.open()
        together.wait(5)
        return len(Figures(database).bring(months, who=threading.current_thread().name, now=NOW))

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(bring, databases)) == [0, 10]
    entries = Figures(databases[0]).entries(history=True)
    assert [entry.figure for entry in entries] == months
    assert len({entry.who for entry in entries}) == 1
    for database in databases:
        database.close()


def test_the_sample_holds_the_published_values() -> None:
    sheet = parse(read_lines(SAMPLE), plans=load_plans(), today=date(2026, 11, 22))
    assert sheet.remarks == ()
    found = {(one.indicator, one.period.text): one.value for one in sheet.figures}
    typed = {
        "2020-Q1": (61.69, None, 39.44, None),
        "2024-03": (95.57, 95.45, 38.69, None),
        "2024-07": (100.28, 102.34, 54.34, 21.19),
        "2025-05": (187.43, 137.03, None, None),
        "2025-07": (258.28, 195.34, 83.52, 29.55),
        "2025-08": (271.2, 200.99, None, None),
    }
    names = ("fixed_download", "fixed_upload", "mobile_download", "mobile_upload")
    expected = {
        (f"ispeed_{name}_mbps", month): value
        for month, values in typed.items()
        for name, value in zip(names, values, strict=True)
        if value is not None
    }
    five_g = {("ispeed_5g_download_mbps", "2025-07"): 447.0, ("ispeed_5g_upload_mbps", "2025-07"): 99.0}
    assert found == expected | five_g
    assert not any(one.plan or one.area for one in sheet.figures)


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    address = with_tables(tmp_path)
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers(required=True), clock=lambda: NOW)

    def run(*words: str) -> str:
        config = tmp_path / "collector.toml"
        config.write_text(f'[registry]\nurl = "{address}"\n', "utf-8")
        arguments = parser.parse_args(["figure", *words, "--config", str(config)])
        capsys.readouterr()
        assert arguments.func(arguments) == 0
        return capsys.readouterr().out

    return run


def test_the_command_line_from_import_to_export(run: Run, tmp_path: Path) -> None:
    assert "19 added, 0 changed, 0 unchanged (dry run" in run("import", str(SAMPLE), "--dry-run")
    assert "19 added, 0 changed, 0 unchanged\n" in run("import", str(SAMPLE), "--who", "Lan")
    assert "0 added, 0 changed, 19 unchanged" in run("import", str(SAMPLE))
    told = run("list", "--indicator", NATION, "--plan", "")
    assert len(told.splitlines()) == 5
    assert "Lan  2026-11-22 01:02Z" in told
    for name in ("all.csv", "all.xlsx"):
        assert "19 figures" in run("export", str(tmp_path / name))
        assert "0 added, 0 changed, 19 unchanged" in run("import", str(tmp_path / name))
    assert (tmp_path / "all.csv").read_text("utf-8").startswith(",".join(COLUMNS) + "\n")
    corrected = (tmp_path / "all.csv").read_text("utf-8").replace("83.52", "83.5").replace("median", "")
    (tmp_path / "all.csv").write_text(corrected, "utf-8")
    said = run("import", str(tmp_path / "all.csv"), "--who", "Minh")
    assert f"{NATION} 2025-07: 83.52 Mbps -> 83.5 Mbps" in said
    assert f"{NATION} 2024-03: note: median -> (empty)" in said
    assert "83.52 Mbps was taken back" not in run("withdraw", NATION, "07/2025", "--who", "Hà")
    assert "(taken back)" in run("list", "--history")
    assert "2025-07" not in run("list", "--indicator", NATION)


def test_nothing_of_a_file_with_a_fault_is_imported(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "figures.csv"
    file.write_text(SAMPLE.read_text("utf-8") + ",ispeed_fixed_upload_mbps,,2025-09,-1,Mbps,x,\n", "utf-8")
    with pytest.raises(UsageError) as said:
        run("import", str(file))
    assert f"{file}: line 21, column value: -1 is out of range" in str(said.value)
    assert len(run("list").splitlines()) == 1


@pytest.mark.parametrize(("who", "why"), [("", "is empty"), ("=cmd", "formula"), ("x" * 201, "at most 200")])
def test_a_name_that_is_none(run: Run, who: str, why: str) -> None:
    with pytest.raises(UsageError, match=f"--who: .*{why}"):
        run("import", str(SAMPLE), f"--who={who}")


def test_who_enters_is_the_systems_user_unless_named() -> None:
    def unknown() -> str:
        raise KeyError("uid not found")

    assert person(None, user=lambda: "lan") == "lan"
    assert person(" Phòng BCVT ", user=unknown) == "Phòng BCVT"
    assert person(None, user=unknown) == f"user {os.getuid()}"


def test_of_many_changes_the_first_are_told_and_the_others_counted(run: Run, tmp_path: Path) -> None:
    months = [f"{2001 + month // 12}-{month % 12 + 1:02d}" for month in range(205)]
    rows = [f",{NATION},,{month},1,Mbps,x,\n" for month in months]
    (tmp_path / "many.csv").write_text(",".join(COLUMNS) + "\n" + "".join(rows), "utf-8")
    said = run("import", str(tmp_path / "many.csv")).splitlines()
    assert said[200:] == ["... and 5 more", f"{tmp_path}/many.csv: 205 added, 0 changed, 0 unchanged"]
