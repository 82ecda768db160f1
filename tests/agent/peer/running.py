"""A real peer on free ports, for the length of a test."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from agent.clock import Clock
from agent.peer.limits import Limits
from agent.peer.service import PeerSettings, serve
from tests.agent.peer.websocket import get

Addresses = dict[str, tuple[str, int]]

LOOPBACK = PeerSettings(listen=("127.0.0.1:0",), stamp=None)
"""Only a plain listener on loopback; tests add to it with `replace`."""


SLOW = replace(LOOPBACK, pace_mbps=80)
BRIEF = Limits(idle_s=0.6, grace_s=1.0, msak_s=4.0, ndt7_s=3.0)


def path(direction: str, **options: object) -> str:
    query = {"mid": "m1", "streams": 1} | options
    return f"/throughput/v1/{direction}?" + "&".join(f"{key}={value}" for key, value in query.items())


def outcome(at: Addresses) -> str:
    """What the metrics say of the only stream, as soon as it has ended."""
    deadline = time.monotonic() + 6
    while time.monotonic() < deadline:
        for line in get(at["plain"], "/metrics").body.decode().splitlines():
            if line.startswith("linkgauge_peer_streams_total{"):
                return line.partition('outcome="')[2].partition('"')[0]
        time.sleep(0.02)
    return "none"


@asynccontextmanager
async def running(
    settings: PeerSettings = LOOPBACK, limits: Limits | None = None, clock: Clock | None = None
) -> AsyncIterator[Addresses]:
    """Serve until the block ends; the clean stop is part of every test that uses this."""
    loop = asyncio.get_running_loop()
    bound: asyncio.Future[Addresses] = loop.create_future()
    async with asyncio.TaskGroup() as group:
        serving = serve(settings, ready=bound.set_result, limits=limits, clock=clock)
        task = group.create_task(serving, name="peer under test")
        try:
            yield await bound
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    left = {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}
    assert not {name for name in left if name.startswith("peer")}
