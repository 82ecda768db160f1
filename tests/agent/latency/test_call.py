import pytest

from agent.latency.call import burst_ratio, rate
from agent.latency.e_model import CODECS
from agent.net.round_trips import Answer

MS = 1_000_000
PLC = CODECS["g711_plc"]


def answer(seq: int, there_ms: float, back_ms: float, *, count: int | None = None, offset_ms: float = 0) -> Answer:
    """One answer over ways of these lengths, to a reflector whose clock is ahead by `offset_ms`."""
    return Answer(
        seq,
        seq - 1 if count is None else count,
        round((there_ms + back_ms) * MS),
        forward_ns=round((there_ms + offset_ms) * MS),
        backward_ns=round((back_ms - offset_ms) * MS),
    )


def test_a_good_line_is_rated_as_the_model_rates_none() -> None:
    found = rate(1000, [answer(n, 10, 10) for n in range(1, 1001)], timeout_ns=2000 * MS, codec=PLC)
    assert found is not None
    # 20 ms of speech, 10 ms one way, the smallest buffer
    assert (found.r_factor, found.mos, found.mouth_to_ear_ms, found.loss_ratio) == (93.2, 4.41, 50.0, 0.0)


@pytest.mark.parametrize("offset_ms", [0, 3_600_000, -77])
def test_the_buffer_is_as_long_as_the_worse_way_needs_whatever_the_clocks_say(offset_ms: float) -> None:
    # Every tenth packet takes 60 ms longer on the way back.
    trips = [answer(n, 10, 70 if n % 10 == 0 else 10, offset_ms=offset_ms) for n in range(1, 1001)]
    found = rate(1000, trips, timeout_ns=2000 * MS, codec=PLC)
    assert found is not None
    assert found.mouth_to_ear_ms == pytest.approx(20 + 26 / 2 + 54)
    assert found.loss_ratio == 0


def test_what_no_buffer_holds_is_lost_to_the_listener() -> None:
    trips = [answer(n, 10, 1010 if n % 20 == 0 else 10) for n in range(1, 1001)]
    found = rate(1000, trips, timeout_ns=2000 * MS, codec=PLC)
    assert found is not None
    assert found.loss_ratio == 0.05
    assert found.mouth_to_ear_ms == pytest.approx(20 + 70 / 2 + 200)


def test_the_loss_that_counts_is_that_of_the_worse_way() -> None:
    reached = [n for n in range(1, 1001) if n % 50 != 25]  # 2 % never came there
    trips = [answer(seq, 10, 10, count=count) for count, seq in enumerate(reached) if count % 100 != 50]  # 1 % back
    found = rate(1000, trips, timeout_ns=2000 * MS, codec=PLC)
    assert found is not None
    assert found.loss_ratio == pytest.approx(0.02)
    assert found.r_factor == pytest.approx(93.2 - 95 * 2 / (2 + 25.1), abs=0.2)


def test_what_is_in_neither_ways_count_is_lost_to_the_listener_all_the_same() -> None:
    steady = [answer(n, 10, 10) for n in range(1, 501)]
    died = rate(1000, steady, timeout_ns=2000 * MS, codec=PLC)
    late = rate(1000, steady + [answer(n, 10, 3000) for n in range(501, 1001)], timeout_ns=2000 * MS, codec=PLC)
    assert died is not None
    assert late is not None
    assert (died.loss_ratio, late.loss_ratio) == (0.5, 0.5)
    reached = [n for n in range(1, 1001) if n % 50 != 25]  # 2 % never came there, and nothing after 500 came back
    trips = [answer(seq, 10, 10, count=count) for count, seq in enumerate(reached) if seq <= 500]
    both = rate(1000, trips, timeout_ns=2000 * MS, codec=PLC)
    assert both is not None
    assert both.loss_ratio == pytest.approx(0.51)


def test_without_directions_the_round_trip_stands_in_and_makes_it_no_better() -> None:
    trips = [Answer(n, None, (80 if n % 10 == 0 else 20) * MS) for n in range(1, 991)]
    found = rate(1000, trips, timeout_ns=2000 * MS, codec=PLC)
    assert found is not None
    assert found.loss_ratio == pytest.approx(0.01)
    assert found.mouth_to_ear_ms == pytest.approx(20 + 26 / 2 + 54)


def test_a_dead_line_is_not_rated() -> None:
    assert rate(10, [], timeout_ns=MS, codec=PLC) is None
    assert rate(1, [Answer(1, None, 5000 * MS)], timeout_ns=2000 * MS, codec=PLC) is None


def test_bursts() -> None:
    everything = set(range(1, 101))
    assert burst_ratio(100, everything) == 1.0
    assert burst_ratio(100, set()) == 1.0
    assert burst_ratio(100, everything - {10}) == 1.0  # 0.99 by the definition; less than random is taken as random
    assert burst_ratio(1000, set(range(1, 1001)) - {5, 6, 7, 8}) == pytest.approx(4 * 0.996)
    assert burst_ratio(100, everything - {5, 6, 7, 8}) == 2.0
    assert burst_ratio(100, everything - {20, 60, 80}) == 1.0
