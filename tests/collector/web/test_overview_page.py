"""The first page over real HTTP: what is wrong, filters and order in the address, rows in portions, the CSV."""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestClient
from sqlalchemy import insert

from collector.incidents.history import History
from collector.incidents.incident import Finding, Subject, begun
from collector.incidents.tables import INCIDENTS
from collector.plans.types import Text
from collector.web.overview.listing import LiveList
from tests.collector.web.house import NOW, SITES, province

Client = TestClient[web.Request, web.Application]


async def text(client: Client, path: str) -> str:
    answer = await client.get(path)
    assert answer.status == 200
    return await answer.text()


def listed(page: str) -> list[str]:
    return re.findall(r'<tr data-site="([^"]+)"', page)


async def test_what_is_wrong_stands_on_top_with_since_when_and_what_to_do(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        page = await text(it.client, "/?lang=en")
        wrong = page.partition('id="wrong"')[2].partition("</section>")[0]
        assert "Trạm Y tế &lt;Yên Thế&gt;" in wrong
        assert "since 22/11 15:00" in wrong
        assert '<section class="wrong"' in await text(it.client, "/?part=wrong")
        assert isinstance(it.sources.casebook, History)
        (one,) = it.sources.casebook.search(active=True)
        it.sources.casebook.act(one.id, "silence", who="Lan", note="", at=NOW)
        assert "Nothing is wrong" in await text(it.client, "/?lang=en")
        assert "<html" not in await text(it.client, "/?part=wrong"), "it is a part of the page"


async def test_what_is_wrong_follows_the_filters_as_the_tiles_do(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        for query in ("kind=clinic", "q=yen+the", "kind=clinic&state=met"):
            for part in ("", "&part=wrong"):
                page = await text(it.client, f"/?lang=en&{query}{part}")
                wrong = page.partition('id="wrong"')[2].partition("</section>")[0]
                assert "Trạm Y tế &lt;Yên Thế&gt;" in wrong, (query, part)
        for part in ("", "&part=wrong"):
            page = await text(it.client, f"/?lang=en&kind=school{part}")
            wrong = page.partition('id="wrong"')[2].partition("</section>")[0]
            assert "Nothing is wrong at the chosen sites" in wrong
            assert "Yên Thế" not in wrong
        marks = [
            re.findall(r'id="wrong".* data-mark="(\w+)"', await text(it.client, path))
            for path in ("/", "/?part=wrong&kind=school")
        ]
        assert marks[0] == marks[1] != []


async def test_more_than_a_thousand_open_incidents_are_all_counted(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        sites = [replace(SITES[3], id=f"x-{number:04}") for number in range(1001)]
        it.registry.import_sites(sites, now=NOW)
        rows = [opened(site.id) for site in sites]
        with it.registry.database.write() as connection:
            connection.execute(insert(INCIDENTS), rows)
        page = await text(it.client, "/?lang=en")
        assert '<span class="count">1002<' in page, "the navigation's badge"
        assert re.search(r'data-count="incident"><a href="[^"]+"><strong>1,002<', page)
        assert "997 more incidents" in page
        digest = await LiveList(it.sources).digest([])
        assert digest is not None
        assert msgspec.json.decode(digest)["incidents"] == 1002


def opened(site: str) -> dict[str, object]:
    """One of many: settling so many would take long."""
    one = begun(Subject(site), "silent", NOW, Finding("warning", Text(vi="Im", en="Silent"), {}))
    columns = {name: getattr(one, name) for name in ("id", "subject", "cause", "state", "opened", "updated", "told")}
    return {**columns, "body": msgspec.json.encode(one).decode()}


async def test_tiles_count_within_the_other_filters_and_each_is_one(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        page = await text(it.client, "/?lang=en&province=Bắc+Giang")
        tile = re.search(r'data-count="below"><a href="([^"]+)"><strong>1<', page)
        assert tile is not None
        assert 'data-count="met"><a href="/?province=B%E1%BA%AFc+Giang&amp;state=met"><strong>0<' in page
        chosen = await text(it.client, tile[1].replace("&amp;", "&"))
        assert listed(chosen) == ["tyt-yen-the"]
        assert 'class="below chosen"' in chosen
        assert "1 trên 4 điểm đo" in chosen or "1 of 4 sites" in chosen


async def test_each_filter_that_is_set_can_be_taken_back_alone(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        page = await text(it.client, "/?lang=en&q=yen+the&kind=clinic&incident=1&sort=-seen")
        assert listed(page) == ["tyt-yen-the"]
        chips = page.partition('class="chips"')[2].partition("</ul>")[0]
        assert "/?q=yen+the&amp;incident=1&amp;sort=-seen" in chips, "without the kind"
        assert "/?kind=clinic&amp;incident=1&amp;sort=-seen" in chips, "without the text"
        assert 'aria-sort="descending"' in page
        assert 'class="chips"' not in await text(it.client, "/")


async def test_the_list_alone_is_a_small_part_of_the_page(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        part = await text(it.client, "/?part=list&state=met")
        assert listed(part) == ["th-huu-lung"]
        assert "<html" not in part
        assert "part=list" not in part, "its links lead to whole pages"


async def test_a_long_list_comes_in_portions(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        it.registry.import_sites([replace(SITES[3], id=f"x-{number:03}") for number in range(210)], now=NOW)
        page = await text(it.client, "/?lang=en&kind=")
        assert len(listed(page)) == 200
        assert listed(page)[0] == "tyt-yen-the", "the worst first"
        assert "14 more sites, which are better off" in page
        assert 'href="/?rows=400"' in page
        assert len(listed(await text(it.client, "/?rows=400"))) == 214
        everything = await text(it.client, "/?lang=en&kind=&all=1")
        assert len(listed(everything)) == 214
        assert "better off" not in everything
        for strange in ("-5", "x", "9" * 40, "1"):
            assert len(listed(await text(it.client, f"/?rows={strange}"))) == 200


async def test_the_csv_holds_every_row_that_fits(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        sly = replace(SITES[3], id="sly", name="=1+1")
        it.registry.import_sites([sly, *(replace(SITES[3], id=f"x-{number:03}") for number in range(210))], now=NOW)
        answer = await it.client.get("/?format=csv&kind=school")
        assert answer.content_type == "text/csv"
        rows = list(csv.DictReader(io.StringIO((await answer.read()).decode("utf-8-sig"))))
        assert len(rows) == 213
        by_site = {row["site"]: row for row in rows}
        assert by_site["th-huu-lung"]["median_mbps"] == "124.5"
        assert by_site["th-huu-lung"]["state"] == "met"
        assert by_site["sly"]["name"] == "'=1+1"


async def test_points_of_the_map_stand_in_the_page_and_what_has_none_is_said(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        bare = await text(it.client, "/?lang=en")
        assert "No site has coordinates" in bare
        assert 'id="map"' not in bare
        it.registry.import_sites([replace(SITES[0], latitude=21.5, longitude=106.35)], now=NOW)
        page = await text(it.client, "/?lang=en&state=below")
        assert '["th-huu-lung","Trường Tiểu học Hữu Lũng","met",106.35,21.5,' in page, "tiles count it still"
        assert "3 sites have no coordinates" in page
        assert "style=" not in page
