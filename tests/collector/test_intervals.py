"""Interval sets against plain sets of integers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.archive.intervals import Intervals, compress, subtract

RANGES = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 12)).map(lambda pair: (pair[0], pair[0] + pair[1])))


def plain(ranges: list[tuple[int, int]]) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}


@given(RANGES)
def test_holds_what_was_added(ranges: list[tuple[int, int]]) -> None:
    intervals, expected = Intervals(ranges), plain(ranges)
    assert {number for number in range(90) if number in intervals} == expected
    assert len(intervals) == len(expected)
    assert intervals.ranges() == compress(expected)
    assert all(
        before[1] + 1 < after[0] for before, after in zip(intervals.ranges(), intervals.ranges()[1:], strict=False)
    )


@given(RANGES)
def test_gives_the_interval_around_a_number(ranges: list[tuple[int, int]]) -> None:
    intervals = Intervals(ranges)
    for number in range(90):
        if number in intervals:
            assert intervals.around(number) in intervals.ranges()
            assert intervals.around(number)[0] <= number <= intervals.around(number)[1]
        else:
            with pytest.raises(KeyError):
                intervals.around(number)


@given(RANGES, st.integers(0, 80))
def test_names_what_is_missing(ranges: list[tuple[int, int]], up_to: int) -> None:
    assert plain(Intervals(ranges).missing(up_to)) == set(range(1, up_to + 1)) - plain(ranges)


@given(RANGES, RANGES)
def test_subtracts(ranges: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    rest = subtract(Intervals(ranges).ranges(), Intervals(other))
    assert plain(rest) == plain(ranges) - plain(other)


def test_empty_range_is_refused() -> None:
    with pytest.raises(ValueError, match="empty range"):
        Intervals().add(3, 2)
