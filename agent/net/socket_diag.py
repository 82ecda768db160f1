"""What the kernel knows about the TCP sockets of another process of ours: its own `tcp_info`, by sock_diag(7).

No privilege is needed. A kernel without `tcp_diag` says so with OSError.
"""

import os
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.net import tcp_info
from agent.net.tcp_info import TcpInfo

PROC: Final = Path("/proc")

# linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h
_NETLINK_SOCK_DIAG: Final = 4
_BY_FAMILY: Final = 20
_REQUEST_DUMP: Final = 0x301
_ERROR: Final = 2
_DONE: Final = 3
_INFO: Final = 2
_CONGESTION: Final = 4
_WANTED: Final = 1 << (_INFO - 1) | 1 << (_CONGESTION - 1)
_ESTABLISHED: Final = 1
_HEADER: Final = struct.Struct("=IHHII")
_REQUEST: Final = struct.Struct("=BBBxI")
# Source port, destination port (network order), addresses, interface, cookie; only the port is asked for.
_SOCKET: Final = struct.Struct("!HH32x12x")
_ANSWER: Final = struct.Struct("=BBBB48xIIIII")
_ATTRIBUTE: Final = struct.Struct("=HH")
_ANSWER_BYTES: Final = 1 << 17
_SOCKET_LINK: Final = "socket:["
_TIMEOUT_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Socket:
    """One established TCP socket of this network namespace."""

    inode: int
    info: TcpInfo
    congestion: str | None = None


def inodes(pid: int, *, proc: Path = PROC) -> set[int]:
    """The sockets that a process holds, of whatever kind; empty if it is gone or not ours to look at."""
    try:
        entries = list((proc / str(pid) / "fd").iterdir())
    except OSError:
        return set()
    links = [_link(entry) for entry in entries]
    return {int(link[len(_SOCKET_LINK) : -1]) for link in links if link.startswith(_SOCKET_LINK)}


def _link(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:
        return ""  # closed meanwhile


def established(port: int, family: socket.AddressFamily) -> list[Socket]:
    """The TCP sockets of `family` that are connected to this remote port. Raises OSError."""
    request = _REQUEST.pack(family, socket.IPPROTO_TCP, _WANTED, 1 << _ESTABLISHED) + _SOCKET.pack(0, port)
    head = _HEADER.pack(_HEADER.size + len(request), _BY_FAMILY, _REQUEST_DUMP, 1, 0)
    found: list[Socket] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as sock:
        sock.settimeout(_TIMEOUT_S)
        sock.sendto(head + request, (0, 0))
        while True:
            for kind, payload in messages(sock.recv(_ANSWER_BYTES)):
                if kind == _DONE:
                    return found
                if kind == _ERROR:
                    number = -int(struct.unpack_from("=i", payload)[0])
                    raise OSError(number, os.strerror(number))
                if kind == _BY_FAMILY and len(payload) >= _ANSWER.size:
                    found.append(parse(payload))


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The netlink messages in one answer: type and payload."""
    position = 0
    while position + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, position)
        if length < _HEADER.size:
            return
        yield kind, data[position + _HEADER.size : position + length]
        position += (length + 3) & ~3


def parse(payload: bytes) -> Socket:
    """Read one socket's message (`struct inet_diag_msg` and its attributes)."""
    inode = _ANSWER.unpack_from(payload)[-1]
    info, congestion = TcpInfo(), None
    for kind, value in _attributes(payload[_ANSWER.size :]):
        if kind == _INFO:
            info = tcp_info.parse(value)
        elif kind == _CONGESTION:
            congestion = value.partition(b"\0")[0].decode("ascii", "replace") or None
    return Socket(inode, info, congestion)


def _attributes(data: bytes) -> Iterable[tuple[int, bytes]]:
    position = 0
    while position + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, position)
        if length < _ATTRIBUTE.size:
            return
        yield kind, data[position + _ATTRIBUTE.size : position + length]
        position += (length + 3) & ~3
