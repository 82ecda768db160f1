"""Periods as people write them."""

from datetime import date

import pytest

from collector.errors import UsageError
from collector.ledger.period import period


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026", date(2026, 1, 1), date(2026, 12, 31)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2026-12", date(2026, 12, 1), date(2026, 12, 31)),
        ("2026-10-22", date(2026, 10, 22), date(2026, 10, 22)),
        ("2026-10-01..2026-10-31", date(2026, 10, 1), date(2026, 10, 31)),
        ("2026-10..2026-11", date(2026, 10, 1), date(2026, 11, 30)),
    ],
)
def test_a_period_is_its_first_and_last_day(text: str, first: date, last: date) -> None:
    assert period(text) == (first, last)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "..",
        "26",
        "2026-13",
        "2026-02-30",
        "2026-10-02..2026-10-01",
        "2020..2026",
        "9999-99",
        "0000",
        "0001-01",
        "9999",
    ],
)
def test_anything_else_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UsageError, match="period"):
        period(text)
