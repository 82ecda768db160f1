"""How long nothing has come, in words."""

from datetime import timedelta

import pytest

from collector.detect.silence import Level, level
from tests.collector.detect.series import DAY, HOUR, START


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (-HOUR, "heard"),
        (timedelta(0), "heard"),
        (6 * HOUR - timedelta(seconds=1), "heard"),
        (6 * HOUR, "late"),
        (12 * HOUR - timedelta(seconds=1), "late"),
        (12 * HOUR, "stale"),
        (24 * HOUR - timedelta(seconds=1), "stale"),
        (24 * HOUR, "silent"),
        (400 * DAY, "silent"),
    ],
)
def test_four_hourly_results(age: timedelta, expected: Level) -> None:
    assert level(START - age, 4 * HOUR, START) == expected


def test_what_was_never_heard_is_not_installed() -> None:
    assert level(None, 4 * HOUR, START) == "never"


@pytest.mark.parametrize(("days", "expected"), [(7, "heard"), (11, "late"), (20, "late"), (21, "silent")])
def test_who_reports_once_a_week_is_not_silent_the_day_after(days: int, expected: Level) -> None:
    assert level(START - days * DAY, 7 * DAY, START) == expected
