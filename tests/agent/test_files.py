"""The old content or the new one, never half of each."""

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
