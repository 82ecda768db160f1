"""STAMP session-reflector (RFC 8762, SSID of RFC 8972) on UDP sockets of our own.

Receive times come from the kernel, so a busy event loop delays the answer but does not falsify it. An answer is never
larger than its question, and leaves from the address that was asked. What became of each packet is counted:

    reflected            answered, with a count of its sender's own
    reflected_stateless  answered, but there are too many senders to count for this one
    repeated             answered, and had been before: doubled by the network, or replayed by somebody
    too_short, too_long  no packet of this kind
    refused              not signed with the key
    looped               from a port that answers by itself, such as another reflector's: two would never end
    send_failed          the answer could not be sent
"""

import asyncio
import contextlib
import logging
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from agent.net import stamp
from agent.peer.counters import Counters
from agent.peer.sessions import Sessions

_log = logging.getLogger(__name__)

_SO_TIMESTAMPNS: Final = 35
_IPV6_RECVPKTINFO: Final = 49
_IP_PKTINFO: Final = 8
_IP_RECVTTL: Final = 12
_IPV6_PKTINFO: Final = 50
_TIMESPEC: Final = struct.Struct("@qq")
_TIMESPEC_32: Final = struct.Struct("@ii")
_LARGEST: Final = 4096
_ANCILLARY: Final = 256
_BATCH: Final = 64
_TTL: Final = 255
_RECEIVE_BUFFER: Final = 1 << 20
_CLOCK_LOOK_S: Final = 16.0
# Echo and chargen; this reflector's own port, where another one listens at the same, comes on top.
_ANSWERING_PORTS: Final = frozenset({0, 7, 19})
_DISCIPLINED_S: Final = 0.01
"""What a clock is taken to be off by when the kernel only says that something keeps it right."""

Address = tuple[str, int] | tuple[str, int, int, int]


@dataclass(frozen=True, slots=True)
class Datagram:
    """One packet and what the kernel knows of it.

    `local` is the control message that sends the answer from the address that was asked.
    """

    payload: bytes
    sender: Address
    received_ns: int
    ttl: int
    local: tuple[int, int, bytes] | None


class Reflector:
    """Answers STAMP packets, authenticated ones only if there is a key."""

    def __init__(
        self, *, key: bytes | None, counters: Counters, sessions: Sessions, synchronized: Callable[[], bool | None]
    ) -> None:
        self._key = key
        self._counters = counters
        self._sessions = sessions
        self._synchronized = synchronized
        self._error = stamp.UNSYNCHRONIZED
        self._shunned = _ANSWERING_PORTS

    async def serve(self, sock: socket.socket) -> None:
        """Answer on one bound UDP socket until cancelled."""
        prepare(sock)
        self._shunned |= {sock.getsockname()[1]}
        loop = asyncio.get_running_loop()
        loop.add_reader(sock.fileno(), self._drain, sock)
        try:
            while True:
                known = self._synchronized() is True
                self._error = stamp.error_estimate(_DISCIPLINED_S, synchronized=True) if known else stamp.UNSYNCHRONIZED
                self._sessions.expire(time.monotonic())
                await asyncio.sleep(_CLOCK_LOOK_S)
        finally:
            loop.remove_reader(sock.fileno())

    def _drain(self, sock: socket.socket) -> None:
        """Answer what has arrived, but let the loop go on after a batch."""
        for datagram in _received(sock, _BATCH):
            outcome = self._reflect(sock, datagram)
            self._counters.stamp[outcome] += 1

    def _reflect(self, sock: socket.socket, datagram: Datagram) -> str:
        """Answer one packet; returns what became of it."""
        payload = datagram.payload
        if len(payload) > _LARGEST:
            return "too_long"
        if datagram.sender[1] in self._shunned:
            return "looped"
        try:
            packet = stamp.decode_sender(payload, key=self._key)
        except stamp.BadPacketError:
            return "refused" if self._key is not None and len(payload) >= stamp.KEYED_SIZE else "too_short"
        session = (*datagram.sender[:2], packet.ssid)
        count = self._sessions.count(session, time.monotonic())
        data = self._answer(datagram, packet, count)
        ancillary = [] if datagram.local is None else [datagram.local]
        try:
            sock.sendmsg([data], ancillary, 0, datagram.sender)
        except OSError as error:
            _log.debug("event=stamp_send_failed error=%s", error)
            return "send_failed"
        if self._sessions.repeats(session, seq=packet.seq, sent_ns=packet.sent_ns):
            return "repeated"
        return "reflected" if count is not None else "reflected_stateless"

    def _answer(self, datagram: Datagram, packet: stamp.SenderPacket, count: int | None) -> bytes:
        """Write the answer: as large as the question, and not a byte larger."""
        payload = datagram.payload
        extra = stamp.reflected(payload[stamp.base_size(self._key) :])
        # What comes after T3 would count as the line's time.
        answer = stamp.ReflectorPacket(
            seq=packet.seq if count is None else count,
            received_ns=datagram.received_ns,
            sent_ns=time.time_ns(),
            sender_seq=packet.seq,
            sender_sent_ns=packet.sent_ns,
            error=self._error,
            sender_error=packet.error,
            sender_ttl=datagram.ttl,
            ssid=packet.ssid,
        )
        return stamp.encode_reflector(answer, key=self._key, extra=extra)[: len(payload)]


