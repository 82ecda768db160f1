"""One site's page in a real browser: charts by mouse and keyboard, a test asked for, and all of it without scripts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Page, expect

from agent.wire.control import Request
from collector.events import Event
from collector.web.app import make_app
from tests.browser.chromium import tab
from tests.collector.web.house import NOW, Province, province, throughput

pytestmark = [pytest.mark.program("chromium"), pytest.mark.timeout(60)]
SITE = "th-huu-lung"
DRAWN = "async () => (await import(document.querySelector('script[src$=\"/charts.js\"]').src)).charts"
SEEN = f"async (id) => (await ({DRAWN})()).get(id).seen().map((one) => one.y)"
RANGE = f"""async (id) => {{
  const {{ x, y }} = (await ({DRAWN})()).get(id).u.scales;
  return [y.min, x.max - x.min, y.max];
}}"""


class Device:
    """A device that measures when it is asked to, and where its report lies."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.reports: dict[str, bytes] = {}

    def ask(self, _agent: str, request: Request) -> None:
        self.asked.append(request)

    def read(self, report_id: str) -> bytes | None:
        return self.reports.get(report_id, b'{"exact":"bytes"}')

    async def measure(self, it: Province, mbps: float) -> None:
        """Measure what was asked for last, and tell."""
        request = self.asked[-1].request
        point = throughput(SITE, 0, mbps, id="r-new")
        await it.sources.store.write(
            [replace(point, tags=(("agent", f"a-{SITE}"), ("family", "ipv6"), ("site", SITE)))]
        )
        self.reports["r-new"] = msgspec.json.encode({"id": "r-new", "request": request})
        it.sources.bus.publish(Event("report", SITE, NOW, {"kind": "throughput", "request": request}))


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[Province, Device, str]]:
    device = Device()
    async with province(folder) as it:
        server = TestServer(make_app(replace(it.sources, ask=device.ask, originals=device)))
        await server.start_server(shutdown_timeout=0.3)
        try:
            yield it, device, str(server.make_url(f"/sites/{SITE}"))
        finally:
            await server.close()


async def seen(page: Page, chart: str) -> list[Any]:
    found: list[Any] = await page.evaluate(SEEN, chart)
    return found


async def until(look: Callable[[], Awaitable[str]], good: Callable[[str], bool]) -> bool:
    """Whether what is looked at becomes good within five seconds."""
    for _ in range(100):
        if good(await look()):
            return True
        await asyncio.sleep(0.05)
    return False


async def walk(page: Page) -> None:
    """From point to point by arrow keys: each is said."""
    voice = page.locator("#download [aria-live]")
    await page.locator("#download .plot").focus()
    for key, said in (
        ("End", "120.0 Mbit/s"),
        ("ArrowLeft", "121.0 Mbit/s"),
        ("Home", "Wi-Fi was the limit"),
        ("ArrowRight", "failed, connect:timeout"),
    ):
        await page.keyboard.press(key)
        await expect(voice).to_contain_text(said)
    await expect(page.locator("#download .chart-tip")).to_be_visible()


async def test_charts_are_read_by_keyboard_and_mouse_and_take_what_comes(tmp_path: Path) -> None:
    async with served(tmp_path) as (it, device, address), tab(f"{address}?days=7") as shown:
        page = shown.page
        await expect(page.locator("#download canvas")).to_be_visible()
        assert len(await seen(page, "download")) == 12
        assert (await page.evaluate(RANGE, "download"))[0] == 0, "speeds begin at nothing"
        await expect(page.locator("#download details")).not_to_have_attribute("open", "")
        await walk(page)

        await page.get_by_label("Your name").fill("Lan")
        await page.get_by_role("button", name="Measure now").click()
        await expect(page.locator("#test")).to_have_attribute("data-stage", "waiting")
        await expect(page.locator("#live")).to_have_text("live")
        await device.measure(it, 131.5)
        await expect(page.locator("#test")).to_have_attribute("data-stage", "arrived", timeout=5000)
        await expect(page.locator("#test .big").first).to_have_text("131.5")
        family = page.get_by_role("button", name="IPv6").first
        await expect(family).to_be_visible()
        assert 131.5 in await seen(page, "download")
        await family.click()
        assert 131.5 not in await seen(page, "download"), "a family is left out by its button"
        assert (await page.evaluate(RANGE, "download"))[2] > 121.0, "what came has room, and what is left"

        await page.locator("#reports a.raw").last.click()
        await expect(page.locator("dialog.report pre")).to_contain_text('"exact": "bytes"')
        assert (shown.complaints, shown.elsewhere) == ([], [])


async def test_a_choice_on_a_chart_is_an_address_and_colours_follow_the_reader(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, _, address), tab(f"{address}?days=1") as shown:
        page = shown.page
        over = page.locator("#download .u-over")
        await over.scroll_into_view_if_needed()
        box = await over.bounding_box()
        assert box is not None
        middle = box["y"] + box["height"] / 2
        await page.mouse.move(box["x"] + box["width"] * 0.5, middle)
        await page.mouse.down()
        await page.mouse.move(box["x"] + box["width"] * 0.95, middle, steps=4)
        await page.mouse.up()
        await page.wait_for_url("**period=**")
        begin, end = page.url.partition("period=")[2].split("..")
        assert begin < end
        spans = [await page.evaluate(RANGE, name) for name in ("download", "upload")]
        assert spans[0][1] == pytest.approx(spans[1][1]), "all charts show the same time"
        assert spans[0][1] < timedelta(hours=20).total_seconds()
        await page.reload()
        assert 0 < len(await seen(page, "download")) < 12
        paint = f"async () => (await ({DRAWN})()).get('download').paint.ink"
        light = await page.evaluate(paint)
        await page.emulate_media(color_scheme="dark")
        assert await until(lambda: page.evaluate(paint), lambda found: found != light)
        await page.emulate_media(media="print", color_scheme="dark")
        assert await until(lambda: page.evaluate(paint), lambda found: found == "#000000"), "paper is white"
        assert shown.complaints == []


async def test_without_scripts_and_on_a_phone_the_numbers_are_there(tmp_path: Path) -> None:
    async with served(tmp_path) as (it, device, address):
        async with tab(address, scripts=False) as shown:
            assert await shown.page.locator("#download details tbody tr").count() == 12
            await shown.page.get_by_label("Your name").fill("Lan")
            await shown.page.get_by_role("button", name="Measure now").click()
            await expect(shown.page.locator("#test")).to_have_attribute("data-stage", "waiting")
            assert len(device.asked) == 1
        async with tab(address, width=360, height=740, language="vi") as shown:
            assert await shown.page.evaluate("document.documentElement.scrollWidth") == 360
            box = await shown.page.locator("#download canvas").bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 360
            await shown.page.goto(address.replace(SITE, "th-moi"))
            await expect(shown.page.locator("main")).to_contain_text("Trường mới")
            assert shown.complaints == []
            assert await shown.page.locator("figure.chart").count() == 0

            name = shown.page.get_by_label("Tên của bạn")
            await name.fill("Lan")
            await expect(shown.page.locator("#live")).to_have_text("trực tiếp")
            await it.sources.store.write([throughput("th-moi", 0, 90.0)])
            it.sources.bus.publish(Event("report", "th-moi", NOW, {"kind": "throughput"}))
            await expect(shown.page.locator("#download canvas")).to_be_visible()
            assert await seen(shown.page, "download") == [90.0]
            await expect(name).to_have_value("Lan")
            assert shown.complaints == []
