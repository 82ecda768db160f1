"""The old content or the new one, never half of each."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent import files


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    files.replace(path, b"one")
    files.replace(path, b"two", mode=0o600)
    assert files.read(path) == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["status.json"]


def test_a_failed_replacement_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    (tmp_path / "status.json").mkdir()
    with pytest.raises(OSError, match=r"status\.json"):
        files.replace(tmp_path / "status.json", b"one")
    assert [entry.name for entry in tmp_path.iterdir()] == ["status.json"]


def test_a_missing_file_reads_as_none(tmp_path: Path) -> None:
    assert files.read(tmp_path / "nothing") is None


def forcings(work: Callable[[], None]) -> int:
    """How often `work` forces a file to the disk: the interpreter tells of every call into C."""
    seen: list[object] = []
    before = sys.getprofile()
    sys.setprofile(lambda _frame, event, what: seen.append(what) if event == "c_call" else None)
    try:
        work()
    finally:
        sys.setprofile(before)
    return seen.count(os.fsync)


def test_only_what_must_survive_a_power_cut_is_forced_to_the_disk(tmp_path: Path) -> None:
    assert forcings(lambda: files.replace(tmp_path / "status.json", b"one", forced=False)) == 0
    assert forcings(lambda: files.replace(tmp_path / "ledger.json", b"one")) == 1


def test_what_a_killed_writer_left_is_swept_away_and_nothing_else(tmp_path: Path) -> None:
    for name in (".status.json.abc", ".status.json.x_y", "status.json", ".ledger.json.abc"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / ".status.json.d").mkdir()
    files.sweep(tmp_path / "status.json")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".ledger.json.abc", ".status.json.d", "status.json"]
