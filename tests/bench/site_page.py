"""A site's page with a year of data, as somebody in Chromium gets it: how soon its words and its charts are there.

    nice -n 19 python -m tests.bench.site_page --folder /var/tmp/first            2,000 sites, a year of data
    nice -n 19 python -m tests.bench.site_page --folder /var/tmp/first --sites 200 --days 30
    nice -n 19 python -m tests.bench.site_page --folder /var/tmp/first --save    also into tests/bench/results

Another site each time, each with an empty cache, for each of the periods that the page offers. The folder is that of
`tests.bench.first_view`, and what is filled is not filled again. Exit code 1 if a goal is missed.
"""

import argparse
import asyncio
import os
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Page, expect
from rich.console import Console

from collector.registry.registry import Registry
from collector.rollups.buckets import RAW_SPAN
from collector.store.open import store_from_url
from tests.bench.year_data import END, parts
from tests.bench.year_fill import filled, sqlite_fill
from tests.bench.year_pages import Asked, furnished, province
from tests.browser.chromium import tab

RESULTS: Final = Path(__file__).parent / "results" / "site_page.md"
REPEATS: Final = 5
GOAL_S: Final = 1.0
PERIODS: Final = (1, 30, 90, 365)
_DRAWN_S: Final = 20.0
_FILLED: Final = ("", "day", "month")
_MOMENTS: Final = """() => {
    const [page] = performance.getEntriesByType("navigation");
    const paint = performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
    return [page.responseStart, paint, page.domContentLoadedEventEnd, page.encodedBodySize];
}"""
_CHARTS: Final = """() => new Promise((resolve) => {
    const look = () => [...document.querySelectorAll("div.plot")].every((box) => box.querySelector("canvas"))
        ? requestAnimationFrame(() => resolve(performance.now())) : requestAnimationFrame(look);
    look();
})"""


def main(argv: Sequence[str] | None = None) -> int:
    """Fill what is missing, open the page some times for each period, print the medians."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.site_page",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--folder", type=Path, required=True, help="where the store is kept")
    parser.add_argument("--sites", type=int, default=2000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--save", action="store_true", help=f"write the table to {RESULTS.name}")
    args = parser.parse_args(argv)
    args.folder.mkdir(parents=True, exist_ok=True)
    found = asyncio.run(_opened(args, Console(highlight=False, soft_wrap=True)))
    table = [
        "| period | first byte, s | first content, s | page, script, s | charts drawn, s | page, KB on the wire |",
        "| --- | --- | --- | --- | --- | --- |",
        *(f"| {days} days | {' | '.join(f'{value:.2f}' for value in values)} |" for days, values in found.items()),
    ]
    sys.stdout.write("\n".join(table) + "\n")
    if args.save:
        made = f"Made by `python -m tests.bench.site_page --save` (two cores; load {os.getloadavg()[1]:.1f})."
        head = [f"# A site's page, {args.sites} sites with {args.days} days of data; goal {GOAL_S:g} s", "", made, ""]
        RESULTS.write_text("\n".join([*head, *table, ""]))
    return int(any(values[3] > GOAL_S for values in found.values()))


async def _opened(args: argparse.Namespace, console: Console) -> dict[int, list[float]]:
    store = store_from_url(f"sqlite://{args.folder.absolute()}/series.db", timeout_s=600)
    await store.open()
    wanted = [part for part in parts(args.days, ("latency",)) if part.level in _FILLED or part.end > END - RAW_SPAN]
    fill = sqlite_fill(args.folder / "series.db")
    await asyncio.to_thread(filled, args.folder / "filled.json", wanted, args.sites, fill, console)
    registry = Registry(f"sqlite:///{args.folder.absolute()}/registry.db")
    registry.open()
    try:
        await asyncio.to_thread(furnished, registry, args.sites, 1)
        async with province(store, registry) as it:
            names = iter(it.a_site() for _ in range(len(PERIODS) * REPEATS))
            found = {days: [await _view(it, next(names), days) for _ in range(REPEATS)] for days in PERIODS}
    finally:
        registry.close()
        await store.close()
    return {days: [statistics.median(column) for column in zip(*views, strict=True)] for days, views in found.items()}


async def _view(it: Asked, site: str, days: int) -> tuple[float, ...]:
    async with tab("about:blank") as shown:
        page = shown.page
        await page.goto(str(it.client.make_url(f"/sites/{site}?days={days}")), wait_until="domcontentloaded")
        drawn = await _drawn(page)
        moments: list[Any] = await page.evaluate(_MOMENTS)
        if shown.complaints:
            raise RuntimeError(shown.complaints[0])
    first, paint, whole, size = moments
    return first / 1000, paint / 1000, whole / 1000, drawn / 1000, size / 1000


async def _drawn(page: Page) -> float:
    """When the last chart stood, in ms since the page was asked for."""
    await expect(page.locator("#download canvas")).to_be_visible(timeout=_DRAWN_S * 1000)
    drawn: float = await page.evaluate(_CHARTS)
    return drawn


if __name__ == "__main__":
    sys.exit(main())
