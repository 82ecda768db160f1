"""Whether a device on the same link answers for its link address: the kernel's neighbour table (ARP, ND). No root."""

import socket
import struct
from typing import Final

# linux/rtnetlink.h, linux/neighbour.h
_GETNEIGH: Final = 30
_NEWNEIGH: Final = 28
_DONE: Final = 3
_DUMP: Final = 0x300 | 1
_DESTINATION: Final = 1
_HEADER: Final = struct.Struct("=IHHII")
_NEIGHBOUR: Final = struct.Struct("=BBHiHBB")
_REACHABLE: Final = 0x02
_LOST: Final = 0x01 | 0x20  # INCOMPLETE, FAILED
_WAIT_S: Final = 1.0
_SIZE: Final = 65_536


def answers(address: str, interface: str) -> bool | None:
    """Tell whether this neighbour answered lately (half a minute), or was asked in vain; None if neither is known."""
    state = _states(interface, 10 if ":" in address else 2).get(address.partition("%")[0], 0)
    if state & _REACHABLE:
        return True
    return False if state & _LOST else None


def _states(interface: str, family: int) -> dict[str, int]:
    """The state of every neighbour on an interface; empty where the kernel does not tell."""
    found: dict[str, int] = {}
    try:
        index = socket.if_nametoindex(interface)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
            netlink.settimeout(_WAIT_S)
            body = _NEIGHBOUR.pack(family, 0, 0, index, 0, 0, 0)
            netlink.send(_HEADER.pack(_HEADER.size + len(body), _GETNEIGH, _DUMP, 1, 0) + body)
            while _take(netlink.recv(_SIZE), index, found):
                pass
    except OSError:
        return {}
    return found


def _take(answer: bytes, index: int, found: dict[str, int]) -> bool:
    """Add what one datagram tells; False after the last."""
    place = 0
    while place + _HEADER.size <= len(answer):
        length, kind, *_ = _HEADER.unpack_from(answer, place)
        if kind != _NEWNEIGH or length < _HEADER.size + _NEIGHBOUR.size:
            return False
        family, _, _, where, state, _, _ = _NEIGHBOUR.unpack_from(answer, place + _HEADER.size)
        address = _destination(family, answer[place + _HEADER.size + _NEIGHBOUR.size : place + length])
        if where == index and address is not None:
            found[address] = state
        place += (length + 3) & ~3
    return True


def _destination(family: int, attributes: bytes) -> str | None:
    place = 0
    while place + 4 <= len(attributes):
        size, name = struct.unpack_from("=HH", attributes, place)
        if name == _DESTINATION:
            return socket.inet_ntop(family, attributes[place + 4 : place + size])
        place += max(4, (size + 3) & ~3)
    return None
