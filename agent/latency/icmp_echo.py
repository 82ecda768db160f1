"""ICMP echo (RFC 792, RFC 4443) for a session: for peers without a reflector of ours.

The socket is the unprivileged one, if the kernel allows it to this process's group (sysctl net.ipv4.ping_group_range),
else a raw one, which needs CAP_NET_RAW. Each question carries its time and a random token, and an answer counts only
with both: nobody who has not seen the question can make one up.
"""

import contextlib
import os
import socket
import struct
from typing import Final

from agent.errors import Failed
from agent.net.echo_session import Echo
from agent.net.failures import failed
from agent.wire.failure import Reason, Stage

_HEAD: Final = struct.Struct("!BBHHH")
_MARK: Final = struct.Struct("!Q8s")
SIZE_MIN: Final = _MARK.size
_V4: Final = (8, 0)  # echo request and reply
_V6: Final = (128, 129)
_ICMP_FILTER: Final = 1  # linux/icmp.h, at level SOL_RAW
_ICMP6_FILTER: Final = 1  # linux/icmpv6.h, at level IPPROTO_ICMPV6
_SOL_RAW: Final = 255
_IHL: Final = 0x0F
_NO_RIGHT: Final = (
    "the kernel lets this user send no ping; allow it with sysctl -w net.ipv4.ping_group_range='0 2147483647', "
    "or give the program CAP_NET_RAW"
)


class EchoWire:
    """The packets of one session on a socket of `open_socket`."""

    def __init__(self, sock: socket.socket, *, size: int) -> None:
        self._raw = sock.type == socket.SOCK_RAW
        self._v6 = sock.family == socket.AF_INET6
        self._request, self._reply = _V6 if self._v6 else _V4
        # On an unprivileged socket the kernel writes a number of its own here.
        self._id = int.from_bytes(os.urandom(2), "big")
        self._token = os.urandom(8)
        self._padding = bytes(max(0, size - SIZE_MIN))

    def question(self, seq: int, wall_ns: int) -> bytes:
        """Give an echo request."""
        body = _MARK.pack(wall_ns, self._token) + self._padding
        head = _HEAD.pack(self._request, 0, 0, self._id, seq & 0xFFFF)
        # For ICMPv6, and on an unprivileged socket, the kernel computes it.
        return _HEAD.pack(self._request, 0, checksum(head + body), self._id, seq & 0xFFFF) + body

    def meant(self, payload: bytes) -> bool:
        """Tell another program's ping from ours: on a raw socket the kernel gives every reply to everyone."""
        head = self._message(payload)[: _HEAD.size]
        return not self._raw or len(head) < _HEAD.size or _HEAD.unpack(head)[3] == self._id

    def answer(self, payload: bytes) -> Echo | None:
        """Read an echo reply; None if it is none to a question of ours."""
        payload = self._message(payload)
        if len(payload) < _HEAD.size + _MARK.size:
            return None
        kind, code, _, number, seq = _HEAD.unpack_from(payload)
        sent_ns, token = _MARK.unpack_from(payload, _HEAD.size)
        if (kind, code, token) != (self._reply, 0, self._token) or (self._raw and number != self._id):
            return None
        return Echo(seq=seq, sent_ns=sent_ns)

    def _message(self, payload: bytes) -> bytes:
        """Leave out the IP header, which a raw socket shows over IPv4."""
        if not self._raw or self._v6:
            return payload
        return payload[4 * (payload[0] & _IHL) :] if payload else b""


def allowed() -> bool:
    """Whether this process may ping at all."""
    with contextlib.suppress(Failed):
        _socket(socket.AF_INET).close()
        return True
    return False


def open_socket(address: str) -> socket.socket:
    """Give a non-blocking socket connected to `address`.

    Raises:
        Failed: `device:no_permission`, with what to do; or stage route or connect.
    """
    sock = _socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        sock.connect((address, 0))
    except OSError as error:
        sock.close()
        raise failed(Stage.CONNECT, error) from error
    return sock


def checksum(data: bytes) -> int:
    """Give the Internet checksum (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _socket(family: int) -> socket.socket:
    protocol = socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP
    try:
        return socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, protocol)
    except PermissionError:
        pass
    except OSError as error:
        raise failed(Stage.CONNECT, error) from error
    try:
        sock = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)
    except PermissionError as error:
        raise Failed(Stage.DEVICE, Reason.NO_PERMISSION, _NO_RIGHT) from error
    except OSError as error:
        raise failed(Stage.CONNECT, error) from error
    _hear_replies_only(sock)
    return sock


def _hear_replies_only(sock: socket.socket) -> None:
    """Spare a raw socket what others' pings bring; the token would tell them apart in any case."""
    with contextlib.suppress(OSError):
        if sock.family == socket.AF_INET6:
            words = [0xFFFFFFFF] * 8
            words[_V6[1] >> 5] &= ~(1 << (_V6[1] & 31))
            sock.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, struct.pack("=8I", *words))
        else:
            sock.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", 0xFFFFFFFF & ~(1 << _V4[1])))
