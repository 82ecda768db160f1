"""A long period is shown from roll-ups, and a gap in them stays a gap."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from collector.store.points import nanoseconds
from collector.store.store import FieldValue, Point, Row
from collector.web.chart import draw
from collector.web.trend import bands, span, targets, trend
from tests.collector.web.house import Province, province, throughput

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
FIRST = datetime(2026, 3, 1, 17, tzinfo=UTC)
DAY = timedelta(days=1)


def fields(median: float, target: float | None = 85.0) -> dict[str, FieldValue]:
    own: dict[str, FieldValue] = {"n": 6.0, "median": median, "p5": median - 10, "p95": median + 10}
    if target is not None:
        own |= {"share": 0.5, "target": target}
    return {"reports_n": 7.0, **{f"download_mbps_{name}": value for name, value in own.items()}}


def days(*medians: float | None, target: float | None = 85.0) -> list[Row]:
    rows = [
        None if median is None else Row(nanoseconds(FIRST + DAY * place), {}, fields(median, target))
        for place, median in enumerate(medians)
    ]
    return [row for row in rows if row is not None]


def test_a_day_without_conclusive_results_is_no_span() -> None:
    (row,) = days(90.0)
    found = span(row, "download_mbps", "day", ZONE)
    assert found is not None
    assert (found.start, found.end, found.n, found.share) == (FIRST, FIRST + DAY, 6, 0.5)
    assert span(row, "upload_mbps", "day", ZONE) is None


def test_a_gap_stays_a_gap() -> None:
    found = trend(days(90.0, 95.0, None, 80.0), [], "day", ZONE)
    chart = draw(
        [], start=FIRST - DAY, end=FIRST + 9 * DAY, target=[], zone_offset=timedelta(hours=7),
        bands=bands(found.download),
    )  # fmt: skip
    assert [len(outline) for outline in chart.bands] == [8, 4]
    lowest = max(y for outline in chart.bands for _, y in outline)
    assert chart.top <= min(y for outline in chart.bands for _, y in outline) < lowest <= chart.bottom


def test_the_target_is_a_step_where_it_changed() -> None:
    rows = [*days(90.0, 90.0), *days(None, None, 90.0, 95.0, target=200.0)]
    steps = targets(trend(rows, [], "day", ZONE).download)
    assert [(step.since, step.value) for step in steps] == [(None, 85.0), (FIRST + 2 * DAY, 200.0)]
    assert targets(trend(days(90.0, target=None), [], "day", ZONE).download) == []


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Province]:
    async with province(tmp_path) as found:
        yield found


async def test_a_year_is_shown_by_days_and_months(it: Province) -> None:
    points = [
        Point("throughput_day", (("site", "th-huu-lung"),), fields(100.0 + place), nanoseconds(FIRST + DAY * place))
        for place in range(200)
    ]
    month = fields(123.4) | {"download_mbps_share": 0.75}
    points.append(Point("throughput_month", (("site", "th-huu-lung"),), month, nanoseconds(FIRST.replace(day=31))))
    await it.sources.store.write(points)
    page = await (await it.client.get("/sites/th-huu-lung?days=365&lang=en")).text()
    assert page.count('class="dot median"') == 200
    assert page.count('class="band"') == 1
    assert "04/2026" in page
    assert "123.4 (n = 6)" in page
    assert "75 %" in page
    assert "113.4 – 133.4" in page  # noqa: RUF001 - as it is printed
    assert page.count("/api/v1/reports/") == 12


async def test_without_roll_ups_a_long_period_is_shown_from_its_tests(it: Province) -> None:
    await it.sources.store.write([throughput("th-huu-lung", 24 * 80, 77.0)])
    page = await (await it.client.get("/sites/th-huu-lung?days=90&lang=en")).text()
    assert "median of a day" not in page
    assert page.count('class="dot conclusive"') == 22
