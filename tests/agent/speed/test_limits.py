"""The rules that end a direction, one by one."""

import pytest

from agent.speed.limits import Limits, Progress, stop
from agent.wire.failure import Failure

FULL = Limits()
RESET = Failure("transfer", "reset")


def at(elapsed_s: float, received: int = 10**6, **more: object) -> Progress:
    return Progress(**{"elapsed_s": elapsed_s, "received": received, "silent_s": 0.0, "open": 4, **more})  # type: ignore[arg-type] # names and types as in Progress


@pytest.mark.parametrize(
    ("progress", "word", "failure"),
    [
        (at(3), None, None),
        (at(9.99), None, None),
        (at(10), "time", None),
        (at(10, 0), "error", "transfer:timeout"),
        (at(4, silent_s=4.9), None, None),
        (at(6, silent_s=5.0), "error", "transfer:timeout"),
        (at(10, silent_s=5.0), "error", "transfer:timeout"),
        (at(5, failure=RESET), "error", "transfer:reset"),
        (at(9.4, failure=RESET), "error", "transfer:reset"),
        (at(9.6, failure=RESET), "time", None),
        (at(9.6, 0, failure=RESET), "error", "transfer:reset"),
        (at(9.6, open=0), "time", None),
        (at(5, open=0), "peer", None),
        (at(0.9, open=0), "error", "transfer:closed"),
        (at(5, 0, open=0), "error", "transfer:closed"),
        (at(5, open=1), None, None),
    ],
)
def test_a_full_run(progress: Progress, word: str | None, failure: str | None) -> None:
    found = stop(progress, FULL)
    assert (found and found.word) == word
    assert (str(found.failure) if found and found.failure else None) == failure


def test_a_budget_is_shared_and_ends_the_run_first() -> None:
    limits = Limits(max_bytes=1003)
    assert limits.share == 250
    assert stop(at(1, 999), limits) is None
    found = stop(at(1, 1000, failure=RESET, open=0), limits)
    assert found is not None
    assert (found.word, found.failure) == ("budget", None)
    assert Limits(max_bytes=1).share == 1
    assert Limits().share is None


def test_a_peer_that_counts_frames_and_texts_ends_a_budget_a_little_early() -> None:
    limits = Limits(max_bytes=4000)
    found = stop(at(0.3, 3900, failure=None, open=0), limits)
    assert found is not None
    assert (found.word, found.failure) == ("budget", None)
    assert stop(at(0.3, 3900, failure=None, open=1), limits) is None, "others still load"
    cut = stop(at(0.3, 2000, failure=None, open=0), limits)
    assert cut is not None
    assert cut.word == "error"


def test_a_short_run_waits_less_for_a_silent_peer() -> None:
    assert Limits(seconds=4).silence_s == 2
    assert Limits(seconds=60).silence_s == 5
