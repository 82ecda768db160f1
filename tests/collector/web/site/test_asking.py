"""A test asked for now: who may, how often, what is sent, and how its answer is found."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from agent.wire.control import Request, Status
from collector.errors import BrokerUnavailable
from collector.web.app import make_app
from collector.web.site.progress import LAST, LIFE, asked_of, named, progress
from tests.collector.web.house import NOW, Province, province, throughput

SITE = "th-huu-lung"
HERE = f"/api/v1/sites/{SITE}/test"


@dataclass
class World:
    """What was sent to devices, what lies in the archive, and what time it is."""

    sent: list[tuple[str, Request]] = field(default_factory=list)
    reports: dict[str, bytes] = field(default_factory=dict)
    now: datetime = NOW
    away: bool = False

    def ask(self, agent: str, request: Request) -> None:
        if self.away:
            raise BrokerUnavailable("the broker cannot be reached right now; try again in a moment")
        self.sent.append((agent, request))

    def read(self, report_id: str) -> bytes | None:
        return self.reports.get(report_id)


@asynccontextmanager
async def asked_here(folder: Path) -> AsyncIterator[tuple[Province, World, TestClient[web.Request, web.Application]]]:
    world = World()
    async with province(folder) as it:
        sources = replace(it.sources, ask=world.ask, originals=world, now=lambda: world.now)
        async with TestClient(TestServer(make_app(sources))) as client:
            yield it, world, client


async def answers(it: Province, world: World, request: str | None, *, name: str = "r-9", mbps: float = 88.0) -> None:
    """The device measured, and its report is stored and archived."""
    await it.sources.store.write([throughput(SITE, 0, mbps, id=name, family="ipv4")])
    world.reports[name] = msgspec.json.encode({"id": name} | ({"request": request} if request else {}))


async def test_a_request_goes_out_and_its_answer_comes_back(tmp_path: Path) -> None:
    async with asked_here(tmp_path) as (it, world, client):
        answer = await client.post(
            f"/sites/{SITE}/test", data={"who": "Lan", "kind": "throughput"}, allow_redirects=False
        )
        assert answer.status == 303
        ((agent, request),) = world.sent
        assert (agent, request.kind, request.expires) == (f"a-{SITE}", "throughput", NOW + LIFE)
        where = answer.headers["Location"]
        assert request.request in where
        page = await (await client.get(where.partition("#")[0] + "&lang=en")).text()
        assert 'data-stage="waiting"' in page
        assert '<meta http-equiv="refresh" content="5">' in page, "without scripts it looks again by itself"
        await answers(it, world, None, name="r-8", mbps=55.0)
        told = await (await client.get(f"{HERE}/{request.request}")).json()
        assert told["state"] == "waiting", "another report of this kind is no answer"
        await answers(it, world, request.request)
        told = await (await client.get(f"{HERE}/{request.request}")).json()
        assert (told["state"], told["report"]) == ("arrived", "r-9")
        page = await (await client.get(where.partition("#")[0] + "&lang=en")).text()
        assert '<dd class="big">88.0</dd>' in page
        assert "http-equiv" not in page


async def test_what_lies_in_the_series_but_not_yet_in_the_archive_is_looked_for_again(tmp_path: Path) -> None:
    async with asked_here(tmp_path) as (it, world, client):
        name = (await (await client.post(HERE, json={"who": "Lan"})).json())["request"]
        await answers(it, world, name)
        raw = world.reports.pop("r-9")
        assert (await (await client.get(f"{HERE}/{name}")).json())["state"] == "waiting"
        world.reports["r-9"] = raw
        assert (await (await client.get(f"{HERE}/{name}")).json())["state"] == "arrived"


async def test_no_answer_is_said_with_what_may_be_the_reason(tmp_path: Path) -> None:
    async with asked_here(tmp_path) as (it, world, client):
        name = (await (await client.post(HERE, json={"who": "Lan"})).json())["request"]
        world.now = NOW + LIFE + LAST
        page = await (await client.get(f"/sites/{SITE}?asked={name}&lang=en")).text()
        assert 'data-stage="expired"' in page
        assert "its data budget may be used up" in page
        it.sources.fleet.heard(f"a-{SITE}", Status(state="offline"), NOW)
        page = await (await client.get(f"/sites/{SITE}?asked={name}&lang=en")).text()
        assert "The device is not connected" in page


async def test_one_at_a_time_and_not_too_many(tmp_path: Path) -> None:
    async with asked_here(tmp_path) as (it, world, client):
        first = await (await client.post(HERE, json={"who": "Lan"})).json()
        again = await client.post(HERE, json={"who": "Lan"})
        assert again.status == 429
        assert (await client.post(HERE, json={"who": "Lan", "kind": "latency"})).status == 202, "another kind"
        await answers(it, world, first["request"])
        assert (await client.post(HERE, json={"who": "Lan"})).status == 202, "it was answered"
        statuses = []
        for number in range(20):
            world.now += LIFE + LAST if number == 0 else timedelta(seconds=1)
            kind = ("throughput", "latency", "ipv6", "dns", "web", "path", "radio")[number % 7]
            site = ("tyt-yen-the", "ub-loc-ninh", "th-moi")[number // 7]
            statuses.append((await client.post(f"/api/v1/sites/{site}/test", json={"who": "Lan", "kind": kind})).status)
        assert statuses == [202] * 20
        refused = await client.post(f"/sites/{SITE}/test?lang=en", data={"who": "Lan", "kind": "dns"})
        assert refused.status == 429
        assert "try again in a minute" in await refused.text(), "the page comes back with the words at the form"
        world.now += timedelta(minutes=1)
        assert (await client.post(HERE, json={"who": "Lan", "kind": "dns"})).status == 202


async def test_of_two_at_once_after_an_answer_one_goes_out(tmp_path: Path) -> None:
    async with asked_here(tmp_path) as (it, world, client):
        first = (await (await client.post(HERE, json={"who": "Lan"})).json())["request"]
        await answers(it, world, first)
        async with asyncio.TaskGroup() as group:
            posts = [
                group.create_task(client.post(HERE, json={"who": name}), name=f"asks {name}")
                for name in ("Lan", "Minh", "Hoa")
            ]
        assert sorted(post.result().status for post in posts) == [202, 429, 429]
        assert len(world.sent) == 2


async def test_an_answer_is_found_below_what_came_after_it(tmp_path: Path) -> None:
    async with asked_here(tmp_path) as (it, world, client):
        name = (await (await client.post(HERE, json={"who": "Lan"})).json())["request"]
        later = [
            replace(
                throughput(SITE, 0, 90.0, id=f"r-later-{turn}"), time_ns=int(NOW.timestamp() + 20 * turn + 20) * 10**9
            )
            for turn in range(30)
        ]
        world.reports |= {f"r-later-{turn}": b"{}" for turn in range(30)}
        await it.sources.store.write(later)
        await answers(it, world, name)
        world.now = NOW + timedelta(minutes=12)
        assert (await (await client.get(f"{HERE}/{name}")).json())["state"] == "arrived"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"who": ""}, 400), ({"who": "x" * 101}, 400), ({}, 400), ({"who": "Lan", "kind": "ledger"}, 400), ([1], 400),
        ({"who": "Lan", "agent": "stranger"}, 400), ({"who": "Lan", "more": 1}, 400),
    ],
)  # fmt: skip
async def test_what_cannot_be_asked_is_not_sent(tmp_path: Path, body: Any, status: int) -> None:  # noqa: ANN401 - JSON
    async with asked_here(tmp_path) as (_, world, client):
        assert (await client.post(HERE, json=body)).status == status
        assert world.sent == []


async def test_nobody_else_may_ask_and_without_a_broker_it_is_said(tmp_path: Path) -> None:
    async with asked_here(tmp_path) as (_, world, client):
        foreign = {"Origin": "http://elsewhere.example"}
        assert (await client.post(HERE, json={"who": "Lan"}, headers=foreign)).status == 403
        assert (await client.post(f"/sites/{SITE}/test", data={"who": "Lan"}, headers=foreign)).status == 403
        world.away = True
        assert (await client.post(HERE, json={"who": "Lan"})).status == 503
        assert world.sent == []
        world.away = False
        assert (await client.post(HERE, json={"who": "Lan"})).status == 202, "what was not sent is not pending"


async def test_of_two_agents_the_one_heard_last_is_asked_unless_one_is_named(tmp_path: Path) -> None:
    async with asked_here(tmp_path) as (it, world, client):
        it.registry.add_agent("a-second", SITE, now=NOW)
        page = await (await client.get(f"/sites/{SITE}?lang=en")).text()
        assert "whoever was heard last" in page
        await client.post(HERE, json={"who": "Lan", "kind": "dns"})
        it.sources.fleet.heard("a-second", Status(state="online"), NOW)
        await client.post(HERE, json={"who": "Lan", "kind": "web"})
        await client.post(HERE, json={"who": "Lan", "kind": "path", "agent": f"a-{SITE}"})
        assert [agent for agent, _ in world.sent] == [f"a-{SITE}", "a-second", f"a-{SITE}"]


def test_a_name_says_kind_and_moment_and_nothing_else_is_one() -> None:
    asked = named("throughput", NOW, bytes(8))
    assert asked_of(asked.name) == asked
    assert asked.at == NOW
    for wrong in (
        "",
        "throughput",
        "throughput-ffffffffffff-0000000000000000",
        "dns-000000000000-0000000000000000",
        asked.name + "x",
        "../x-0-0",
    ):
        assert asked_of(wrong) is None
    assert progress(asked, None, NOW + LIFE).stage == "waiting", "what began in time may still arrive"
    assert progress(asked, None, NOW + LIFE + LAST).stage == "expired"
