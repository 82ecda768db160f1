"""The first page in a real browser: filter, map, keyboard, phone, and what changes by itself after a report."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect

from collector.events import Event
from collector.web import assets
from collector.web.overview.outlines import checked
from tests.browser.chromium import Tab, tab
from tests.collector.web.house import NOW, SITES, Province, judged, province, throughput
from tests.collector.web.test_outlines import collection, polygon

pytestmark = [pytest.mark.program("chromium"), pytest.mark.timeout(60)]
WHERE = {"th-huu-lung": (21.5, 106.35), "tyt-yen-the": (21.6, 106.9), "ub-loc-ninh": (21.1, 106.6)}
LAND = [[106.2, 21.3], [106.6, 21.3], [106.6, 21.7], [106.2, 21.7], [106.2, 21.3]]
built = pytest.mark.skipif(not assets.read().has("vendor/leaflet/leaflet.js"), reason="run: sh deploy/assets/build")


@asynccontextmanager
async def placed(
    folder: Path, path: str = "/", *, width: int = 1280, outlined: bool = True
) -> AsyncIterator[tuple[Province, Tab]]:
    """The small province with coordinates and an outline, and a tab on its first page."""
    async with province(folder) as it:
        some = {site.id: site for site in SITES}
        it.registry.import_sites([replace(some[i], latitude=y, longitude=x) for i, (y, x) in WHERE.items()], now=NOW)
        land = checked(collection(polygon(LAND), name="<b>Hữu Lũng</b>"), "x")
        object.__setattr__(it.sources, "outlines", lambda: land if outlined else None)
        async with tab(str(it.client.make_url(path)), width=width, height=800) as shown:
            await expect(shown.page.locator("#live.on")).to_have_count(1)
            yield it, shown
            assert shown.complaints == []
            assert shown.elsewhere == []


def report(site: str, mbps: float) -> Event:
    data = {"kind": "throughput", "started": "2026-11-22T07:59:59Z", "download_mbps": mbps, "doubts": ["wifi_bound"]}
    return Event("report", site, NOW, data)


async def first(page: Page) -> str | None:
    return await page.locator("#rows tr").first.get_attribute("data-site")


@built
async def test_what_happens_shows_in_cells_tiles_map_and_order_within_moments(tmp_path: Path) -> None:
    async with placed(tmp_path) as (it, shown):
        page = shown.page
        row = page.locator('tr[data-site="th-huu-lung"]')
        await it.sources.store.write([throughput("th-huu-lung", -1, 133.3)])
        it.sources.bus.publish(report("th-huu-lung", 133.3))
        await expect(row.locator("[data-cell=last]")).to_contain_text("133.3", timeout=2000)
        await expect(row).to_contain_text("n = 11", timeout=6000)
        assert await first(page) == "tyt-yen-the"
        point = page.locator('.point[aria-label^="Trạm Y tế"]')
        await expect(point).to_have_attribute("aria-label", "Trạm Y tế <Yên Thế>: Below")

        late = {"kind": "throughput", "started": "2026-11-22T05:00:00Z", "download_mbps": 11.1, "doubts": []}
        it.sources.bus.publish(Event("report", "th-huu-lung", NOW, late))
        it.sources.bus.publish(report("ub-loc-ninh", 22.2))
        await expect(page.locator('tr[data-site="ub-loc-ninh"] [data-cell=last]')).to_contain_text("22.2", timeout=3000)
        await expect(row.locator("[data-cell=last]")).to_contain_text("133.3")  # a late report is not the newest

        await page.locator("#list").hover(position={"x": 200, "y": 120})
        it.judge.verdicts["tyt-yen-the"] = judged(SITES[1], [130.0] * 10)
        it.sources.bus.publish(Event("verdict", "tyt-yen-the", NOW, {}))
        await expect(page.locator("#tiles [data-count=met] strong")).to_have_text("2", timeout=2000)
        await expect(point).to_have_attribute("aria-label", "Trạm Y tế <Yên Thế>: Met")
        await expect(page.locator('tr[data-site="tyt-yen-the"] .badge')).to_have_text("Met")
        assert await first(page) == "tyt-yen-the", "nothing moves under the pointer"
        await page.mouse.move(5, 5)
        await expect(page.locator("#rows tr").first).to_have_attribute("data-site", "ub-loc-ninh")

        (incident,) = it.sources.casebook.search(active=True)
        act = page.request.post
        await act(str(it.client.make_url(f"/api/v1/incidents/{incident.id}/resolve")), data={"who": "Lan"})
        await expect(page.locator("#wrong")).to_contain_text("Nothing is wrong", timeout=5000)
        await expect(page.locator("#tiles [data-count=incident] strong")).to_have_text("0")


async def test_what_happens_while_a_page_travels_or_waits_in_the_history_shows(tmp_path: Path) -> None:
    async with placed(tmp_path) as (it, shown):
        page = shown.page
        met = page.locator("#tiles [data-count=met] strong")

        async def slow(route: Route) -> None:
            it.judge.verdicts["tyt-yen-the"] = judged(SITES[1], [130.0] * 10)
            it.sources.bus.publish(Event("verdict", "tyt-yen-the", NOW, {}))
            await route.continue_()

        await page.route("**/api/v1/live?*", slow)
        await page.reload()
        await expect(met).to_have_text("2", timeout=5000)

        await page.unroute("**/api/v1/live?*")
        await page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
        it.judge.verdicts["tyt-yen-the"] = judged(SITES[1], [30.0] * 10)
        await page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
        await expect(met).to_have_text("1", timeout=5000)

        it.registry.import_sites([replace(SITES[0], id="moi-toanh", name="<img src=x onerror=alert(1)>")], now=NOW)
        it.sources.bus.publish(Event("verdict", "moi-toanh", NOW, {}))
        await expect(page.locator('tr[data-site="moi-toanh"] th')).to_contain_text("<img src=x", timeout=5000)


@built
async def test_the_map_finds_sites_by_pointer_and_by_keyboard_and_catches_nobody(tmp_path: Path) -> None:
    async with placed(tmp_path) as (_, shown):
        page = shown.page
        await expect(page.locator(".land.commune")).to_have_class("leaflet-interactive land commune shade-3")
        land = await page.locator(".land.commune").bounding_box()
        assert land is not None
        await page.mouse.move(land["x"] + 0.75 * land["width"], land["y"] + 0.75 * land["height"])
        await expect(page.locator(".leaflet-tooltip")).to_contain_text("<b>Hữu Lũng</b>")
        await page.locator('tr[data-site="ub-loc-ninh"]').hover()
        await expect(page.locator(".point.chosen.silent")).to_have_count(1)
        before = await page.locator(".leaflet-map-pane").get_attribute("style")
        await page.locator("#map").hover(position={"x": 30, "y": 300})
        await page.mouse.wheel(0, 400)
        await expect(page.locator(".hint.shown")).to_have_count(1)
        await expect(page.get_by_role("heading", level=1)).not_to_be_in_viewport()  # the wheel turns the page
        assert await page.locator(".leaflet-map-pane").get_attribute("style") == before

        await page.locator('.point[aria-label^="UBND"]').focus()
        await page.keyboard.press("Enter")
        link = page.locator(".leaflet-popup a", has_text="UBND xã Lộc Ninh")
        await expect(link).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.locator('.point[aria-label^="UBND"]')).to_be_focused()
        for _ in range(12):
            await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.closest('#map')") is None, "one gets out again"

        await page.get_by_label("List only what the map shows").check()
        await page.get_by_role("button", name="Zoom in").click()
        await expect(page).to_have_url(re.compile("box="))
        await page.goto(str(page.url).partition("?")[0] + "?box=106,21.3,107,22")
        await expect(page.locator("#rows tr")).to_have_count(2)
        await page.locator(".chips a").click()
        await expect(page.locator("#rows tr")).to_have_count(4)


async def test_one_filters_sorts_and_opens_a_site_with_the_keyboard_alone(tmp_path: Path) -> None:
    async with placed(tmp_path) as (_, shown):
        page = shown.page
        await page.get_by_label("Search").focus()
        await page.keyboard.type("yen the")
        await page.keyboard.press("Enter")
        await expect(page.locator(".shown")).to_contain_text("1 of 4 sites")
        assert page.url.partition("#")[0].endswith("/?q=yen+the")
        await page.locator(".chips a").focus()
        await page.keyboard.press("Enter")
        await page.get_by_label("Kind").select_option("school")
        await expect(page.locator(".shown")).to_contain_text("2 of 4 sites")
        await page.get_by_role("link", name="Site", exact=True).focus()
        await page.keyboard.press("Enter")
        await expect(page.locator('th[aria-sort="ascending"]')).to_have_text("Site")
        assert "kind=school" in page.url
        await page.get_by_role("link", name="Trường mới").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Trường mới")


@built
async def test_a_phone_shows_the_map_above_the_list_and_can_close_it(tmp_path: Path) -> None:
    async with placed(tmp_path, width=360, outlined=False) as (_, shown):
        page = shown.page
        names = page.locator(".leaflet-names-pane .name span")
        await expect(page.locator(".name.commune").first).to_be_attached()
        assert set(await names.all_text_contents()) <= {"Hữu Lũng", "Yên Thế", "Lộc Ninh"}
        for _ in range(2):
            await page.get_by_role("button", name="Zoom out").click()
        await expect(page.locator(".name.province").first).to_be_attached()
        assert set(await names.all_text_contents()) <= {"Lạng Sơn", "Bắc Giang", "Bình Phước"}
        place, rows = await page.locator("#map").bounding_box(), await page.locator("#rows").bounding_box()
        assert place is not None
        assert rows is not None
        assert place["y"] + place["height"] <= rows["y"]
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
        await page.locator(".atlas > summary").click()
        await expect(page.locator("#map")).to_be_hidden()


async def test_without_scripts_the_list_tells_the_same(tmp_path: Path) -> None:
    async with province(tmp_path) as it, tab(str(it.client.make_url("/?state=below")), scripts=False) as shown:
        page = shown.page
        await expect(page.locator("#rows tr")).to_have_count(1)
        await page.get_by_label("Search").fill("huu lung")
        await page.get_by_label("Verdict").select_option("")
        await page.get_by_role("button", name="Show").click()
        await expect(page.locator("#rows tr")).to_have_attribute("data-site", "th-huu-lung")
