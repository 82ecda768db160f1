"""How long administration takes with 2,000 sites and 100,000 villages: each page, a large file shown and brought in.

Run: nice -n 19 python -m tests.bench.admin_pages
"""

import asyncio
import io
import re
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

from aiohttp import FormData

from collector.places.unit import Unit
from collector.registry.site import Site
from tests.collector.web.house import NOW, Province, province

T = TypeVar("T")
SITES: Final = 2_000
VILLAGES: Final = 100_000
PAGES: Final = (
    "/admin", "/admin/sites", "/admin/sites?q=so 1999", "/admin/sites?page=20", "/admin/agents",
    "/admin/agents/stranger?q=truong 77", "/admin/villages", "/admin/villages?q=thon so 99999",
    "/admin/villages?page=1000", "/admin/figures", "/admin/changes",
)  # fmt: skip


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


async def timed(what: str, ask: Callable[[], Awaitable[T]]) -> T:
    began = time.perf_counter()
    answer = await ask()
    say(f"{what:45} {(time.perf_counter() - began) * 1e3:8.0f} ms")
    return answer


def fill(it: Province) -> None:
    sites = [
        Site(f"s-{n:04}", f"Trường Tiểu học số {n}", "school", "rural", "lang-son", "huu-lung") for n in range(SITES)
    ]
    it.registry.import_sites(sites, now=NOW)
    it.registry.add_agents({f"a-{site.id}": site.id for site in sites}, now=NOW)
    path = "lang-son/huu-lung/thon-"
    villages = [Unit(f"{path}{n:06}", "village", f"Thôn số {n}", "thôn", population=400) for n in range(VILLAGES)]
    assert it.sources.office is not None
    it.sources.office.places.import_units(villages, now=NOW)


async def text(it: Province, address: str) -> bytes:
    async with it.client.get(address) as answer:
        assert answer.status == 200
        return await answer.read()


async def brought(it: Province, data: bytes) -> None:
    form = FormData()
    form.add_field("file", io.BytesIO(data), filename="villages.csv")
    shown = await timed("100,000 changed villages shown", lambda: it.client.post("/admin/import/villages", data=form))
    mark = re.search(r'name="mark" value="(\w+)"', await shown.text())
    assert mark is not None
    agreed = {"mark": mark[1], "who": "bench"}
    done = await timed("and brought in", lambda: it.client.post(shown.url.path, data=agreed))
    assert "changed=100000" in str(done.url)


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with province(Path(folder)) as it:
            fill(it)
            await timed("/admin, the first time", lambda: text(it, "/admin"))
            for address in PAGES:
                await timed(address, lambda address=address: text(it, address))  # type: ignore[misc]  # a default binds it
            file = await timed("villages as CSV", lambda: text(it, "/admin/villages?format=csv"))
            await brought(it, file.replace(b",400,", b",401,"))
    say(f"peak memory, the browser's side with it: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


if __name__ == "__main__":
    asyncio.run(main())
