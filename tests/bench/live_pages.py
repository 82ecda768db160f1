"""What fifty open first pages cost, with all that they ask for again: `python -m tests.bench.live_pages`.

`live_viewers` measures the stream alone. Here each of fifty does what `overview.js` does: it opens the page, listens to
its digest, and asks for the list, for single lines and for what is wrong as that script does, no more often. The server
is that of `live_viewers`, in a process of its own; counted is its processor time, after all have opened their pages.
"""

import argparse
import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import aiohttp
import psutil

from tests.bench.live_viewers import GOAL, SITES_N, own
from tests.bench.machine import commit, machine

RESULTS: Final = Path(__file__).parent / "results" / "live_pages.md"
OPENING_S: Final = 0.1
_ROWS: Final = re.compile(r'<tr data-site="([^"]+)"')
_POINTS: Final = re.compile(r'id="points">(.*?)</script>', re.DOTALL)
_MARKS: Final = re.compile(r'id="wrong"[^>]*data-mark="([^"]*)"')
_MARK: Final = "Linkgauge-Mark"
_STALE: Final = 5


@dataclass(frozen=True, slots=True)
class Case:
    """`rate` reports a second; `moves` sites a second that are judged otherwise than before."""

    name: str
    rate: float
    moves: float


CASES: Final = (
    Case("2,000 sites that measure every two hours", 0.28, 0.01),
    Case("a morning: everybody is back, verdicts change", 5, 1),
    Case("the fastest fleet there may be", 500, 0),
    Case("the same, and a verdict changes every second", 500, 1),
)


@dataclass
class Seldom:
    """Like `seldom` of overview.js: one at a time, and the dearer it is the more seldom."""

    act: Callable[[], Awaitable[None]]
    least_s: float
    group: asyncio.TaskGroup
    running: bool = False
    again: bool = False
    free: float = 0.0

    def __call__(self) -> None:
        if self.running:
            self.again = True
            return
        self.running = True
        self.group.create_task(self._run(), name="asks again")

    async def _run(self) -> None:
        await asyncio.sleep(max(0.0, self.free - time.monotonic()))
        began, self.again = time.monotonic(), False
        await self.act()
        self.running, took = False, time.monotonic() - began
        self.free = time.monotonic() + min(60.0, max(self.least_s, 20 * took))
        if self.again:
            self()


@dataclass
class Page:
    """One open page: what it shows, and what it has asked for."""

    session: aiohttp.ClientSession
    asked: Counter[str]
    rows: list[str] = field(default_factory=list)
    states: dict[str, tuple[str, bool]] = field(default_factory=dict)
    wrong: str = ""
    mark: str = ""
    stale: set[str] = field(default_factory=set)

    async def get(self, address: str, kind: str) -> str:
        self.asked[kind] += 1
        async with self.session.get(address) as answer:
            answer.raise_for_status()
            self.mark = answer.headers.get(_MARK, self.mark)
            return await answer.text()

    async def open(self) -> None:
        text = await self.get("/", "page")
        self.rows = _ROWS.findall(text)
        points = _POINTS.search(text)
        if points is None:
            raise LookupError("a page without points")
        self.states = {site[0]: (site[2], bool(site[5])) for site in json.loads(points[1])["sites"]}
        self._is_wrong(text)

    def _is_wrong(self, text: str) -> None:
        if found := _MARKS.search(text):
            self.wrong = found[1]

    async def list(self) -> None:
        self.rows = _ROWS.findall(await self.get("/?part=list", "list"))

    async def what_is_wrong(self) -> None:
        self._is_wrong(await self.get("/?part=wrong", "wrong"))

    async def line(self) -> None:
        if len(self.stale) > _STALE or not self.stale:
            self.stale.clear()
            return
        await self.get(f"/sites/{self.stale.pop()}/row", "row")

    def heard(self, news: dict[str, Any]) -> tuple[bool, bool, bool]:
        """Whether the list, a line or what is wrong has to be asked for."""
        absent, shown = False, set(self.rows)
        for it in news["rows"]:
            site, now = it["site"], (it["state"], it.get("incident", False))
            if self.states.get(site) != now:
                self.states[site] = now
                absent = absent or site not in shown
            if it.get("reported") and site in shown:
                self.stale.add(site)
        return absent, bool(self.stale), news["wrong"] != self.wrong

    async def live(self) -> None:
        """Listen and ask until cancelled."""
        async with asyncio.TaskGroup() as group:
            relist, refine = Seldom(self.list, 3.0, group), Seldom(self.line, 4.0, group)
            rewrong = Seldom(self.what_is_wrong, 2.0, group)
            limit = aiohttp.ClientTimeout(total=None)
            async with self.session.get(f"/api/v1/live?digest=list&since={self.mark}", timeout=limit) as stream:
                async for line in stream.content:
                    if not line.startswith(b'data: {"rows"'):
                        continue
                    for act, wanted in zip((relist, refine, rewrong), self.heard(json.loads(line[6:])), strict=True):
                        if wanted:
                            act()


