"""One WebSocket connection under load: counts what comes, writes prebuilt frames as fast as the socket takes them.

No per-byte work in Python: downloads are received into one buffer that all streams of a run share (each read is
counted before the next begins), uploads are whole frames handed to the transport.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, cast

from agent.errors import Failed
from agent.net.connect import connect
from agent.net.failures import failed
from agent.net.tcp_info import TcpInfo
from agent.speed import frames
from agent.speed.frames import FrameSkimmer, Message, Opcode, ProtocolError
from agent.speed.handshake import Upgrade
from agent.speed.loaded_transport import LoadedTransport, tune
from agent.speed.unsent import Unsent
from agent.wire.failure import Failure, Reason, Stage

BUFFER_BYTES: Final = 256 * 1024
# Kept in the transport, above what `unsent` lets the kernel keep.
_HIGH_WATER_BYTES: Final = 64 * 1024
_WRITES_PER_TURN: Final = 8
_ABORT_S: Final = 1.0
# At the end of a load, half a percent of a ten-second run may be spent on a Close that the peer can read.
_POLITE_S: Final = 0.05
_GOOD_CLOSE: Final = (None, 1000, 1001)
_BUSY_CLOSE: Final = (1008, 1013)

Supply = Callable[[int], tuple[bytes, int] | None]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each step may take, in seconds. A connect may lose its first three SYNs (1, 3 and 7 s)."""

    connect_s: float = 10.0
    tls_s: float = 7.0
    upgrade_s: float = 7.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a run goes: one address, the names that TLS and HTTP want, and the TLS context (None is plain)."""

    address: str
    port: int
    host: str
    tls: ssl.SSLContext | None = None
    patience: Patience = Patience()

    @property
    def authority(self) -> str:
        """Host and port as the Host header wants them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Stream(LoadedTransport):
    """A connection from the upgrade to its end.

    `opened_s` and `ended_s` are moments of the loop's clock; `failure` is set if it ended without a good Close.
    `written` counts binary payload handed to the transport, `sent` text payload too (a peer may count both), and
    `received` binary payload that came. `on_text` is called with `sent`, the moment, and the payload of each text.
    `secured` is the kernel's account from before the request, when nothing but TLS's handshake had been said, and
    `head_bytes` the size of the answer to it: what came before the load.
    """

    def __init__(self, upgrade: Upgrade, buffer: memoryview, on_text: Callable[[int, float, bytes], None]) -> None:
        self.opened_s: float | None = None
        self.ended_s: float | None = None
        self.failure: Failure | None = None
        self.written = 0
        self.sent = 0
        self.idle_rtt_us: int | None = None
        self.secured: TcpInfo | None = None
        self.head_bytes = 0
        self._loop = asyncio.get_running_loop()
        self._upgrade = upgrade
        self._buffer = buffer
        self._on_text = on_text
        self._skimmer = FrameSkimmer(masked=False)
        self._upgraded: asyncio.Future[None] = self._loop.create_future()
        self._lost = asyncio.Event()
        self._last_words: TcpInfo | None = None
        self._supply: Supply | None = None
        self._unsent: Unsent | None = None
        self._paused = False
        self._pump_planned = False
        self._closing = False

    @property
    def received(self) -> int:
        """Binary payload bytes so far."""
        return self._skimmer.received

    def kernel(self) -> TcpInfo | None:
        """The kernel's account of the socket; once it is closed, the last one."""
        return self._last_words or super().kernel()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade at once."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_HIGH_WATER_BYTES)
        self.secured = self.kernel()
        self._transport.write(self._upgrade.request())

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """The shared buffer, whole."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Count what came; answer the small messages in it."""
        if self.ended_s is not None:
            return
        if self.opened_s is None:
            self._open(bytes(self._buffer[:nbytes]))
        else:
            self._skim(self._buffer[:nbytes])

    def eof_received(self) -> None:
        """The other side sends no more: let the transport close."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Record how it ended, unless that is known; the socket is closed right after this."""
        self._last_words = self.kernel()
        self._lost.set()
        if self.opened_s is None:
            self._refuse(failed(Stage.HANDSHAKE, exc or EOFError("closed before the upgrade was answered")))
        elif self.ended_s is None:
            self._end(failed(Stage.TRANSFER, exc or EOFError("closed without a Close frame")))

    def pause_writing(self) -> None:
        """The transport holds enough."""
        self._paused = True

    def resume_writing(self) -> None:
        """The transport wants more."""
        self._paused = False
        self._pump()

    async def upgraded(self) -> None:
        """Wait for the upgrade. Raises Failed."""
        await self._upgraded

    def load(self, supply: Supply) -> None:
        """Begin to write frames: `supply` gives (frame, payload bytes) for the payload written so far, None to end."""
        self._supply = supply
        sock = self._extra("socket")
        if sock is not None:
            self._unsent = Unsent(sock, self._loop.time())
        self._pump()

    def send_text(self, payload: bytes) -> None:
        """Send a text message, unless the connection is ending or the transport is full."""
        if self._transport is not None and self.ended_s is None and not self._closing and not self._paused:
            self.sent += len(payload)
            self._transport.write(frames.frame(Opcode.TEXT, payload, masked=True))

    def close(self) -> None:
        """Stop writing and say Close, or reset if that would take the line too long to be worth its data."""
        self._supply = None
        if self._transport is None or self._lost.is_set() or self._closing:
            return
        if self._waiting_s() > _POLITE_S:
            self.abort()
            return
        self._closing = True
        self._transport.write(frames.close(masked=True))

    def abort(self) -> None:
        """Reset the connection now: what waits in the kernel is not sent either."""
        self._supply = None
        self._closing = True
        self._reset()

    def _waiting_s(self) -> float:
        """How long the load that was written and is not on the wire would take to get there."""
        if self._transport is None or self._unsent is None or not self._unsent.bytes_per_s:
            return 0.0
        info = self.kernel()
        waiting = self._transport.get_write_buffer_size() + ((info.notsent_bytes or 0) if info else 0)
        return waiting / self._unsent.bytes_per_s

    async def lost(self) -> None:
        """Wait until the socket is closed."""
        await self._lost.wait()

    def _open(self, data: bytes) -> None:
        try:
            rest = self._upgrade.receive(data)
        except Failed as refusal:
            self._refuse(refusal)
            self.abort()
            return
        self.head_bytes += len(data) - len(rest or b"")
        if rest is not None:
            self.opened_s = self._loop.time()
            if not self._upgraded.done():
                self._upgraded.set_result(None)
            self._skim(rest)

    def _refuse(self, refusal: Failed) -> None:
        if not self._upgraded.done():
            self._upgraded.set_exception(refusal)
            self._upgraded.exception()  # mark it as seen: the opener may have been cancelled meanwhile

    def _skim(self, data: bytes | memoryview) -> None:
        try:
            messages = self._skimmer.feed(data)
        except ProtocolError as error:
            self._end(Failed(Stage.TRANSFER, Reason.PROTOCOL, str(error)))
            self.abort()
            return
        for message in messages:
            self._hear(message)

    def _hear(self, message: Message) -> None:
        if message.opcode is Opcode.TEXT:
            self._on_text(self.sent, self._loop.time(), message.payload)
        elif message.opcode is Opcode.PING:
            self._reply(frames.frame(Opcode.PONG, message.payload, masked=True))
        elif message.opcode is Opcode.CLOSE:
            self._end(_judged(message))
            if not self._closing:
                self._closing = True
                self._reply(frames.close(message.close_code or frames.NORMAL, masked=True))

    def _reply(self, frame: bytes) -> None:
        # A peer that asks faster than it reads the answers gets none, instead of our memory.
        if self._transport is not None and self._transport.get_write_buffer_size() <= 2 * BUFFER_BYTES:
            self._transport.write(frame)

    def _end(self, ending: Failed | None) -> None:
        self.ended_s = self._loop.time()
        self._supply = None
        if ending is not None and not self._closing:
            self.failure = ending.failure

    def _pump(self) -> None:
        for _ in range(_WRITES_PER_TURN):
            if self._paused or self._supply is None or self._transport is None:
                return
            item = self._supply(self.written)
            if item is None:
                self._supply = None
                return
            frame, size = item
            self.written += size
            self.sent += size
            self._transport.write(frame)
            if self._unsent is not None:
                self._unsent.fit(self.written, self._loop.time())
        if not self._pump_planned:
            self._pump_planned = True
            self._loop.call_soon(self._pump_again)

    def _pump_again(self) -> None:
        self._pump_planned = False
        self._pump()


