"""The registry at the terminal, on a real database."""

import argparse
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.errors import UsageError
from collector.registry.commands import add_commands, registry_settings
from collector.registry.plan_files import known_plans
from collector.registry.registry import Registry
from collector.registry.sites_csv import COLUMNS

NOW = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)
ROW = "th1,Trường TH 1,school,rural,lang-son,huu-lung,,21.5,106.25,fibre,VNPT,100,50,lang-son-2025\n"
CSV = ",".join(COLUMNS) + "\n" + ROW

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers(required=True), clock=lambda: NOW)
    (tmp_path / "sites.csv").write_text(CSV, encoding="utf-8")

    def run(*words: str) -> str:
        arguments = parser.parse_args([*words, "--registry", f"sqlite://{tmp_path}/registry.db"])
        capsys.readouterr()
        assert arguments.func(arguments) == 0
        return capsys.readouterr().out

    return run


def test_import_says_what_changed(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "sites.csv"
    assert "1 added, 0 changed, 0 unchanged (dry run: nothing was written)" in run(
        "site", "import", str(file), "--dry-run"
    )
    assert run("site", "list").splitlines()[1:] == []
    assert run("site", "import", str(file)) == (f"th1: added (Trường TH 1)\n{file}: 1 added, 0 changed, 0 unchanged\n")
    file.write_text(CSV.replace("huu-lung", "dong-dang"), encoding="utf-8")
    said = run("site", "import", str(file))
    assert "th1: commune: huu-lung -> dong-dang, from 2026-11-22 01:02:03Z\n" in said
    assert "0 added, 1 changed, 0 unchanged" in said
    assert "0 added, 0 changed, 1 unchanged" in run("site", "import", str(file))


def test_nothing_is_half_imported(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "sites.csv"
    file.write_text(CSV + ROW.replace("th1", "th2").replace("school", "shool"), encoding="utf-8")
    with pytest.raises(
        UsageError, match=r"sites\.csv: line 3, column kind: 'shool' is not allowed; did you mean school"
    ):
        run("site", "import", str(file))
    assert len(run("site", "list").splitlines()) == 1


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_export_and_import_change_nothing(run: Run, tmp_path: Path, suffix: str) -> None:
    run("site", "import", str(tmp_path / "sites.csv"))
    out = tmp_path / f"out.{suffix}"
    assert run("site", "export", str(out)) == f"{out}: 1 sites\n"
    assert "0 added, 0 changed, 1 unchanged" in run("site", "import", str(out))
    assert [path.name for path in tmp_path.glob(".out*")] == []


def test_add_one_site_and_change_it(run: Run) -> None:
    words = ["--id", "th1", "--name", "T", "--kind", "school", "--area", "rural", "--province", "p", "--commune", "c"]
    assert run("site", "add", *words, "--access", "fibre") == "th1: added (T)\n"
    assert run("site", "add", *words) == "th1: unchanged\n"
    assert "plan: (empty) -> lang-son-2025" in run("site", "add", *words, "--plan", "lang-son-2025")
    with pytest.raises(UsageError, match="--contract-down-mbps: 'fast' is not a number"):
        run("site", "add", *words, "--contract-down-mbps", "fast")


def test_agents_are_added_moved_listed_and_revoked(run: Run, tmp_path: Path) -> None:
    run("site", "import", str(tmp_path / "sites.csv"))
    assert run("agent", "add", "a1", "--site", "th1") == "a1: registered at th1, from the beginning\n"
    assert run("agent", "add", "a1", "--site", "th1") == "a1: unchanged at th1\n"
    assert run("agent", "revoke", "a1") == "a1: revoked, from 2026-11-22 01:02:03Z\n"
    assert "a1     (revoked)  2026-11-22 01:02:03Z" in run("agent", "list")
    with pytest.raises(UsageError, match="no site 'nowhere'"):
        run("agent", "add", "a1", "--site", "nowhere")
    for wrong in ("A 1", "collector"):
        with pytest.raises(UsageError, match="agent id"):
            run("agent", "add", wrong, "--site", "th1")


def test_waiting_agents_are_shown_with_the_command_that_registers_them(run: Run, tmp_path: Path) -> None:
    registry = Registry(f"sqlite://{tmp_path}/registry.db")
    registry.open()
    registry.see_waiting("new-box", at=NOW - timedelta(hours=2))
    registry.see_waiting("new-box", at=NOW)
    registry.close()
    said = run("agent", "list")
    assert "new-box  2026-11-21 23:02:03Z  2026-11-22 01:02:03Z" in said
    assert "linkgauge-collector agent add new-box --site SITE" in said
    run("site", "import", str(tmp_path / "sites.csv"))
    run("agent", "add", "new-box", "--site", "th1")
    assert "waiting" not in run("agent", "list")


def test_files_that_cannot_be_used_are_said_plainly(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*missing\.csv: No such file"):
        run("site", "import", str(tmp_path / "missing.csv"))
    with pytest.raises(UsageError, match=r"cannot write .*out\.csv: No such file"):
        run("site", "export", str(tmp_path / "no" / "out.csv"))


def test_the_database_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LINKGAUGE_REGISTRY_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "collector.toml").write_text('[registry]\nurl = "sqlite:///local.db"\n')
    (tmp_path / "other.toml").write_text('[registry]\nurl = "sqlite:///other.db"\n')
    assert registry_settings(None, None).url == "sqlite:///local.db"
    assert registry_settings("other.toml", None).url == "sqlite:///other.db"
    assert registry_settings("other.toml", "sqlite:///named.db").url == "sqlite:///named.db"
    monkeypatch.setenv("LINKGAUGE_REGISTRY_URL", "sqlite:///environment.db")
    assert registry_settings(None, None).url == "sqlite:///environment.db"
    with pytest.raises(UsageError, match=r"missing\.toml"):
        registry_settings("missing.toml", None)


def test_the_known_plans_are_those_of_the_contract() -> None:
    assert set(known_plans()) >= {"bac-giang-2025", "bac-giang-ict-2030", "lang-son-2025", "quang-ninh-2030"}


def test_many_agents_are_registered_from_a_file_or_none(run: Run, tmp_path: Path) -> None:
    run("site", "import", str(tmp_path / "sites.csv"))
    table = tmp_path / "agents.csv"
    table.write_text("agent,site\na1,th1\na2,th1\n", encoding="utf-8")
    assert run("agent", "add", "--from", str(table)) == f"{table}: 2 agents registered, 0 moved, 0 unchanged\n"
    table.write_text("site,agent,note\nth1,a2,\n\nth1,a3,new\n", encoding="utf-8")
    assert "1 agents registered, 0 moved, 1 unchanged" in run("agent", "add", "--from", str(table))
    table.write_text("agent,site\na4,th1\na5,th9\n", encoding="utf-8")
    with pytest.raises(UsageError, match="there is no site 'th9'"):
        run("agent", "add", "--from", str(table))
    assert [line.split()[0] for line in run("agent", "list").splitlines()[1:]] == ["a1", "a2", "a3"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("id,site\na1,th1\n", "line 1: the first line must name the columns agent and site"),
        ("", "line 1: the first line must name"),
        ("agent,site\na1\n", "line 2: a1: needs an agent and a site"),
        ("agent,site\na1,th1\na1,th1\n", "line 3: a1: twice"),
        ("agent,site\ncollector,th1\n", "collector is reserved"),
        ("agent,site\nA B,th1\n", "agent id: "),
    ],
)
def test_a_bad_file_of_agents_is_named_by_its_line(run: Run, tmp_path: Path, text: str, why: str) -> None:
    table = tmp_path / "agents.csv"
    table.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=why):
        run("agent", "add", "--from", str(table))


@pytest.mark.parametrize("words", [["a1"], ["--site", "th1"], [], ["a1", "--site", "th1", "--from", "x.csv"]])
def test_an_agent_and_its_site_are_named_or_a_file(run: Run, words: list[str]) -> None:
    with pytest.raises(UsageError, match="ID --site SITE"):
        run("agent", "add", *words)
