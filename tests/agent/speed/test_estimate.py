"""The estimator on lines whose answer is known."""

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.speed.estimate import T_95, Sample, at, estimate, median_rtt_us, ramp_cut_s, rates, steadiness


def line(mbps: Sequence[float], *, step_s: float = 0.1, start_s: float = 50.0) -> list[Sample]:
    """Samples of a line that runs at each rate for one step."""
    samples = [Sample(start_s, 0)]
    for index, rate in enumerate(mbps, start=1):
        samples.append(Sample(start_s + index * step_s, samples[-1].received + rate * 1e6 / 8 * step_s))
    return samples


def test_a_ramp_does_not_count_and_the_mean_says_so() -> None:
    found = estimate(line([10, 20, 40, 60, 80] + [100] * 95))
    assert found is not None
    assert found.mbps == pytest.approx(100, rel=1e-9)
    assert found.mean_mbps == pytest.approx(97.1, rel=1e-9)
    assert found.ramp_s == pytest.approx(0.6)
    assert found.duration_s == pytest.approx(10)
    assert [found.low_mbps, found.high_mbps] == pytest.approx([99.5, 100.5], abs=1e-6)


def test_a_burst_after_the_losses_of_the_ramp_does_not_count() -> None:
    found = estimate(line([90, 85, 110, 98, 94, 86, 80, 84, 104, 141, 105] + [97] * 34))
    assert found is not None
    assert found.mbps == pytest.approx(97)


def test_a_window_that_was_judged_steady_is_taken_as_it_is() -> None:
    samples = line([10, 20, 40, 60] + [100] * 6)
    found = estimate(samples, since_s=50.4)
    assert found is not None
    assert found.mbps == pytest.approx(100)
    assert found.mean_mbps == pytest.approx(73)
    assert found.duration_s == pytest.approx(1)
    for outside in (49.0, 51.0, 60.0):
        assert estimate(samples, since_s=outside) == estimate(samples)


def test_steadiness_knows_noise_from_drift() -> None:
    even = steadiness(line([100] * 16), 50.0, 51.6)
    assert (even.mbps, even.error, even.drift) == pytest.approx((100, 0, 0), abs=1e-9)
    noisy = steadiness(line([90, 110] * 8), 50.0, 51.6, parts=16)
    assert noisy.drift == pytest.approx(0, abs=1e-9)
    assert noisy.error == pytest.approx(0.1 * math.sqrt(16 / 15) / 4)
    rising = steadiness(line([90] * 8 + [110] * 8), 50.0, 51.6)
    assert rising.drift == pytest.approx(0.2)
    assert steadiness(line([0] * 16), 50.0, 51.6) == (0.0, math.inf, math.inf)


def test_the_median_round_trip_is_that_of_the_window() -> None:
    samples = [Sample(number, number, rtt) for number, rtt in enumerate([90.0, None, 10.0, 30.0, 20.0])]
    assert median_rtt_us(samples, 1) == 20
    assert median_rtt_us(samples, 0) == 25
    assert median_rtt_us(samples[1:2], 0) is None


def test_stalls_and_bursts_leave_the_mean_of_the_window() -> None:
    found = estimate(line(([0, 0, 200, 200] * 25)[:100]))
    assert found is not None
    assert found.mbps == pytest.approx(100)


@pytest.mark.parametrize(("duration_s", "cut_s"), [(20, 2), (10, 2), (5, 2), (4, 1.6), (1, 0.4), (0, 0)])
def test_the_ramp_cut(duration_s: float, cut_s: float) -> None:
    assert ramp_cut_s(duration_s) == pytest.approx(cut_s)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = random.Random(7)  # noqa: S311 - a fixed seed, no secret
    held = 0
    for _ in range(400):
        found = estimate(line([rng.gauss(100, 12) for _ in range(100)]))
        assert found is not None
        assert found.low_mbps is not None
        assert found.high_mbps is not None
        held += found.low_mbps <= 100 <= found.high_mbps
    assert 0.91 <= held / 400 <= 0.985


def t_share(quantile: float, degrees: int) -> float:
    """P(|T| <= quantile), by Simpson's rule."""
    scale = math.gamma((degrees + 1) / 2) / math.sqrt(degrees * math.pi) / math.gamma(degrees / 2)
    points = 4000
    total = 0.0
    for index in range(points + 1):
        weight = 1 if index in {0, points} else 4 if index % 2 else 2
        total += weight * (1 + (quantile * index / points) ** 2 / degrees) ** (-(degrees + 1) / 2)
    return 2 * scale * total * quantile / points / 3


@pytest.mark.parametrize("degrees", range(1, 10))
def test_the_quantiles_are_students(degrees: int) -> None:
    assert t_share(T_95[degrees - 1], degrees) == pytest.approx(0.95, abs=2e-5)


def test_too_little_is_no_estimate_and_short_is_one_without_bounds() -> None:
    assert estimate([]) is None
    assert estimate([Sample(1, 0)]) is None
    assert estimate([Sample(1, 0), Sample(1, 5)]) is None
    short = estimate(line([100, 100], step_s=0.08))
    assert short is not None
    assert short.mbps == pytest.approx(100)
    assert (short.low_mbps, short.high_mbps) == (None, None)


def test_nothing_received_is_zero_without_a_ramp() -> None:
    found = estimate(line([0] * 100))
    assert found is not None
    assert (found.mbps, found.mean_mbps, found.ramp_s) == (0, 0, None)


def test_rates_per_100_ms_at_most_300() -> None:
    assert rates(line([10, 20, 30])) == pytest.approx([10, 20, 30])
    assert rates(line([10, 20], step_s=0.17)) == pytest.approx([10, (10 * 0.07 + 20 * 0.03) / 0.1, 20])
    assert len(rates(line([5] * 500))) == 300
    assert rates([]) == []
    assert rates([Sample(3, 0)]) == []
    almost = [Sample(0, 0), Sample(0.9999, 1_000_000)]
    assert len(rates(almost)) == 10


def test_between_samples_and_outside() -> None:
    samples = [Sample(1, 0), Sample(2, 100), Sample(4, 200)]
    assert [at(samples, moment) for moment in (0, 1, 1.5, 2, 3, 4, 9)] == [0, 0, 50, 100, 150, 200, 200]


counters = st.lists(st.tuples(st.floats(0.001, 2), st.integers(0, 10**9)), max_size=60)


@settings(deadline=None)
@given(counters)
def test_any_counters_give_an_estimate_in_order_or_none(steps: list[tuple[float, int]]) -> None:
    samples = [Sample(0, 0)]
    for length, grown in steps:
        samples.append(Sample(samples[-1].at_s + length, samples[-1].received + grown))
    found = estimate(samples)
    assert (found is None) == (len(samples) == 1)
    if found is None:
        return
    assert found.mbps >= -1e-6
    assert found.mean_mbps >= 0
    if found.low_mbps is not None and found.high_mbps is not None:
        assert 0 <= found.low_mbps <= found.mbps + 1e-6
        assert found.mbps <= found.high_mbps
    assert len(rates(samples)) <= 300
