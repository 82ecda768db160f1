"""A real Chromium without a window, that notes every fault and every request to elsewhere."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.async_api import Page, async_playwright

QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@dataclass
class Tab:
    """A page, what it complained of, and where else it asked."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)


@asynccontextmanager
async def tab(base: str, *, width: int = 1280, height: int = 900, language: str = "en") -> AsyncIterator[Tab]:
    """Open a tab on the page at `base`."""
    async with async_playwright() as tools:
        browser = await tools.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        context = await browser.new_context(viewport={"width": width, "height": height}, locale=language)
        opened = Tab(await context.new_page())
        opened.page.on("console", lambda message: opened.complaints.append(message.text))
        opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        host = urlsplit(base).netloc

        def note(url: str) -> None:
            if urlsplit(url).netloc != host:
                opened.elsewhere.append(url)

        opened.page.on("request", lambda request: note(request.url))
        try:
            await opened.page.goto(base)
            yield opened
        finally:
            await browser.close()
