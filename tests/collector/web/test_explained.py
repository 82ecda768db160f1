"""The page that explains a site, and the way from a site's notice to its incident."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from collector.detect import shortfall
from tests.collector.web.house import NOW, SITES, province, throughput

SITE = "tyt-yen-the"


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", (f"weight x (s - {shortfall.REF:g})", "Runs of the window (30)", "none is recorded, and the data make")),
        ("vi", (f"(s - {shortfall.REF:g})".replace(".", ","), "(30)</summary>", "không ghi sự cố nào, dữ liệu")),
    ],
)
async def test_the_chain_is_on_a_page_in_both_languages(tmp_path: Path, language: str, words: tuple[str, ...]) -> None:
    async with province(tmp_path) as house:
        site = "ls-new"
        house.registry.import_sites([replace(SITES[0], id=site)], now=NOW - timedelta(days=60))
        await house.sources.store.write([throughput(site, hour, 150.0 + hour) for hour in range(30)])
        async with house.client.get(f"/sites/{site}/explain?lang={language}") as answer:
            page = await answer.text()
    for some in words:
        assert some in page
    assert page.count("<details") == page.count("</details>") > 1  # the menu is one


async def test_places_go_by_their_names_and_lead_to_their_sites(tmp_path: Path) -> None:
    async with province(tmp_path) as house:
        site = replace(SITES[0], id="ls-new", province="lang-son", commune="huu-lung")
        house.registry.import_sites([site], now=NOW - timedelta(days=60))
        async with house.client.get("/sites/ls-new") as answer:
            page = await answer.text()
        crumbs = page[page.index('class="crumbs"') :].split("</nav>")[0]
        assert '<a href="/?province=lang-son">Lạng Sơn</a>' in crumbs
        assert '<a href="/?province=lang-son&amp;commune=huu-lung">Hữu Lũng</a>' in crumbs
        async with house.client.get("/?province=lang-son&commune=huu-lung") as answer:
            assert site.name in await answer.text()
        async with house.client.get("/sites/ls-new/explain") as answer:
            page = await answer.text()
    assert "Lạng Sơn (<code>lang-son</code>)" in page
    assert "Hữu Lũng (<code>huu-lung</code>)" in page


async def test_a_sites_notice_leads_to_its_incident(tmp_path: Path) -> None:
    async with province(tmp_path) as house, house.client.get(f"/sites/{SITE}?lang=en") as answer:
        page = await answer.text()
        start = page.index('<a href="/incidents/')
        link = page[start:].split('"')[1]
        async with house.client.get(link) as incident:
            assert incident.status == 200
