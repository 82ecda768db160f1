"""A real peer on free ports, for the length of a test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from agent.clock import Clock
from agent.peer.limits import Limits
from agent.peer.service import PeerSettings, serve

Addresses = dict[str, tuple[str, int]]

LOOPBACK = PeerSettings(listen=("127.0.0.1:0",), stamp=None)
"""Only a plain listener on loopback; tests add to it with `replace`."""


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
