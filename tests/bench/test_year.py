"""The year that is filled has the shape of a real one, and both engines hold the same of it."""

import asyncio
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from collector.rollups.figures import Marks, columns, figures
from collector.store.open import store_from_url
from collector.store.points import known_columns
from collector.store.store import Row
from tests.bench.year_data import CHARTED, END, KINDS, Part, parts, report_id, sites, times, variants
from tests.bench.year_fill import influx_fill, sqlite_fill
from tests.collector.influxd import running_influxd

DAY = timedelta(days=1)


def test_parts_tile_the_year_and_have_names_of_their_own() -> None:
    found = parts(30, ("latency",))
    assert len({part.key for part in found}) == len(found)
    weeks = [part for part in found if part.measurement == "throughput"]
    assert weeks[-1].end == END
    assert all(one.end == other.start for one, other in pairwise(weeks))
    assert all(week.start.weekday() == 0 for week in weeks[1:])


def test_roll_ups_have_the_fields_of_real_ones() -> None:
    for kind in KINDS:
        row = (0, *(value_of(kind, name) for name in columns(kind)))
        real = figures(kind, [row], Marks("download_mbps", ((0, 85.0),)))
        made = variants(Part(f"{kind}_day", END, END + DAY))
        assert made[0].keys() == real.keys()
        assert made == variants(Part(f"{kind}_day", END, END + DAY))
        hour = variants(Part(f"{kind}_hour", END, END + DAY))[0]
        assert hour.keys() <= real.keys()
        assert {name.rpartition("_")[2] for name in hour} == set(CHARTED)


def value_of(kind: str, name: str) -> float | bool | None:
    known = known_columns()[kind][name]
    return True if known is bool else 1.0 if known is float else None


@pytest.mark.parametrize("site", [0, 1, 996, 1999])
def test_a_site_runs_as_often_as_a_real_one_and_never_twice(site: int) -> None:
    for kind, often in {"throughput": 4, "latency": 288, "dns": 24}.items():
        days = [times(Part(kind, END + DAY * number, END + DAY * (number + 1)), site) for number in range(3)]
        assert [len(day) for day in days] == [often] * 3
        every = [at for day in days for at in day]
        assert every == sorted(set(every))


def test_reports_have_ids_of_their_own() -> None:
    found = {report_id(number, turn) for number in range(200) for turn in range(200)}
    assert len(found) == 40_000
    assert {len(one) for one in found} == {36}


@pytest.mark.program("influxd")
def test_both_engines_hold_the_same(tmp_path: Path) -> None:
    where = sites(3)
    some = [Part("throughput", END - DAY, END), Part("dns_hour", END - DAY, END), Part("web_month", END - DAY, END)]
    asyncio.run(_opened(f"sqlite://{tmp_path}/series.db"))
    with running_influxd(tmp_path / "influxd") as server:
        asyncio.run(_opened(server.store_url("year")))
        fills = (sqlite_fill(tmp_path / "series.db"), influx_fill(server.url, "year"))
        for part in some:
            for fill in (*fills, *fills):  # again is no harm
                fill(part, where)
        for part in some:
            one, other = (
                asyncio.run(_rows(url, part.measurement, where[2].id))
                for url in (f"sqlite://{tmp_path}/series.db", server.store_url("year"))
            )
            assert one == other
            assert len(one) == {"throughput": 4, "dns_hour": 24, "web_month": 2}[part.measurement]


async def _opened(url: str) -> None:
    store = store_from_url(url)
    await store.open()
    await store.close()


async def _rows(url: str, measurement: str, site: str) -> list[Row]:
    store = store_from_url(url)
    await store.open()
    try:
        return await store.samples(measurement, site=site, start_ns=0, end_ns=2**62)
    finally:
        await store.close()
