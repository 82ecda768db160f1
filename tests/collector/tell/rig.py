"""Telling put together for tests: the real registry database and history, a real HTTP receiver, a clock to set."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec
from aiohttp import web

from collector.config import CollectorConfig, parse
from collector.incidents.history import History
from collector.incidents.incident import Cause, Finding, Incident, Severity, Subject, begun, moved
from collector.metrics import Metrics, Readiness
from collector.plans.types import Text
from collector.registry.database import Database
from collector.tell.news import News, read_news
from collector.tell.telling import Telling
from tests.collector.tables import with_tables

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ABOUT = {
    "name": "Trường TH Hữu Lũng 1",
    "kind": "school",
    "area": "rural",
    "province": "Lạng Sơn",
    "commune": "Hữu Lũng",
    "provider": "VNPT",
    "plan": "lang-son-2025",
}
EVIDENCE = {"target": 50.0, "unit": "Mbps", "k": 9, "n": 10, "median": 31.25, "low": 28.0, "high": 34.5}
ACTION = Text(vi="Kiểm tra bộ định tuyến", en="Check the router")
FAST = """
[tell]
poll_s = 0.02
retry_first_s = 0.02
retry_max_s = 0.2
silences_s = 0.05
repost_s = 0.2
hold_s = 60
"""


def incident_of(
    site: str = "s1", cause: Cause = "below_target", *, severity: Severity = "warning", at: datetime = NOW
) -> Incident:
    """An incident that has just opened."""
    summary = Text(vi=f"{site}: dưới chỉ tiêu", en=f"{site}: below target")
    finding = Finding(severity, summary, EVIDENCE, ACTION)
    return begun(Subject(site, ABOUT), cause, at, finding)


def put(history: History, incident: Incident) -> None:
    """Record an incident after a transition, as the judge does."""
    history.settle({(incident.subject, incident.cause): lambda _recorded: [incident]}, at=incident.updated)


def news_of(incident: Incident | None = None, **changes: Any) -> News:  # noqa: ANN401 - any field
    """The incident as a letter tells it."""
    return read_news(msgspec.json.encode(msgspec.structs.replace(incident or incident_of(), **changes)))


@dataclass
class Receiver:
    """A receiver on loopback. `answers`: the statuses to give next, then 200; `give`: what GET is given; `take`: who
    answers instead."""

    port: int = 0
    got: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    answers: list[int | web.Response] = field(default_factory=list)
    give: dict[str, Any] = field(default_factory=dict)
    take: Callable[[web.Request], Awaitable[web.Response]] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def listening(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[None]:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._serve)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port, reuse_address=True, ssl_context=tls)
        await site.start()
        self.port = runner.addresses[0][1]
        try:
            yield
        finally:
            await runner.cleanup()

    async def _serve(self, request: web.Request) -> web.Response:
        return await (self.take or self.answer)(request)

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.paths.append(request.path)
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, web.Response):
            return answer
        if request.method == "GET":
            return web.json_response(self.give.get(request.path, []), status=answer)
        if answer == 200:
            self.got.append(msgspec.json.decode(body))
            self.headers.append(dict(request.headers))
            self.raw.append(body)
        return web.Response(status=answer)


@dataclass
class House:
    """One collector's telling without the rest of it."""

    folder: Path
    config: CollectorConfig
    start: datetime = NOW
    metrics: Metrics = field(default_factory=Metrics)
    said: list[str] = field(default_factory=list)
    alive: bool = True
    began: float = field(default_factory=monotonic)
    shift: timedelta = timedelta()
    url: str | None = None

    def __post_init__(self) -> None:
        self.database = Database(self.url or with_tables(self.folder))
        self.database.open()
        self.history = History(self.database, tell=True)
        self.telling = Telling(
            self.database,
            self.config,
            lambda: self.now,
            self.metrics,
            Readiness(self.metrics, lambda part, why: self.said.append(f"{part}: {why}")),
            last_pass=lambda: self.now if self.alive else None,
            look_s=0.05,
            again_s=0.05,
        )

    @property
    def now(self) -> datetime:
        """The start, and what has gone by since; tests set it ahead by `shift`."""
        return self.start + timedelta(seconds=monotonic() - self.began) + self.shift

    def count(self, name: str) -> float:
        """A metric by its name, as `totals` has it."""
        return self.metrics.totals().get(name, 0.0)

    def record(self, site: str = "s1", **more: Any) -> str:  # noqa: ANN401 - as incident_of
        """Open an incident that is told; gives its id."""
        incident = incident_of(site, at=self.start, **more)
        put(self.history, incident)
        return incident.id

    def resolve(self, incident: str) -> None:
        """What the rules do when it is over."""
        found = self.history.get(incident)
        assert found is not None
        ended = moved(found, "resolved", self.now, who="rules")
        put(self.history, ended)

    def states(self) -> list[str]:
        """The states of all deliveries, in order."""
        return [row.state for row in reversed(self.telling.deliveries.search(limit=1000))]

    def answers(self, route: str | None = None) -> set[str]:
        """What receivers said last of each delivery."""
        return {row.answer for row in self.telling.deliveries.search(route=route) if row.answer}

    def attempts(self) -> int:
        """How many were made in all."""
        return sum(row.attempts for row in self.telling.deliveries.search())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Telling goes on. At the end its threads have ended, too: one that reads keeps a connection open."""
        threads = ThreadPoolExecutor(8)
        asyncio.get_running_loop().set_default_executor(threads)
        try:
            async with asyncio.TaskGroup() as group:
                task = group.create_task(self.telling.run(), name="telling")
                try:
                    yield
                finally:
                    task.cancel()
        finally:
            threads.shutdown()
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(8))

    def close(self) -> None:
        self.database.close()


def house(folder: Path, routes: str, *, tell: str = "", start: datetime = NOW) -> House:
    """A house with these routes."""
    patience = "" if "timeout_s" in tell else "timeout_s = 0.5\n"
    return House(folder, parse(f"{FAST}{patience}{tell}\n{routes}", {}, name="test"), start)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what it waits for is a file and another task
            await asyncio.sleep(0.01)
