"""Incidents at the terminal, as a person types it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.__main__ import main
from collector.incidents.history import History
from collector.incidents.incident import Finding, Group, Subject, begun
from collector.plans.types import Text
from collector.registry.database import Database

NOW = datetime.now(UTC)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command; gives its exit code and what it said."""
    config = tmp_path / "collector.toml"
    url = f"sqlite://{tmp_path}/registry.db"
    config.write_text(f'roles = ["judge"]\n[registry]\nurl = "{url}"\n')
    database = Database(url)
    database.open()
    words = Text(vi="vi", en="2 of 2 sites fail \x1b[2J")
    finding = Finding("critical", words, {"since": NOW - timedelta(hours=1)}, Text(vi="vi", en="Check the peer"))
    site = begun(Subject("s1", {"name": "Trường TH"}), "below_target", NOW, finding)
    parent = begun(Subject(None, {}, Group("peer", "langson-dc")), "outage", NOW, finding)
    steps = {(one.subject, one.cause): (lambda _, one=one: [one]) for one in (site, parent)}
    History(database).settle(steps, at=NOW)
    database.close()

    def call(*words: str) -> tuple[int, str, str]:
        code = main(["incident", *words, "--config", str(config)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def id_of(out: str) -> str:
    return next(line.strip() for line in out.splitlines() if line.startswith("  s1."))


def test_incidents_are_listed_and_shown(run: Run) -> None:
    code, _, err = run("list", "--site", "nosuch")
    assert (code, err.count("\n"), "there is no site 'nosuch'; see: " in err) == (2, 1, True)
    assert run("list", "--site", "s1")[0] == 0  # it is gone, and its incidents are kept
    code, out, err = run("list", "--active")
    assert (code, err) == (0, "2 incidents, 2 active\n")
    assert "open  critical  outage  langson-dc (0 sites)" in out
    assert "\x1b" not in out
    assert run("list", "--cause", "silent")[1:] == ("", "0 incidents, 0 active\n")
    assert run("list", "--limit", "1")[2] == "2 incidents, 2 active; shown: 1\n"
    code, out, _ = run("show", id_of(out))
    assert "first: Check the peer" in out
    assert "opened  rules" in out
    code, _, err = run("show", "nothing")
    assert (code, err.count("\n")) == (2, 1)
    assert "there is no incident 'nothing'" in err


def test_people_decide(run: Run) -> None:
    one = id_of(run("list")[1])
    assert "silenced" in run("silence", one, "--until", "3d", "--who", "Lan")[1]
    assert run("silence", one, "--until", "soon")[0] == 2
    assert "open" in run("unsilence", one)[1]
    assert run("unsilence", one)[0] == 2
    assert run("note", one, "--note", "called VNPT")[0] == 0
    assert "acknowledged" in run("acknowledge", one)[1]
    assert "resolved" in run("resolve", one, "--note", "router")[1]
    code, _, err = run("resolve", one)
    assert (code, "resolved already" in err) == (2, True)
    shown = run("show", one)[1]
    assert [word in shown for word in ("silenced  Lan", "noted", "called VNPT", "resolved")] == [True] * 4


def test_work_is_planned_listed_and_ended(run: Run) -> None:
    assert run("maintenance", "list") == (0, "", "")
    code, out, _ = run("maintenance", "add", "--commune", "Hữu Lũng", "--to", "4h", "--who", "Minh", "--note", "cáp")
    assert (code, "commune Hữu Lũng  Minh  cáp" in out) == (0, True)
    assert run("maintenance", "list")[1] == out
    assert "no site is in provider VNTP now" in run("maintenance", "add", "--provider", "VNTP", "--to", "1m")[2]
    assert run("maintenance", "end", "2")[0] == 0
    code, _, err = run("maintenance", "add", "--site", "nosuch", "--to", "2h")
    assert (code, "there is no site 'nosuch'" in err) == (2, True)
    assert run("maintenance", "end", "99")[0] == 2
    assert "ended by Lan" in run("maintenance", "end", "1", "--who", "Lan")[1]
    assert run("maintenance", "list")[1] == ""
    assert "ended by Lan" in run("maintenance", "list", "--past")[1]
    code, _, err = run("maintenance", "add", "--all", "--from", "2026-01-01T08:00", "--to", "2h")
    assert (code, "over already" in err) == (2, True)
    with pytest.raises(SystemExit):
        run("maintenance", "add", "--to", "2h")
