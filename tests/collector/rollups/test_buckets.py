"""Buckets tile time, and days are the province's."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.rollups.buckets import LEVELS, Level, bucket_of, resolution

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants them naive


@pytest.mark.parametrize(
    ("level", "at", "start", "end"),
    [
        ("hour", "2026-11-22T16:59:59.999999Z", "2026-11-22T16:00Z", "2026-11-22T17:00Z"),
        ("day", "2026-11-22T16:59:59.999999Z", "2026-11-21T17:00Z", "2026-11-22T17:00Z"),
        ("day", "2026-11-22T17:00Z", "2026-11-22T17:00Z", "2026-11-23T17:00Z"),
        ("month", "2026-11-30T16:59Z", "2026-10-31T17:00Z", "2026-11-30T17:00Z"),
        ("month", "2026-12-31T16:59Z", "2026-11-30T17:00Z", "2026-12-31T17:00Z"),
        ("month", "2028-02-10T00:00Z", "2028-01-31T17:00Z", "2028-02-29T17:00Z"),
    ],
)
def test_edges(level: Level, at: str, start: str, end: str) -> None:
    bucket = bucket_of(level, datetime.fromisoformat(at), VIETNAM)
    assert (bucket.start, bucket.end) == (datetime.fromisoformat(start), datetime.fromisoformat(end))


@given(MOMENTS, st.sampled_from(LEVELS), st.sampled_from(["Asia/Ho_Chi_Minh", "UTC", "Europe/Berlin"]))
def test_each_moment_is_in_one_bucket_and_the_next_begins_where_it_ends(at: datetime, level: Level, name: str) -> None:
    zone = ZoneInfo(name)
    bucket = bucket_of(level, at, zone)
    assert bucket.start <= at < bucket.end
    assert bucket_of(level, bucket.start, zone) == bucket
    assert bucket_of(level, bucket.end - timedelta(microseconds=1), zone) == bucket
    assert bucket_of(level, bucket.end, zone).start == bucket.end


@pytest.mark.parametrize(
    ("days", "kind", "expected"),
    [(1, "throughput", "raw"), (30, "throughput", "raw"), (90, "throughput", "day"), (365, "throughput", "day"),
     (3650, "throughput", "month"), (1, "latency", "raw"), (30, "latency", "hour"), (365, "latency", "day")],
)  # fmt: skip
def test_a_range_is_read_from_the_finest_that_stays_small(days: int, kind: str, expected: str) -> None:
    assert resolution(timedelta(days=days), kind) == expected
