"""A demonstration and real measurements never share a folder, whichever came first."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.__main__ import main
from collector.demonstration import folder
from collector.demonstration.folder import Mark
from collector.demonstration.showing import edition
from collector.errors import UsageError

MARK = Mark(seed=1, sites=3, days=2, origin=datetime(2026, 11, 22, tzinfo=UTC), store="sqlite:///x.db")


def test_what_a_folder_says_is_read_again(tmp_path: Path) -> None:
    assert folder.claim(tmp_path) is None
    folder.write(tmp_path, MARK)
    assert folder.claim(tmp_path) == MARK


@pytest.mark.parametrize("name", ["registry.db", "archive", "agent"])
def test_real_measurements_are_left_alone(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).mkdir()
    assert main(["up", "--demo", "--data", str(tmp_path)]) == 2
    assert "real measurements are here" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_nothing_real_is_measured_into_a_demonstration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder.write(tmp_path, MARK)
    assert main(["up", "--data", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "a demonstration is here" in said
    assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == [folder.MARK]


def test_what_an_interrupted_filling_left_goes_and_the_mark_stays(tmp_path: Path) -> None:
    folder.write(tmp_path, MARK)
    (tmp_path / "archive" / "2026").mkdir(parents=True)
    (tmp_path / "series.db").write_bytes(b"half")
    (tmp_path / "lock").touch()
    folder.empty(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"lock", folder.MARK}


def test_a_mark_that_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / folder.MARK).write_text("{", "utf-8")
    with pytest.raises(UsageError, match="delete the folder"):
        folder.claim(tmp_path)


@pytest.mark.parametrize("words", [["--store", "influxdb1://h:1/d"], ["--demo", "--peer", "h:1"]])
def test_what_does_not_go_together_is_said(tmp_path: Path, words: list[str]) -> None:
    assert main(["up", "--data", str(tmp_path), *words]) == 2


def test_another_edition_may_be_asked_for() -> None:
    assert edition({}) == edition({"LINKGAUGE_DEMO": "many"}) == (200, 90)
    assert edition({"LINKGAUGE_DEMO": "30x11"}) == (30, 11)
