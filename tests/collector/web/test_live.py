"""Many viewers at the price of one: who hears what, how often, and who is let go."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from collector.errors import RegistryUnavailable
from collector.events import Bus, Event, Topic
from collector.web import live
from collector.web.audience import MOST_WAITING_BYTES, Audience, Viewer, Wish
from tests.collector.web.house import province

AT = datetime(2026, 11, 22, tzinfo=UTC)


def event(site: str | None, number: int = 0, topic: Topic = "report") -> Event:
    return Event(topic, site, AT, {"number": number})


class Page:
    """A viewer that keeps all it is told, in order."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, object]]] = []
        self.writes = 0
        self._news = asyncio.Event()

    async def write(self, text: bytes) -> None:
        self.writes += 1
        for part in text.decode().split("\n\n"):
            if part.startswith("event: "):
                name, data = part.split("\n", 1)
                body = data.partition("\n")[0].removeprefix("data: ")
                self.heard.append((name.removeprefix("event: "), json.loads(body)))
        self._news.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.heard) < count:
                await self._news.wait()
                self._news.clear()


async def watching(audience: Audience, wish: Wish, page: Page) -> None:
    with audience.join(wish) as viewer:
        await viewer.feed(page.write)


async def test_each_viewer_hears_what_it_asked_for_in_few_writes() -> None:
    bus = Bus()
    summed: list[int] = []

    async def summary(events: Sequence[Event]) -> bytes | None:
        summed.append(len(events))
        return b'{"n":%d}' % len(events)

    audience = Audience(bus, {"list": summary})
    all_of_it, one_site, incidents, digest = pages = [Page(), Page(), Page(), Page()]
    wishes = [
        Wish(), Wish(site="s-1"), Wish(topics=frozenset({"incident"})), Wish(digest="list"),
    ]  # fmt: skip
    async with asyncio.TaskGroup() as group:
        work = group.create_task(audience.run(), name="audience")
        for wish, page in zip(wishes, pages, strict=True):
            group.create_task(watching(audience, wish, page), name=f"viewer {wish}")
        await asyncio.sleep(0)  # each task takes its first step
        assert len(audience) == 4
        for number in range(300):
            bus.publish(event(f"s-{number % 3}", number))
        bus.publish(event(None, 300, "incident"))
        await all_of_it.until(301)
        await digest.until(1)
        await one_site.until(100)
        await incidents.until(1)
        assert [said["number"] for _, said in all_of_it.heard] == list(range(301))
        assert {said["site"] for _, said in one_site.heard} == {"s-1"}
        assert incidents.heard == [("incident", {"site": None, "at": "2026-11-22T00:00:00Z", "number": 300})]
        assert digest.heard == [("list", {"n": 301})]
        assert [page.writes for page in pages] == [1, 1, 1, 1]
        bus.publish(event("s-0"))
        await all_of_it.until(302)
        audience.close()
        work.cancel()
    assert len(audience) == 0
    assert not bus.heard, "nobody watches, and events are still made"
    assert audience.full, "a page that opens while the process stops would keep it"


async def caught_up(audience: Audience, wish: Wish, since: int) -> tuple[str, dict[str, object]]:
    """What a viewer hears first that knows all before `since`."""
    page = Page()
    with audience.join(wish, since=since) as viewer:
        async with asyncio.TaskGroup() as group:
            feed = group.create_task(viewer.feed(page.write), name="viewer")
            await page.until(1)
            feed.cancel()
    return page.heard[0]


async def test_what_happens_while_a_page_travels_is_told_to_its_viewer_alone() -> None:
    bus = Bus()

    async def summary(events: Sequence[Event]) -> bytes | None:
        return b'{"sites":"%s"}' % ",".join(event.site or "" for event in events).encode()

    audience = Audience(bus, {"list": summary})
    before = audience.mark()
    assert bus.heard, "somebody is expected: what happens now has to be made"
    bus.publish(event("s-1", 1))
    after = audience.mark()
    bus.publish(event("s-2", 2))
    digest = Wish(digest="list")
    async with asyncio.TaskGroup() as group:
        work = group.create_task(audience.run(), name="audience")
        assert await caught_up(audience, digest, before) == ("list", {"sites": "s-1,s-2"})
        assert await caught_up(audience, digest, after) == ("list", {"sites": "s-2"})
        name, said = await caught_up(audience, Wish(site="s-1"), before)
        assert (name, said["number"]) == ("report", 1)
        for foreign in (after + 5, 7, after - 5000):  # another process's page, or one that is too old
            assert (await caught_up(audience, digest, foreign))[0] == "lost"
        work.cancel()


async def test_what_was_lost_is_said() -> None:
    bus = Bus()

    async def unable(_: Sequence[Event]) -> bytes | None:
        raise RegistryUnavailable("gone")

    audience = Audience(bus, {"list": unable})
    page, digest = Page(), Page()
    async with asyncio.TaskGroup() as group:
        viewers = [
            group.create_task(watching(audience, Wish(), page), name="viewer"),
            group.create_task(watching(audience, Wish(digest="list"), digest), name="viewer of a digest"),
        ]
        await asyncio.sleep(0)  # each task takes its first step
        assert len(audience) == 2
        for number in range(1005):
            bus.publish(event("s", number))
        work = group.create_task(audience.run(), name="audience")
        await page.until(1001)
        await digest.until(2)
        for task in (work, *viewers):
            task.cancel()
    assert page.heard[0] == ("lost", {"events": 5})
    assert page.heard[1][1]["number"] == 5, "the oldest go first"
    assert digest.heard == [("lost", {"events": 5}), ("lost", {"events": 1000})]


async def test_who_takes_nothing_is_let_go_and_costs_no_memory() -> None:
    never = asyncio.Event()

    async def stuck(_: bytes) -> None:
        await never.wait()

    viewer = Viewer()
    viewer.hand(b"x")
    with pytest.raises(TimeoutError):
        await viewer.feed(stuck, stall_s=0.01)
    slow = Viewer()
    for _ in range(MOST_WAITING_BYTES // 1000 + 1):
        slow.hand(bytes(1000))
    page = Page()
    await slow.feed(page.write)
    assert page.writes == 0


async def test_a_dead_connection_does_not_hold_its_handler() -> None:
    bus = Bus()
    audience = Audience(bus, {})
    over = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await live.stream(request, audience, Wish(), stall_s=0.05)
        finally:
            over.set()

    app = web.Application()
    app.router.add_get("/", answer)
    async with TestClient(TestServer(app)) as client, asyncio.TaskGroup() as group:
        work = group.create_task(audience.run(), name="audience")
        stream = await client.get("/")  # and never reads on
        big = Event("report", "s", AT, {"text": "x" * 200_000})
        async with asyncio.timeout(10):
            while not over.is_set():
                bus.publish(big)
                await asyncio.sleep(0.01)
        work.cancel()
        stream.close()
    assert len(audience) == 0


@pytest.mark.parametrize(("asked", "says"), [("topics=report,weather", "topics"), ("digest=everything", "digest")])
async def test_what_nobody_can_answer_is_refused(tmp_path: Path, asked: str, says: str) -> None:
    async with province(tmp_path) as it, it.client.get(f"/api/v1/live?{asked}") as answer:
        assert answer.status == 400
        assert answer.content_type == "application/problem+json"
        assert says in (await answer.json())["detail"]


async def test_open_streams_end_when_the_process_stops(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        stream = await it.client.get("/api/v1/live")
        assert await stream.content.readuntil(b"\n\n") == b"retry: 2000\n\n"
        await it.client.server.close()
        assert await stream.content.read() == b""
