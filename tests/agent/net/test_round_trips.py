import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.net.round_trips import (
    Answer,
    Losses,
    jitter_ms,
    losses_by_direction,
    percentile,
    reflector,
    spread,
    summarize,
    ways,
)

MS = 1_000_000


def answers(*pairs: tuple[int, int], rtt_ms: int = 10) -> list[Answer]:
    return [Answer(seq, reflector_seq, rtt_ms * MS) for seq, reflector_seq in pairs]


def test_a_clean_run() -> None:
    result = summarize(20, [Answer(n, n - 1, n * MS) for n in range(1, 21)], timeout_ns=2000 * MS)
    assert (result.sent, result.received, result.lost, result.late) == (20, 20, 0, 0)
    assert (result.duplicate, result.reordered, result.loss_ratio) == (0, 0, 0)
    assert result.rtt_ms is not None
    assert (result.rtt_ms.min, result.rtt_ms.median, result.rtt_ms.mean) == (1.0, 10.5, 10.5)
    assert (result.rtt_ms.p95, result.rtt_ms.p99, result.rtt_ms.max) == (19.0, 20.0, 20.0)
    assert result.variation_ms == 18.0
    assert (result.forward_loss_ratio, result.backward_loss_ratio) == (0.0, 0.0)
    assert (result.forward_ms, result.backward_ms) == (None, None)


def test_a_run_without_answers_has_no_times() -> None:
    result = summarize(3, [], timeout_ns=MS)
    assert (result.received, result.lost, result.loss_ratio) == (0, 3, 1.0)
    assert (result.rtt_ms, result.jitter_ms, result.variation_ms, result.forward_loss_ratio) == (None,) * 4


def test_a_late_answer_is_lost_and_in_no_time() -> None:
    result = summarize(2, [Answer(1, 0, 5 * MS), Answer(2, 1, 3000 * MS)], timeout_ns=2000 * MS)
    assert (result.received, result.late, result.lost, result.loss_ratio) == (1, 1, 1, 0.5)
    assert result.rtt_ms is not None
    assert result.rtt_ms.max == 5.0


def test_duplicates_and_order() -> None:
    result = summarize(4, answers((1, 0), (3, 2), (2, 1), (3, 2), (4, 3), (4, 3)), timeout_ns=2000 * MS)
    assert (result.received, result.duplicate, result.reordered) == (4, 2, 1)


def test_jitter_is_that_of_rfc_3550() -> None:
    assert jitter_ms([10 * MS, 26 * MS, 26 * MS]) == pytest.approx(1 - 1 / 16, abs=0.001)
    assert jitter_ms([10 * MS]) is None


def test_percentiles_are_times_that_were_seen() -> None:
    values = list(range(1, 101))
    assert (percentile(values, 0.95), percentile(values, 0.99), percentile([7], 0.95)) == (95, 99, 7)
    assert percentile(list(range(1, 21)), 0.95) == 19


@given(st.lists(st.integers(0, 10**10), min_size=1, max_size=300))
def test_a_spread_is_in_order(times_ns: list[int]) -> None:
    found = spread(times_ns)
    assert found is not None
    assert found.min is not None
    assert found.max is not None
    assert found.min <= (found.median or 0.0) <= found.max
    assert found.min <= (found.mean or 0.0) <= found.max
    assert (found.median or 0.0) <= (found.p95 or 0.0) <= (found.p99 or 0.0) <= found.max


def test_a_reflector_that_copies_tells_no_direction() -> None:
    assert losses_by_direction(answers((1, 1), (3, 3), (4, 4))) is None
    assert losses_by_direction([]) is None


def test_a_counting_reflector_tells_the_way_back_from_the_way_there() -> None:
    # 10 sent; 3 and 4 lost on the way there, the answer to 7 lost on the way back
    seen = answers((1, 0), (2, 1), (5, 2), (6, 3), (8, 5), (9, 6), (10, 7))
    assert losses_by_direction(seen) == Losses(forward=0.2, backward=0.125)


def test_loss_before_the_first_answer_counts_in_a_session_of_its_own() -> None:
    assert losses_by_direction(answers((3, 0), (4, 1))) == Losses(forward=0.5, backward=0.0)
    assert losses_by_direction(answers((3, 2), (4, 3))) == Losses(forward=0.0, backward=0.5)


def test_a_session_that_the_reflector_already_knew_is_counted_from_its_first_answer() -> None:
    assert losses_by_direction(answers((2, 500), (3, 501), (5, 502))) == Losses(forward=0.25, backward=0.0)


