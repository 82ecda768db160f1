"""A real Chromium without a window, that notes every fault and every request to elsewhere."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from playwright.async_api import Browser, Page, async_playwright

QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
Scheme = Literal["light", "dark"]
SHARED: Final[dict[asyncio.AbstractEventLoop, Browser]] = {}
"""The one browser of a test session, by the loop that it belongs to; tests that have a loop of their own start one."""


@dataclass
class Tab:
    """A page, what it complained of, and where else it asked."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start a browser."""
    async with async_playwright() as tools:
        browser = await tools.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def tab(
    base: str,
    *,
    width: int = 1280,
    height: int = 900,
    language: str = "en",
    scheme: Scheme = "light",
    scripts: bool = True,
) -> AsyncIterator[Tab]:
    """Open a tab with cookies of its own on the page at `base`."""
    wanted = {
        "viewport": {"width": width, "height": height}, "locale": language, "color_scheme": scheme,
        "java_script_enabled": scripts,
    }  # fmt: skip
    known = SHARED.get(asyncio.get_running_loop())
    if known is None:
        async with chromium() as browser, _opened(browser, wanted) as opened:
            yield await _at(opened, base)
    else:
        async with _opened(known, wanted) as opened:
            yield await _at(opened, base)


@asynccontextmanager
async def _opened(browser: Browser, wanted: dict[str, Any]) -> AsyncIterator[Tab]:
    context = await browser.new_context(**wanted)
    try:
        yield Tab(await context.new_page())
    finally:
        await context.close()


async def _at(opened: Tab, base: str) -> Tab:
    host = urlsplit(base).netloc

    def note(url: str) -> None:
        parts = urlsplit(url)
        if parts.netloc != host and parts.scheme != "blob":
            opened.elsewhere.append(url)

    opened.page.on("console", lambda message: opened.complaints.append(f"{message.text} ({opened.page.url})"))
    opened.page.on("pageerror", lambda error: opened.complaints.append(f"{error} ({opened.page.url})"))
    opened.page.on("request", lambda request: note(request.url))
    await opened.page.goto(base)
    return opened
