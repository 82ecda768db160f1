"""One small request over a TCP connection of its own, each part of it timed: both handshakes, and the answer.

The kernel times the TCP handshake and stamps the arrival of all that comes later, so a busy event loop makes none of
it look longer. For use beside a load: little memory, no thread, and cancelled at any moment it leaves no socket behind.
"""

import errno
import os
import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import h11

from agent import __version__
from agent.net import kernel_time, tcp_info
from agent.net.kernel_time import Timeline, read_clocks
from agent.net.readiness import ready

MOST_BYTES: Final = 32 * 1024
"""Of an answer with its head; more is not what was asked for."""
_READ_BYTES: Final = 8 * 1024
_USER_AGENT: Final = f"linkgauge-agent/{__version__}"
# Close now, and drop what is on its way: linger for no time (socket(7)).
_RESET: Final = struct.pack("ii", 1, 0)
_PENDING: Final = (errno.EINPROGRESS, errno.EWOULDBLOCK)
_SECOND_NS: Final = 1e9
_MS_NS: Final = 1e6
# IP and TCP headers of the handshakes, the acknowledgements and the end, each way.
_HEADERS: Final = 300

Part = Literal["tcp", "tls", "http"]


class Timed(NamedTuple):
    """One part of a connection: when it began (monotonic, seconds) and how long it took; TLS per round trip."""

    name: Part
    begun_s: float
    ms: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where to ask: one address, the host's name, TLS if it is spoken there (None is plain), and the path to get.

    Without a path the connection is made and ended.
    """

    address: str
    port: int
    host: str
    tls: ssl.SSLContext | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What was said, and about how many bytes crossed the line for it. `status` is 0 where nothing was asked."""

    status: int = 0
    body: bytes = b""
    sent: int = _HEADERS
    received: int = _HEADERS


async def ask(place: Place, note: Callable[[Timed], None]) -> Reply:
    """Connect, ask, and end the connection; `note` gets each part as soon as it is over. The caller has the deadline.

    Raises:
        OSError: refused, closed, an answer that is none or too much, a certificate that does not hold (ssl.SSLError).
    """
    family = socket.AF_INET6 if ":" in place.address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        kernel_time.enable(sock)
        line = _Line(sock)
        try:
            note(await line.connect(place.address, place.port))
            if place.path is None:
                return Reply()
            if place.tls is not None:
                note(await line.secure(place.tls, place.host))
            timed, status, body = await line.get(place)
        except OSError:
            raise  # a certificate that does not hold is a ValueError as well
        except h11.ProtocolError as error:
            raise ConnectionError(f"not an HTTP answer: {error}") from error
        except ValueError as error:
            raise ConnectionError(f"cannot be asked: {error}") from error
        note(timed)
        # What came is complete: a usual end takes nothing from anybody.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
        return Reply(status, body, line.sent + _HEADERS, line.received + _HEADERS)


class _Line:
    """A connection on a raw socket; `came_ns` is when the last bytes came (monotonic)."""

    def __init__(self, sock: socket.socket) -> None:
        self.sent = 0
        self.received = 0
        self.came_ns = 0
        self._begun_ns = 0
        self._sock = sock
        self._timeline = Timeline()
        self._tls: ssl.SSLObject | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()

    async def connect(self, address: str, port: int) -> Timed:
        """Open; timed by the kernel unless the first packet had to be sent again, which it takes for no round trip."""
        begun = read_clocks()
        error = self._sock.connect_ex((address, port))
        if error in _PENDING:
            await ready(self._sock, write=True)
            error = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))
        took_ns = read_clocks().monotonic_ns - begun.monotonic_ns
        info = tcp_info.read(self._sock)
        if info is not None and info.rtt_us is not None and not info.total_retrans:
            took_ns = info.rtt_us * 1000
        return Timed("tcp", begun.monotonic_ns / _SECOND_NS, took_ns / _MS_NS)

    async def secure(self, context: ssl.SSLContext, host: str) -> Timed:
        """Do the TLS handshake; its time is per round trip: each flight of ours that waits for one of theirs."""
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._begin()
        flights = 0
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                flights += await self._flush()
                self._incoming.write(await self._receive())
        return self._timed("tls", max(1, flights))

    async def get(self, place: Place) -> tuple[Timed, int, bytes]:
        """Ask for the path and read the whole answer."""
        host = f"[{place.host}]" if ":" in place.host else place.host
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_BYTES)
        headers = [
            ("Host", f"{host}:{place.port}"),
            ("User-Agent", _USER_AGENT),
            ("Accept-Encoding", "identity"),
            ("Connection", "close"),
        ]
        asked = http.send(h11.Request(method="GET", target=place.path or "/", headers=headers)) or b""
        self._begin()
        await self._say(asked + (http.send(h11.EndOfMessage()) or b""))
        status, body = 0, b""
        while True:
            match http.next_event():
                case h11.Response(status_code=status):
                    pass
                case h11.Data(data=data):
                    body += data
                case h11.EndOfMessage():
                    return self._timed("http"), status, body
                case h11.ConnectionClosed():
                    raise ConnectionResetError("closed without an answer")
                case event if event is h11.NEED_DATA:
                    http.receive_data(await self._hear())

    def _begin(self) -> None:
        now = read_clocks()
        self._timeline.note(now)
        self._begun_ns = now.monotonic_ns

    def _timed(self, part: Part, trips: int = 1) -> Timed:
        return Timed(part, self._begun_ns / _SECOND_NS, max(0, self.came_ns - self._begun_ns) / trips / _MS_NS)

    async def _say(self, data: bytes) -> None:
        if self._tls is None:
            await self._send(data)
        else:
            self._tls.write(data)
            await self._flush()

    async def _hear(self) -> bytes:
        """What came next, decrypted; empty at the end."""
        if self._tls is None:
            return await self._receive(may_end=True)
        while True:
            try:
                return self._tls.read(_READ_BYTES)
            except ssl.SSLWantReadError:
                await self._flush()
                self._incoming.write(await self._receive())
            except ssl.SSLZeroReturnError:
                return b""

    async def _flush(self) -> bool:
        """Send what TLS wants to say; whether there was any."""
        data = self._outgoing.read()
        if data:
            await self._send(data)
        return bool(data)

    async def _send(self, data: bytes) -> None:
        self.sent += len(data)
        while data:
            try:
                data = data[self._sock.send(data) :]
            except BlockingIOError:
                await ready(self._sock, write=True)

    async def _receive(self, *, may_end: bool = False) -> bytes:
        data, stamp_ns = await self._read()
        self.came_ns = self._timeline.arrival_ns(read_clocks(), stamp_ns, after_ns=self._begun_ns)
        self.received += len(data)
        if not data and not may_end:
            raise ConnectionResetError("closed in the middle")
        if self.received > MOST_BYTES:
            raise ConnectionError(f"an answer of more than {MOST_BYTES} bytes")
        return data

    async def _read(self) -> tuple[bytes, int | None]:
        while True:
            try:
                data, ancillary, _, _ = self._sock.recvmsg(_READ_BYTES, kernel_time.CONTROL_SIZE)
            except BlockingIOError:
                await ready(self._sock, write=False)
            else:
                return data, kernel_time.stamp_of(ancillary)
