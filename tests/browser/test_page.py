"""The page in a real browser: it fills by itself, speaks two languages, and asks nobody else."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from collector.events import Event
from tests.browser.chromium import tab
from tests.collector.web.house import NOW, province, throughput

pytestmark = [pytest.mark.program("chromium"), pytest.mark.timeout(60)]


async def test_one_walks_from_the_list_to_a_site_to_a_raw_report_by_keyboard(tmp_path: Path) -> None:
    async with province(tmp_path) as it, tab(str(it.client.make_url("/?q=huu"))) as shown:
        await shown.page.get_by_role("link", name="Trường Tiểu học Hữu Lũng").focus()
        await shown.page.keyboard.press("Enter")
        await expect(shown.page.get_by_role("heading", level=1)).to_have_text("Trường Tiểu học Hữu Lũng")
        await expect(shown.page.locator("#download canvas")).to_be_visible()
        await shown.page.locator("#reports").get_by_role("link", name="JSON").first.focus()
        await shown.page.keyboard.press("Enter")
        await expect(shown.page.locator("dialog.report pre")).to_contain_text('"exact": "bytes"')
        assert shown.complaints == []


async def test_the_language_is_chosen_by_the_browser_and_changed_by_a_link(tmp_path: Path) -> None:
    async with province(tmp_path) as it, tab(str(it.client.make_url("/")), language="vi-VN") as shown:
        await expect(shown.page.locator("html")).to_have_attribute("lang", "vi")
        await expect(shown.page.locator("tr.below").first).to_contain_text("Chưa đạt")
        await shown.page.get_by_role("link", name="English").click()
        await expect(shown.page.locator("html")).to_have_attribute("lang", "en")


async def test_the_fleet_fills_by_itself_when_a_run_of_full_length_comes(tmp_path: Path) -> None:
    async with province(tmp_path) as it, tab(str(it.client.make_url("/"))) as shown:
        await shown.page.get_by_role("link", name="Fleet").click()
        await expect(shown.page.locator("main")).to_contain_text("Nothing to compare yet")
        await expect(shown.page.locator("#live")).to_have_text("live")
        early: dict[str, Any] = {"download_early_mbps": 99.9, "download_early_bytes": 20e6, "download_bytes": 100e6}
        await it.sources.store.write([throughput("th-huu-lung", -1, 100.0, **early)])
        it.sources.bus.publish(Event("report", "th-huu-lung", NOW, {"kind": "throughput"}))
        figure = shown.page.locator("figure.early")
        await expect(figure).to_contain_text("0.10 %", timeout=4000)
        await expect(figure.locator("rect.near").first).to_have_attribute("width", "270.0")
        assert shown.complaints == []
        assert shown.elsewhere == []


async def test_a_phone_needs_no_sideways_scrolling(tmp_path: Path) -> None:
    async with province(tmp_path) as it, tab(str(it.client.make_url("/")), width=360, height=740) as shown:
        for path in ("/", "/sites/th-huu-lung", "/incidents", "/fleet", "/pipe", "/plans", "/plans/lang-son-2025"):
            await shown.page.goto(str(it.client.make_url(path)))
            width = await shown.page.evaluate("document.documentElement.scrollWidth")
            assert width <= 360, path


async def test_losing_the_server_is_said(tmp_path: Path) -> None:
    async with province(tmp_path) as it, tab(str(it.client.make_url("/"))) as shown:
        lamp = shown.page.locator("#live")
        await expect(lamp).to_have_text("live")
        await it.client.server.close()
        await expect(lamp).to_have_text("connection lost, trying again", timeout=10_000)
