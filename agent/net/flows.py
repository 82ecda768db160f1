"""Packets of one flow, each with its own number of hops to live, and what comes back: the edge under a traceroute.

Nothing here needs root. The kernel hands ICMP errors to the socket whose packet they quote (IP_RECVERR, IPV6_RECVERR)
with the address of who complained and, by SO_TIMESTAMPNS, the time at which the error came. UDP uses a connected
socket; ICMP a socket of SOCK_DGRAM, where `net.ipv4.ping_group_range` allows it; TCP a connection that is given up
after one SYN, again and again from the same port, so that the kernel itself changes the sequence number and nothing
else.

What a load balancer may look at stays the same for every packet: addresses, protocol, ports (of ICMP: type, code,
identifier and checksum) and the IPv6 flow label, which is 0.
"""

import asyncio
import contextlib
import ipaddress
import os
import select
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from agent.errors import Failed
from agent.net import kernel_time, tcp_info
from agent.net.icmp_errors import RECVERR, Complaint, complaint_of, zone_of
from agent.net.kernel_time import Reading, Timeline, read_clocks
from agent.wire.failure import Reason, Stage

Method = Literal["udp", "icmp", "tcp"]
MARK_BYTES: Final = 8
HEADERS: Final = {socket.AF_INET: 28, socket.AF_INET6: 48}
"""Bytes of IP and of UDP or ICMP in front of what we choose ourselves."""

