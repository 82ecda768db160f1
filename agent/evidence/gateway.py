"""How far the first router is, before and under load: a queue in the Wi-Fi or the LAN shows here, one behind it not.

An ICMP echo from an unprivileged socket where the kernel allows it (`net.ipv4.ping_group_range`). Else one TCP
connection to a port of the router: that it accepts or refuses takes one round trip either way. The kernel times both,
except a refusal; that one is timed by this program, which is late when it is busy, so it is left out under load.
"""

import asyncio
import contextlib
import errno
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from agent.net import kernel_time, tcp_info
from agent.net.kernel_time import Timeline, read_clocks
from agent.net.readiness import ready

ANSWER_S: Final = 1.0
PORTS: Final = (53, 80, 443)
"""A home router listens on one of them, or refuses on most."""

_ECHO = {socket.AF_INET: (socket.IPPROTO_ICMP, 8, 0), socket.AF_INET6: (socket.IPPROTO_ICMPV6, 128, 129)}
_HEADER: Final = struct.Struct("!BBHHH")
_MARK_BYTES: Final = 8
_SIZE: Final = 256
_ANSWERED: Final = (0, errno.ECONNREFUSED)
_PENDING: Final = (errno.EINPROGRESS, errno.EWOULDBLOCK)


@dataclass(frozen=True, slots=True)
class Answer:
    """One round trip: when it was over (loop time), how long it took; `late`: timed by this program, not the kernel."""

    at_s: float
    rtt_us: int
    late: bool = False


@dataclass(slots=True)
class Gateway:
    """A router, mostly the first, asked again and again over one socket. `close` it.

    `ports`: where to connect if it gives no echo, none: then not at all. `reason`: why it could not be asked.
    """

    address: str
    ports: Sequence[int] = PORTS
    answers: list[Answer] = field(default_factory=list)
    reason: str | None = None
    _echo: socket.socket | None = None
    _seq: int = 0
    _ports: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ports = list(self.ports)
        self._echo = _echo_socket(self.address)

    def close(self) -> None:
        """Give the socket back."""
        if self._echo is not None:
            self._echo.close()
            self._echo = None

    async def ask(self) -> Answer | None:
        """Try once, for a second at most; what came is also added to `answers`. None without an answer."""
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await self._by_echo() if self._echo is not None else await self._by_connection()
        except TimeoutError:
            self._note("no answer")
            if not self.answers:
                self.close()  # a router may drop echoes alone
            self._ports = [*self._ports[1:], *self._ports[:1]]
            return None
        except OSError as error:
            self._note(os.strerror(error.errno) if error.errno else "cannot be asked")
            return None
        if answer is not None:
            self.answers.append(answer)
        return answer

    def _note(self, why: str) -> None:
        if not self.answers:
            self.reason = f"gateway {self.address}: {why}"

    async def _by_echo(self) -> Answer | None:
        if self._echo is None:
            return None
        _, request, _ = _ECHO[self._echo.family]
        self._seq = (self._seq + 1) & 0xFFFF
        mark = os.urandom(_MARK_BYTES)
        timeline = Timeline()
        start = read_clocks()
        timeline.note(start)
        # The kernel fills in identifier and check sum of such a socket.
        self._echo.send(_HEADER.pack(request, 0, 0, 0, self._seq) + mark)
        while True:
            data, ancillary = await _datagram(self._echo)
            came_ns = timeline.arrival_ns(read_clocks(), kernel_time.stamp_of(ancillary), after_ns=start.monotonic_ns)
            if _is_reply(self._echo.family, data, self._seq, mark):
                return Answer(_now(), max(1, (came_ns - start.monotonic_ns) // 1000))

    async def _by_connection(self) -> Answer | None:
        """One TCP connection, ended with a reset. The first port that accepts is kept, else the first that refuses."""
        refused: tuple[int, Answer] | None = None
        error = 0
        for port in tuple(self._ports):
            begun = _now()
            with _tcp_socket(self.address) as sock:
                error = await _connected(sock, (*_name(self.address)[:1], port, *_name(self.address)[2:]))
                took_us = max(1, round((_now() - begun) * 1e6))
                info = tcp_info.read(sock) if error == 0 else None
            if info is not None and info.rtt_us is not None:
                self._ports = [port]
                return Answer(_now(), info.rtt_us)
            if error in _ANSWERED and refused is None:
                refused = port, Answer(_now(), took_us, late=True)
        if refused is None:
            raise OSError(error, os.strerror(error))
        self._ports = [refused[0]]
        return refused[1]


def _name(address: str) -> tuple[str, int] | tuple[str, int, int, int]:
    """A numeric address as the socket module wants it; no name is looked up."""
    text, _, zone = address.partition("%")
    if ":" not in text:
        return (text, 0)
    index = 0
    with contextlib.suppress(OSError):
        index = socket.if_nametoindex(zone) if zone else 0
    return (text, 0, 0, index)


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _echo_socket(address: str) -> socket.socket | None:
    """A connected ICMP socket that stamps what it receives; None where the kernel does not allow it."""
    family = _family(address)
    try:
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, _ECHO[family][0])
    except OSError:
        return None
    try:
        kernel_time.enable(sock)
        sock.connect(_name(address))
    except OSError:
        sock.close()
        return None
    return sock


def _tcp_socket(address: str) -> socket.socket:
    sock = socket.socket(_family(address), socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return sock


async def _connected(sock: socket.socket, name: tuple[str | int, ...]) -> int:
    """Connect; the kernel's error, 0 for none."""
    error = sock.connect_ex(name)
    if error not in _PENDING:
        return error
    await ready(sock, write=True)
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


async def _datagram(sock: socket.socket) -> tuple[bytes, list[tuple[int, int, bytes]]]:
    while True:
        with contextlib.suppress(BlockingIOError):
            data, ancillary, _, _ = sock.recvmsg(_SIZE, kernel_time.CONTROL_SIZE)
            return data, ancillary
        await ready(sock, write=False)


def _is_reply(family: int, data: bytes, seq: int, mark: bytes) -> bool:
    if len(data) < _HEADER.size + _MARK_BYTES:
        return False
    kind, _, _, _, number = _HEADER.unpack_from(data)
    reply = _ECHO[socket.AddressFamily(family)][2]
    return (kind, number, data[_HEADER.size : _HEADER.size + _MARK_BYTES]) == (reply, seq, mark)


def _now() -> float:
    return asyncio.get_running_loop().time()
