"""An agent's spool and uplink for a block of a test, and a collector's words said by hand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt

from agent.clock import SystemClock
from agent.config import BrokerSettings
from agent.spool import Spool
from agent.uplink import Uplink
from agent.wire.codec import encode
from agent.wire.control import Profile, Request, Status
from agent.wire.topics import COLLECTOR, topic
from tests.agent.delivery import (
    AGENT,
    HERE,
    measurement,
)


@dataclass
class Agent:
    """A spool and an uplink, as the service puts them together."""

    spool: Spool
    uplink: Uplink
    requests: list[Request] = field(default_factory=list)
    profiles: list[Profile] = field(default_factory=list)

    def put(self, first: int, count: int = 1) -> None:
        for number in range(first, first + count):
            self.spool.put(measurement(number))


@asynccontextmanager
async def running(*coroutines: Any) -> AsyncIterator[list[asyncio.Task[Any]]]:  # noqa: ANN401 - of any result
    """Run in the background until the end of the block; a fault in one ends the test."""
    async with asyncio.TaskGroup() as tasks:
        started = [tasks.create_task(coroutine, name=f"test-{at}") for at, coroutine in enumerate(coroutines)]
        try:
            yield started
        finally:
            for task in started:
                task.cancel()


@asynccontextmanager
async def agent(folder: Path, broker: BrokerSettings) -> AsyncIterator[Agent]:
    """An agent whose uplink runs until the end of the block."""
    spool = Spool(folder / "spool.db", identity=HERE)
    spool.open()

    def status() -> Status:
        return Status(state="online", epoch=spool.epoch, seq=spool.newest_seq, spooled=spool.spooled)

    requests: list[Request] = []
    profiles: list[Profile] = []
    uplink = Uplink(
        broker,
        agent=AGENT,
        spool=spool,
        status=status,
        clock=SystemClock(),
        on_request=requests.append,
        on_profile=profiles.append,
    )
    try:
        async with running(uplink.run()):
            yield Agent(spool, uplink, requests, profiles)
    finally:
        spool.close()


def drained(one: Agent) -> Callable[[], bool]:
    return lambda: one.spool.spooled == 0


async def say(port: int, leaf: Any, message: Any, *, retain: bool = False) -> None:  # noqa: ANN401 - also garbage
    """Publish as the collector does."""
    payload = message if isinstance(message, bytes) else encode(message)
    name = COLLECTOR if leaf == "collector" else topic(AGENT, leaf)
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.publish(name, payload, qos=1, retain=retain)
