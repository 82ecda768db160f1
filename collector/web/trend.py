"""Roll-ups as a page shows them: what most results of a day or month were, not each of them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from collector.rollups.buckets import Level, bucket_of
from collector.store.store import Row
from collector.web import pages


@dataclass(frozen=True, slots=True)
class Span:
    """One field's conclusive results in a day or month. `share`: what part of them reached the target."""

    start: datetime
    end: datetime
    n: int
    median: float
    p5: float
    p95: float
    share: float | None = None
    target: float | None = None


@dataclass(frozen=True, slots=True)
class Month:
    """One line of the table of months: the reports of a month, and both directions where they were measured."""

    start: datetime
    reports: int
    download: Span | None
    upload: Span | None


@dataclass(frozen=True, slots=True)
class Trend:
    """A period too long to show every test, oldest first."""

    download: list[Span]
    upload: list[Span]
    months: list[Month]


def trend(rows: Sequence[Row], months: Sequence[Row], level: Level, zone: tzinfo) -> Trend:
    """What a page shows of throughput's roll-ups of a level, and of its months."""

    def of(field: str) -> list[Span]:
        found = (span(row, field, level, zone) for row in rows)
        return [one for one in found if one is not None]

    return Trend(of("download_mbps"), of("upload_mbps"), [_month(row, zone) for row in months])


def span(row: Row, field: str, level: Level, zone: tzinfo) -> Span | None:
    """One field of a roll-up's row; None when nothing conclusive was measured."""
    n, median, p5, p95 = (pages.number(row, f"{field}_{name}") for name in ("n", "median", "p5", "p95"))
    if n is None or median is None or p5 is None or p95 is None:
        return None
    bucket = bucket_of(level, pages.time_of(row), zone)
    share, target = (pages.number(row, f"{field}_{name}") for name in ("share", "target"))
    return Span(bucket.start, bucket.end, int(n), median, p5, p95, share, target)


def _month(row: Row, zone: tzinfo) -> Month:
    download, upload = (span(row, f"{way}_mbps", "month", zone) for way in ("download", "upload"))
    return Month(pages.time_of(row), int(pages.number(row, "reports_n") or 0), download, upload)
