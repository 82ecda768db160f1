"""A small fleet, always the same: a threshold that was broken shows here. The real figures: `tests.bench.alarms`."""

from tests.bench.alarms_fleet import Kind, drawn
from tests.bench.alarms_rules import Collapse, Ours
from tests.bench.alarms_runs import AFTER_DAYS, STEADY_DAYS, delays, openings

KIND = Kind("as in the goals")


def test_alarms_are_seldom_false_and_true_ones_come_soon() -> None:
    year = [drawn(KIND, 40, 365, 5)]
    change = [drawn(KIND, 120, STEADY_DAYS + 7 + AFTER_DAYS, 5)]
    assert openings(Ours, year, 1.15).rate <= 0.16
    assert 1.5 <= openings(Ours, year, 1.0).rate <= 2.9
    assert openings(Collapse, year, 1.0).rate == 0
    assert delays(Ours, change, 1.15, 0.7).within(3) >= 0.94
    assert delays(Ours, change, 1.15, 0.85).within(8) >= 0.9
    assert delays(Collapse, change, 1.15, 0.3).within(1.25) >= 0.9
    assert 2 <= delays(Ours, change, 0.7, 1.15, opens=False).quantile(0.5) <= 6


def test_the_fleet_of_the_issue_is_no_harder() -> None:
    kind = Kind("as the issue's", noise="gamma", swing=0.10)
    assert openings(Ours, [drawn(kind, 40, 365, 5)], 1.15).rate <= 0.16
    change = [drawn(kind, 120, STEADY_DAYS + 7 + AFTER_DAYS, 5)]
    assert delays(Ours, change, 1.15, 0.7).within(3) >= 0.94
    assert delays(Ours, change, 1.15, 0.85).within(8) >= 0.92
