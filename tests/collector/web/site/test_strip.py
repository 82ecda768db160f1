"""How long results were missing, and how the verdict stood; nothing is said of the time before the first."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from collector.web.site.strip import lane, presence, standing, table, usual_gap
from collector.web.words import Words

START = datetime(2026, 11, 1, tzinfo=UTC)
END = START + timedelta(days=10)
HOUR = timedelta(hours=1)
EVERY = 6 * HOUR


def test_a_gap_is_late_then_stale_then_silent_until_the_next_result() -> None:
    times = [START, START + 48 * HOUR, END - HOUR]
    found = presence(times, EVERY, START, START + 50 * HOUR)
    assert [(round((end - begin) / HOUR), state) for begin, end, state in found] == [
        (9, "heard"), (9, "late"), (6, "stale"), (24, "silent"), (2, "heard"),
    ]  # fmt: skip


def test_before_the_first_result_nothing_is_said_and_what_was_before_the_period_counts() -> None:
    assert presence([], EVERY, START, END) == []
    assert presence([END - HOUR], EVERY, START, END) == [(END - HOUR, END, "heard")]
    ((begin, _, state),) = presence([START - 100 * HOUR], EVERY, START, END)
    assert (begin, state) == (START, "silent")


@given(st.lists(st.integers(-100, 300), max_size=40).map(sorted), st.integers(1, 48))
def test_stretches_follow_each_other_within_the_period(hours: list[int], every: int) -> None:
    found = presence([START + at * HOUR for at in hours], every * HOUR, START, END)
    assert all(START <= begin < end <= END for begin, end, _ in found)
    assert all(one[1] == other[0] and one[2] != other[2] for one, other in pairwise(found))


def test_a_verdict_stands_until_the_next_one() -> None:
    points = [(START - HOUR, "below"), (START + HOUR, "below"), (START + 2 * HOUR, "met")]
    assert standing(points, START, END) == [(START, START + 2 * HOUR, "below"), (START + 2 * HOUR, END, "met")]
    assert standing([], START, END) == []


def test_the_strip_says_in_words_what_it_draws() -> None:
    words = Words("en", ZoneInfo("Asia/Ho_Chi_Minh"))
    stood = [(START, END, "silent")]
    drawn = lane("Results", stood, "presence-", words)
    assert drawn.stretches[0].word == "silent"
    assert drawn.stretches[0].full < 1, "told apart without colour"
    assert table([("Results", stood, "presence-")], words).rows == (("Results", START, END, "silent"),)


def test_a_quicker_schedule_of_now_makes_nothing_late_that_was_in_time() -> None:
    before = [START + turn * EVERY for turn in range(30)]
    now = [before[-1] + turn * HOUR / 6 for turn in range(1, 8)]
    assert usual_gap(now[::-1] + before) == EVERY * 2
    chance = Random(1)  # noqa: S311 - made up
    slots = [START + (turn + chance.random()) * EVERY for turn in range(200)]
    assert {state for _, _, state in presence(slots, usual_gap(slots), slots[0], slots[-1])} == {"heard"}
    assert usual_gap(before[:4]) == timedelta(0), "so few say nothing"
