"""Roles in processes of their own, over a real broker: reports land once, one leads, and any page shows it all."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from collector.registry.registry import Registry
from collector.store.sqlite import SqliteStore
from tests.collector.mosquitto import mosquitto
from tests.collector.postgres import Postgres
from tests.collector.rig import SITE, Pen, pen, report
from tests.ports import free_port

REPO = Path(__file__).parents[2]


@dataclass
class Process:
    """One `linkgauge-collector run --role …`."""

    process: asyncio.subprocess.Process
    port: int
    log: Path

    async def get(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{self.port}{path}") as answer:
            return answer.status, await answer.text()

    async def answers(self, path: str, condition: Callable[[int, str], bool], *, within_s: float = 20.0) -> str:
        deadline = time.monotonic() + within_s
        words = "nobody listens"
        while time.monotonic() < deadline:
            try:
                status, words = await self.get(path)
            except aiohttp.ClientError:
                status = 0
            if condition(status, words):
                return words
            assert self.process.returncode is None, self.log.read_text()
            await asyncio.sleep(0.05)
        raise AssertionError(f"{path}: {words[:1500]}\n{self.log.read_text()[-3000:]}")

    async def ready(self) -> None:
        await self.answers("/readyz", lambda status, _: status == 200)

    async def leads(self, *, within_s: float = 20.0) -> float:
        started = time.monotonic()
        await self.answers("/metrics", lambda _, text: "linkgauge_leader 1.0" in text, within_s=within_s)
        return time.monotonic() - started

    async def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert await self.process.wait() == 0, self.log.read_text()


@dataclass
class Split:
    """One configuration, and processes that share it."""

    folder: Path
    config: Path
    stack: AsyncExitStack

    async def start(self, name: str, *roles: str) -> Process:
        return await self.stack.enter_async_context(_running(self, name, roles))


@asynccontextmanager
async def _running(split: Split, name: str, roles: Sequence[str]) -> AsyncIterator[Process]:
    port = free_port()
    arguments = [part for role in roles for part in ("--role", role)]
    listen = f"127.0.0.1:{port}"
    log = split.folder / f"{name}.log"
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "collector", "run", "--config", str(split.config), *arguments,
            stdout=out, stderr=out, cwd=REPO,
            env={"LINKGAUGE_WEB_LISTEN": listen, "LINKGAUGE_WEB_HEALTH": listen, "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
    try:
        yield Process(process, port, log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def split_collector(folder: Path, broker: str, registry: str) -> AsyncIterator[Split]:
    config = folder / "collector.toml"
    config.write_text(f"""
