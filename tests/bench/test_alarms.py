"""The simulated fleet is what it says, and the rules beside ours do what their authors describe."""

from math import log

import numpy as np
import pytest

from tests.bench.alarms_fleet import BASE, NOISES, Kind, Noise, drawn
from tests.bench.alarms_outage import Lines, false_openings, found
from tests.bench.alarms_peer import peer_failure
from tests.bench.alarms_rules import Cusum, Each, Ours, Rule, Tolerant, Windowed
from tests.bench.alarms_runs import AFTER_DAYS, STEADY_DAYS, delays, openings
from tests.bench.alarms_storm import STORM_DAYS, stormed

FAR = log(0.5)


def pattern(rule: Rule, levels: list[float], every_h: float = 6.0) -> str:
    found = ""
    for number, level in enumerate(levels):
        rule.see(number * every_h, level)
        found += "x" if rule.is_open else "."
    return found


@pytest.mark.parametrize("noise", NOISES)
def test_the_median_of_what_is_drawn_is_the_true_one(noise: Noise) -> None:
    fleet = drawn(Kind("x", noise=noise, dip=0.4), 100, 140, 1)
    assert np.median(fleet.levels) == pytest.approx(0, abs=0.01)


def test_what_is_drawn_is_as_described() -> None:
    fleet = drawn(Kind("x"), 50, 70, 1)
    assert (fleet.hours.shape, fleet.days) == ((50, 280), 70)
    assert (np.diff(fleet.hours) > 0).all()
    assert (fleet.hours // 6 == np.arange(280)).all(), "one in each slot"
    assert fleet.counts.mean() == pytest.approx(0.88, abs=0.01)
    again = drawn(Kind("x"), 50, 70, 1)
    assert (again.levels == fleet.levels).all()
    alike = drawn(Kind("x", memory=0.5, dip=0, weekend=0), 50, 70, 1).levels
    assert np.corrcoef(alike[:, :-1].ravel(), alike[:, 1:].ravel())[0, 1] == pytest.approx(0.5, abs=0.03)


def test_the_rules_beside_ours() -> None:
    assert pattern(Each(), [0.1, -0.1, 0.1, -0.1, -0.1]) == ".x.xx"
    assert pattern(Tolerant(), [0.1, -0.1, 0.1, -0.1, -0.1, 0.1, -0.1, 0.1, 0.1]) == "....xxxx."
    assert pattern(Tolerant(), [-0.1] * 4, every_h=0.2) == "...x"
    assert pattern(Windowed(), [-0.1] * 8 + [0.2] * 2) == "." * 10
    assert pattern(Windowed(), [-0.1] * 10 + [0.2] * 9) == "." * 9 + "x" * 9 + "."
    assert pattern(Cusum(), [FAR] * 4 + [0.5] * 4) == "...xxxx."
    assert pattern(Ours(), [FAR] * 4 + [0.5] * 4) == "...xxxx."


def test_delays_count_from_the_change_and_leave_out_who_was_open_before() -> None:
    fleet = drawn(Kind("x", cv=0.02, dip=0, weekend=0), 30, STEADY_DAYS + 7 + AFTER_DAYS, 3)
    clean = delays(Cusum, [fleet], 1.5, 0.5)
    assert clean.already == 0
    assert clean.within(0.2) == 0
    assert clean.within(2.5) == 1
    assert clean.quantile(0.0) <= clean.quantile(0.5) <= clean.quantile(1.0) < 2.5
    assert delays(Cusum, [fleet], 1.5, 1.4).within(30) == 0
    assert delays(Cusum, [fleet], 0.5, 0.5).already == 30
    assert delays(Cusum, [fleet], 0.5, 1.5, opens=False).within(2.5) == 1


def test_openings_are_counted_by_the_year() -> None:
    fleet = drawn(Kind("x"), 20, 73, 3)
    one = openings(Each, [fleet], 1.0)
    assert one.years == pytest.approx(4)
    assert one.open_share == pytest.approx(0.5, abs=0.05)
    assert 250 < one.rate - one.half < one.rate < 400


def test_a_storm_opens_nothing_with_us() -> None:
    fleet = drawn(Kind("x"), 100, STORM_DAYS, 3)
    assert stormed(fleet, Cusum, 10) > 0.95
    assert stormed(fleet, Ours, 10) <= 0.03


def test_an_outage_is_found_within_a_quarter_of_an_hour_and_seldom_without_one() -> None:
    lines = Lines("clean", 0.002, ("latency",), even=True)
    delay = found(lines, 10, 1)
    assert delay.within(15) == 1
    assert 10 <= delay.quantile(0.5) <= 15
    ours, rows = false_openings(Lines("noisy", 0.02, ("latency",)), 2, 1)
    assert ours <= rows


def test_a_peer_that_fails_is_one_incident() -> None:
    one = peer_failure(60, 1)
    assert [parent.group.by for parent in one.parents if parent.group is not None] == ["peer"]
    assert (len(one.parents[0].children), one.failing, one.alone) == (30, 30, [])
    assert one.minutes <= 15
    assert one.parents[0].opened > BASE
