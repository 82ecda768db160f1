"""Trends of months: of sites' medians, of shares, of reported figures; and the month in which a target is reached."""

from datetime import date

import pytest

from collector.scoreboard.courses import index_of, measured_course, month_of, reported_course
from collector.scoreboard.spread import Spread
from tests.collector.scoreboard.promises import entry, shared, spread, target

YEAR = [date(2025 + (n + 10) // 12, (n + 10) % 12 + 1, 1) for n in range(12)]  # November 2025 to October 2026


def months(values: list[float], *, sites: int = 5, n: int = 120) -> dict[date, dict[str, Spread]]:
    return {
        month: {f"s{number}": spread(value + number - sites // 2, n) for number in range(sites)}
        for month, value in zip(YEAR, values, strict=False)
    }


def test_a_rising_province_reaches_its_target_in_march() -> None:
    values = [90 + 2 * n + 0.2 * (-1) ** n for n in range(12)]  # about 112 in October 2026, 2 a month
    found = measured_course(target(), 121.0, months(values), shared=False)
    assert found is not None
    assert (found.months, found.pace, found.month) == (12, "approaching", date(2027, 3, 1))
    assert found.slope == pytest.approx(2.0, abs=0.05)
    assert found.earliest == date(2027, 3, 1)
    assert found.latest == date(2027, 3, 1)


def test_five_months_are_no_trend_yet() -> None:
    assert measured_course(target(), 121.0, months([1.0, 2.0, 3.0, 4.0, 5.0]), shared=False) is None


@pytest.mark.parametrize(("sites", "n"), [(2, 120), (5, 9)])
def test_a_month_of_few_sites_is_no_point(sites: int, n: int) -> None:
    assert (
        measured_course(target(), 121.0, months([90.0 + n for n in range(12)], sites=sites, n=n), shared=False) is None
    )


def test_the_trend_of_a_share_is_in_percent() -> None:
    values = [97.0 + 0.5 * n for n in range(9)]  # sites from 95 … 99 to 99 … 103: more and more reach 100
    found = measured_course(shared(95.0), 100.0, months(values), shared=True)
    assert found is not None
    assert found.slope == pytest.approx(10.0, abs=5.0)  # a fifth of the sites every two months
    assert measured_course(shared(95.0), None, months(values), shared=True) is None


@pytest.mark.parametrize(("promise", "pace"), [("reach", "reached"), ("minimum", "no_trend"), ("average", "no_trend")])
def test_a_share_looks_at_what_is_promised(promise: str, pace: str) -> None:
    # Medians and means of 93 … 97, one of twenty tests above 103 … 107.
    found = measured_course(shared(95.0, promise=promise), 100.0, months([95.0] * 6), shared=True)
    assert found is not None
    assert found.pace == pace


def test_reported_figures_make_a_trend_by_the_month_they_end_in() -> None:
    some = [entry(60.0 + 0.5 * n, f"2026-{n + 1:02}") for n in range(8)] + [entry(0.0, "2025-09..2026-08")]
    found = reported_course(target(how="reported", unit="percent"), 66.0, some)
    assert found is not None
    assert (found.months, found.slope, found.pace) == (8, 0.5, "approaching")
    assert found.month == date(2027, 1, 1)  # 63.5 in August, half a point a month


def test_what_should_be_small_has_no_arrival() -> None:
    some = [entry(60.0 + n, f"2026-{n + 1:02}") for n in range(8)]
    assert reported_course(target(how="reported", comparison="at_most"), 66.0, some) is None
    assert reported_course(target(how="reported"), None, some) is None


@pytest.mark.parametrize(
    ("index", "month"), [(0.0, (2026, 10)), (0.1, (2026, 11)), (3.0, (2027, 1)), (1e-12, (2026, 10))]
)
def test_a_month_is_the_first_that_is_there(index: float, month: tuple[int, int]) -> None:
    assert month_of(index_of(date(2026, 10, 1)) + index) == date(*month, 1)
