"""The shared rate, with a clock of our own."""

import pytest

from agent.peer.pace import Pace


def moved(pace: Pace, *, seconds: float, late_s: float = 0.0) -> int:
    """Bytes that one stream sends when every sleep there is ends `late_s` too late."""
    pace.join(0.0)
    now, total = 0.0, 0
    while now < seconds:
        total += pace.chunk
        delay = pace.reserve(pace.chunk, now)
        now += delay + late_s if delay else 0.0
    return total


@pytest.mark.parametrize("mbps", [1, 42, 300, 2000])
@pytest.mark.parametrize("late_s", [0.0, 0.001])
def test_the_rate_is_kept_whatever_the_timers_do(mbps: float, late_s: float) -> None:
    pace = Pace(mbps)
    assert moved(pace, seconds=5, late_s=late_s) == pytest.approx(pace.bytes_per_s * 5, rel=0.002, abs=2 * pace.chunk)


def test_idle_time_before_a_test_gives_no_credit() -> None:
    pace = Pace(300)
    pace.join(1000.0)
    assert pace.reserve(pace.chunk, 1000.0) == 0
    assert pace.reserve(pace.chunk, 1000.0) == pytest.approx(pace.chunk / pace.bytes_per_s)


def test_a_stall_is_made_up_for_but_only_a_short_one() -> None:
    pace = Pace(80)
    pace.join(0.0)
    pace.reserve(100, 0.0)
    pace.reserve(1_000_000, 60.0)
    # A tenth of a second at 10 MB/s was in hand, so a million bytes are not free.
    assert pace.reserve(1, 60.0) == pytest.approx(0.0)
    assert pace.reserve(1, 60.0) > 0


def test_streams_take_turns() -> None:
    pace = Pace(8)
    for _ in range(3):
        pace.join(0.0)
    delays = [pace.reserve(1_000_000, 0.0) for _ in range(3)]
    assert delays == pytest.approx([0.0, 1.0, 2.0])


def test_booking_afterwards_keeps_the_rate_too() -> None:
    pace = Pace(8)
    pace.join(0.0)
    assert pace.book(500_000, 0.0) == pytest.approx(0.5)
    assert pace.book(500_000, 0.5) == pytest.approx(0.5)


def test_the_last_to_leave_ends_the_credit() -> None:
    pace = Pace(8)
    pace.join(0.0)
    pace.leave()
    pace.join(50.0)
    assert pace.book(1_000_000, 50.0) == pytest.approx(1.0)
