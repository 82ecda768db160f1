"""What one part of the collector tells the others in the same process; never the only copy of anything."""

import asyncio
from collections.abc import AsyncIterator, Iterator
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
    """Fans events out to whoever listens now."""

    def __init__(self) -> None:
        self._subscriptions: dict[int, Subscription] = {}

    def publish(self, event: Event) -> None:
        """Hand an event to every listener without waiting."""
        for subscription in self._subscriptions.values():
            if subscription.queue.full():
                subscription.queue.get_nowait()
                subscription.lost += 1
            subscription.queue.put_nowait(event)

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
