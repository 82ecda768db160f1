"""When a shortfall opens, what it takes to end, and what moves neither."""

import random
from datetime import timedelta
from itertools import accumulate, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.detect import shortfall
from collector.detect.episode import Episode
from collector.detect.observation import Observation
from collector.detect.shortfall import FORGET, NEEDS, SPACING, START, State, advance, fold
from tests.collector.detect.series import DAY, HOUR, MINUTE, noisy, results
from tests.collector.detect.series import START as BEGIN

GOOD = [130.0] * 12
values = st.lists(st.floats(min_value=0, max_value=1e4), max_size=80)


def test_four_results_far_below_open_and_the_first_of_them_is_its_beginning() -> None:
    seen = results([*GOOD, 50, 55, 45, 50])
    before, _ = fold(seen[:-1])
    assert before.episode is None
    assert before.watch == pytest.approx(3 * 0.45 / NEEDS)
    assert (before.since, before.k, before.n) == (seen[12].at, 3, 3)
    state, closed = fold(seen)
    assert closed == []
    assert state.episode == Episode(since=seen[12].at, opened=seen[15].at, last=seen[15].at, k=4, n=4)
    assert (state.watch, state.recovery) == (1.0, 0.0)


def test_a_weak_result_among_good_ones_is_only_watched() -> None:
    state, _ = fold(results([*GOOD, 10.0]))
    assert 0.2 < state.watch < 0.4
    state, _ = fold(results([*GOOD, 10.0, 130.0, 130.0]))
    assert (state.watch, state.since, state.k, state.n) == (0.0, None, 0, 0)


def test_results_at_the_mark_open_nothing_and_ones_a_little_below_do_in_time() -> None:
    assert fold(results([100.0] * 400))[0].watch == 0
    opened = fold(results([92.0] * 50))[0].episode
    assert opened is not None
    assert opened.opened - opened.since > 5 * DAY


def test_a_result_of_nothing_counts_as_one_far_below() -> None:
    assert fold(results([0.0] * 3))[0].watch == pytest.approx(3 * 0.45 / NEEDS)
    assert fold(results([0.0] * 4))[0].episode is not None


def test_a_mark_of_nothing_is_always_reached() -> None:
    assert fold(results([0.0] * 9, mark=0.0))[0].watch == 0
    opened, _ = fold(results([50.0] * 4))
    assert len(fold(results([5.0] * 4, mark=0.0, start=BEGIN + DAY), opened)[1]) == 1


def test_it_ends_by_the_mirrored_test_however_long_it_lasted() -> None:
    for long in (4, 400):
        weak = results([50.0] * long)
        strong = results([200.0] * 4, start=weak[-1].at + 6 * HOUR)
        almost, none = fold(weak + strong[:3])
        assert none == []
        assert almost.recovery == pytest.approx(3 * 0.45 / NEEDS)
        assert almost.watch == 1.0
        state, closed = fold(weak + strong)
        assert closed == [Episode(weak[0].at, weak[3].at, last=strong[3].at, closed=strong[3].at, k=long, n=long + 4)]
        assert (state.episode, state.past, state.watch, state.recovery) == (None, closed[0], 0.0, 0.0)
        assert not closed[0].is_open


def test_a_weak_result_takes_from_the_evidence_that_it_is_over() -> None:
    weak = results([50.0] * 4)
    rising = results([200.0, 200.0, 20.0, 200.0, 200.0], start=weak[-1].at + 6 * HOUR)
    state, _ = fold(weak + rising)
    assert state.episode is not None
    assert state.recovery == pytest.approx((2 * 0.45 - 0.65 + 2 * 0.45) / NEEDS)


def test_ten_tests_within_two_minutes_weigh_hardly_more_than_one() -> None:
    storm = results([*GOOD]) + results([30.0] * 10, start=BEGIN + 12 * 6 * HOUR, every=timedelta(seconds=12))
    one, _ = fold(storm[:13])
    ten, _ = fold(storm)
    assert ten.episode is None
    assert one.watch < ten.watch < one.watch * 1.05


def test_a_rehearsal_opens_with_quick_tests() -> None:
    seen = results([30.0] * 4, every=timedelta(seconds=12))
    assert fold(seen)[0].episode is None
    assert fold(seen, spacing=timedelta(seconds=1))[0].episode is not None


def test_a_result_older_than_the_last_one_weighs_nothing() -> None:
    state, _ = fold(results([50.0, 50.0]))
    late = advance(state, Observation(BEGIN - DAY, 10.0, 100.0))
    assert late.evidence == state.evidence


def test_after_two_weeks_without_results_evidence_is_void_and_what_is_open_stays() -> None:
    three = results([50.0] * 3)
    soon = Observation(three[-1].at + FORGET, 50.0, 100.0)
    later = Observation(three[-1].at + FORGET + MINUTE, 50.0, 100.0)
    assert fold([*three, soon])[0].episode is not None
    state = fold([*three, later])[0]
    assert (state.episode, state.since, state.k, state.n) == (None, later.at, 1, 1)
    opened = fold(results([50.0] * 4 + [200.0] * 3))[0]
    assert opened.recovery > 0.8
    after = advance(opened, Observation(BEGIN + 60 * DAY, 200.0, 100.0))
    assert after.episode is not None
    assert after.recovery == pytest.approx(0.45 / NEEDS)


def test_a_new_target_is_only_another_mark() -> None:
    raised = results([100.0] * 20, mark=90.0) + results([100.0] * 20, mark=150.0, start=BEGIN + 5 * DAY)
    state, _ = fold(raised)
    assert state.episode is not None
    assert state.episode.since == BEGIN + 5 * DAY


