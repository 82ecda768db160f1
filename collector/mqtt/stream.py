"""A conversation over TCP or TLS."""

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from collector.mqtt.conversation import Listener
from collector.mqtt.packets import BrokerError, Login
from collector.mqtt.wire import FAREWELL_S, UNREAD_LIMIT, Wire

_HIGH_WATER: Final = 256 * 1024


class Stream(Wire, asyncio.Protocol):
    """Carries it once."""

    def __init__(self, login: Login, filters: Sequence[tuple[str, int]], listener: Listener) -> None:
        super().__init__(login, filters, listener)
        self._writable = True
        self._transport: asyncio.Transport | None = None
        self._gone = asyncio.Event()

    async def carry(self, address: tuple[str, int], tls: ssl.SSLContext | None, keepalive_s: float) -> None:
        """Connect, and stay until the connection ends; `why` then says why. Raises OSError."""
        host, port = address
        loop = asyncio.get_running_loop()
        name = host if tls is not None else None
        try:
            await loop.create_connection(lambda: self, host, port, ssl=tls, server_hostname=name)
            await self.lasting(keepalive_s)
        finally:
            await self._close()

    @property
    def writable(self) -> bool:
        """As Line."""
        return self._writable

    def send(self, data: bytes) -> None:
        """As Line; a broker that reads nothing more ends the connection."""
        if self._transport is None or not data:
            return
        self._transport.write(data)
        if not self._writable and self._transport.get_write_buffer_size() > UNREAD_LIMIT:
            self.fail(BrokerError("the broker does not read what we send"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As asyncio.Protocol."""
        self._transport = transport  # type: ignore[assignment]  # what a loop gives to a stream protocol
        self._transport.set_write_buffer_limits(high=_HIGH_WATER)  # type: ignore[union-attr]  # set above
        self.conversation.begin()

    def data_received(self, data: bytes) -> None:
        """As asyncio.Protocol."""
        self.take(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """As asyncio.Protocol."""
        self.fail(BrokerError(str(exc) if exc is not None and str(exc) else "the broker closed the connection"))
        self._transport = None
        self._gone.set()

    def pause_writing(self) -> None:
        """As asyncio.Protocol."""
        self._writable = False

    def resume_writing(self) -> None:
        """As asyncio.Protocol."""
        self._writable = True
        self.room()

    async def _close(self) -> None:
        transport = self._transport
        if transport is None:
            return
        try:
            if self.why is None:
                self.conversation.end()
                transport.close()
                with suppress(TimeoutError):
                    async with asyncio.timeout(FAREWELL_S):
                        await self._gone.wait()
        finally:
            transport.abort()