def prepare(sock: socket.socket) -> None:
    """Ask the kernel for receive time, TTL and destination of every packet, and for TTL 255 on what is sent."""
    sock.settimeout(0)
    v6 = sock.family == socket.AF_INET6
    options = [
        (socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1),
        (socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER),
    ]
    if v6:
        options += [
            (socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1),
            (socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1),
            (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, _TTL),
        ]
    else:
        options += [
            (socket.IPPROTO_IP, _IP_RECVTTL, 1),
            (socket.IPPROTO_IP, _IP_PKTINFO, 1),
            (socket.IPPROTO_IP, socket.IP_TTL, _TTL),
        ]
    for level, name, value in options:
        with contextlib.suppress(OSError):
            sock.setsockopt(level, name, value)


def _received(sock: socket.socket, most: int) -> Iterator[Datagram]:
    """Yield at most `most` datagrams that wait in the socket."""
    for _ in range(most):
        try:
            payload, ancillary, _, sender = sock.recvmsg(_LARGEST + 1, _ANCILLARY)
        except OSError:
            # Nothing more to read, or the late error of an answer that nobody wanted.
            return
        yield read_ancillary(payload, sender, ancillary, arrived_ns=time.time_ns())


def read_ancillary(
    payload: bytes, sender: Address, ancillary: list[tuple[int, int, bytes]], *, arrived_ns: int
) -> Datagram:
    """Make sense of the control messages; `arrived_ns` stands in where the kernel gave no time."""
    received_ns, ttl, local = arrived_ns, 0, None
    for level, kind, data in ancillary:
        match level, kind:
            case (socket.SOL_SOCKET, 35):
                form = _TIMESPEC if len(data) >= _TIMESPEC.size else _TIMESPEC_32
                seconds, nanoseconds = form.unpack_from(data)
                received_ns = seconds * 1_000_000_000 + nanoseconds
            case (socket.IPPROTO_IP, socket.IP_TTL) | (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT):
                (ttl,) = struct.unpack_from("=i", data)
            case (socket.IPPROTO_IP, 8) | (socket.IPPROTO_IPV6, 50):
                local = (level, kind, _from_here(level, data))
            case _:
                pass
    return Datagram(payload, sender, received_ns, ttl, local)


def _from_here(level: int, data: bytes) -> bytes:
    """Turn the destination of a packet into the source of its answer, leaving the way out to the routing table."""
    if level == socket.IPPROTO_IP:
        _, _, destination = struct.unpack_from("=i4s4s", data)
        return struct.pack("=i4s4s", 0, destination, b"\0" * 4)
    destination, interface = struct.unpack_from("=16sI", data)
    # A link-local address means something on its own interface only.
    link_local = destination[0] == 0xFE and destination[1] & 0xC0 == 0x80  # noqa: PLR2004 - fe80::/10
    return struct.pack("=16sI", destination, interface if link_local else 0)
