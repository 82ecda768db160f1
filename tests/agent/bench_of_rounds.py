"""The measuring loop with a moved clock, a spool that can refuse, and a probe that counts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from agent import config as configs
from agent.clock import SystemClock
from agent.errors import SpoolError
from agent.ledger import Book
from agent.measure import Device
from agent.probes.probe import Outcome, Task
from agent.rounds import Rounds, timetable_for
from agent.spool import Undated
from agent.wire.report import Measurement
from agent.wire.results import Latency, Tally

OFF = "enabled = false\n"
TEXT = """
[agent]
id = "a1"
[broker]
url = "mqtt://127.0.0.1:1"
[peer]
urls = ["msak+ws://192.0.2.1:8080", "stamp://192.0.2.1:8862"]
[limits]
retry_s = 0.05
requests = 3
"""


@dataclass
class Clock(SystemClock):
    """The machine's clock, moved."""

    shift: timedelta = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.shift

    def boot_id(self) -> str:
        return "boot-1"


@dataclass
class Keeper:
    """A spool that can refuse."""

    error: SpoolError | None = None
    kept: list[Measurement[Any]] = field(default_factory=list)
    undated: list[Undated | None] = field(default_factory=list)
    dated: list[datetime] = field(default_factory=list)
    refusals: int = 0

    def put(self, measurement: Measurement[Any], *, undated: Undated | None = None) -> object:
        if self.error is not None:
            self.refusals += 1
            raise self.error
        self.kept.append(measurement)
        self.undated.append(undated)
        return None

    def date(self, now: datetime, boottime_s: float, boot_id: str) -> int:
        assert boottime_s > 0
        assert boot_id == "boot-1"
        if self.error is not None:
            raise self.error
        self.dated.append(now)
        return len(self.undated)


@dataclass
class Probe:
    """Counts how many run at once."""

    tasks: list[Task] = field(default_factory=list)
    running: int = 0
    most: int = 0
    act: Callable[[], Awaitable[object]] = field(default=lambda: asyncio.sleep(0.01))

    async def __call__(self, task: Task) -> Outcome:
        self.tasks.append(task)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.act()
        finally:
            self.running -= 1
        return Outcome(Latency(method="stamp", sent=1, received=1))


@dataclass
class Bench:
    rounds: Rounds
    keeper: Keeper
    probe: Probe
    clock: Clock
    book: Path

    def tally(self, kind: str = "latency") -> Tally:
        return msgspec.json.decode(self.book.read_bytes(), type=Book).kinds.get(kind, Tally())


def config_with(schedule: str) -> configs.AgentConfig:
    return configs.parse(TEXT + schedule, {}, name="agent.toml", check_peer=str)


def scheduled(latency: str = OFF, throughput: str = OFF, ipv6: str = OFF) -> str:
    others = "".join(f"[schedule.{kind}]\n{OFF}" for kind in ("dns", "web", "path"))
    return f"[schedule.latency]\n{latency}[schedule.throughput]\n{throughput}[schedule.ipv6]\n{ipv6}{others}"


@asynccontextmanager
async def rounds_at(folder: Path, schedule: str, **parts: Any) -> AsyncIterator[Bench]:  # noqa: ANN401 - parts of a bench
    config = config_with(schedule)
    probe, keeper, clock = parts.get("probe", Probe()), parts.get("keeper", Keeper()), parts.get("clock", Clock())
    device = Device("a1", clock, {"latency": probe, "throughput": probe, "ipv6": probe}, profile="p1")
    timetable = timetable_for(config, last={}, rng=Random(1))  # noqa: S311 - a schedule is no secret
    book = folder / "ledger.json"
    rounds = Rounds(config, device=device, keeper=keeper, timetable=timetable, book=book)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(rounds.run(), name="rounds")
        try:
            yield Bench(rounds, keeper, probe, clock, book)
        finally:
            task.cancel()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the loop under test tells nobody
            await asyncio.sleep(0.005)


ONCE = "every_s = 30000000\nfirst_runs = 1\n"
