import pytest

from tests.bench.truth import ceiling_mbps, loaded, possible_mbps, ten_seconds_bytes
from tests.netlab.counts import Moment
from tests.netlab.spec import LinkSpec
from tests.netlab.trace import Step

MEGABIT = 125_000


def record(rates: list[tuple[float, float]], start: float = 100.0) -> list[Moment]:
    """A link's record in steps of 10 ms: (seconds, Mbit/s of payload) one after another; no rows while it is idle."""
    moments, now, total = [Moment(start, 0, 0)], start, 0.0
    for seconds, rate in rates:
        for _ in range(round(seconds * 100)):
            now += 0.01
            total += rate * MEGABIT * 0.01
            if rate:
                moments.append(Moment(now, round(total), round(total)))
    return moments


def test_what_is_lost_behind_the_bottleneck_is_not_carried() -> None:
    assert ceiling_mbps(LinkSpec(rate_mbps=102), "ipv4") == pytest.approx(98.464)
    assert ceiling_mbps(LinkSpec(rate_mbps=102, loss=0.005), "ipv6") == pytest.approx(97.104 * 0.995)


def test_a_trace_could_carry_what_it_had_from_the_start_of_the_run() -> None:
    spec = LinkSpec(trace=(Step(5000, 30), Step(5000, 90)))
    assert possible_mbps(spec, "ipv4", epoch=50.0, start_s=50.0) == pytest.approx(60 * 1448 / 1500)
    assert possible_mbps(spec, "ipv4", epoch=50.0, start_s=55.0, length_s=5) == pytest.approx(90 * 1448 / 1500)
    assert ten_seconds_bytes(spec) == pytest.approx(60 * MEGABIT * 10)


def test_the_load_is_told_from_the_answers_to_the_other_direction() -> None:
    found = loaded(record([(3, 0.4), (2, 98), (1, 0)]), since_s=100.0, limit_mbps=98.5)
    assert found is not None
    assert found.start_s == pytest.approx(103, abs=0.11)
    assert found.end_s == pytest.approx(105, abs=0.21)
    assert found.carried_mbps == pytest.approx(98)


def test_an_earlier_run_does_not_count() -> None:
    found = loaded(record([(2, 50), (1, 0.1), (3, 90)]), since_s=102.5, limit_mbps=98.5)
    assert found is not None
    assert found.start_s > 102.9
    assert found.carried_mbps == pytest.approx(90)


@pytest.mark.parametrize("moments", [[], [Moment(1, 0, 0)], record([(5, 0.2)])])
def test_a_line_that_was_never_loaded_has_no_load(moments: list[Moment]) -> None:
    assert loaded(moments, since_s=0, limit_mbps=98.5) is None
