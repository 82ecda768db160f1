"""Pictures of every page: `python -m tests.browser.pictures --out DIR [--url URL] [--only PAGE]`.

In Vietnamese and English, light and dark, on a phone and on a desk, each as long as the page is:
`<page>-<vi|en>-<light|dark>-<phone|desktop>.png`. With `--url` of a running collector, such as the demonstration of
`linkgauge-collector up --demo`; without it a demonstration is started for them.
"""

import argparse
import asyncio
import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final, get_args

import aiohttp
from playwright.async_api import Browser
from rich.progress import Progress

from tests.browser.chromium import Scheme, chromium
from tests.browser.places import pages
from tests.collector.web.house import province
from tests.ports import free_port

LANGUAGES: Final = ("vi", "en")
SCHEMES: Final[tuple[Scheme, ...]] = get_args(Scheme)
SIZES: Final[Mapping[str, tuple[int, int]]] = {"phone": (390, 844), "desktop": (1440, 900)}
STILL_MS: Final = 700
"""Charts and maps are drawn by then."""
MOST_PX: Final = 6000
"""A list of thousands is cut off here: a picture of all of it shows nobody anything."""
START_S: Final = 300.0


@contextmanager
def running() -> Iterator[str]:
    """Run a demonstration, ended and forgotten afterwards; its address."""
    with tempfile.TemporaryDirectory() as folder:
        listen = f"127.0.0.1:{free_port()}"
        url = f"http://{listen}"
        command = [sys.executable, "-m", "collector", "up", "--demo", "--listen", listen, "--data", folder]
        with (
            (Path(folder) / "log").open("wb") as log,
            subprocess.Popen(command, stdout=log, stderr=log) as process,  # noqa: S603 - ourselves
        ):
            try:
                if not asyncio.run(_up(url, process)):
                    raise OSError(f"the demonstration did not start: {_last_line(Path(log.name))}")
                yield url
            finally:
                process.send_signal(signal.SIGINT)


def _last_line(log: Path) -> str:
    said = log.read_text("utf-8", "replace").split("\n")
    return next((line.rpartition("\r")[2].strip() for line in reversed(said) if line.strip()), "it said nothing")


async def _up(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Wait until the first page has sites on it; False when that does not come."""
    sys.stderr.write("Starting a demonstration ...\n")
    deadline = time.monotonic() + START_S
    async with aiohttp.ClientSession(url) as session:
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(aiohttp.ClientError, LookupError):
                await examples(session)
                return True
            await asyncio.sleep(0.5)
    return False


async def examples(session: aiohttp.ClientSession) -> dict[str, str]:
    """What stands for the variable parts of addresses: the gravest there is. Raises LookupError where there is none."""
    sites = [site for site in await _items(session, "sites") if site["agents"] and site["plan"]]
    incidents = await _items(session, "incidents")
    site = next((site for site in sites if site["state"] == "below"), sites[0])
    incident = next((incident for incident in incidents if incident["state"] == "open"), incidents[0])
    return {
        "site": site["id"], "plan": site["plan"], "agent": site["agents"][0], "kind": "sites",
        "incident": incident["id"],
    }  # fmt: skip


async def _items(session: aiohttp.ClientSession, name: str) -> list[dict[str, Any]]:
    async with session.get(f"/api/v1/{name}") as answer:
        answer.raise_for_status()
        items: list[dict[str, Any]] = (await answer.json())["items"]
        return items


async def take(url: str, out: Path, only: Sequence[str] | None) -> int:
    """Make the pictures of what runs at `url`; how many."""
    with tempfile.TemporaryDirectory() as folder:
        async with province(Path(folder)) as it, aiohttp.ClientSession(url) as session:
            if it.client.app is None:
                raise LookupError("no pages")
            walk = pages(it.client.app, await examples(session))
    walk |= {"not-there": "/nowhere"}
    if only:
        walk = {name: walk[name] for name in only}
    shots = list(product(LANGUAGES, SCHEMES, SIZES))
    with Progress() as progress:
        task = progress.add_task("pictures", total=len(walk) * len(shots))
        async with chromium() as browser:
            for language, scheme, size in shots:
                async for name in _each(browser, Look(language, scheme, size), url, walk, out):
                    progress.update(task, advance=1, description=f"{name} {language} {scheme} {size}")
    return len(walk) * len(shots)


@dataclass(frozen=True, slots=True)
class Look:
    """How a page is looked at."""

    language: str
    scheme: Scheme
    size: str

    def name(self, page: str) -> str:
        """The picture's file."""
        return f"{page}-{self.language}-{self.scheme}-{self.size}.png"


async def _each(browser: Browser, look: Look, url: str, walk: Mapping[str, str], out: Path) -> AsyncIterator[str]:
    width, height = SIZES[look.size]
    context = await browser.new_context(
        viewport={"width": width, "height": height}, locale=look.language, color_scheme=look.scheme,
        reduced_motion="reduce",
    )  # fmt: skip
    try:
        page = await context.new_page()
        for name, address in walk.items():
            await page.goto(f"{url}{address}")
            await page.wait_for_timeout(STILL_MS)
            whole = await page.evaluate("document.documentElement.scrollHeight")
            await page.screenshot(
                path=out / look.name(name),
                full_page=True,
                clip={"x": 0, "y": 0, "width": width, "height": min(whole, MOST_PX)},
            )
            yield name
    finally:
        await context.close()


async def _of_the_small_province(out: Path, only: Sequence[str] | None) -> int:
    with tempfile.TemporaryDirectory() as folder:
        async with province(Path(folder)) as it:
            return await take(str(it.client.make_url("/")).rstrip("/"), out, only)


def _demonstrates() -> bool:
    command = [sys.executable, "-m", "collector", "up", "--help"]
    return "--demo" in subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - ourselves


def main() -> int:
    """Make them; 0 when there is one of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--url", help="of a running collector")
    parser.add_argument("--only", action="append", metavar="PAGE", help="this page only; may be repeated")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    try:
        if asked.url:
            made = asyncio.run(take(asked.url.rstrip("/"), asked.out, asked.only))
        elif _demonstrates():
            with running() as url:
                made = asyncio.run(take(url, asked.out, asked.only))
        else:
            made = asyncio.run(_of_the_small_province(asked.out, asked.only))
    except (OSError, aiohttp.ClientError, LookupError) as error:
        sys.stderr.write(f"pictures: {error}\n")
        return 1
    sys.stderr.write(f"{made} pictures in {asked.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
