"""Where a site lies, on its page, in the API and in the search: the plan's area and the units of today."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from collector.places.catalogue import catalogue
from collector.places.gazetteer import Gazetteer
from collector.places.placement import placed
from collector.places.places import Places
from collector.places.unit import Unit
from collector.registry.site import Site
from collector.web.whereabouts import called, item
from tests.collector.web.house import NOW, Province, province

LAST = date(2025, 6, 30)


async def text(it: Province, path: str) -> str:
    answer = await it.client.get(path)
    assert answer.status == 200
    return await answer.text()


async def test_a_site_of_a_province_that_is_no_more(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        page = await text(it, "/sites/tyt-yen-the?lang=en")
        assert "Tỉnh Bắc Giang (until 30/06/2025)" in page
        assert "Xã Yên Thế, Tỉnh Bắc Ninh (since 01/07/2025)" in page
        assert "Nay thuộc" in await text(it, "/sites/tyt-yen-the?lang=vi")
        site = await (await it.client.get("/api/v1/sites/tyt-yen-the")).json()
        assert (site["province"], site["commune"]) == ("Bắc Giang", "Yên Thế")  # as filed
        assert site["places"] == {
            "plan_area": {
                "code": "bac-giang", "path": "bac-giang", "name": "Bắc Giang", "kind": "tỉnh", "until": "2025-06-30",
            },
            "current": {
                "province": {"code": "bac-ninh", "path": "bac-ninh", "name": "Bắc Ninh", "kind": "tỉnh"},
                "commune": {"code": "yen-the", "path": "bac-ninh/yen-the", "name": "Yên Thế", "kind": "xã"},
            },
            "since": "2025-07-01",
        }  # fmt: skip


async def test_a_list_says_places_as_people_call_them(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        filed = [("lang-son", "huu-lung"), ("bac-giang", "luc-ngan"), ("lang-son", "noi-la"), ("Lạng Sơn", "Hữu Lũng")]
        sites = [Site(f"s{number}", "S", "school", "rural", *places) for number, places in enumerate(filed)]
        assert list((await called(it.sources, sites)).values()) == [
            ("Hữu Lũng", "Lạng Sơn"), ("Lục Ngạn", "Bắc Giang"), ("noi-la", "Lạng Sơn"), ("Hữu Lũng", "Lạng Sơn"),
        ]  # fmt: skip


@pytest.mark.parametrize("wanted", ["Bắc Ninh", "bac ninh", "bac-ninh", "BẮC GIANG", "bac giang"])
async def test_a_site_is_found_by_what_its_places_were_and_are_called(tmp_path: Path, wanted: str) -> None:
    async with province(tmp_path) as it:
        page = await (await it.client.get("/", params={"q": wanted, "lang": "en"})).text()
        assert 'data-site="tyt-yen-the"' in page
        assert page.count("data-site=") == 1


async def test_what_an_operator_imports_shows_at_once(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        places = Places(it.registry.database)
        it.registry.import_sites([Site("old", "O", "school", "rural", "bac-giang", "tan-moc")], now=NOW)
        old = Unit("bac-giang/tan-moc", "commune", "Tân Mộc", "xã", valid_until=LAST, successors=("bac-ninh/luc-ngan",))
        first = places.gazetteer()
        assert places.gazetteer() is first
        places.import_units([old], now=NOW)
        found = placed(it.registry.snapshot().sites["old"][-1].value, places.gazetteer(), NOW.date())
        assert found.commune is not None
        assert found.commune.path == "bac-ninh/luc-ngan"


def test_what_is_not_known_is_not_made_up() -> None:
    site = Site("x", "X", "school", "rural", "p", "c")
    gazetteer = Gazetteer(catalogue())
    assert item(placed(site, gazetteer, NOW.date())) == {
        "plan_area": None, "current": {"province": None, "commune": None}, "since": None,
    }  # fmt: skip
    two = item(placed(replace(site, province="thai-nguyen", commune="van-lang"), gazetteer, NOW.date()))
    assert two["current"]["commune"] is None
    assert [unit["name"] for unit in two["current"]["one_of"]] == ["Văn Lăng", "Văn Lang"]
