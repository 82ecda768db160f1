"""Receivers' readings on one axis: the sum at any moment is the truth, whatever the clocks and delays."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.speed.estimate import Sample, estimate
from agent.speed.timeline import Reading, joined, lacking, placed


def stream(rng: random.Random, *, mbps: float, begin_s: float, end_s: float, delay_s: float) -> list[Reading]:
    """A receiver at a constant rate that reports every 100 to 400 ms over a way back that is sometimes slow."""
    readings, now = [], 0.0
    while (now := now + rng.uniform(0.1, 0.4)) < end_s - begin_s:
        late = delay_s + rng.choice([0, 0, 0, 0.05, 0.3])
        readings.append(Reading(begin_s + now + late, now, round(mbps * 1e6 / 8 * now)))
    return readings


@settings(deadline=None)
@given(st.integers(0, 10**6))
def test_streams_that_report_at_odd_times_add_up(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - a seed from hypothesis, no secret
    streams = [
        stream(rng, mbps=10 * (index + 1), begin_s=100 + index * 0.02, end_s=110, delay_s=0.03) for index in range(4)
    ]
    found = estimate(joined([placed(readings) for readings in streams]))
    assert found is not None
    assert found.mbps == pytest.approx(100, rel=0.01)
    assert 9 < found.duration_s < 10


def test_the_smallest_delay_places_a_stream() -> None:
    samples = placed([Reading(10.5, 0.25, 100), Reading(10.55, 0.5, 200), Reading(11.9, 0.75, 300)])
    assert samples == [Sample(10.05, 0), *[Sample(10.05 + s, b) for s, b in ((0.25, 100), (0.5, 200), (0.75, 300))]]


def test_readings_that_go_back_are_left_out() -> None:
    readings = [Reading(1.0, 1.0, 500), Reading(2.0, 0.5, 600), Reading(3.0, 2.0, 400), Reading(4.0, 2.5, 700)]
    assert [sample.received for sample in placed(readings)] == [0, 500, 700]


def test_the_sum_ends_where_the_first_stream_falls_silent() -> None:
    one = [Sample(0, 0), Sample(1, 100), Sample(2, 200)]
    two = [Sample(0.5, 0), Sample(1.03, 50)]
    total = joined([one, two])
    assert total[0] == Sample(0, 0)
    assert total[-1].at_s == pytest.approx(1.03)
    assert total[-1].received == pytest.approx(103 + 50)


def test_without_a_common_time_there_is_no_sum() -> None:
    one = [Sample(0, 0), Sample(1, 100)]
    assert joined([]) == []
    assert joined([one, []]) == []
    assert joined([[Sample(1, 0)], [Sample(1, 0), Sample(2, 5)]]) == []
    assert placed([]) == []


def test_what_the_peer_lacks_is_the_least_of_its_second_half() -> None:
    ours = [Sample(step / 10, step * 1000) for step in range(21)]
    behind = [Sample(step / 5, step * 2000 - 500) for step in range(11)]
    assert lacking(ours, behind) == pytest.approx(500)
    late = [*behind[:9], Sample(1.9, 100), behind[10]]
    assert lacking(ours, late) == pytest.approx(500), "one message that took its time says nothing"
    assert lacking(ours, [Sample(0, -9_000), *behind[1:]]) == pytest.approx(500), "nor does the beginning"
    assert lacking(ours, [Sample(step / 5, step * 2000 + 50) for step in range(11)]) == pytest.approx(-50)
    assert lacking(ours, []) == 0
