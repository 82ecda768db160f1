"""What all wires share: the first reason why one ended, and the ticking that finds a broker gone silent."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Final

from collector.mqtt.conversation import TICKS, Conversation, Listener
from collector.mqtt.packets import BrokerError, Login, Message, Skipped

UNREAD_LIMIT: Final = 4 * 1024 * 1024
"""Bytes that may wait for a broker that does not read, acknowledgements mostly; beyond that it is lost."""
FAREWELL_S: Final = 0.5


class Wire(ABC):
    """Stands between a conversation and its listener, to learn when all is agreed. For one connection."""

    def __init__(self, login: Login, filters: Sequence[tuple[str, int]], listener: Listener) -> None:
        self.conversation = Conversation(login, filters, self, self)
        self.why: BrokerError | None = None
        self.on_agreed: Callable[[], None] = lambda: None
        self._listener = listener
        self._ended = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    @property
    @abstractmethod
    def writable(self) -> bool:
        """As Line."""

    @abstractmethod
    def send(self, data: bytes) -> None:
        """As Line."""

    def heard(self, messages: Sequence[Message], skipped: Sequence[Skipped]) -> None:
        """As Listener."""
        self._listener.heard(messages, skipped)

    def agreed(self) -> None:
        """As Listener."""
        self.on_agreed()
        self._listener.agreed()

    def room(self) -> None:
        """As Listener."""
        self._listener.room()

    def take(self, data: bytes) -> None:
        """Take bytes of the broker; what it must not say ends the connection."""
        if self.why is not None:
            return
        try:
            self.conversation.feed(data)
        except BrokerError as error:
            self.fail(error)

    def fail(self, why: BrokerError) -> None:
        """End the connection; the first reason stays."""
        if self.why is None:
            self.why = why
            self._ended.set()

    async def lasting(self, keepalive_s: float) -> None:
        """Wait for the end, and see meanwhile that the broker is still there."""
        self._wind(keepalive_s / TICKS)
        try:
            await self._ended.wait()
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _wind(self, wait_s: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._tick, wait_s)

    def _tick(self, wait_s: float) -> None:
        self._wind(wait_s)
        try:
            self.conversation.tick()
        except BrokerError as error:
            self.fail(error)
