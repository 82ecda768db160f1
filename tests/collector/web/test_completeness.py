"""The page of completeness: what is missing stands first, and an empty page says what to do."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from collector.ledger.accounts import SiteDay, Told, share
from collector.ledger.completeness import Completeness
from collector.ledger.ledger import Ledger
from collector.registry.database import Database
from collector.registry.site import Site, Snapshot, Version
from collector.web import completeness
from tests.collector.tables import with_tables
from tests.collector.web.house import NOW, Province, province

TODAY = NOW.date()


def site_day(site: str, back: int, received: int, ratio: float | None, **more: object) -> SiteDay:
    known = {
        "planned": 10, "run": received, "skipped": {}, "produced": received, "late": 0, "rejected": 0, "dropped": 0,
        "missing": 0, "duplicate": 0, "accounted": True,
    }  # fmt: skip
    return SiteDay(site, TODAY - timedelta(days=back), received=received, ratio=ratio, **known | more)  # type: ignore[arg-type]


def snapshot(*names: str) -> Snapshot:
    sites = {name: (Version(None, Site(name, name, "school", "rural", "p", "c")),) for name in names}
    return Snapshot(sites=sites)


def window(days: int) -> tuple[date, date]:
    return TODAY - timedelta(days=days - 1), TODAY


def test_the_least_complete_comes_first_and_the_unknown_last() -> None:
    days = [site_day("new", 0, 3, None), site_day("good", 1, 10, 1.0), site_day("bad", 1, 4, 0.4)]
    found = completeness.page([*days, site_day("gone", 1, 4, 0.4)], snapshot("good", "bad", "new"), window(7))
    assert [row.site.id for row in found.rows] == ["bad", "good", "new"]
    assert [row.ratio for row in found.rows] == [0.4, 1.0, None]
    assert found.ratio == pytest.approx(0.6)


def test_a_strip_has_a_cell_for_each_day_also_where_there_was_no_agent() -> None:
    days = [site_day("s", 3, 0, 0.0), site_day("s", 2, 5, 0.5), site_day("s", 1, 9, 0.95), site_day("s", 0, 1, None)]
    (row,) = completeness.page(days, snapshot("s"), window(5)).rows
    assert [cell.look for cell in row.cells] == [None, "none", "part", "most", "open"]
    assert row.ratio == pytest.approx((0.0 + 0.5 + 0.95) / 3)


def test_a_day_without_any_known_plan_says_nothing_and_a_silent_one_with_a_plan_says_nothing_came() -> None:
    unknown = site_day("s", 2, 0, None, planned=0, accounted=False)
    assert share([site_day("s", 1, 10, 1.0), unknown]) == 1.0
    assert share([site_day("s", 1, 10, 1.0), site_day("s", 2, 0, 0.0, accounted=False)]) == 0.5
    assert share([unknown]) is None
    assert share([]) is None


def test_reasons_of_runs_that_were_not_made_are_added_up() -> None:
    days = [site_day("s", 1, 5, 0.5, skipped={"late": 1, "stopped": 4}), site_day("s", 2, 8, 0.8, skipped={"late": 2})]
    (row,) = completeness.page(days, snapshot("s"), window(5)).rows
    assert row.skipped == (("stopped", 4), ("late", 3))


def keep(it: Province) -> None:
    ledger = Ledger(it.registry.database)
    ledger.open()
    good = [site_day("th-huu-lung", back, 10, 1.0) for back in range(1, 5)]
    bad = [site_day("tyt-yen-the", back, 2, 0.2, missing=3, skipped={"stopped": 5}) for back in range(1, 5)]
    Completeness(ledger).save([*good, *bad])


async def test_page_and_api_tell_the_same(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        keep(it)
        page = await (await it.client.get("/completeness?lang=en")).text()
        assert page.index("Trạm Y tế &lt;Yên Thế&gt;") < page.index("Hữu Lũng")
        assert "60.0 %" in page
        assert "stopped 20" in page
        assert "07:00" in page
        vietnamese = await (await it.client.get("/completeness?lang=vi")).text()
        assert "Độ đầy đủ" in vietnamese
        assert "dừng 20" in vietnamese
        told = await (await it.client.get("/api/v1/completeness", params={"period": "2026-11"})).json()
        assert (told["ratio"], told["period"]) == (0.6, {"from": "2026-11-01", "to": "2026-11-30"})
        assert [(one["site"], one["ratio"], one["missing"]) for one in told["items"]] == [
            ("tyt-yen-the", 0.2, 12),
            ("th-huu-lung", 1.0, 0),
        ]
        assert told["items"][0]["days"][0]["skipped"] == {"stopped": 5}
        one = await (await it.client.get("/api/v1/completeness", params={"site": "th-huu-lung"})).json()
        assert [item["site"] for item in one["items"]] == ["th-huu-lung"]


async def test_a_wrong_period_says_how_to_write_one(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        keep(it)
        answer = await it.client.get("/api/v1/completeness", params={"period": "last week"})
        assert answer.status == 400
        assert "write 2026, 2026-10" in (await answer.json())["detail"]
        page = await it.client.get("/completeness", params={"period": "<b>"})
        assert page.status == 200
        assert "&lt;b&gt;" in await page.text()


async def test_nothing_to_count_says_what_to_do(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        Ledger(it.registry.database).open()
        page = await (await it.client.get("/completeness?lang=en")).text()
        assert "linkgauge-collector agent add" in page


async def test_a_big_province_shows_its_worst_sites_first_and_all_when_asked(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        sites = [Site(f"site-{n:03d}", f"School {n}", "school", "rural", "P", "C") for n in range(250)]
        it.registry.import_sites(sites, now=NOW)
        keep = Completeness(Ledger(it.registry.database))
        keep.save([site_day(site.id, 1, 9, number / 250) for number, site in enumerate(sites)])
        page = await (await it.client.get("/completeness?lang=en&days=7")).text()
        assert page.count("<rect class=") == 200 + 5
        assert "50 more sites" in page
        assert "49.8 %" in page, "of all sites, not of those that are shown"
        everything = await (await it.client.get("/completeness?lang=en&days=7&all=1")).text()
        assert "49.8 %" in everything
        assert everything.count("<rect class=") == 250 + 5


def test_what_days_say_together_is_what_they_say_one_by_one(tmp_path: Path) -> None:
    ledger = Ledger(Database(with_tables(tmp_path)))
    ledger.open()
    keep = Completeness(ledger)
    days = [
        site_day("a", 0, 5, None),
        site_day("a", 1, 5, 0.5),
        site_day("a", 2, 3, 0.3, planned=30),
        site_day("a", 3, 0, 0.0, accounted=False),
        site_day("a", 4, 0, None, planned=0, accounted=False),
        site_day("b", 1, 0, None, planned=0, accounted=False),
        site_day("c", 0, 5, None),
    ]
    keep.save(days)
    for length in (7, 365):
        told = keep.told(*window(length))
        assert {site: one.share for site, one in told.items()} == {
            site: pytest.approx(share([day for day in days if day.site == site])) for site in "abc"
        }
        assert sum(told.values(), Told()).share == pytest.approx(share(days))
        assert completeness.worst(told, snapshot("a", "b", "c"), 2) == ["a", "b"]


def test_a_nothing_that_an_older_version_wrote_without_knowing_a_plan_is_not_told(tmp_path: Path) -> None:
    ledger = Ledger(Database(with_tables(tmp_path)))
    ledger.open()
    keep = Completeness(ledger)
    keep.save([site_day("a", 1, 0, 0.0, planned=0, accounted=False)])
    assert [day.ratio for day in keep.read(*window(7))] == [None]
    assert keep.told(*window(7))["a"].share is None