_OWN: Final = struct.Struct(f"!HH{MARK_BYTES}s")
_ICMP: Final = struct.Struct("!BBHHH")
_ECHO: Final = {socket.AF_INET: (socket.IPPROTO_ICMP, 8, 0), socket.AF_INET6: (socket.IPPROTO_ICMPV6, 128, 129)}
_TTL: Final = {
    socket.AF_INET: (socket.IPPROTO_IP, socket.IP_TTL),
    socket.AF_INET6: (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS),
}
# linux/in.h, linux/in6.h: packets are never cut up, neither here nor, in IPv4, on their way
_WHOLE: Final = {
    socket.AF_INET: ((socket.IPPROTO_IP, 10, 3),),  # IP_MTU_DISCOVER: IP_PMTUDISC_PROBE
    socket.AF_INET6: ((socket.IPPROTO_IPV6, 23, 3), (socket.IPPROTO_IPV6, 62, 1)),  # and IPV6_DONTFRAG
}
_AUTOFLOWLABEL: Final = 70
_SYN_COUNT: Final = 7  # TCP_SYNCNT
_QUOTED: Final = 2048
_CONTROL: Final = 512
_BURST: Final = 64
_PENDING: Final = (0, 115, 11)  # EINPROGRESS, EAGAIN
_REFUSED: Final = 111  # ECONNREFUSED


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back. `seq` None: whoever sent it quoted too little to tell which packet it is about.

    `complaint` None: it is the answer of the target itself. `at_ns`: on the monotonic clock.
    """

    seq: int | None
    complaint: Complaint | None
    at_ns: int


class PacketFlow:
    """UDP or ICMP packets to one address; what comes back is told at once. `close` it.

    OSError says what will not go; Failed that ICMP is not for this user. `foreign` counts what came and was no answer
    to us.
    """

    def __init__(
        self, address: str, method: Method, *, port: int, source_port: int, heard: Callable[[Heard], None]
    ) -> None:
        self.foreign = 0
        self._family = family_of(address)
        self._icmp = method == "icmp"
        self._mark = os.urandom(MARK_BYTES)
        self._heard = heard
        self._timeline = Timeline()
        self._sock = self._socket()
        try:
            prepare(self._sock, self._family)
            for level, name, value in _WHOLE[self._family]:
                self._sock.setsockopt(level, name, value)
            bound(self._sock, self._family, source_port)
            self._sock.connect(name_of(address, 0 if self._icmp else port))
            asyncio.get_running_loop().add_reader(self._sock, self.collect)
        except OSError:
            self._sock.close()
            raise

    @property
    def source(self) -> tuple[str, int]:
        """Our own address, and our port or ICMP identifier."""
        return own_address(self._sock), int(self._sock.getsockname()[1])

    def close(self) -> None:
        """Give the socket back."""
        asyncio.get_running_loop().remove_reader(self._sock)
        self._sock.close()

    def send(self, seq: int, ttl: int, *, size: int | None = None) -> Reading:
        """Send packet `seq` (1 to 65535); OSError if the device itself will not. Gives the time before it left.

        `size`: of the whole packet, in bytes with the IP header.
        """
        self._sock.setsockopt(*_TTL[self._family], ttl)
        own = _OWN.pack(seq, 0xFFFF - seq, self._mark)  # the two words keep the checksum as it is
        own += bytes(max(0, (size or 0) - HEADERS[self._family] - len(own)))
        if self._icmp:
            own = _ICMP.pack(_ECHO[self._family][1], 0, 0, 0, seq) + own
        # What a router said of an earlier packet is no fault of this one.
        self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        now = read_clocks()
        self._timeline.note(now)
        self._sock.send(own)
        return now

    def _socket(self) -> socket.socket:
        protocol = _ECHO[self._family][0] if self._icmp else socket.IPPROTO_UDP
        try:
            return socket.socket(self._family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, protocol)
        except PermissionError as error:
            why = "this user may not send ICMP (net.ipv4.ping_group_range); use udp or tcp"
            raise Failed(Stage.DEVICE, Reason.NO_PERMISSION, why) from error

    def collect(self) -> None:
        """Tell of all that has come by now."""
        for flags in (socket.MSG_ERRQUEUE, 0):
            with contextlib.suppress(OSError):  # nothing more, or an error that the queue told in full
                for _ in range(_BURST):
                    data, ancillary, _, _ = self._sock.recvmsg(_QUOTED, _CONTROL, flags)
                    self._take(data, ancillary, told=bool(flags))
        self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def _take(self, data: bytes, ancillary: list[tuple[int, int, bytes]], *, told: bool) -> None:
        now = read_clocks()
        complaint = complaint_of(self._family, ancillary) if told else None
        seq = self._seq(data, echo=_ECHO[self._family][1 if told else 2])
        if seq == 0 or (told and complaint is None):
            self.foreign += 1
            return
        at_ns = self._timeline.arrival_ns(now, kernel_time.stamp_of(ancillary), after_ns=0)
        self._heard(Heard(seq, complaint, at_ns))

    def _seq(self, data: bytes, *, echo: int) -> int | None:
        """Which packet this is about; None if it does not say, 0 if it is none of ours.

        A router need not quote more than 8 bytes beyond the IP header (RFC 792): all of an ICMP header, but nothing of
        what UDP carries. That the ports are ours the kernel has seen to.
        """
        number: int | None = None
        if self._icmp:
            if len(data) < _ICMP.size:
                return 0
            kind, _, _, _, number = _ICMP.unpack_from(data)
            if kind != echo:
                return 0
            data = data[_ICMP.size :]
        quoted = data[: _OWN.size]
        if len(quoted) < 4:  # noqa: PLR2004 - our two words
            return number
        seq = int.from_bytes(quoted[:2], "big")
        ours = _OWN.pack(seq, 0xFFFF - seq, self._mark).startswith(quoted) and number in {None, seq}
        return seq if ours else 0


class SynFlow:
    """TCP connections to one address from one port, one at a time, each given up after its first packet.

    `source`: our own address, once a packet was sent. A filter of this device itself looks like silence: the kernel
    does not say that it could not send a SYN.
    """

    def __init__(self, address: str, *, port: int, source_port: int) -> None:
        self.foreign = 0
        self.source: str | None = None
        self._family = family_of(address)
        self._name = name_of(address, port)
        self._timeline = Timeline()
        with contextlib.closing(self._socket()) as sock:
            bound(sock, self._family, source_port)
            self.source_port = int(sock.getsockname()[1])

    def close(self) -> None:
        """Nothing is kept between two packets."""

    async def ask(self, ttl: int, *, timeout_s: float) -> tuple[Heard | None, Reading]:
        """Send one SYN and wait; None without an answer in time. OSError if the device itself will not.

        A `timeout_s` below a second keeps the kernel from sending the SYN again.
        """
        with contextlib.closing(self._socket()) as sock:
            bound(sock, self._family, self.source_port)
            sock.setsockopt(*_TTL[self._family], ttl)
            start = read_clocks()
            self._timeline.note(start)
            error = sock.connect_ex(self._name)
            self.source = own_address(sock)
            if error not in _PENDING and error != _REFUSED:
                raise OSError(error, os.strerror(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await settled(sock)
            if not is_settled(sock):
                return None, start
            return self._told(sock, start), start

    def _socket(self) -> socket.socket:
        sock = socket.socket(self._family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.setsockopt(socket.IPPROTO_TCP, _SYN_COUNT, 1)
        prepare(sock, self._family)
        return sock

    def _told(self, sock: socket.socket, start: Reading) -> Heard | None:
        now = read_clocks()
        complaint, at_ns = None, now.monotonic_ns
        with contextlib.suppress(BlockingIOError):
            _, ancillary, _, _ = sock.recvmsg(_QUOTED, _CONTROL, socket.MSG_ERRQUEUE)
            complaint = complaint_of(self._family, ancillary)
            stamp = kernel_time.stamp_of(ancillary)
            at_ns = self._timeline.arrival_ns(now, stamp, after_ns=start.monotonic_ns)
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if complaint is None and error not in {0, _REFUSED}:
            self.foreign += 1
            return None
        if complaint is None and error == 0:
            info = tcp_info.read(sock)
            if info is not None and info.rtt_us:
                at_ns = min(at_ns, start.monotonic_ns + info.rtt_us * 1000)
        return Heard(None, complaint, at_ns)


def family_of(address: str) -> socket.AddressFamily:
    """Tell IPv6 from IPv4."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def name_of(address: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """Give a numeric address as the socket module wants it; no name is looked up. OSError for an unknown zone."""
    text, _, zone = address.partition("%")
    if ":" not in text:
        return text, port
    return text, port, 0, socket.if_nametoindex(zone) if zone else 0


def own_address(sock: socket.socket) -> str:
    """Give our own address, a link-local one with its zone, as routers' addresses have it."""
    name = sock.getsockname()
    scope = name[3] if len(name) > 3 and "%" not in name[0] else 0  # noqa: PLR2004 - struct sockaddr_in6
    return f"{name[0]}%{zone_of(scope)}" if scope else str(name[0])


def is_loopback(address: str) -> bool:
    """Whether this is an address that never leaves a device."""
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def prepare(sock: socket.socket, family: socket.AddressFamily) -> None:
    """Let the kernel keep errors with their times for us, and never choose a flow label."""
    sock.setsockopt(*RECVERR[family], 1)
    kernel_time.enable(sock)
    if family == socket.AF_INET6:
        with contextlib.suppress(OSError):  # before Linux 3.16 there was no label of its own
            sock.setsockopt(socket.IPPROTO_IPV6, _AUTOFLOWLABEL, 0)


def bound(sock: socket.socket, family: socket.AddressFamily, port: int) -> None:
    """Take this port of ours, else any: a flow that looks alike in every run is wanted, not needed."""
    anywhere = "::" if family == socket.AF_INET6 else "0.0.0.0"  # noqa: S104 - bound, not listening
    try:
        sock.bind((anywhere, port))
    except OSError:
        sock.bind((anywhere, 0))


def is_settled(sock: socket.socket) -> bool:
    """Whether a connection stands or has failed: a busy program may see its time run out before it looks."""
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    return bool(poll.poll(0))


async def settled(sock: socket.socket) -> None:
    """Wait until a connection stands or has failed."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_writer(sock, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(sock)
