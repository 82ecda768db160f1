"""The dead-man's message: an address out of our reach is called while judging really goes on, and only then.

A process that runs and judges nothing is as bad as none; whoever waits for the call (healthchecks.io and its like)
tells people when it stays out. With `fail` the address with /fail is called instead, which tells them at once.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from collector.tell.posting import Wire, get

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Heartbeat:
    """Calls `url` every `every_s` until cancelled. `is_alive`: whether judging goes on. `count`: hears each fate."""

    wire: Wire
    url: str = field(repr=False)
    is_alive: Callable[[], bool]
    every_s: float = 60.0
    timeout_s: float = 10.0
    fail: bool = False
    count: Callable[[str], None] = lambda _fate: None
    _is_lost: bool = field(init=False, default=False)

    async def run(self) -> None:
        """Call for ever."""
        while True:
            await self.beat()
            await asyncio.sleep(self.every_s)

    async def beat(self) -> None:
        """Call once, if there is something to say."""
        alive = self.is_alive()
        if not alive and not self.fail:
            self.count("trouble")
            return
        answer, _ = await get(
            self.wire, self.url if alive else f"{self.url.rstrip('/')}/fail", timeout_s=self.timeout_s
        )
        lost = answer.outcome != "confirmed"
        self.count("failed" if lost else "taken" if alive else "trouble")
        if lost != self._is_lost:
            log.warning("tell.heartbeat fault=%s", answer.said if lost else "none any more")
        self._is_lost = lost


def is_progress(last_pass: datetime | None, now: datetime, *, every_s: float) -> bool:
    """Whether judging goes on: it has ended a pass within three of its turns, and no less than three minutes."""
    return last_pass is not None and abs(now - last_pass) < timedelta(seconds=max(3 * every_s, 180.0))
