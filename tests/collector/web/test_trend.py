"""A long period is shown from roll-ups."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from collector.store.points import nanoseconds
from collector.store.store import FieldValue, Point, Row
from collector.web.trend import span
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


def plot(page: str, name: str) -> dict[str, Any]:
    """What the page carries of a chart."""
    begin = page.index(">", page.index(f'id="{name}-data"')) + 1
    found: dict[str, Any] = json.loads(page[begin : page.index("</script>", begin)])
    return found


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
    (drawn,) = (one for one in plot(page, "download")["series"] if one["type"] == "band")
    assert len(drawn["middle"]) == 200
    assert drawn["end"][0] == drawn["start"][1], "days that follow each other touch"
    assert "04/2026" in page
    assert "123.4 (n = 6)" in page
    assert "75 %" in page
    assert "113.4 – 133.4" in page  # noqa: RUF001 - as it is printed
    assert page.count('class="raw"') == 12


async def test_without_roll_ups_a_long_period_is_shown_from_its_tests(it: Province) -> None:
    await it.sources.store.write([throughput("th-huu-lung", 24 * 80, 77.0)])
    page = await (await it.client.get("/sites/th-huu-lung?days=90&lang=en")).text()
    series = plot(page, "download")["series"]
    assert [one["type"] for one in series] == ["points", "steps", "steps"]
    assert series[0]["looks"].count("conclusive") == 11
