"""One accepted connection on asyncio: bytes to whoever reads them now, and room to write.

All connections share one read buffer: the loop fills it and hands it on in one step, so nobody else can see it half
used, and a hundred streams cost no more memory than one.
"""

import asyncio
import socket
import time
from collections.abc import Callable

from agent.peer import kernel

Sink = Callable[[memoryview], None]
_UNREAD_REPLY_S = 1.0


def _discard(_: memoryview) -> None:
    """Nobody reads."""


class Connection(asyncio.BufferedProtocol):
    """A transport with a sink for what arrives; `lost` is set when it is gone."""

    HIGH_WATER = 1 << 16

    def __init__(self, buffer: memoryview) -> None:
        self.accepted_at = time.monotonic()
        self.lost = asyncio.Event()
        self._buffer = buffer
        self._sink: Sink = _discard
        self._on_lost: Callable[[], None] | None = None
        self._roomy = asyncio.Event()
        self._roomy.set()
        self._transport: asyncio.Transport | None = None
        self._sock: socket.socket | None = None
        self._reading = True

    @property
    def transport(self) -> asyncio.Transport:
        """The transport, from `connection_made` on."""
        if self._transport is None:
            raise RuntimeError("not connected yet")
        return self._transport

    @property
    def sock(self) -> socket.socket:
        """The TCP socket under it all, kept because a TLS transport forgets it before the connection is lost."""
        if self._sock is None:
            raise RuntimeError("not connected yet")
        return self._sock

    @property
    def full(self) -> bool:
        """Whether more than the high-water mark waits to be sent."""
        return not self._roomy.is_set()

    def backlog(self) -> int:
        """Bytes written and not yet on the wire: here, and in the kernel behind its first transmission."""
        snapshot = kernel.read(self.sock)
        return self.transport.get_write_buffer_size() + (0 if snapshot is None else snapshot.tcp["NotsentBytes"])

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, with little room for unsent data in user space."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a stream transport is needed")
        self._transport = transport
        self._sock = transport.get_extra_info("socket")
        transport.set_write_buffer_limits(high=self.HIGH_WATER)
        # Nothing may come before there is a sink: the end of a TLS handshake often brings the request with it.
        self.pause_reading()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature; the hint is of no use here
        """Give the shared buffer to be filled."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Hand what arrived to the sink."""
        self._sink(self._buffer[:nbytes])

    def pause_writing(self) -> None:
        """Note that the write buffer is over its high-water mark."""
        self._roomy.clear()

    def resume_writing(self) -> None:
        """Note that there is room again."""
        self._roomy.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature; lost is lost
        """Wake everybody: there will be neither data nor room any more."""
        self._sink = _discard
        self.lost.set()
        self._roomy.set()
        if self._on_lost is not None:
            self._on_lost()
            self._on_lost = None

    def read_into(self, sink: Sink, *, on_lost: Callable[[], None] | None = None) -> None:
        """Let `sink` have what arrives from now on, and call `on_lost` when the connection is gone, even if it is."""
        self._sink = sink
        self._on_lost = on_lost
        if self.lost.is_set() and on_lost is not None:
            on_lost()
        self.resume_reading()

    def read_at_most(self, size: int) -> None:
        """Take smaller bites, so that a pace can be kept in small steps."""
        self._buffer = self._buffer[:size]

    def ignore(self) -> None:
        """Drop what arrives from now on."""
        self._sink = _discard

    def pause_reading(self) -> None:
        """Stop reading; the sender will feel it once the kernel's buffer is full."""
        if self._reading and not self.lost.is_set():
            self._reading = False
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        if not self._reading and not self.lost.is_set():
            self._reading = True
            self.transport.resume_reading()

    def cut(self) -> None:
        """End the connection now, by a reset: what was written and is not on the wire yet never will be."""
        if not self.lost.is_set():
            kernel.drop_at_once(self.sock)
            self.transport.abort()

    async def room(self, *, timeout_s: float) -> bool:
        """Wait until there is room to write or the connection is lost; False after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._roomy.wait()
        except TimeoutError:
            return False
        return True

    async def close_after(self, reply: bytes) -> None:
        """Send an HTTP answer and end the connection.

        What the client still sends is read and dropped for a moment: closing over unread data makes the kernel send
        a reset, which can overtake the answer.
        """
        self.ignore()
        self.resume_reading()
        self.transport.write(reply)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()
        await self.gone(timeout_s=_UNREAD_REPLY_S)

    async def gone(self, *, timeout_s: float) -> bool:
        """Wait until the connection is lost; False after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self.lost.wait()
        except TimeoutError:
            return False
        return True

    async def release(self) -> None:
        """Leave nothing behind: neither transport nor kernel memory. Does nothing if it was never made or is lost."""
        if self._transport is None or self.lost.is_set():
            return
        self.cut()
        await self.lost.wait()
