"""The first page of a province with a year of data, as somebody in Chromium gets it: how soon, and how many bytes.

    python -m tests.bench.first_view --folder /var/tmp/first                  2,000 sites, a year of speed tests
    python -m tests.bench.first_view --folder /var/tmp/first --sites 200 --days 30
    python -m tests.bench.first_view --folder /var/tmp/first --save           also into tests/bench/results

Each opening has an empty cache. The libraries of charts and map are counted apart: they come once and stay for a year.
What is filled is not filled again. Exit code 1 if a goal is missed.
"""

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from playwright.async_api import CDPSession, Page, expect
from rich.console import Console

from collector.events import Event
from collector.registry.registry import Registry
from collector.store.open import store_from_url
from tests.bench.year_data import END, parts
from tests.bench.year_fill import filled, sqlite_fill
from tests.bench.year_pages import Asked, furnished, province
from tests.browser.chromium import tab

RESULTS: Final = Path(__file__).parent / "results" / "first_view.md"
REPEATS: Final = 7
VIEW_S: Final = 1.0
WIRE_KB: Final = 600.0
LIVE_S: Final = 2.0
MAP_S: Final = 20.0
_PAINTS: Final = """() => ({
    paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
    first: performance.getEntriesByType("navigation")[0].responseStart,
    whole: performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd,
})"""


@dataclass(frozen=True, slots=True)
class View:
    """One opening; seconds since it was asked for, and kilobytes over the wire."""

    first_byte_s: float
    painted_s: float
    """The first content: the tiles and the list's beginning."""
    listed_s: float
    """Every row of the list is there, and the page's script has run."""
    mapped_s: float
    live_s: float
    """From a report that was stored to its cell."""
    page_kb: float
    assets_kb: float
    libraries_kb: float


GOALS: Final = {"painted_s": VIEW_S, "listed_s": VIEW_S, "live_s": LIVE_S, "page_kb": WIRE_KB}
WORDS: Final = {
    "first_byte_s": "first byte, s", "painted_s": "first content, s", "listed_s": "list and script, s",
    "mapped_s": "map drawn, s", "live_s": "a report shows, s", "page_kb": "page, KB on the wire",
    "assets_kb": "own styles and scripts, KB", "libraries_kb": "map's libraries, KB",
}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Fill what is missing, open the page some times, print the medians."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.first_view",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--folder", type=Path, required=True, help="where the store is kept")
    parser.add_argument("--sites", type=int, default=2000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--save", action="store_true", help=f"write the table to {RESULTS.name}")
    args = parser.parse_args(argv)
    args.folder.mkdir(parents=True, exist_ok=True)
    views = asyncio.run(_views(args, Console(highlight=False, soft_wrap=True)))
    medians = {one.name: statistics.median(getattr(view, one.name) for view in views) for one in fields(View)}
    wire = medians["page_kb"] + medians["assets_kb"]
    rows = [f"| {WORDS[name]} | {value:.2f} | {GOALS.get(name, '')} |" for name, value in medians.items()]
    table = [
        "| what | median | goal |",
        "| --- | --- | --- |",
        *rows,
        f"| page with its own assets, KB | {wire:.2f} | {WIRE_KB} |",
    ]
    sys.stdout.write("\n".join(table) + "\n")
    if args.save:
        made = f"Made by `python -m tests.bench.first_view --save` (two cores; load {os.getloadavg()[1]:.1f})."
        head = [f"# The first page of {args.sites} sites with {args.days} days of data", "", made, ""]
        RESULTS.write_text("\n".join([*head, *table, ""]))
    return int(wire > WIRE_KB or any(medians[name] > goal for name, goal in GOALS.items()))


async def _views(args: argparse.Namespace, console: Console) -> list[View]:
    store = store_from_url(f"sqlite://{args.folder.absolute()}/series.db", timeout_s=600)
    await store.open()
    wanted = [part for part in parts(args.days, ()) if part.measurement == "throughput"]
    fill = sqlite_fill(args.folder / "series.db")
    await asyncio.to_thread(filled, args.folder / "filled.json", wanted, args.sites, fill, console)
    registry = Registry(f"sqlite:///{args.folder.absolute()}/registry.db")
    registry.open()
    try:
        await asyncio.to_thread(furnished, registry, args.sites, 1)
        async with province(store, registry) as it:
            await it.look()
            return [await _view(it, turn) for turn in range(REPEATS)]
    finally:
        registry.close()
        await store.close()


async def _view(it: Asked, turn: int) -> View:
    async with tab("about:blank") as shown:
        wire = await shown.page.context.new_cdp_session(shown.page)
        sizes = await _counted(wire)
        began = time.perf_counter()
        await shown.page.goto(str(it.client.make_url("/")), wait_until="domcontentloaded")
        await expect(shown.page.locator(".leaflet-marker-icon").first).to_be_visible(timeout=MAP_S * 1000)
        mapped = time.perf_counter() - began
        moments: dict[str, Any] = await shown.page.evaluate(_PAINTS)
        await expect(shown.page.locator("#live.on")).to_have_count(1)
        live = await _live(it, shown.page, 40.0 + turn)
        if shown.complaints:
            raise RuntimeError(shown.complaints[0])
    return View(
        moments["first"] / 1000, moments["paint"] / 1000, moments["whole"] / 1000, mapped, live,
        *(sum(size for url, size in sizes.items() if _part(url) == part) / 1000 for part in ("page", "own", "vendor")),
    )  # fmt: skip


async def _counted(wire: CDPSession) -> dict[str, float]:
    """The bytes of each address as they come, headers too."""
    sizes: dict[str, float] = {}
    urls: dict[str, str] = {}
    wire.on("Network.requestWillBeSent", lambda event: urls.update({event["requestId"]: event["request"]["url"]}))

    def note(event: dict[str, Any]) -> None:
        sizes[urls[event["requestId"]]] = event["encodedDataLength"]

    wire.on("Network.loadingFinished", note)
    await wire.send("Network.enable")
    return sizes


def _part(url: str) -> str:
    if "/static/" not in url:
        return "page"
    return "vendor" if "/vendor/" in url else "own"


async def _live(it: Asked, page: Page, mbps: float) -> float:
    """How long it takes until reports of ten sites stand in their cells; none of them asks for its line then."""
    sites = [await page.locator("#rows tr").nth(number).get_attribute("data-site") for number in range(10)]
    data = {"kind": "throughput", "started": END.isoformat(), "download_mbps": mbps, "doubts": [], "failure": None}
    began = time.perf_counter()
    for site in sites:
        it.sources.bus.publish(Event("report", site, END, data))
    last = page.locator(f'tr[data-site="{sites[-1]}"] [data-cell=last]')
    await expect(last).to_contain_text(f"{mbps:.1f}", timeout=10_000)
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
