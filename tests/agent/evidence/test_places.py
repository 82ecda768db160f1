"""Whatever a file of the kernel says or is, reading it is an answer or unknown."""

import os
from pathlib import Path

import pytest

from agent.evidence import places


@pytest.mark.parametrize(
    ("said", "number"),
    [(b"42\n", 42), (b"-1\n", -1), (b"", None), (b"\xff\xfe", None), (b"0x5", None), (b"9" * 30, None), (b"5 6", None)],
)
def test_numbers(tmp_path: Path, said: bytes, number: int | None) -> None:
    (tmp_path / "fact").write_bytes(said)
    assert places.number(tmp_path / "fact") == number


def test_what_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert places.text(tmp_path / "pipe") == ""  # at once: nobody writes
    assert places.text(tmp_path) is None
    assert places.text(tmp_path / "gone") is None
    assert places.text("bad\0name") is None
    assert places.entries(tmp_path / "gone", "*") == []
