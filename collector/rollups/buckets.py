"""Hours, days and months of the province, and which of them a question wants. Pure.

Hours are UTC's. Days and months are the province's: with UTC+7 a day runs from 17:00Z to 17:00Z.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Literal

Level = Literal["hour", "day", "month"]
Resolution = Literal["raw", "hour", "day", "month"]
LEVELS: Final[tuple[Level, ...]] = ("hour", "day", "month")

HOUR: Final = timedelta(hours=1)
RAW_SPAN: Final = timedelta(days=31)
DENSE: Final = {"latency": timedelta(days=2)}
"""Kinds that are measured every few minutes: raw is read over this span only, hours up to `RAW_SPAN`."""
DAY_SPAN: Final = timedelta(days=800)
_DECEMBER: Final = 12


@dataclass(frozen=True, slots=True, order=True)
class Bucket:
    """A span of time that is condensed into one point: `start` ≤ t < `end`, both UTC."""

    start: datetime
    level: Level
    end: datetime


def bucket_of(level: Level, at: datetime, zone: tzinfo) -> Bucket:
    """The hour, day or month that a moment falls into."""
    if level == "hour":
        start = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        return Bucket(start, level, start + HOUR)
    day = at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if level == "day":
        return Bucket(day.astimezone(UTC), level, _next_day(day).astimezone(UTC))
    first = day.replace(day=1)
    return Bucket(first.astimezone(UTC), level, _next_month(first).astimezone(UTC))


def resolution(span: timedelta, kind: str = "throughput") -> Resolution:
    """What a chart or list of a span is read from: the finest that stays quick to read and to draw."""
    if span <= DENSE.get(kind, RAW_SPAN):
        return "raw"
    if span <= RAW_SPAN:
        return "hour"
    return "day" if span <= DAY_SPAN else "month"


def _next_day(midnight: datetime) -> datetime:
    """The next local midnight; a datetime of a zone is added to by the clock on the wall."""
    return midnight + timedelta(days=1)


def _next_month(first: datetime) -> datetime:
    if first.month == _DECEMBER:
        return first.replace(year=first.year + 1, month=1)
    return first.replace(month=first.month + 1)
