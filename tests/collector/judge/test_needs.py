"""How many more samples, and when they come."""

import pytest

from collector.judge.bounds import Bounds
from collector.judge.needs import LIMIT, Needed, arrival, for_mean, for_median, for_share
from tests.collector.judge.cases import DAY, NOW, samples

TIMES = [sample.started for sample in samples([1.0] * 40, every=DAY / 2)]


def test_a_median_needs_the_fewest_that_clear_it() -> None:
    assert for_median(10, 8, 0.95) == Needed(5)  # of 15 the 4th bounds it, and 3 would be below
    assert for_median(10, 2, 0.95) == for_median(10, 8, 0.95), "either side alike"
    assert for_median(120, 66, 0.95) == Needed(291)
    assert for_median(10, 5, 0.95) == Needed(LIMIT, over=True)
    assert for_median(1000, 501, 0.95) == Needed(LIMIT, over=True)


def test_a_share_needs_the_fewest_that_clear_it() -> None:
    assert for_share(71, 71, 0.95, 0.95) == Needed(1)
    assert for_share(10, 8, 0.95, 0.95).more > 1
    assert for_share(20, 19, 0.95, 0.95) == Needed(LIMIT, over=True), "it sits on what is wanted"


def test_a_mean_needs_four_times_as_many_for_half_the_width() -> None:
    assert for_mean(30, Bounds(90.0, 70.0, 110.0), 80.0) == Needed(90)
    assert for_mean(30, Bounds(70.0, 50.0, 90.0), 80.0) == Needed(90)
    assert for_mean(30, Bounds(80.0, 70.0, 90.0), 80.0) == Needed(LIMIT, over=True)
    assert for_mean(30, Bounds(81.0, 70.0, 92.0), 80.0) == Needed(LIMIT, over=True)
    assert for_mean(30, Bounds(81.0, None, None), 80.0) == Needed(LIMIT, over=True)


@pytest.mark.parametrize(
    ("count", "more", "per_day", "days"),
    [
        pytest.param(4, 6, 4.0, 1.5, id="nothing leaves meanwhile"),
        pytest.param(0, 10, 0.5, 20, id="from nothing"),
        pytest.param(40, 10, 4.0, 2.5, id="nothing leaves within 10 days"),
        pytest.param(40, 50, 4.0, 14.75, id="while 59 come, 9 leave"),
    ],
)
def test_they_come_at_the_present_pace(count: int, more: int, per_day: float, days: float) -> None:
    times = TIMES[len(TIMES) - count :]
    assert arrival(times, more, at=NOW, days=30, per_day=per_day) == NOW + days * DAY


@pytest.mark.parametrize("per_day", [0.0, 1e-9, 2.9])
def test_what_does_not_fit_into_a_window_never_comes(per_day: float) -> None:
    assert arrival(TIMES, 60, at=NOW, days=30, per_day=per_day) is None
