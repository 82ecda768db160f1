"""One direction against a server on loopback, and the proof that it leaves nothing behind."""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from typing import Final

from agent.speed import msak
from agent.speed.dialect import Dialect
from agent.speed.engine import Transfer, Way
from agent.speed.limits import Limits
from tests.agent.speed.peers import Behaviour, leg, move, peer

SHORT: Final = Limits(seconds=1.0, streams=2, early=False, may_grow=False)


def sockets() -> set[str]:
    """The open sockets of this process."""
    found = set()
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208 - the links are what is wanted
        try:
            target = os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115 - as above
        except OSError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


@contextlib.contextmanager
def no_socket_left() -> Iterator[None]:
    """No socket outlives what is done inside."""
    before = sockets()
    yield
    assert sockets() <= before


async def run(
    behaviour: Behaviour, way: Way = "download", limits: Limits = SHORT, dialect: Dialect = msak.DIALECT
) -> Transfer:
    """One direction against `behaviour`; it must be over in time, and leave no task."""
    loop = asyncio.get_running_loop()
    async with peer(behaviour) as (host, port, _):
        begun = loop.time()
        try:
            return await move(leg(host, port, way, limits), dialect)
        finally:
            assert loop.time() - begun < limits.seconds + 0.8
            names = {task.get_name() for task in asyncio.all_tasks()}
            assert not any(name.startswith(("download", "upload")) for name in names)