def _judged(message: Message) -> Failed | None:
    """What a Close from the peer means: done, too busy to go on, or a complaint."""
    code = message.close_code
    if code in _GOOD_CLOSE:
        return None
    said = f"peer closed with {code} {message.payload[2:].decode(errors='replace')}".strip()
    if code in _BUSY_CLOSE:
        return Failed(Stage.PEER, Reason.BUSY, said)
    return Failed(Stage.TRANSFER, Reason.CLOSED, said)


async def open_stream(endpoint: Endpoint, stream: Callable[[], Stream], *, congestion: str | None = None) -> Stream:
    """Connect, secure and upgrade one stream, step by step.

    `congestion` is asked for on our socket, if this kernel has it. Raises Failed with the step's stage.
    """
    sock = await connect(endpoint.address, endpoint.port, timeout_s=endpoint.patience.connect_s)
    tune(sock, congestion)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(endpoint.patience.tls_s):
            _, opened = await loop.create_connection(
                stream, sock=sock, ssl=endpoint.tls, server_hostname=endpoint.host if endpoint.tls else None
            )
    except (OSError, EOFError) as error:
        raise failed(Stage.TLS, error) from error
    try:
        async with asyncio.timeout(endpoint.patience.upgrade_s):
            await opened.upgraded()
    except TimeoutError as error:
        raise Failed(Stage.HANDSHAKE, Reason.TIMEOUT, "no answer to the upgrade") from error
    finally:
        if opened.opened_s is None:
            opened.abort()
            await _all_lost([opened], _ABORT_S)
    # The smaller of two round trips, SYN and request: the first may have waited for the neighbour's address.
    info = opened.kernel()
    opened.idle_rtt_us = info.min_rtt_us if info else None
    return opened


async def end_all(streams: Iterable[Stream], *, grace_s: float) -> None:
    """Close every stream, reset those that are not gone after `grace_s`, and leave no socket behind."""
    ending = list(streams)
    for stream in ending:
        stream.close()
    try:
        await _all_lost(ending, grace_s)
    finally:
        for stream in ending:
            stream.abort()
    await _all_lost(ending, _ABORT_S)


async def _all_lost(streams: list[Stream], timeout_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            for stream in streams:
                await stream.lost()
