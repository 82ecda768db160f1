"""One at a time appends to a shared archive; whoever hangs in the middle holds nobody up for ever."""

import threading
from pathlib import Path

import pytest

from collector.archive.turn import turn
from collector.errors import StoreUnavailable


def test_the_next_one_waits_until_the_turn_is_over(tmp_path: Path) -> None:
    log: list[str] = []
    waiting = threading.Event()

    def other() -> None:
        waiting.set()
        with turn(tmp_path):
            log.append("other")

    with turn(tmp_path):
        thread = threading.Thread(target=other)
        thread.start()
        waiting.wait()
        with turn(tmp_path, patience_s=0.05):  # long enough for the other to have come in, if it could
            log.append("first")
    thread.join()
    assert log == ["first", "other"]


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="nowhere"), turn(tmp_path / "nowhere"):
        pass
