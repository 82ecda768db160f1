"""What the report says about a transfer."""

from dataclasses import replace

import pytest

from agent.speed.engine import Queue, Transfer
from agent.speed.estimate import Sample
from agent.speed.limits import Limits, Stop
from agent.speed.summary import direction, idle_ms, spread_ms
from agent.wire.failure import Failure
from agent.wire.results import Spread

STEADY = [Sample(5 + step / 20, step * 625_000) for step in range(201)]  # 100 Mbit/s for 10 s


def transfer(
    samples: list[Sample], *, stop: Stop | None = None, sent: int | None = 1000, lost: int | None = 25
) -> Transfer:
    return Transfer(
        stop=stop or Stop("time"),
        samples=samples,
        received=int(samples[-1].received) if samples else 0,
        streams=4,
        rtts_us=[(5.5, 1_000), *((8 + step / 100, 20_000 + step * 100) for step in range(100))],
        sent_bytes=sent,
        retransmitted_bytes=lost,
        idle_rtts_us=[9_000],
        cipher=None,
        congestion="bbr",
    )


def test_numbers() -> None:
    found = direction(transfer(STEADY), Limits())
    assert (found.mbps, found.mean_mbps) == pytest.approx((100, 100))
    assert (found.low_mbps, found.high_mbps) == pytest.approx((100, 100), rel=0.01)
    assert (found.bytes, found.duration_s, found.streams, found.stop) == (125_000_000, 10, 4, "time")
    assert (found.ramp_s, found.retransmit_ratio, found.failure) == (0.1, 0.025, None)
    assert found.rates_mbps == [100.0] * 100


def test_a_line_that_was_shared_has_wider_bounds() -> None:
    seen = replace(transfer(STEADY, stop=Stop("converged")), steady_since_s=14.0, queue=Queue((90, 101), 1.0))
    found = direction(seen, Limits())
    assert (found.mbps, found.low_mbps, found.high_mbps) == pytest.approx((100, 85, 115))
    assert direction(replace(seen, queue=Queue((99.9, 100.1), 1.0)), Limits()).low_mbps == pytest.approx(97)


def test_a_run_that_was_ended_early_says_no_more_than_three_percent_of_a_minute() -> None:
    found = direction(replace(transfer(STEADY, stop=Stop("converged")), steady_since_s=14.0), Limits())
    assert (found.mbps, found.low_mbps, found.high_mbps) == pytest.approx((100, 97, 103))


def test_a_figure_without_samples_is_all_there_is() -> None:
    found = direction(replace(transfer([]), figure_mbps=42.5, received=1000), Limits())
    assert (found.mbps, found.bytes, found.low_mbps, found.rates_mbps) == (42.5, 1000, None, None)
    assert found.failure is None


def test_round_trips_of_the_ramp_are_not_those_under_load() -> None:
    assert direction(transfer(STEADY), Limits()).loaded_rtt_ms == Spread(min=20.0, median=24.95, p95=29.4)


def test_a_failure_keeps_what_was_seen_but_no_rate() -> None:
    failure = Failure("transfer", "reset", "gone")
    found = direction(transfer(STEADY[:60], stop=Stop("error", failure)), Limits())
    assert (found.failure, found.stop, found.mbps, found.mean_mbps, found.low_mbps) == (
        failure,
        "error",
        None,
        None,
        None,
    )
    assert (found.bytes, found.duration_s, found.streams) == (59 * 625_000, 2.95, 4)
    assert found.rates_mbps is not None


@pytest.mark.parametrize("samples", [[], [Sample(1, 0)], [Sample(1, 0), Sample(11, 0)]])
@pytest.mark.parametrize(("word", "failure"), [("budget", "device:budget"), ("peer", "peer:protocol")])
def test_too_little_is_a_failure_with_its_reason(samples: list[Sample], word: str, failure: str) -> None:
    stop = Stop("budget") if word == "budget" else Stop("peer")
    found = direction(transfer(samples, stop=stop), Limits(max_bytes=10))
    assert str(found.failure) == failure
    assert (found.stop, found.mbps) == ("error", None)


def test_a_budget_that_was_gone_at_once_is_no_rate() -> None:
    # Half a megabyte counted twice: what the first 40 ms did between the counts, nobody knows.
    brief = [Sample(5, 0), Sample(5.04, 500_000)]
    found = direction(transfer(brief, stop=Stop("budget")), Limits(max_bytes=500_000))
    assert str(found.failure) == "device:budget"
    assert (found.mbps, found.mean_mbps, found.bytes) == (None, None, 500_000)
    assert direction(transfer(brief), Limits()).failure is None
    assert direction(transfer(STEADY[:6], stop=Stop("budget")), Limits(max_bytes=500_000)).mbps is not None


def test_a_run_cut_by_its_budget_has_no_upper_bound() -> None:
    found = direction(transfer(STEADY, stop=Stop("budget")), Limits(max_bytes=125_000_000))
    assert (found.mbps, found.low_mbps) == pytest.approx((100, 99.5))
    assert found.high_mbps is None


@pytest.mark.parametrize(("sent", "lost", "ratio"), [(None, 5, None), (0, 0, None), (10, None, None), (10, 20, 1.0)])
def test_retransmissions_unknown_are_absent(sent: int | None, lost: int | None, ratio: float | None) -> None:
    assert direction(transfer(STEADY, sent=sent, lost=lost), Limits()).retransmit_ratio == ratio


def test_spreads() -> None:
    assert spread_ms([]) is None
    assert idle_ms([]) is None
    assert spread_ms([1000]) == Spread(min=1.0, median=1.0, p95=1.0)
    assert idle_ms([3000, 1000, 2000]) == Spread(min=1.0, median=2.0)
