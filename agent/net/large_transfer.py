"""A small HTTP exchange whose packets are of full size both ways: where they vanish on the way, it stalls.

That is what a path MTU black hole looks like: a router drops what does not fit the next link, and its "packet too big"
is lost, or filtered; connections stand and then hang (RFC 4459, RFC 8899). TLS begins with full-size packets itself.
"""

import asyncio
import contextlib
import fcntl
import socket
import ssl
import sys
import termios
from dataclasses import dataclass
from typing import Final

import h11

from agent import __version__
from agent.errors import Failed
from agent.net import tcp_info
from agent.net.connect import connect
from agent.net.failures import failed
from agent.wire.failure import Reason, Stage

UP_BYTES: Final = 4_000
"""Of the request: more than two full packets on Ethernet, and within what HTTP servers take as a head."""
DOWN_BYTES: Final = 16_384
PROVEN_BYTES: Final = 3_900
"""What cannot have come in fewer than three packets, so that one of them at least was of full size."""
_READ_BYTES: Final = 16_384
_BODY_MAX: Final = 1_048_576
_HEARD_MAX: Final = 2 * _BODY_MAX
_IPV6_MTU: Final = 24  # linux/in6.h; not in Python's socket module


@dataclass(frozen=True, slots=True)
class Page:
    """What to ask for: of which host, which path, with TLS or not; the certificate is not looked at: no secret is told.

    `stall_s`: how long nothing may come; the whole takes three times as long at most, the connect `connect_s`.
    """

    host: str
    port: int
    path: str = f"/large?bytes={DOWN_BYTES}"
    tls: bool = False
    stall_s: float = 3.0
    connect_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Exchange:
    """What came of it: HTTP's status, kind and target of a redirect, bytes of TCP payload received, path MTU (IPv6).

    `whole`: so much came that a packet of full size was among it.
    """

    status: int
    content_type: str
    location: str
    ms: float
    received_bytes: int
    pmtu_bytes: int | None = None

    @property
    def whole(self) -> bool:
        """Whether full-size packets came down for certain; they went up, or no answer would have come."""
        return self.received_bytes >= PROVEN_BYTES


class Stalled(Failed):
    """Nothing came any more. `delivered`: the far end's kernel has all that we sent; None if ours does not say."""

    def __init__(self, detail: str, *, delivered: bool | None) -> None:
        super().__init__(Stage.TRANSFER, Reason.TIMEOUT, detail)
        self.delivered = delivered


async def exchange(address: str, page: Page) -> Exchange:
    """Send a request of 4 kB to `address` and read the answer to its end.

    Raises:
        Stalled: transfer:timeout, with the direction in words.
        Failed: as `connect` says; transfer:reset or closed; tls or handshake: protocol for what is no TLS or HTTP.
    """
    loop = asyncio.get_running_loop()
    sock = await connect(address, page.port, timeout_s=page.connect_s)
    begun = loop.time()
    try:
        async with asyncio.timeout(3 * page.stall_s):
            return await _converse(sock, page, begun)
    except TimeoutError as error:
        raise _stalled(sock, page.stall_s) from error
    except h11.RemoteProtocolError as error:
        raise Failed(Stage.HANDSHAKE, Reason.PROTOCOL, f"not an HTTP answer: {error}") from error
    except (OSError, EOFError) as error:
        raise failed(Stage.TLS if isinstance(error, ssl.SSLError) else Stage.TRANSFER, error) from error
    finally:
        sock.close()