[broker]
url = "{broker}"
group = "collector"
client_id = "collector"
reconnect_max_s = 1
[store]
url = "sqlite:///{folder}/series.db"
batch_s = 0.05
[registry]
url = "{registry}"
poll_s = 0.1
[archive]
url = "file://{folder}/archive"
[judge]
every_s = 1
lease_s = 1
spacing_s = 1
""")
    own = Registry(registry)
    own.open()
    own.import_sites([replace(SITE, access="fibre")], now=datetime.now(UTC))
    own.add_agent("a1", "s1", now=datetime.now(UTC))
    own.close()
    async with AsyncExitStack() as stack:
        yield Split(folder, config, stack)


def speed(seq: int, mbps: float) -> dict[str, Any]:
    started = (datetime.now(UTC) - timedelta(minutes=5) + timedelta(seconds=seq)).isoformat()
    direction = {"mbps": mbps, "mean_mbps": mbps, "bytes": 1000, "duration_s": 1.0, "streams": 1, "stop": "time"}
    result = {"download": direction, "upload": direction, "engine": "msak"}
    return report(seq, kind="throughput", started=started, result=result)


async def _all_stored(agent: Pen, reports: list[dict[str, Any]]) -> None:
    """Send, and send again what has no receipt: as an agent does, only sooner."""
    deadline = time.monotonic() + 20
    wanted = {one["seq"] for one in reports}
    while not wanted <= agent.stored():
        assert time.monotonic() < deadline, "not everything was receipted"
        for one in reports:
            if one["seq"] not in agent.stored():
                await agent.send(one)
        await asyncio.sleep(0.3)


@asynccontextmanager
async def _live(page: Process) -> AsyncIterator[list[str]]:
    """The kinds of events that a page shows as they come."""
    kinds: list[str] = []

    async def read() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{page.port}/api/v1/live") as answer,
        ):
            async for line in answer.content:
                name, _, kind = line.decode().strip().partition("event: ")
                kinds.extend([kind] if kind and not name else [])

    async with asyncio.TaskGroup() as group:
        task = group.create_task(read(), name="viewer")
        try:
            yield kinds
        finally:
            task.cancel()


async def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.05)


async def _incidents(page: Process) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((await page.get("/api/v1/incidents"))[1])["items"]
    return found


async def _points(folder: Path, kind: str) -> list[str]:
    store = SqliteStore(folder / "series.db")
    rows = await store.samples(kind, site="s1", start_ns=0, end_ns=2**63 - 1)
    await store.close()
    return [str(row.fields["id"]) for row in rows]


@dataclass
class Together:
    """Two that take reports, of which one stands by to lead, one that leads, and a page."""

    ingest: Process
    stand_by: Process
    leader: Process
    page: Process


async def _start(split: Split) -> Together:
    leader = await split.start("judge", "judge")
    page = await split.start("web", "web")
    ingest = await split.start("ingest", "ingest")
    await leader.leads()
    run = Together(ingest, await split.start("both", "ingest", "judge"), leader, page)
    for process in (run.ingest, run.stand_by, run.leader, run.page):
        await process.ready()
    return run


async def _acknowledge(page: Process, incident: str) -> None:
    address = f"http://127.0.0.1:{page.port}/api/v1/incidents/{incident}/acknowledge"
    async with aiohttp.ClientSession() as session, session.post(address, json={"who": "Lan"}) as answer:
        assert answer.status == 200


def _is_whole(pipe: dict[str, Any]) -> bool:
    """Whether a page knows of all four processes how they are, who leads, and that reports went through."""
    roles = sorted("+".join(one["roles"]) for one in pipe["processes"] if one["alive"])
    passed = all(any(stage["rates"][-4:]) for stage in pipe["stages"] if stage["name"] in ("decide", "archive"))
    return passed and bool(pipe["leader"]) and roles == ["ingest", "ingest+judge", "judge", "web"]


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.program("mosquitto")
async def test_roles_in_processes_of_their_own_work_as_one(tmp_path: Path, cluster: Postgres) -> None:
    slow = [speed(seq, 1.0) for seq in range(1, 13)]
    fast = [speed(seq, 500.0) for seq in range(20, 60)]
    with mosquitto(tmp_path) as broker:
        async with split_collector(tmp_path, broker.url, cluster.new_database(migrated=True)) as split:
            run = await _start(split)
            assert sorted(path.name for path in (tmp_path / "archive").iterdir() if path.is_dir()) == ["1", "2"]
            async with pen(broker.port) as agent, _live(run.page) as seen:
                await _all_stored(agent, slow)
                await _until(lambda: {"report", "verdict", "incident"} <= set(seen), "the page heard too little")
                words = await run.page.answers("/api/v1/sites/s1", lambda _, text: '"below"' in text)
                assert json.loads(words)["verdict"]["n"] >= 10
                await _acknowledge(run.page, (await _incidents(run.page))[0]["id"])
                await run.page.answers("/api/v1/pipe", lambda _, text: _is_whole(json.loads(text)))
                run.leader.process.kill()
                run.ingest.process.kill()
                assert await run.stand_by.leads(within_s=10) < 5
                await _all_stored(agent, fast)
                await run.page.answers("/api/v1/sites/s1", lambda _, text: '"met"' in text)
                await run.page.answers("/api/v1/incidents", lambda _, text: '"resolved"' in text)
                (incident,) = await _incidents(run.page)
                assert [change["state"] for change in incident["history"]] == ["open", "acknowledged", "resolved"]
            assert sorted(await _points(tmp_path, "throughput")) == sorted(one["id"] for one in [*slow, *fast])
            for process in (run.stand_by, run.page):
                await process.stop()


@pytest.mark.slow
@pytest.mark.timeout(60)
async def test_a_leader_that_hangs_is_followed_and_stays_silent_when_it_wakes_up(tmp_path: Path) -> None:
    async with split_collector(
        tmp_path, f"mqtt://127.0.0.1:{free_port()}", f"sqlite:///{tmp_path}/registry.db"
    ) as split:
        first = await split.start("judge-1", "judge")
        await first.leads()
        second = await split.start("judge-2", "judge")
        await second.answers("/metrics", lambda _, text: "linkgauge_leader 0.0" in text)
        first.process.send_signal(signal.SIGSTOP)
        assert await second.leads(within_s=15) < 15
        first.process.send_signal(signal.SIGCONT)
        await first.answers("/metrics", lambda _, text: "linkgauge_leader 0.0" in text)
        assert "leader.no_longer" in first.log.read_text()
        await second.stop()
        assert await first.leads(within_s=10) < 3
