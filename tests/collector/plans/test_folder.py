"""Plans without code: a folder of files beside the shipped ones, by configuration and at the terminal."""

import argparse
import json
import logging
import os
import re
import shutil
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest

from collector.__main__ import main
from collector.errors import UsageError
from collector.plans.binding import binding_for
from collector.plans.commands import add_commands
from collector.plans.load import LARGEST, load_plans, read_plan_file
from collector.plans.types import Binds, Document, Indicator, Plan, Target
from collector.registry.plan_files import known_plans, plans_folder
from collector.registry.site import Site
from tests.collector.plans.test_consistency import GOOD

NOW = datetime(2026, 11, 22, tzinfo=UTC)
NEW = GOOD.replace('id = "x"', 'id = "bac-ninh-2030"', 1).replace("value = 1.0", "value = 300.0")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "plans"
    found.mkdir()
    (found / "bac-ninh-2030.toml").write_text(NEW, "utf-8")
    (found / "README.md").write_text("not a plan", "utf-8")
    return found


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without a collector.toml, and no setting of the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LINKGAUGE_PLANS_FOLDER", raising=False)


def run(*words: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command says."""
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())
    arguments = parser.parse_args(["plan", *words])
    assert arguments.func(arguments) == 0
    return capsys.readouterr().out


def configured(folder: Path) -> str:
    """A configuration that names the folder."""
    path = folder.parent / "other.toml"
    path.write_text(f'[plans]\nfolder = "{folder}"\n', "utf-8")
    return str(path)


def test_a_plan_is_added_and_another_replaced_without_code(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    shipped = load_plans()
    later = GOOD.replace('id = "x"', 'id = "lang-son-2025"', 1)
    (folder / "lang-son-2025.toml").write_bytes(b"\xef\xbb\xbf" + later.replace("\n", "\r\n").encode())
    with caplog.at_level(logging.INFO):
        plans = load_plans(folder)
    assert plans.keys() == shipped.keys() | {"bac-ninh-2030"}
    assert len(plans["lang-son-2025"].targets) == 2
    assert plans["quang-ninh-2030"] == shipped["quang-ninh-2030"]
    assert f"plans.replaced plan=lang-son-2025 file={folder}/lang-son-2025.toml" in caplog.text
    assert known_plans(folder) == sorted(plans)


def test_a_site_under_an_added_plan_is_bound_by_it(folder: Path) -> None:
    site = Site("s", "s", "school", "rural", "bac-ninh", "c", access="fibre", plan="bac-ninh-2030")
    assert binding_for(load_plans(folder)["bac-ninh-2030"], site, NOW).mark == 300


def test_groups_are_filled_by_a_file_of_sites(folder: Path) -> None:
    (folder / "quang-ninh-2030.sites.toml").write_text('parks = ["halong-ict-park"]\n', "utf-8")
    plan = load_plans(folder)["quang-ninh-2030"]
    park = Site("halong-ict-park", "Park", "other", "urban", "quang-ninh", "c", access="fibre", plan=plan.id)
    assert binding_for(plan, park, NOW).mark == 1000
    assert "bac-ninh-2030.sites" not in known_plans(folder)


@pytest.mark.parametrize(
    ("name", "data", "fault"),
    [
        ("bac-ninh-2030.toml", GOOD.encode(), "its id is x, its file says bac-ninh-2030"),
        ("bac-ninh-2030.toml", b"\xff\xfe\x00", "line 1: not UTF-8"),
        ("bac-ninh-2030.toml", b" " * (LARGEST + 1), "bytes are no plan"),
        ("bac-ninh-2030.toml", b"", "id is missing"),
        ("quang-ninh-2030.sites.toml", b'park = ["a"]', "has no group park; did you mean parks?"),
        ("quang-ninh-2030.sites.toml", b'parks = ["A B"]', "parks: site 'A B' is not allowed"),
        ("quang-ninh-2030.sites.toml", b"parks = 1", "parks: write a list of site ids"),
        ("quang-ninh-2030.sites.toml", b"parks = \xff", "not UTF-8"),
        ("quang-ninh-2030.sites.toml", b"nonsense", "quang-ninh-2030.sites.toml: "),
        ("nowhere.sites.toml", b"", "there is no plan nowhere; known: bac-giang-2025"),
    ],
)
def test_a_file_that_is_none_is_refused_by_name(folder: Path, name: str, data: bytes, fault: str) -> None:
    (folder / name).write_bytes(data)
    with pytest.raises(UsageError) as said:
        load_plans(folder)
    assert fault in str(said.value)
    assert str(said.value).startswith(str(folder / name))


def test_a_huge_file_is_not_read(folder: Path) -> None:
    path = folder / "bac-ninh-2030.toml"
    os.truncate(path, 50 * 1024 * 1024 * 1024)
    with pytest.raises(UsageError, match="53687091200 bytes are no plan"):
        read_plan_file(path)


def test_a_folder_that_is_not_there_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"plans\.folder: cannot read .*: No such file"):
        load_plans(tmp_path / "nowhere")
    (tmp_path / "a-folder.toml").mkdir()
    os.mkfifo(tmp_path / "a-pipe.toml")
    (tmp_path / "endless.toml").symlink_to("/dev/zero")
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    with pytest.raises(UsageError) as said:
        load_plans(tmp_path)
    assert [line.partition(": ")[2] for line in str(said.value).splitlines()] == [
        *("is no file",) * 3,
        "cannot be read: Too many levels of symbolic links",
    ]


def test_the_folder_comes_from_option_environment_or_the_file_here(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert plans_folder(None) is None
    assert plans_folder(configured(folder)) == str(folder)
    monkeypatch.setenv("LINKGAUGE_PLANS_FOLDER", "somewhere")
    assert plans_folder(None) == "somewhere"
    monkeypatch.delenv("LINKGAUGE_PLANS_FOLDER")
    shutil.copy(configured(folder), tmp_path / "collector.toml")
    assert plans_folder(None) == str(folder)


def test_list_says_where_plans_come_from(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(str(files("collector.plans") / "lang-son-2025.toml"), folder)
    said = run("list", "--config", configured(folder), capsys=capsys)
    assert "13 measured, 8 derived, 19 reported" in said
    assert f"(from {folder}/bac-ninh-2030.toml)" in said
    assert f"(from {folder}/lang-son-2025.toml, instead of the shipped one)" in said
    items = json.loads(run("list", "--json", "--config", configured(folder), capsys=capsys))
    assert [item["id"] for item in items if item["replaces_shipped"]] == ["lang-son-2025"]
    assert {item["id"]: item["targets"] for item in items}["quang-ninh-2030"] == 40


def test_show_prints_every_row_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    said = run("show", "lang-son-2025", capsys=capsys)
    assert "mobile-2025: download_mbps (mobile) at least 42 Mbit/s, from 2025-01-01" in said
    assert "  Tốc độ tải xuống: tối thiểu 42 Mbit/s" in said
    assert "  2023-Q2: 34,41 Mbit/s" in said
    assert "«Tốc độ băng rộng di động (tốc độ tải xuống theo i-Speed) đạt tối thiểu 42Mbps.»" in said
    assert "sites are judged by it: school, clinic, office, other, rule plan" in said
    assert "those under" not in said, "the province has no other plan"
    assert said.index("measured (2)") < said.index("derived (2)") < said.index("reported (11)")
    for plan in load_plans().values():
        said = run("show", plan.id, capsys=capsys)
        assert all(f"\n{target.id}: " in said and f"«{target.quote}»" in said for target in plan.targets)
        assert json.loads(run("show", plan.id, "--json", capsys=capsys))["targets"][0]["quote"]


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ("quang-ninh-2030", "mobile-2025: download_mbps (mobile) about the national average, from 2025-01-01"),
        ("quang-ninh-2030", "Tốc độ tải xuống: có thể đạt đến 200 Mbit/s, cho 95 % hộ gia đình nông thôn"),
        ("quang-ninh-2030", "sites are judged by it: other of the group parks, rule plan"),
        ("quang-ninh-2030", "Moved to IPv6: done, for state bodies"),
        ("quang-ninh-2030", "Thuê bao băng rộng di động: 99,95 trên 100 dân"),
        (
            "bac-giang-ict-2030",
            "also those under bac-giang-2025, while that plan itself asks nothing about ipv6 of them",
        ),
        ("bac-giang-2025", "not those under bac-giang-ict-2030: which plan's speeds hold for a site is the registry's"),
        ("bac-giang-ict-2030", "IoT devices: 75-100 per 100 people"),
        ("bac-giang-ict-2030", "New base stations: about 5000"),
        ("bac-giang-ict-2030", "Households with a fibre line: more than 80 %"),
        ("bac-giang-ict-2030", "Radius served by one mobile station: at most 0.22 km"),
        ("bac-giang-ict-2030", "the text names no year"),
    ],
)
def test_what_is_promised_in_words(plan: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert words in run("show", plan, capsys=capsys)


def test_check_says_what_it_proved(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = run("check", capsys=capsys)
    assert said.count(": ok\n") == 5
    assert "40 ids, all different" in said
    proved = json.loads(run("check", "--json", "--config", configured(folder), capsys=capsys))
    assert "2 targets (1 measured, 0 derived, 1 reported), in steps of 2025" in proved["bac-ninh-2030"]


def test_check_reads_a_file_or_folder_that_is_not_in_use(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (folder, folder / "bac-ninh-2030.toml"):
        said = run("check", "--file", str(path), capsys=capsys)
        assert said.startswith("bac-ninh-2030: ok\n")
    (folder / "a.toml").write_text(NEW, "utf-8")
    (folder / "b.toml").write_text(NEW, "utf-8")
    with pytest.raises(UsageError) as error:
        run("check", "--file", str(folder), capsys=capsys)
    assert [line.partition(": ")[0] for line in str(error.value).splitlines()] == [
        f"{folder}/a.toml",
        f"{folder}/b.toml",
    ]
    with pytest.raises(UsageError, match="no plan is there"):
        run("check", "--file", str(folder.parent), capsys=capsys)
    with pytest.raises(UsageError, match=r"gone\.toml: cannot be read"):
        run("check", "--file", str(folder / "gone.toml"), capsys=capsys)


def test_an_unknown_plan_is_said_plainly(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="known: bac-giang-2025"):
        run("show", "lang-son", capsys=capsys)


def test_check_config_reads_the_plans_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(folder)
    assert main(["check-config", "--config", config]) == 0
    (folder / "bac-ninh-2030.toml").write_text(NEW.replace("300.0", "-1.0"), "utf-8")
    assert main(["check-config", "--config", config]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"linkgauge-collector: {folder}/bac-ninh-2030.toml: targets[0].value: ")


def test_a_site_is_imported_under_an_added_plan(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = "id,name,kind,area,province,commune,plan\na,A,school,rural,bac-ninh,luc-ngan,bac-ninh-2030\n"
    (tmp_path / "sites.csv").write_text(table, "utf-8")
    words = ["site", "import", str(tmp_path / "sites.csv"), "--registry", f"sqlite://{tmp_path}/registry.db"]
    assert main([*words, "--config", configured(folder)]) == 0
    assert "1 added" in capsys.readouterr().out
    assert main(words) == 2
    assert "'bac-ninh-2030' is not allowed" in capsys.readouterr().err


def test_the_example_is_a_plan_and_names_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    example = Path(__file__).parents[3] / "deploy" / "collector" / "plans" / "example-2030.toml"
    assert "4 targets (3 measured, 0 derived, 1 reported)" in run("check", "--file", str(example), capsys=capsys)
    text = example.read_text("utf-8")
    kinds: tuple[type[msgspec.Struct], ...] = (Plan, Target, Binds, Document, Indicator)
    keys = {key for kind in kinds for key in kind.__struct_fields__}
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}( =|\])", text)] == []
