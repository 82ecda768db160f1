"""When speed has collapsed, and when it is only slow, unknown or back."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from collector.detect.collapse import FORGET, MOST, SPACING, State, advance, fold
from collector.detect.episode import Episode
from collector.detect.observation import Observation
from tests.collector.detect.series import DAY, HOUR, results
from tests.collector.detect.series import START as BEGIN

USUAL = [110.0] * 12


def test_three_of_the_newest_four_open() -> None:
    seen = results([*USUAL, 20, 30, 110, 25])
    assert fold(seen[:-1])[0].episode is None
    assert fold(seen[:-1])[0].watch == 2 / 3
    state, closed = fold(seen)
    assert closed == []
    assert state.episode == Episode(since=seen[12].at, opened=seen[15].at, last=seen[15].at, k=3, n=4)
    assert (state.watch, state.usual) == (1.0, 110.0)


def test_a_good_result_does_not_open_what_three_weak_ones_before_it_had_not() -> None:
    few = results([*USUAL[:11], 20, 20, 20])  # eleven before: the newest four are not among what is usual
    assert fold(few[3:])[0].episode is None, "seven are no usual"
    assert fold([*few[3:], Observation(few[-1].at + 6 * HOUR, 60.0, 100.0)])[0].episode is None


def test_below_half_of_the_mark_is_no_collapse_where_it_is_usual() -> None:
    assert fold(results([40.0] * 40))[0].episode is None
    assert fold(results([40.0] * 40))[0].watch == 0


def test_far_below_the_usual_is_no_collapse_while_it_is_near_the_mark() -> None:
    assert fold(results([400.0] * 20 + [80.0] * 8))[0].episode is None


def test_a_new_box_has_no_usual() -> None:
    state, _ = fold(results([20.0] * 7))
    assert (state.episode, state.watch) == (None, 0.0)


def test_it_ends_with_three_of_four_that_are_strong_and_remembers_what_was_usual() -> None:
    weak = results([*USUAL, *[20.0] * 400])
    between = results([60.0] * 8, start=weak[-1].at + 6 * HOUR)
    strong = results([70.0, 30.0, 70.0, 70.0], start=between[-1].at + 6 * HOUR)
    state, _ = fold(weak + between)
    assert state.episode is not None, "above half, but not at 65 %"
    assert state.usual == 110
    state, closed = fold(weak + between + strong)
    assert [(one.opened, one.closed, one.k, one.n) for one in closed] == [(weak[14].at, strong[-1].at, 401, 412)]
    assert (state.episode, state.past, state.usual) == (None, closed[0], None)


def test_a_storm_is_one_look() -> None:
    storm = results(USUAL) + results([20.0] * 10, start=BEGIN + 3 * DAY, every=timedelta(seconds=12))
    assert fold(storm)[0].episode is None
    assert fold(storm, spacing=timedelta(seconds=1))[0].episode is not None
    spread = results(USUAL) + results([20.0] * 3, start=BEGIN + 3 * DAY, every=SPACING)
    assert fold(spread)[0].episode is not None


def test_weak_results_days_apart_are_no_collapse() -> None:
    assert fold(results(USUAL) + results([20.0] * 6, start=BEGIN + 4 * DAY, every=DAY + HOUR))[0].episode is None
    assert fold(results(USUAL) + results([20.0] * 6, start=BEGIN + 4 * DAY, every=DAY))[0].episode is not None


def test_a_rarely_tested_site_comes_back_too() -> None:
    weak = results([*USUAL, *[20.0] * 4])
    back = results([110.0] * 3, start=weak[-1].at + DAY, every=3 * DAY)
    assert len(fold(weak + back)[1]) == 1


def test_after_a_month_without_results_nothing_is_usual_and_what_is_open_stays() -> None:
    seen = results([*USUAL, 20.0, 20.0])
    later = results([20.0] * 3, start=seen[-1].at + FORGET + HOUR)
    state, _ = fold(seen + later)
    assert (state.episode, state.earlier) == (None, ())
    opened, _ = fold(results([*USUAL, 20.0, 20.0, 20.0]))
    assert fold(later, opened)[0].episode is not None
    assert fold(results([110.0] * 4, start=later[0].at), opened)[0].past is not None


def test_memory_is_bounded() -> None:
    state, _ = fold(results([110.0] * 1000))
    assert (len(state.earlier), len(state.looks)) == (MOST, 4)


@given(st.lists(st.sampled_from([20.0, 45.0, 60.0, 110.0]), max_size=80), st.integers(min_value=0, max_value=80))
def test_in_parts_is_the_same_as_all_at_once(speeds: list[float], cut: int) -> None:
    seen = results([*USUAL, *speeds])
    state, closed = fold(seen)
    middle, first = fold(seen[:cut])
    assert fold(seen[cut:], middle) == (state, closed[len(first) :])
    assert 0 <= state.watch <= 1
    one_by_one = State()
    for one in seen:
        one_by_one = advance(one_by_one, one)
    assert one_by_one == state
