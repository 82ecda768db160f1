"""Numbers of several processes add up; a latency is told to a few percent."""

import pytest

from agent.simulate.tally import Tally, bucket, quantile, seconds_of, together


@pytest.mark.parametrize("seconds", [0.0, 0.0005, 0.01, 0.3777, 1.0, 59.0, 3600.0])
def test_a_bucket_holds_its_latency(seconds: float) -> None:
    upper = seconds_of(bucket(seconds))
    assert seconds <= upper * 1.000001
    assert upper <= max(seconds, 0.0005) * 1.05


def test_quantiles() -> None:
    assert quantile({}, 0.5) is None
    buckets = {bucket(0.1): 98, bucket(9.0): 2}
    assert quantile(buckets, 0.5) == pytest.approx(0.1, rel=0.05)
    assert quantile(buckets, 0.99) == pytest.approx(9.0, rel=0.05)


def test_processes_are_added_up() -> None:
    one = Tally(agents=2, produced=5, behind_s=1.5, done=True, latency={1: 2})
    two = Tally(agents=3, produced=7, behind_s=0.5, done=False, latency={1: 1, 4: 1})
    total = together([one, two])
    assert (total.agents, total.produced, total.behind_s, total.done) == (5, 12, 1.5, False)
    assert total.latency == {1: 3, 4: 1}
    assert one.latency == {1: 2}
    assert together([one]).done
