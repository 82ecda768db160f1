"""What a site's page gathers: any period, changes found among many statuses, a site with nothing."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from collector.store.points import nanoseconds
from collector.store.store import Point
from collector.web.site import reading
from collector.web.site.period import Period
from tests.collector.web.house import NOW, Province, province, throughput

SITE = "th-huu-lung"
HOUR = timedelta(hours=1)


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Province]:
    async with province(tmp_path) as found:
        yield found


def status(hours: int, agent: str, software: str) -> Point:
    fields: dict[str, float | str | bool] = {"online": True, "software": software, "profile": "p-1"}
    return Point("status", (("agent", agent), ("site", SITE)), fields, nanoseconds(NOW - hours * HOUR))


async def test_a_change_of_software_is_found_to_the_hour(it: Province) -> None:
    points = [status(hours, "a", "1.0" if hours > 100 else "2.0") for hours in range(700)]
    points += [status(hours, "b", "1.0") for hours in range(700)]
    await it.sources.store.write(points)
    snapshot = it.registry.snapshot()
    site = snapshot.site(SITE)
    assert site is not None
    found = await reading.gather(it.sources, site, snapshot, Period(NOW - 600 * HOUR, NOW))
    (change,) = found.changes
    assert (change.agent, change.before, change.after) == ("a", "1.0", "2.0")
    assert abs(change.at - (NOW - 100 * HOUR)) <= HOUR
    page = await (await it.client.get(f"/sites/{SITE}?lang=en")).text()
    assert "a: 1.0 → 2.0" in page


@pytest.mark.parametrize("period", ["2000", "2099", "2026-11-22T14:59..2026-11-22T15:00", "2026-11-20..2026-12-20"])
async def test_any_period_has_a_page(it: Province, period: str) -> None:
    for query in ("", "&format=csv", "&format=csv&table=download", "&kind=radio", "&before=nan", "&before=1e300"):
        answer = await it.client.get(f"/sites/{SITE}?period={period}{query}")
        assert answer.status == 200, (period, query)
    page = await (await it.client.get(f"/sites/{SITE}?period={period}&asked=dns-019f00000000-0000000000000000")).text()
    assert 'data-stage="expired"' in page


async def test_reports_come_page_by_page_and_all_of_them_as_a_file(it: Province) -> None:
    await it.sources.store.write([throughput(SITE, 30 + number, 99.0) for number in range(100)])
    first = await (await it.client.get(f"/sites/{SITE}?lang=en")).text()
    assert first.count('class="raw"') == 50
    older = first.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&").partition("#")[0]
    second = await (await it.client.get(older)).text()
    assert second.count('class="raw"') == 50
    assert "/api/v1/reports/r-68" in second
    answer = await it.client.get(f"/sites/{SITE}?format=csv&lang=en")
    rows = list(csv.DictReader(io.StringIO((await answer.text()).removeprefix("\ufeff"))))
    assert len(rows) == 112
    assert rows[0]["Download, Mbit/s"] == "120.0"
    assert (await it.client.get(f"/sites/{SITE}?format=csv&table=nothing")).status == 404


async def test_a_site_that_never_reported_says_so_and_draws_nothing(it: Province) -> None:
    page = await (await it.client.get("/sites/th-moi?lang=en")).text()
    assert "No throughput test yet." in page
    assert 'id="timeline"' not in page
    assert 'id="latency"' not in page
    assert 'id="download"' not in page
    assert page.count("Nothing was measured in this period.") == 1
    answer = await it.client.get("/sites/th-moi?lang=en&format=csv&table=download")
    assert (answer.status, len((await answer.text()).splitlines())) == (200, 1), "the file of nothing is a file"
