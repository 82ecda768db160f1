"""What becomes of a walk at its end: the service takes it; where none runs, it is sent from here, given a network.

Only the holder of the agent's spool sends. So there never are two clients of one name at the broker, and no second
voice that says how the agent is.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from agent import handover
from agent.clock import Clock
from agent.config import AgentConfig
from agent.errors import SpoolError
from agent.identity import Identity
from agent.measure import SOFTWARE
from agent.spool import Spool
from agent.uplink import Uplink
from agent.wire.control import Status

CONNECT_S: Final = 30.0
SHORT_S: Final = 8.0
"""How long the end of a walk waits for a broker: mostly there is no network out there, and the person waits."""
STALL_S: Final = 30.0
_LOOK_S: Final = 0.2

Ending = Literal["service", "done", "later", "undated", "unregistered", "trouble"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """How it ended. `waiting`: reports without receipt; `why`: what stood in the way, in words."""

    ending: Ending
    waiting: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends: the agent as the configuration names it, on this machine. `connect_s`: how long that may take."""

    config: AgentConfig
    clock: Clock
    identity: Identity
    connect_s: float = CONNECT_S

    @property
    def folder(self) -> Path:
        """The agent's data folder."""
        return Path(self.config.agent.data)


async def hand_in(sender: Sender, *, left: Callable[[int], None], stop: asyncio.Event) -> Delivery:
    """Take over what was recorded and send it until all has its receipt, there is no network, or `stop` is set.

    `left` is told how many reports there still are, again and again. Whatever happens, nothing is lost.
    """
    settings = sender.config.spool
    spool = Spool(
        sender.folder / "spool.db",
        identity=sender.identity,
        limit_bytes=settings.limit_bytes,
        keep_s=settings.keep_days * 86400,
    )
    try:
        await asyncio.to_thread(spool.open)
    except SpoolError as error:
        return (
            Delivery("service") if isinstance(error.__cause__, BlockingIOError) else Delivery("trouble", 0, str(error))
        )
    try:
        await asyncio.to_thread(_take, sender, spool)
        return await _sent(sender, spool, left, stop)
    except SpoolError as error:
        return Delivery("trouble", spool.spooled, str(error))
    finally:
        spool.close()
        handover.give_to_owner(sender.folder)


def _take(sender: Sender, spool: Spool) -> None:
    agent = sender.config.agent.id
    handover.take_over(sender.folder, spool, agent=agent, clock=sender.clock, identity=sender.identity)
    handover.give_to_owner(sender.folder)


async def _sent(sender: Sender, spool: Spool, left: Callable[[int], None], stop: asyncio.Event) -> Delivery:
    rest: Ending = "undated" if handover.is_flagged(sender.folder) else "done"
    if not spool.spooled:
        return Delivery(rest)
    left(spool.spooled)

    def status() -> Status:
        return Status(
            state="online",
            software=SOFTWARE,
            boot=sender.clock.boot_id(),
            epoch=spool.epoch or None,
            seq=spool.newest_seq,
            spooled=spool.spooled,
            dropped=spool.dropped,
        )

    agent = sender.config.agent.id
    uplink = Uplink(sender.config.broker, agent=agent, spool=spool, status=status, clock=sender.clock)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(uplink.run(), name="survey-uplink")
        try:
            while await _goes_on(sender, spool, uplink, stop):
                left(spool.spooled)
        finally:
            task.cancel()
    if not spool.spooled:
        return Delivery(rest)
    if uplink.unregistered:
        return Delivery("unregistered", spool.spooled)
    return Delivery("later", spool.spooled, uplink.state.last_error or "")


async def _goes_on(sender: Sender, spool: Spool, uplink: Uplink, stop: asyncio.Event) -> bool:
    """Wait for the next receipts; false when all are there, none come for too long, or it is to stop."""
    began, before = sender.clock.monotonic(), spool.spooled
    while spool.spooled and not stop.is_set() and not uplink.unregistered:
        if spool.spooled != before:
            return True
        if sender.clock.monotonic() - began > (STALL_S if uplink.state.connected else sender.connect_s):
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_S):
                await stop.wait()
    return False