def test_a_reflector_that_restarted_in_mid_run_tells_no_direction() -> None:
    assert losses_by_direction(answers((1, 0), (2, 1), (3, 2), (4, 0), (5, 1))) is None


@pytest.mark.parametrize(
    "pairs",
    [
        [(1, 500), (2, 501), (3, 0), (4, 1)],  # restarted, after a session that it had known for long
        [(1, 2**32 - 2), (2, 2**32 - 1), (3, 0), (4, 1)],  # began again after its largest number
        [(1, 70), (2, 77), (3, 85), (4, 91)],  # counts everybody's packets
        [(1, 5), (2, 4), (3, 2**31), (4, 9)],  # anything at all
    ],
)
def test_a_count_that_is_not_of_our_packets_alone_tells_no_direction(pairs: list[tuple[int, int]]) -> None:
    assert losses_by_direction(answers(*pairs)) is None


def test_a_packet_doubled_on_the_way_there_is_not_a_negative_loss() -> None:
    assert losses_by_direction(answers((1, 0), (2, 1), (2, 2), (3, 3))) == Losses(0.0, 0.0)


@given(st.integers(0, 2**32), st.floats(0, 0.3), st.floats(0, 0.3))
def test_directions_match_what_was_really_dropped(seed: int, forward: float, backward: float) -> None:
    chance = random.Random(seed)  # noqa: S311 - a repeatable network, not a secret
    reached = [1] + [seq for seq in range(2, 200) if chance.random() >= forward] + [200]
    back = [chance.random() >= backward for _ in reached]
    back[0] = back[-1] = True
    seen = [Answer(seq, count, MS) for count, seq in enumerate(reached) if back[count]]
    assert losses_by_direction(seen) == Losses(
        round((200 - len(reached)) / 200, 6), round(back.count(False) / len(reached), 6)
    )


def test_one_way_delays_need_clocks_that_agree() -> None:
    good = [Answer(n, n - 1, 10 * MS, 4 * MS, 6 * MS, synchronized=True) for n in (1, 2)]
    result = summarize(2, good, timeout_ns=2000 * MS)
    assert result.forward_ms is not None
    assert (result.forward_ms.median, result.backward_ms and result.backward_ms.median) == (4.0, 6.0)
    wrong = summarize(2, [good[0], Answer(2, 1, 10 * MS, -1 * MS, 11 * MS, synchronized=True)], timeout_ns=2000 * MS)
    assert (wrong.forward_ms, wrong.backward_ms) == (None, None)


def one_way(there_ms: int, back_ms: int, *, seq: int, ahead_ms: int = 0) -> Answer:
    """An answer of a reflector whose clock is ahead of ours."""
    forward, backward = (there_ms + ahead_ms) * MS, (back_ms - ahead_ms) * MS
    return Answer(seq, seq - 1, (there_ms + back_ms) * MS, forward, backward)


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=2, max_size=50), st.integers(-(10**9), 10**9)
)
def test_the_jitter_of_each_way_is_the_same_whatever_the_clocks_show(trips: list[tuple[int, int]], ahead: int) -> None:
    result = summarize(
        len(trips),
        [one_way(there, back, seq=seq, ahead_ms=ahead) for seq, (there, back) in enumerate(trips, 1)],
        timeout_ns=2000 * MS,
    )
    assert result.forward_jitter_ms == jitter_ms([there * MS for there, _ in trips])
    assert result.backward_jitter_ms == jitter_ms([back * MS for _, back in trips])
    assert (result.forward_ms, result.backward_ms) == (None, None)


def test_a_clock_that_is_set_in_mid_run_silences_both_ways() -> None:
    steady = [one_way(10, 10, seq=n, ahead_ms=7) for n in range(1, 10)]
    assert ways(steady) != ([], [])
    assert ways([*steady, one_way(10, 10, seq=10, ahead_ms=7 + 22)]) == ([], [])
    assert ways([*steady, Answer(10, 9, 20 * MS)]) == ([], [])


def test_what_kind_of_reflector_answers() -> None:
    assert reflector(answers((1, 0), (2, 1))) == "stateful"
    assert reflector(answers((1, 1), (2, 2))) == "stateless"
    assert reflector([Answer(1, None, MS)]) is None
    assert reflector([]) is None


def test_without_numbers_of_its_own_nobody_knows_where_packets_were_lost() -> None:
    found = summarize(3, [Answer(1, None, MS), Answer(3, None, MS)], timeout_ns=10 * MS, method="icmp")
    assert (found.method, found.lost, found.forward_loss_ratio, found.backward_loss_ratio) == ("icmp", 1, None, None)
    assert losses_by_direction([Answer(1, 0, MS), Answer(2, None, MS)]) is None
