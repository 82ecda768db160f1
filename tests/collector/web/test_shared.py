"""Fifty pages that ask the same at once: one answer is made, and none is older than what its asker was told."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from collector.events import Event
from collector.web import shared
from collector.web.live import AUDIENCE
from collector.web.sources import Casebook
from tests.collector.web.house import NOW, SITES, Province, judged, province


@dataclass
class Counting:
    """A casebook that counts how often it is asked."""

    behind: Casebook
    asked: list[bool | None] = field(default_factory=list)

    def __getattr__(self, name: str) -> object:
        """Give everything else as it is."""
        return getattr(self.behind, name)

    def search(self, *, active: bool | None = None, limit: int | None = 1000) -> object:
        self.asked.append(active)
        return self.behind.search(active=active, limit=limit)


async def answer(it: Province, path: str) -> tuple[str, int, str | None]:
    async with it.client.get(path) as said:
        assert said.status == 200
        return await said.text(), int(said.headers["Linkgauge-Mark"]), said.headers.get("Content-Encoding")


async def test_what_many_pages_ask_at_once_is_made_once(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        await answer(it, "/")  # the number of open incidents is known for some seconds
        casebook = Counting(it.sources.casebook)
        object.__setattr__(it.sources, "casebook", casebook)
        for path in ("/?part=list", "/?part=whole", "/?part=wrong", "/sites/tyt-yen-the/row"):
            casebook.asked.clear()
            await answer(it, path)
            alone = len(casebook.asked)
            casebook.asked.clear()
            other = path.replace("part=", "kind=clinic&part=").replace("tyt-yen-the", "ub-loc-ninh")
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(answer(it, other), name=f"page {number}") for number in range(20)]
            assert len({task.result() for task in tasks}) == 1
            assert tasks[0].result()[2] == "gzip"
            assert len(casebook.asked) == alone, path
        english, _, _ = await answer(it, "/?part=list&lang=en")
        vietnamese, _, _ = await answer(it, "/?part=list&lang=vi")
        assert english != vietnamese


async def test_no_answer_is_older_than_what_its_asker_was_told(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        assert it.client.app is not None
        before, mark, _ = await answer(it, "/?part=list")
        async with it.client.get(f"/api/v1/live?digest=list&since={mark}") as stream:
            it.judge.verdicts["tyt-yen-the"] = judged(SITES[1], [130.0] * 10)
            it.sources.bus.publish(Event("verdict", "tyt-yen-the", NOW, {}))
            async with asyncio.timeout(5):
                while not (line := await stream.content.readline()).startswith(b"id: "):
                    pass
        after, newer, _ = await answer(it, "/?part=list")
        assert newer >= int(line.removeprefix(b"id: ")) == it.client.app[AUDIENCE].digested > mark
        assert after != before


async def test_only_so_many_answers_are_kept(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        assert it.client.app is not None
        for number in range(shared.MOST + 5):
            said, _, _ = await answer(it, f"/?part=wrong&rows={number}")
            assert 'id="wrong"' in said
        assert len(it.client.app[shared.SHARED]) <= shared.MOST
