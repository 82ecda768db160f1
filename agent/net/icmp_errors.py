"""What a router said of a packet of ours, as the kernel's error queue hands it on (ip(7), ipv6(7): IP_RECVERR)."""

import ipaddress
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent.wire.failure import Reason

RECVERR: Final = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}
"""Level and name of the option, and of its control message (linux/in.h, linux/in6.h)."""
# linux/errqueue.h: struct sock_extended_err, then the sockaddr of who complained
_ERROR: Final = struct.Struct("=IBBBBII")
_FROM_ICMP: Final = (2, 3)
_ADDRESS_AT: Final = {socket.AF_INET: (4, 4), socket.AF_INET6: (8, 16)}
_V4_UNREACHABLE: Final = 3
_V4_EXCEEDED: Final = (11, 0)
_V4_TOO_BIG: Final = (3, 4)
_V6_UNREACHABLE: Final = 1
_V6_EXCEEDED: Final = (3, 0)
_V6_TOO_BIG: Final = (2, 0)
# RFC 792, 1122, 1812
_V4: Final[dict[int, Reason]] = {
    0: Reason.NO_ROUTE,
    1: Reason.UNREACHABLE,
    2: Reason.REFUSED,
    3: Reason.REFUSED,
    5: Reason.UNREACHABLE,
    6: Reason.NO_ROUTE,
    7: Reason.UNREACHABLE,
    8: Reason.UNREACHABLE,
    9: Reason.PROHIBITED,
    10: Reason.PROHIBITED,
    11: Reason.NO_ROUTE,
    12: Reason.UNREACHABLE,
    13: Reason.PROHIBITED,
    14: Reason.PROHIBITED,
    15: Reason.PROHIBITED,
}
# RFC 4443, 3.1
_V6: Final[dict[int, Reason]] = {
    0: Reason.NO_ROUTE,
    1: Reason.PROHIBITED,
    2: Reason.UNREACHABLE,
    3: Reason.UNREACHABLE,
    4: Reason.REFUSED,
    5: Reason.PROHIBITED,
    6: Reason.PROHIBITED,
}


@dataclass(frozen=True, slots=True)
class Complaint:
    """An ICMP error. `reason` None: it lived its hops ("time exceeded"); `mtu`: the most that fits, where it was that.

    A packet that did not fit is `dropped`; a code that this module does not know is `unreachable`.
    """

    address: str
    reason: Reason | None = None
    mtu: int | None = None


def complaint_of(family: socket.AddressFamily, ancillary: Sequence[tuple[int, int, bytes]]) -> Complaint | None:
    """Read the ICMP error among the control messages of one message of the error queue; None without one.

    None as well for what says nothing about the way, and from an address that no router can have.
    """
    for level, name, data in ancillary:
        if (level, name) == RECVERR[family] and len(data) >= _ERROR.size + sum(_ADDRESS_AT[family]):
            _, origin, kind, code, _, info, _ = _ERROR.unpack_from(data)
            address = _address(family, data[_ERROR.size :])
            if origin in _FROM_ICMP and address is not None:
                return _complaint(family, (kind, code), address, info)
    return None


def _address(family: socket.AddressFamily, name: bytes) -> str | None:
    start, size = _ADDRESS_AT[family]
    packed = name[start : start + size]
    address = ipaddress.ip_address(packed)
    if address.is_multicast or address.is_unspecified:
        return None
    text = str(address)
    scope = struct.unpack_from("=I", name, 24)[0] if family == socket.AF_INET6 and len(name) >= 28 else 0  # noqa: PLR2004 - struct sockaddr_in6
    return f"{text}%{zone_of(scope)}" if scope and address.is_link_local else text


def zone_of(index: int) -> str:
    """Name an interface as addresses do; its number where the kernel has no name for it any more."""
    try:
        return socket.if_indextoname(index)
    except OSError:
        return str(index)


def _complaint(family: int, said: tuple[int, int], address: str, info: int) -> Complaint | None:
    four = family == socket.AF_INET
    if said == (_V4_EXCEEDED if four else _V6_EXCEEDED):
        return Complaint(address)
    if said == (_V4_TOO_BIG if four else _V6_TOO_BIG):
        return Complaint(address, Reason.DROPPED, info or None)
    if said[0] == (_V4_UNREACHABLE if four else _V6_UNREACHABLE):
        return Complaint(address, (_V4 if four else _V6).get(said[1], Reason.UNREACHABLE))
    return None
