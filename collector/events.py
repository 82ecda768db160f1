"""What one part of the collector tells the others; never the only copy of anything.

Between the parts of one process by the `Bus`; between processes by `relay`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Topic = Literal["report", "verdict", "incident", "status"]
BACKLOG = 1000


@dataclass(frozen=True, slots=True)
class Event:
    """Something that has happened and is already durable. `data` is JSON-ready and belongs to a page or a rule."""

    topic: Topic
    site: str | None
    at: datetime
    data: dict[str, Any]


@dataclass(slots=True)
class Subscription:
    """A bounded queue of events; a slow reader loses the oldest, counted, and never slows the writer."""

    queue: asyncio.Queue[Event] = field(default_factory=lambda: asyncio.Queue(BACKLOG))
    lost: int = 0

    async def events(self) -> AsyncIterator[Event]:
        """Yield events for ever."""
        while True:
            yield await self.queue.get()


class Bus:
    """Fans events out to whoever listens now, and to other processes where there are any."""

    def __init__(self) -> None:
        self._subscriptions: dict[int, Subscription] = {}
        self._forward: Callable[[Event], None] | None = None

    @property
    def heard(self) -> bool:
        """Whether anybody listens: an event that nobody would hear need not be made."""
        return bool(self._subscriptions) or self._forward is not None

    def forward_to(self, forward: Callable[[Event], None]) -> None:
        """Have what happens in this process told to others too, from now on; `forward` must not block."""
        self._forward = forward

    def publish(self, event: Event) -> None:
        """Hand an event of this process to every listener without waiting."""
        if self._forward is not None:
            self._forward(event)
        self.deliver(event)

    def deliver(self, event: Event) -> None:
        """Hand an event to this process's listeners only: it has come from another one."""
        for subscription in self._subscriptions.values():
            if subscription.queue.full():
                subscription.queue.get_nowait()
                subscription.lost += 1
            subscription.queue.put_nowait(event)

    def lose(self, count: int) -> None:
        """Let every listener know that so many events did not reach it."""
        for subscription in self._subscriptions.values():
            subscription.lost += count

    @contextmanager
    def listen(self) -> Iterator[Subscription]:
        """Listen as long as the context is open."""
        subscription = Subscription()
        key = id(subscription)
        self._subscriptions[key] = subscription
        try:
            yield subscription
        finally:
            del self._subscriptions[key]