def test_an_episode_soon_after_another_needs_more_to_open_and_to_end() -> None:
    first = results([75.0] * 7 + [130.0] * 8)
    fresh, _ = fold(first)
    assert fresh.past is not None
    assert fresh.needs == pytest.approx(NEEDS * 1.5)
    again = results([75.0] * 10, start=first[-1].at + 6 * HOUR)
    assert fold(again[:9], fresh)[0].episode is None
    state, _ = fold(again, fresh)
    assert state.episode is not None
    assert state.needs == pytest.approx(NEEDS * 1.5 * 2, rel=0.03)
    strong = results([130.0] * 22, start=again[-1].at + 6 * HOUR)
    assert fold(strong[:19], state)[0].episode is not None
    over, closed = fold(strong, state)
    assert [one.opened for one in closed] == [again[9].at]
    assert over.past == closed[0]


def test_long_after_another_it_needs_what_the_first_did() -> None:
    first = results([50.0] * 4 + [200.0] * 4)
    good = results([150.0] * 2400, start=first[-1].at + 6 * HOUR)
    state, closed = fold(first + good)
    assert len(closed) == 1
    assert state.needs == pytest.approx(NEEDS, rel=0.01)


def test_a_noisy_site_needs_more_and_a_calm_one_no_less() -> None:
    assert fold(noisy(300, 200, seed=1, sigma=0.1))[0].needs == NEEDS
    assert fold(noisy(300, 200, seed=1, sigma=0.25))[0].needs == NEEDS
    assert 1.3 * NEEDS < fold(noisy(300, 300, seed=1, sigma=0.4))[0].needs < 2.3 * NEEDS
    assert fold(noisy(900, 3000, seed=1, sigma=1.5))[0].needs == 4 * NEEDS


def test_a_change_of_level_is_not_taken_for_noise() -> None:
    seen = noisy(200, 150, seed=3) + noisy(20, 60, seed=4, start=BEGIN + 50 * DAY)
    state, _ = fold(seen)
    assert state.episode is not None
    assert state.needs == NEEDS
    assert state.episode.opened - state.episode.since < 2 * DAY


def test_a_fold_may_begin_within_an_episode() -> None:
    known = State(episode=Episode(BEGIN - 90 * DAY, BEGIN - 88 * DAY, BEGIN - DAY, None, 300, 310))
    state, closed = fold(results([95.0, 98.0]), known)
    assert closed == []
    assert state.episode is not None
    assert (state.episode.opened, state.episode.k, state.episode.n) == (BEGIN - 88 * DAY, 302, 312)
    _, closed = fold(results([200.0] * 4), known)
    assert [one.since for one in closed] == [BEGIN - 90 * DAY]


@given(values)
def test_one_by_one_is_the_same_as_all_at_once(speeds: list[float]) -> None:
    seen = results(speeds)
    states = list(accumulate(seen, advance, initial=START))
    state, closed = fold(seen)
    assert state == states[-1]
    assert closed == [after.past for before, after in pairwise(states) if before.episode and not after.episode]
    half = len(seen) // 2
    middle, first = fold(seen[:half])
    assert fold(seen[half:], middle) == (state, closed[len(first) :])


@given(values, st.integers(min_value=0))
def test_the_order_of_arrival_does_not_matter(speeds: list[float], seed: int) -> None:
    seen = results(speeds)
    shuffled = random.Random(seed).sample(seen, len(seen))  # noqa: S311 - a test
    assert fold(sorted(shuffled, key=lambda one: one.at)) == fold(seen)


@given(values, st.integers(min_value=-8, max_value=8))
def test_the_unit_does_not_matter(speeds: list[float], power: int) -> None:
    state, closed = fold(results(speeds))
    scaled, also = fold(results([speed * 2.0**power for speed in speeds], mark=100 * 2.0**power))
    assert also == closed
    assert (scaled.episode, scaled.since, scaled.k, scaled.n) == (state.episode, state.since, state.k, state.n)
    assert scaled.watch == pytest.approx(state.watch, abs=1e-9)


@given(values)
def test_what_is_told_is_within_bounds(speeds: list[float]) -> None:
    state = START
    for one in results(speeds):
        state = advance(state, one)
        assert 0 <= state.watch <= 1
        assert 0 <= state.recovery < 1
        assert NEEDS <= state.needs <= NEEDS * 12
        assert (state.watch == 1) == (state.episode is not None)
        if state.episode is not None:
            assert state.episode.since <= state.episode.opened <= state.episode.last == one.at
            assert 0 < state.episode.k <= state.episode.n


@settings(max_examples=30)
@given(st.lists(st.floats(min_value=0.01, max_value=1e3), min_size=2, max_size=30))
def test_no_two_minutes_of_tests_open_anything(speeds: list[float]) -> None:
    seen = results(speeds, every=timedelta(seconds=4))
    assert seen[-1].at - seen[0].at < SPACING
    assert fold(seen)[0].episode is None


def test_each_constant_is_the_one_that_was_simulated() -> None:
    """Who changes one runs `python -m tests.bench.alarms` and gives the new figures."""
    assert (shortfall.WEAK, shortfall.STRONG, shortfall.REF, NEEDS) == (0.5, 0.6, 0.05, 1.5)
    assert (shortfall.CALM, shortfall.MOST, SPACING, FORGET) == (0.09, 4.0, 2 * HOUR, 14 * DAY)
    assert (shortfall.AGAIN_OPENS, shortfall.AGAIN_ENDS, shortfall.AGAIN_HALF) == (0.5, 1.0, 60 * DAY)
