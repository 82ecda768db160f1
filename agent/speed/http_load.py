"""One HTTP/1.1 connection under load: request after request, downloads counted as they come, uploads written in blocks.

No per-byte work in Python: what comes is received into one buffer that all connections of a run share (each read is
counted before the next begins), what goes are prebuilt random blocks.
"""

import asyncio
import contextlib
import fcntl
import ssl
import struct
import termios
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, cast

from agent.errors import Failed
from agent.net.connect import connect
from agent.net.failures import failed
from agent.net.tcp_info import TcpInfo
from agent.speed.http_message import Ask, BodyError, Exchange
from agent.speed.loaded_transport import LoadedTransport, tune
from agent.speed.unsent import Unsent
from agent.wire.failure import Reason, Stage

BUFFER_BYTES: Final = 256 * 1024
BLOCK_BYTES: Final = 256 * 1024
_HIGH_WATER_BYTES: Final = 64 * 1024
_WRITES_PER_TURN: Final = 8
_GONE_S: Final = 1.0
# An answer to an upload says next to nothing.
_MAX_ANSWER_BYTES: Final = 64 * 1024
# As long as a request and the end of its connection may pass each other on the way.
_CROSSING_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Server:
    """Where requests go: one address, the names that TLS and HTTP want, and the TLS context (None is plain)."""

    address: str
    port: int
    host: str
    tls: ssl.SSLContext | None = None
    connect_s: float = 10.0
    tls_s: float = 7.0

    @property
    def authority(self) -> str:
        """Host and port as the Host header wants them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


class Turns(Protocol):
    """What is asked over a connection, and what is made of the answers."""

    def next(self, before: Exchange | None) -> Ask | None:
        """The next request after a complete answer (None: the first); None ends the connection. May raise Failed."""

    def admit(self, exchange: Exchange) -> None:
        """Look at the head of an answer. Raises Failed if it is not what was asked for."""

    def counted(self) -> bool:
        """Payload has come: whether to go on."""


@dataclass(slots=True)
class Space:
    """The memory that all connections of a run share: one buffer to receive into, random blocks to send."""

    buffer: memoryview = field(default_factory=lambda: memoryview(bytearray(BUFFER_BYTES)))
    blocks: Sequence[bytes] = ()


class Connection(LoadedTransport):
    """A connection from its first request to its end.

    `payload`: bytes of answers' bodies (a download's load); `overhead`: everything else that came. `delivered`: bytes
    of those uploads that were answered; `heads`: bytes of requests' heads. `refused`: why it ended, if not well;
    `reusable`: it ended, between two answers, and another may take its place; `rtt_us`: its shortest round trip.
    """

    def __init__(self, server: Server, turns: Turns, space: Space) -> None:
        self.payload = 0
        self.overhead = 0
        self.delivered = 0
        self.heads = 0
        self.refused: Failed | None = None
        self.reusable = False
        self.over = asyncio.Event()
        self.admitted = asyncio.Event()
        self.rtt_us: int | None = None
        self.base: TcpInfo | None = None
        self._server = server
        self._turns = turns
        self._space = space
        self._exchange: Exchange | None = None
        self._answers = 0
        self._asked_s = 0.0
        self._left = 0
        self._turn = 0
        self._written = 0
        self._unsent: Unsent | None = None
        self._paused = False
        self._pump_planned = False
        self._lost = asyncio.Event()

    # --- facts

    @property
    def status(self) -> int:
        """The status of the answer that is not complete yet; 0 before its head."""
        return 0 if self._exchange is None else self._exchange.status

    # --- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Secured, if it is to be; nothing is asked yet."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_HIGH_WATER_BYTES)
        self.base = self.kernel()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """The shared buffer, whole."""
        return self._space.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Count what came."""
        if self.over.is_set():
            return
        try:
            self._take(self._space.buffer[:nbytes])
        except BodyError as error:
            self.end(Failed(Stage.TRANSFER, Reason.PROTOCOL, str(error)))
        except Failed as refused:
            self.end(refused)

    def eof_received(self) -> None:
        """The other side sends no more; that may be what completes an answer. The transport closes."""
        exchange = self._exchange
        if exchange is not None and exchange.body is not None and not self.over.is_set():
            exchange.body.end()
            if exchange.complete:
                try:
                    self._answered(exchange)
                except Failed as refused:
                    self.end(refused)

    def connection_lost(self, exc: Exception | None) -> None:
        """Say why it ended, unless that is known."""
        self._lost.set()
        # A connection kept open may be closed by the other side just as the next request goes out.
        fresh = asyncio.get_running_loop().time() - self._asked_s < _CROSSING_S
        if self._answers and fresh and self._exchange is not None and not self._exchange.begun:
            self.end(None, reusable=True)
        else:
            self.end(failed(Stage.TRANSFER, exc or EOFError("closed before the answer was complete")))

    def pause_writing(self) -> None:
        """The transport holds enough."""
        self._paused = True

    def resume_writing(self) -> None:
        """The transport wants more."""
        self._paused = False
        self._pump()

    # --- what the run calls

    def begin(self) -> None:
        """Send the first request."""
        try:
            self._ask(self._turns.next(None))
        except Failed as refused:
            self.end(refused)

    def end(self, refused: Failed | None = None, *, reusable: bool = False) -> None:
        """Reset the connection, so that little more of the load crosses the line. The first reason is kept."""
        if not self.over.is_set():
            info = self.kernel()
            self.rtt_us = None if info is None else info.min_rtt_us
            self.refused, self.reusable = refused, reusable
            self.over.set()
            self.admitted.set()
        self._left = 0
        self._reset()

    async def lost(self) -> None:
        """Wait until the socket is closed."""
        await self._lost.wait()

    # --- the exchange

    def _ask(self, ask: Ask | None) -> None:
        if ask is None or self._transport is None:
            self.end()
            return
        self._exchange = Exchange(ask, self._server.authority)
        self._asked_s = asyncio.get_running_loop().time()
        head = self._exchange.head()
        self.heads += len(head)
        self._transport.write(head)
        self._left = ask.size or 0
        sock = self._extra("socket")
        if self._left and self._unsent is None and sock is not None:
            self._unsent = Unsent(sock, self._asked_s)
        self._pump()

    def _take(self, data: memoryview) -> None:
        exchange = self._exchange
        if exchange is None:
            raise Failed(Stage.TRANSFER, Reason.PROTOCOL, "an answer that nobody asked for")
        rest: memoryview | None = data
        self.overhead += len(data)
        if exchange.body is None:
            rest = exchange.receive(data)
            if rest is None:
                return
            self._turns.admit(exchange)
            self.admitted.set()
        if exchange.body is None or rest is None:
            return
        before = exchange.body.received
        position = exchange.body.feed(rest)
        came = exchange.body.received - before
        self._count(exchange, came)
        if exchange.complete and not self.over.is_set():
            if position < len(rest):
                raise Failed(Stage.TRANSFER, Reason.PROTOCOL, "more than the answer came")
            self._answered(exchange)

    def _count(self, exchange: Exchange, came: int) -> None:
        if exchange.ask.size is not None:
            if exchange.body is not None and exchange.body.received > _MAX_ANSWER_BYTES:
                raise Failed(Stage.TRANSFER, Reason.PROTOCOL, "an upload was answered with a download")
            return
        self.payload += came
        self.overhead -= came
        if not self._turns.counted():
            self.end()

    def _answered(self, exchange: Exchange) -> None:
        if exchange.ask.size is not None:
            if self._left or self._waiting():
                detail = "the server answered before it had the upload: it, or something before it, does not count it"
                raise Failed(Stage.PEER, Reason.PROTOCOL, detail)
            self.delivered += exchange.ask.size
        self._exchange = None
        self._answers += 1
        ask = self._turns.next(exchange)
        if ask is not None and not exchange.keeps_open:
            self.end(reusable=True)
        else:
            self._ask(ask)

    def _waiting(self) -> int:
        """Bytes that the other end's kernel has not acknowledged, or that have not left our program."""
        sock = self._extra("socket")
        if sock is None or self._transport is None:
            return 0
        try:
            answer = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4))
        except (OSError, ValueError):
            return 0
        return int(struct.unpack("i", answer)[0]) + self._transport.get_write_buffer_size()

    def _pump(self) -> None:
        for _ in range(_WRITES_PER_TURN):
            if self._paused or not self._left or self._transport is None:
                return
            block = self._space.blocks[self._turn % len(self._space.blocks)]
            self._turn += 1
            size = min(self._left, len(block))
            self._left -= size
            self._written += size
            self._transport.write(block if size == len(block) else block[:size])
            if self._unsent is not None:
                self._unsent.fit(self._written, asyncio.get_running_loop().time())
        if not self._pump_planned:
            self._pump_planned = True
            asyncio.get_running_loop().call_soon(self._pump_again)

    def _pump_again(self) -> None:
        self._pump_planned = False
        self._pump()


async def open_connection(
    server: Server,
    turns: Turns,
    space: Space,
    *,
    congestion: str | None = None,
    kind: type[Connection] = Connection,
) -> Connection:
    """Connect and secure, step by step; nothing is asked yet. Raises Failed with the step's stage."""
    sock = await connect(server.address, server.port, timeout_s=server.connect_s)
    tune(sock, congestion)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(server.tls_s):
            _, opened = await loop.create_connection(
                lambda: kind(server, turns, space),
                sock=sock,
                ssl=server.tls,
                server_hostname=server.host if server.tls else None,
            )
    except (OSError, EOFError) as error:
        raise failed(Stage.TLS, error) from error
    return opened


async def end_all(connections: Iterable[Connection]) -> None:
    """Reset every connection and wait until its socket is closed."""
    ending = list(connections)
    for connection in ending:
        connection.end()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_GONE_S):
            for connection in ending:
                await connection.lost()
