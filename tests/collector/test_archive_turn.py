"""One at a time appends to a shared archive; whoever hangs in the middle holds nobody up for ever, nor doubles."""

import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from collector.archive.turn import Overtaken, turn
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
        log.append("first")
    thread.join()
    assert log == ["first", "other"]


def test_whoever_dies_in_the_middle_leaves_its_name(tmp_path: Path) -> None:
    with turn(tmp_path) as held:
        assert not held.left
        held.mark("1")
    with turn(tmp_path) as held:
        assert held.left == {"1"}
        held.mark("2")
        held.clear("1")
    with turn(tmp_path) as held:
        assert held.left == {"2"}
        held.clear("2")
    with turn(tmp_path) as held:
        assert not held.left


def test_whoever_is_stopped_in_the_middle_is_overtaken_and_learns_so_before_it_writes(tmp_path: Path) -> None:
    with turn(tmp_path) as stopped:
        stopped.mark("1")
        stopped.check()
        with turn(tmp_path, patience_s=0.05) as held:
            assert held.left == {"1"}
            held.check()
            with pytest.raises(Overtaken):
                stopped.check()
            stopped.mark("9")  # nobody reads this any more
    with turn(tmp_path) as held:
        assert held.left == {"1"}
    assert len(list(tmp_path.iterdir())) == 1


def test_of_many_who_lose_patience_one_at_a_time_has_its_turn(tmp_path: Path) -> None:
    inside, most, done = 0, 0, 0
    counting = threading.Lock()

    def work() -> None:
        nonlocal inside, most, done
        for _ in range(5):
            with turn(tmp_path, patience_s=1) as held:
                with counting:
                    inside += 1
                    most = max(most, inside)
                held.check()
                with counting:
                    inside, done = inside - 1, done + 1

    with ExitStack() as stack:
        stack.enter_context(turn(tmp_path))  # stopped for ever
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (most, done) == (1, 20)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="nowhere"), turn(tmp_path / "nowhere"):
        pass
