"""Public services over IPv6: has the name an AAAA, and does its server answer? Shows what is the peer's fault alone."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from agent.errors import Failed
from agent.ipv6.names import ask_server
from agent.ipv6.notes import Notes, timed
from agent.net.connect import connect
from agent.net.resolve import resolve
from agent.wire.failure import Reason, Stage
from agent.wire.results import HostReach

HOSTS_MAX: Final = 20


LookUp = Callable[[str, float], Awaitable[list[str]]]


def _by_system(name: str, timeout_s: float) -> Awaitable[list[str]]:
    return resolve(name, "ipv6", timeout_s=timeout_s)


async def visit(notes: Notes, *, system: LookUp = _by_system) -> None:
    """Look each of them up and connect to its first IPv6 address. Not where the peer is this device itself.

    `system`: how names are looked up where the peer's was not, and so no resolver is known to answer.
    """
    names = notes.ground.settings.hosts
    if not names or notes.stays_here:
        return
    found: dict[str, HostReach] = {}

    async def one(name: str) -> None:
        found[name] = await _reached(notes, name, system)

    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(one(name), name=f"public service {name}")
    notes.hosts = [found[name] for name in names]


async def _reached(notes: Notes, name: str, system: LookUp) -> HostReach:
    told = await timed(_addresses(notes, name, system))
    if told.failure is not None:
        return HostReach(name, failure=told.failure)
    settings = notes.ground.settings
    address = str(told.value[0])
    made = await timed(connect(address, settings.hosts_port, timeout_s=settings.timeout_s))
    if made.value is not None:
        made.value.close()
    return HostReach(name, address, ms=None if made.failure else made.ms, failure=made.failure)


async def _addresses(notes: Notes, name: str, system: LookUp) -> list[str]:
    if notes.askable is not None:
        return await ask_server(notes, notes.askable, name, "ipv6")
    if notes.resolvers:  # for a peer that is an address none was asked, and none is to be called silent
        failures = [lookup.failure for asked in notes.resolvers.values() for _, lookup in asked]
        routeless = all(failure is not None and failure.reason == Reason.NO_ROUTE for failure in failures)
        reason = Reason.NO_ROUTE if routeless else Reason.TIMEOUT
        raise Failed(Stage.RESOLVE, reason, "no resolver answered for the peer's name")
    return await system(name, notes.ground.settings.timeout_s)