async def _converse(sock: socket.socket, page: Page, begun: float) -> Exchange:
    """Open the streams on a copy of the socket, which they close; ours stays to be asked what happened."""
    async with asyncio.timeout(page.stall_s):
        reader, writer = await asyncio.open_connection(
            sock=sock.dup(),
            ssl=_unchecked() if page.tls else None,
            server_hostname=page.host if page.tls else None,
            limit=_READ_BYTES,
        )
    try:
        return await _ask(reader, writer, page, (sock, begun))
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, page: Page, of: tuple[socket.socket, float]
) -> Exchange:
    sock, begun = of
    http = h11.Connection(h11.CLIENT)
    writer.write(_request(http, page))
    head, body = await _answer(http, reader, page.stall_s)
    fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
    return Exchange(
        head.status_code,
        fields.get("content-type", "").lower(),
        fields.get("location", ""),
        ms=round((asyncio.get_running_loop().time() - begun) * 1000, 3),
        received_bytes=_received(sock) or body,
        pmtu_bytes=path_mtu(sock),
    )


async def _answer(http: h11.Connection, reader: asyncio.StreamReader, stall_s: float) -> tuple[h11.Response, int]:
    """Read the answer to its end, or as much as is enough for anybody; gives its head and the bytes of its body."""
    head: h11.Response | None = None
    body, heard = 0, 0
    while head is None or body <= _BODY_MAX:
        event = _next_event(http, cut=reader.at_eof() and (head is not None or not heard), heard=heard)
        if event is h11.NEED_DATA:
            async with asyncio.timeout(stall_s):
                data = await reader.read(_READ_BYTES)
            heard += len(data)
            http.receive_data(data)
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += len(event.data)
        elif head is not None:
            break
    return head, body


def _next_event(http: h11.Connection, *, cut: bool, heard: int) -> h11.Event | type[h11.NEED_DATA | h11.PAUSED]:
    """Give the next event; Failed for a connection that ended before its answer did, and one that has no end."""
    if heard > _HEARD_MAX:
        raise Failed(Stage.HANDSHAKE, Reason.PROTOCOL, f"no answer in {heard} bytes")
    try:
        return http.next_event()
    except h11.RemoteProtocolError as error:
        if cut:
            raise Failed(Stage.TRANSFER, Reason.CLOSED, f"closed after {heard} bytes") from error
        raise


def path_mtu(sock: socket.socket) -> int | None:
    """Give the path MTU in bytes that the kernel knows for a connected socket; None over IPv4 or if it does not say."""
    if sock.family != socket.AF_INET6:
        return None
    try:
        return sock.getsockopt(socket.IPPROTO_IPV6, _IPV6_MTU)
    except OSError:
        return None


def _request(http: h11.Connection, page: Page) -> bytes:
    host = f"[{page.host}]" if ":" in page.host else page.host
    headers = [
        ("Host", f"{host}:{page.port}"),
        ("User-Agent", f"linkgauge-agent/{__version__}"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
        ("X-Full-Size-Packets", "." * UP_BYTES),
    ]
    head = http.send(h11.Request(method="GET", target=page.path, headers=headers)) or b""
    return head + (http.send(h11.EndOfMessage()) or b"")


def _received(sock: socket.socket) -> int | None:
    info = tcp_info.read(sock)
    return info.bytes_received if info else None


def _stalled(sock: socket.socket, stall_s: float) -> Stalled:
    """Say which direction stood still: what we sent was not acknowledged, or nothing more came."""
    delivered = _is_delivered(sock)
    info = tcp_info.read(sock)
    if info is None or info.bytes_received is None or not info.bytes_acked:
        return Stalled(f"nothing for {stall_s:g} s", delivered=delivered)
    # Linux counts the SYN among the acknowledged bytes.
    sent = f"{info.bytes_acked - 1} of our bytes acknowledged, {info.bytes_received} bytes came"
    again = f", {info.total_retrans} segments sent again" if info.total_retrans else ""
    return Stalled(f"nothing for {stall_s:g} s after {sent}{again}", delivered=delivered)


def _is_delivered(sock: socket.socket) -> bool | None:
    """Whether the kernel's queue holds nothing that is not acknowledged (SIOCOUTQ)."""
    try:
        return int.from_bytes(fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)), sys.byteorder) == 0
    except OSError:
        return None


def _unchecked() -> ssl.SSLContext:
    """TLS for its packets alone: whether the certificate is good is another probe's question."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
