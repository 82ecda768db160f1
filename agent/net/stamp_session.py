"""A STAMP session (RFC 8762) from our side: the packets' look and the socket; the pacing is `echo_session`'s.

To measure beside something else: `sock = open_socket(address, port)`, `session = stamp_session(sock, Pace(...))`, then
`await session.run()` in a task of its own, `session.stop()` when it is enough, and read `session.answers`.
"""

import os
import socket
from collections.abc import Callable
from typing import Final

from agent.net import stamp
from agent.net.echo_session import Echo, Pace, Session
from agent.net.failures import failed
from agent.net.kernel_time import ReadClocks, read_clocks
from agent.net.round_trips import Answer
from agent.wire.failure import Stage

# What clocks that say they are synchronised may still be off by: the bound that our packets state.
_CLOCK_ERROR_S: Final = 0.1


class StampWire:
    """The packets of one session: its random SSID, its key, its size in bytes on UDP (0: the smallest)."""

    def __init__(self, *, key: bytes | None = None, size: int = 0, synchronized: bool = False) -> None:
        self._key = key
        self._padding = stamp.padding(size - stamp.base_size(key))
        self._error = stamp.error_estimate(_CLOCK_ERROR_S, synchronized=True) if synchronized else stamp.UNSYNCHRONIZED
        self._ssid = int.from_bytes(os.urandom(2), "big")

    def question(self, seq: int, wall_ns: int) -> bytes:
        """Give the sender's packet."""
        return stamp.encode_sender(stamp.SenderPacket(seq, wall_ns, self._error, self._ssid), key=self._key) + (
            self._padding
        )

    def meant(self, _: bytes) -> bool:
        """Whatever comes to our own port is meant for us."""
        return True

    def answer(self, payload: bytes) -> Echo | None:
        """Read the reflector's packet; None if it is none, or with a key not signed with it."""
        try:
            packet = stamp.decode_reflector(payload, key=self._key)
        except stamp.BadPacketError:
            return None
        return Echo(
            seq=packet.sender_seq,
            sent_ns=packet.sender_sent_ns,
            count=packet.seq,
            received_ns=packet.received_ns,
            returned_ns=packet.sent_ns,
            synchronized=stamp.is_synchronized(packet.error),
        )


def stamp_session(  # noqa: PLR0913 - each is one fact of the run, all but the first two have a default
    sock: socket.socket,
    pace: Pace,
    *,
    key: bytes | None = None,
    size: int = 0,
    synchronized: bool = False,
    clocks: ReadClocks = read_clocks,
    heard: Callable[[Answer], None] | None = None,
) -> Session:
    """Make a session on a connected UDP socket; `size`: bytes of each packet on UDP, both ways."""
    wire = StampWire(key=key, size=size, synchronized=synchronized)
    return Session(sock, pace, wire, synchronized=synchronized, clocks=clocks, heard=heard)


def open_socket(address: str, port: int) -> socket.socket:
    """Give a connected, non-blocking UDP socket; raises Failed (route or connect)."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    except OSError as error:
        raise failed(Stage.CONNECT, error) from error
    try:
        sock.connect((address, port))
    except OSError as error:
        sock.close()
        raise failed(Stage.CONNECT, error) from error
    return sock
