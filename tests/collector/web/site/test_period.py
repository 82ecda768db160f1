"""What a site's address may ask for, and what it gets for nonsense."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.web.site.period import USUAL, period_of

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def test_the_last_days_end_now() -> None:
    found = period_of({"days": "7"}, NOW, ZONE)
    assert (found.start, found.end, found.query) == (NOW - timedelta(days=7), NOW, {"days": "7"})


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-10", datetime(2026, 9, 30, 17, tzinfo=UTC), datetime(2026, 10, 31, 17, tzinfo=UTC)),
        ("2026-11-21", datetime(2026, 11, 20, 17, tzinfo=UTC), datetime(2026, 11, 21, 17, tzinfo=UTC)),
        ("2026-11-01..2026-11-02", datetime(2026, 10, 31, 17, tzinfo=UTC), datetime(2026, 11, 2, 17, tzinfo=UTC)),
        ("2026-11-01T08:00..2026-11-01T09:30", datetime(2026, 11, 1, 1, tzinfo=UTC),
         datetime(2026, 11, 1, 2, 30, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_a_period_is_the_provinces_days_or_minutes(text: str, start: datetime, end: datetime) -> None:
    found = period_of({"period": text, "days": "7"}, NOW, ZONE)
    assert (found.start.astimezone(UTC), found.end.astimezone(UTC), found.days) == (start, end, None)
    assert period_of(found.query, NOW, ZONE) == found, "its own address means the same"


@pytest.mark.parametrize(
    "text",
    ["x", "2026-13", "2026-11-02..2026-11-01", "2020..2026", "2026-11-01T09:00..2026-11-01T08:00",
     "2026-11-01T09:00..2026-11-01T09:00", "2026-11-01T25:00..2026-11-02T00:00", "1000-01-01T00:00..1000-01-02T00:00"],
)  # fmt: skip
def test_what_is_no_period_is_said_and_shows_the_usual_one(text: str) -> None:
    found = period_of({"period": text}, NOW, ZONE)
    assert found.days == USUAL
    assert found.wrong


@given(st.text(max_size=60), st.text(max_size=8))
def test_no_address_breaks_the_page(text: str, days: str) -> None:
    found = period_of({"period": text, "days": days}, NOW, ZONE)
    assert found.start < found.end