async def look(url: str, viewers: int, seconds: float) -> None:
    """Open so many pages, and leave them open for so long; what they asked for as JSON."""
    asked: Counter[str] = Counter()
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(url, connector=connector, read_bufsize=2**22) as session,
        asyncio.TaskGroup() as group,
    ):
        first, tasks = Page(session, asked), []
        await first.open()
        for number in range(viewers):  # all see the same page: opening it fifty times is not what is measured
            page = Page(session, asked, list(first.rows), dict(first.states), first.wrong, first.mark)
            tasks.append(group.create_task(page.live(), name=f"page {number}"))
            await asyncio.sleep(OPENING_S)
        print("open", flush=True)  # noqa: T201 - its only way to say it
        asked.clear()
        await asyncio.sleep(seconds)
        said = json.dumps(asked)
        for task in tasks:
            task.cancel()
    print(said)  # noqa: T201 - its only way to say it


def measure(case: Case, viewers: int, seconds: float) -> tuple[float, dict[str, int]]:
    """The part of a core that the server takes, and what was asked of it."""
    with own("tests.bench.live_viewers", "--serve", "--rate", str(case.rate), "--moves", str(case.moves)) as (
        server,
        said,
    ):
        url = said.readline().decode().strip().partition("/api")[0]
        counted = psutil.Process(server)
        arguments = ("--look", url, "--viewers", str(viewers), "--seconds", str(seconds))
        with own("tests.bench.live_pages", *arguments) as (_, looked):
            if not looked.readline():
                raise RuntimeError("the pages did not open")
            before, begun = counted.cpu_times(), time.monotonic()
            asked: dict[str, int] = json.loads(looked.readline())
            after, took = counted.cpu_times(), time.monotonic() - begun
    return ((after.user + after.system) - (before.user + before.system)) / took, asked


def main() -> None:
    """Measure every case, or be the process of pages that it needs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--save", action="store_true", help="keep the results")
    parser.add_argument("--look", metavar="URL", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.look:
        with suppress(KeyboardInterrupt):
            asyncio.run(look(asked.look, asked.viewers, asked.seconds))
        return
    lines = [
        f"# {asked.viewers} open first pages, with all that they ask for again",
        "",
        f"- written {datetime.now(UTC):%Y-%m-%d} by `python -m tests.bench.live_pages --save`, commit {commit()}",
        f"- {machine()}; load {psutil.getloadavg()[0]:.1f}",
        f"- {SITES_N:,} sites; {asked.seconds:.0f} s each; processor time of the server's process alone",
        f"- goal: at most {GOAL:.0%} of a core",
        "",
        "| what happens | reports/s | verdicts/s | of a core | asked for a minute: list, line, what is wrong |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for case in CASES:
        share, got = measure(case, asked.viewers, asked.seconds)
        a_minute = ", ".join(f"{60 * got.get(kind, 0) / asked.seconds:.0f}" for kind in ("list", "row", "wrong"))
        lines.append(f"| {case.name} | {case.rate:g} | {case.moves:g} | {share:.1%} | {a_minute} |")
        print(lines[-1], flush=True)  # noqa: T201 - a command
    text = "\n".join(lines) + "\n"
    print(text)  # noqa: T201 - a command
    if asked.save:
        RESULTS.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
