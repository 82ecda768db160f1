"""Four runs a day, whatever the clock and the disk do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.speed.allowance import DAY_S, ask, read, write

NOW = 1_800_000_000.0


def test_the_fifth_run_waits_until_the_first_is_a_day_old() -> None:
    runs: tuple[float, ...] = ()
    for hour in range(4):
        verdict = ask(runs, NOW + 3600 * hour, most=4)
        assert verdict.next_s is None
        runs = verdict.runs
    refused = ask(runs, NOW + DAY_S - 1, most=4)
    assert (refused.runs, refused.next_s) == (runs, NOW + DAY_S)
    again = ask(runs, NOW + DAY_S, most=4)
    assert again.next_s is None
    assert again.runs == (*runs[1:], NOW + DAY_S)


def test_runs_of_the_future_are_of_now_so_that_a_wrong_clock_locks_nobody_out_for_ever() -> None:
    future = (NOW + 10 * 365 * DAY_S,) * 4
    refused = ask(future, NOW, most=4)
    assert (refused.runs, refused.next_s) == ((NOW,) * 4, NOW + DAY_S)
    assert ask(refused.runs, NOW + DAY_S, most=4).next_s is None


@given(st.lists(st.floats(0, 2 * NOW), max_size=20), st.lists(st.floats(-DAY_S, DAY_S), max_size=20))
def test_no_more_than_four_in_any_day_of_a_clock_that_runs_on(before: list[float], steps: list[float]) -> None:
    runs, now, made = tuple(before), NOW, list[float]()
    for step in steps:
        now += abs(step)
        verdict = ask(runs, now, most=4)
        runs = verdict.runs
        assert len(runs) <= 4
        if verdict.next_s is None:
            made.append(now)
    assert all(later - early >= DAY_S for early, later in zip(made, made[4:], strict=False))


def test_a_record_comes_back() -> None:
    assert read(write([1.5, 2.25]), NOW, most=4) == (1.5, 2.25)
    assert read(None, NOW, most=4) == ()


@pytest.mark.parametrize("record", [b"", b"{", b"[]", b'{"runs":["x"]}', b'{"runs":7}', b"\xff", b"\0" * 40])
def test_a_record_that_cannot_be_read_is_a_full_one(record: bytes) -> None:
    assert read(record, NOW, most=4) == (NOW,) * 4
