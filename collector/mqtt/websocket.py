"""A conversation over WebSocket, with or without TLS, through aiohttp."""

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from collector.mqtt.conversation import PACKET_LIMIT, Listener
from collector.mqtt.packets import BrokerError, Login
from collector.mqtt.wire import FAREWELL_S, UNREAD_LIMIT, Wire

if TYPE_CHECKING:
    import aiohttp

_HIGH_WATER: Final = 256 * 1024
_FRAME_LIMIT: Final = 4 * PACKET_LIMIT


class WebSocket(Wire):
    """Carries it once."""

    def __init__(self, login: Login, filters: Sequence[tuple[str, int]], listener: Listener) -> None:
        super().__init__(login, filters, listener)
        self._pending = bytearray()
        self._filled = asyncio.Event()

    async def carry(self, url: str, tls: ssl.SSLContext | None, keepalive_s: float) -> None:
        """Connect, and stay until the connection ends; `why` then says why. Raises OSError or BrokerError."""
        import aiohttp

        try:
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(
                    url,
                    protocols=("mqtt",),
                    ssl=tls if tls is not None else True,
                    max_msg_size=_FRAME_LIMIT,
                    timeout=aiohttp.ClientWSTimeout(ws_close=FAREWELL_S),
                ) as socket,
            ):
                await self._carry(socket, keepalive_s)
        except aiohttp.ClientError as error:
            raise BrokerError(str(error) or type(error).__name__) from error

    async def _carry(self, socket: "aiohttp.ClientWebSocketResponse", keepalive_s: float) -> None:
        # The two tasks never fail: in Python 3.11 a TaskGroup with a failed child can forget a cancellation.
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._read(socket), name="broker websocket in"),
                group.create_task(self._write(socket), name="broker websocket out"),
            ]
            self.conversation.begin()
            try:
                await self.lasting(keepalive_s)
            finally:
                for task in tasks:
                    task.cancel()
                await self._farewell(socket)

    async def _farewell(self, socket: "aiohttp.ClientWebSocketResponse") -> None:
        if self.why is not None:
            return
        self.conversation.end()
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(FAREWELL_S):
                await socket.send_bytes(bytes(self._pending))

    @property
    def writable(self) -> bool:
        """As Line."""
        return len(self._pending) < _HIGH_WATER

    def send(self, data: bytes) -> None:
        """As Line; a broker that reads nothing more ends the connection."""
        self._pending += data
        self._filled.set()
        if len(self._pending) > UNREAD_LIMIT:
            self.fail(BrokerError("the broker does not read what we send"))

    async def _read(self, socket: "aiohttp.ClientWebSocketResponse") -> None:
        import aiohttp

        async for message in socket:
            if message.type is not aiohttp.WSMsgType.BINARY:
                self.fail(BrokerError("the broker sent text over the WebSocket; is it a broker?"))
                return
            self.take(message.data)
        self.fail(BrokerError("the broker closed the connection"))

    async def _write(self, socket: "aiohttp.ClientWebSocketResponse") -> None:
        while True:
            await self._filled.wait()
            self._filled.clear()
            data = bytes(self._pending)
            self._pending.clear()
            try:
                await socket.send_bytes(data)
            except OSError as error:
                self.fail(BrokerError(str(error) or "the broker closed the connection"))
                return
            self.room()
