"""Periods as figures are published for them."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import UsageError
from collector.plans.period import period


@pytest.mark.parametrize(
    ("text", "canonical", "began", "ended"),
    [
        ("2026", "2026", (2026, 1), (2027, 1)),
        ("2026-10", "2026-10", (2026, 10), (2026, 11)),
        ("2026-12", "2026-12", (2026, 12), (2027, 1)),
        ("2026-Q2", "2026-Q2", (2026, 4), (2026, 7)),
        ("2026q4", "2026-Q4", (2026, 10), (2027, 1)),
        ("Q1/2020", "2020-Q1", (2020, 1), (2020, 4)),
        ("Quý II/2023", "2023-Q2", (2023, 4), (2023, 7)),
        ("quý IV/2023", "2023-Q4", (2023, 10), (2024, 1)),
        ("10/2026", "2026-10", (2026, 10), (2026, 11)),
        ("Tháng 7/2025", "2025-07", (2025, 7), (2025, 8)),
        ("2023-07 .. 2024-06", "2023-07..2024-06", (2023, 7), (2024, 7)),
        ("2024-Q3..2024", "2024-Q3..2024", (2024, 7), (2025, 1)),
    ],
)
def test_periods(text: str, canonical: str, began: tuple[int, int], ended: tuple[int, int]) -> None:
    if text == "2024-Q3..2024":
        with pytest.raises(UsageError, match="ends before it begins"):
            period(text)
        return
    found = period(text)
    assert (found.text, found.began, found.ended) == (canonical, date(*began, 1), date(*ended, 1))
    assert period(found.text) == found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-10-01", "is a day, not a period; if 2026-10 was meant, format the column as text"),
        ("2026-10-01..2026-10-31", "is a day, not a period"),
        ("2026-13", "write 2026, 2026-Q2, 2026-10 or"),
        ("2026-00", "is no period"),
        ("2026-Q5", "is no period"),
        ("13/2026", "is no period"),
        ("1999", "is no period"),
        ("2100", "is no period"),
        ("9999-12", "is no period"),
        ("26-10", "is no period"),
        ("46000", "is no period"),
        ("", "is no period"),
        ("..", "is no period"),
        ("2026..", "is no period"),
        ("2026-10..2026-09", "ends before it begins"),
        ("2026..2027..2028", "is no period"),
    ],
)
def test_what_is_no_period(text: str, why: str) -> None:
    with pytest.raises(UsageError) as said:
        period(text)
    assert why in str(said.value)


@given(st.text(alphabet="0123456789-/.Qq IVviquýtháng", max_size=20))
def test_any_text_is_a_period_or_is_refused_in_words(text: str) -> None:
    try:
        found = period(text)
    except UsageError:
        return
    assert period(found.text) == found
    assert found.began < found.ended
