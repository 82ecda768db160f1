"""What the kernel kept of routers: their advertisements, and whether they answer on the link. Needs no right; Linux.

The kernel hands RDNSS and PREF64 on and does not keep them: these only a solicited advertisement tells.
"""

import contextlib
import ipaddress
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.net.interfaces import PROC

# linux/rtnetlink.h, linux/netlink.h
_GETLINK, _GETROUTE, _GETNEIGH = 18, 26, 30
_REQUEST_DUMP: Final = 0x301
_DONE, _ERROR = 3, 2
_NESTED: Final = 0x3FFF
_DST_LEN_AT: Final = 1
_PROTOCOL_AT: Final = 5
_PROTOCOL_RA: Final = 9
_RTA_OIF, _RTA_GATEWAY, _RTA_CACHEINFO = 4, 5, 12
_NDA_DST: Final = 1
_IFLA_NAME, _IFLA_PROTINFO, _IFLA_INET6_FLAGS = 3, 12, 1
_TICKS_A_SECOND: Final = 100  # USER_HZ
# linux/if_link.h: IF_RA_RCVD, IF_RA_MANAGED, IF_RA_OTHERCONF
_RECEIVED, _MANAGED, _OTHER = 0x20, 0x40, 0x80
# linux/ipv6_route.h: RTF_ADDRCONF | RTF_PREFIX_RT
_FROM_PREFIX: Final = 0x00040000 | 0x00080000
# linux/neighbour.h: NUD_INCOMPLETE | NUD_FAILED, and NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PERMANENT | NUD_NOARP
_SILENT: Final = 0x01 | 0x20
_KNOWN: Final = 0x02 | 0x04 | 0x08 | 0x80 | 0x40
_READ_BYTES: Final = 65_536
_MESSAGES_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class RouterFacts:
    """What is known of the router on one interface. `lifetime_s`: what is left of it; prefixes as text."""

    router: str | None = None
    lifetime_s: int | None = None
    managed: bool | None = None
    other_config: bool | None = None
    mtu_bytes: int | None = None
    prefixes: tuple[str, ...] = ()


def router_facts(interface: str, *, proc: Path = PROC) -> RouterFacts | None:
    """Tell what the kernel knows from advertisements on `interface`; None if it has heard none."""
    flags, router, lifetime_s = None, None, None
    with contextlib.suppress(OSError):
        index = socket.if_nametoindex(interface)
        flags = _flags(interface)
        router, lifetime_s = _default_router(index)
    if router is None and not (flags or 0) & _RECEIVED:
        return None
    return RouterFacts(
        router=f"{router}%{interface}" if router else None,
        lifetime_s=lifetime_s,
        managed=None if flags is None else bool(flags & _MANAGED),
        other_config=None if flags is None else bool(flags & _OTHER),
        mtu_bytes=_mtu(interface, proc),
        prefixes=tuple(_prefixes(interface, proc)),
    )


def answers_on_link(address: str) -> bool | None:
    """Tell whether a link-local router (with its zone) answered for its link address (neighbour discovery).

    None if nobody asked lately, if that is still being asked, or if it cannot be told.
    """
    text, _, zone = address.partition("%")
    with contextlib.suppress(OSError, ValueError):
        wanted = ipaddress.IPv6Address(text).packed
        index = socket.if_nametoindex(zone)
        for body in _dump(_GETNEIGH, struct.pack("=BBHiHBB", socket.AF_INET6, 0, 0, 0, 0, 0, 0)):
            _, _, _, at, state, _, _ = struct.unpack_from("=BBHiHBB", body)
            if at == index and _attributes(body[12:]).get(_NDA_DST) == wanted:
                return False if state & _SILENT else True if state & _KNOWN else None
    return None


def _flags(interface: str) -> int | None:
    """The interface's IPv6 flags (struct ifinfomsg of 16 bytes, then attributes)."""
    for body in _dump(_GETLINK, struct.pack("=BxHiII", socket.AF_INET6, 0, 0, 0, 0)):
        told = _attributes(body[16:])
        if told.get(_IFLA_NAME, b"").rstrip(b"\0") == interface.encode():
            flags = _attributes(told.get(_IFLA_PROTINFO, b"")).get(_IFLA_INET6_FLAGS)
            return struct.unpack("=I", flags)[0] if flags is not None and len(flags) == 4 else None  # noqa: PLR2004 - an int
    return None


def _default_router(index: int) -> tuple[str | None, int | None]:
    """The router of the default route that an advertisement made on this interface, and its remaining seconds."""
    for body in _dump(_GETROUTE, struct.pack("=BBBBBBBBI", socket.AF_INET6, 0, 0, 0, 0, 0, 0, 0, 0)):
        told = _attributes(body[12:])
        ours = told.get(_RTA_OIF) == struct.pack("=I", index) and len(told.get(_RTA_GATEWAY, b"")) == 16  # noqa: PLR2004 - an address
        if ours and body[_DST_LEN_AT] == 0 and body[_PROTOCOL_AT] == _PROTOCOL_RA:
            return str(ipaddress.IPv6Address(told[_RTA_GATEWAY])), _lifetime_s(told.get(_RTA_CACHEINFO))
    return None, None


def _lifetime_s(cache: bytes | None) -> int | None:
    """The third word of struct rta_cacheinfo, in ticks; none if it never expires."""
    ticks = struct.unpack_from("=i", cache, 8)[0] if cache is not None and len(cache) >= 12 else 0  # noqa: PLR2004 - three words
    return ticks // _TICKS_A_SECOND if ticks > 0 else None


def _mtu(interface: str, proc: Path) -> int | None:
    try:
        return int((proc / "sys" / "net" / "ipv6" / "conf" / interface / "mtu").read_text("ascii"))
    except (OSError, ValueError):
        return None


def _prefixes(interface: str, proc: Path) -> Iterator[str]:
    try:
        lines = (proc / "net" / "ipv6_route").read_text("ascii").splitlines()
    except OSError:
        return
    for line in lines:
        fields = line.split()
        if len(fields) == 10 and fields[9] == interface and int(fields[8], 16) & _FROM_PREFIX == _FROM_PREFIX:  # noqa: PLR2004 - the columns
            yield str(ipaddress.IPv6Network((bytes.fromhex(fields[0]), int(fields[1], 16)), strict=False))


def _dump(kind: int, body: bytes) -> Iterator[bytes]:
    """Ask for a whole table; gives the body of each message. OSError if the kernel will not."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.settimeout(1)
        netlink.send(struct.pack("=IHHII", 16 + len(body), kind, _REQUEST_DUMP, 1, 0) + body)
        for _ in range(_MESSAGES_MAX):
            answer = netlink.recv(_READ_BYTES)
            place = 0
            while place + 16 <= len(answer):
                size, told = struct.unpack_from("=IH", answer, place)
                if told in {_DONE, _ERROR} or size < 16:  # noqa: PLR2004 - the head
                    return
                yield answer[place + 16 : place + size]
                place += (size + 3) & ~3


def _attributes(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    place = 0
    while place + 4 <= len(data):
        size, name = struct.unpack_from("=HH", data, place)
        if size < 4:  # noqa: PLR2004 - the head
            break
        found[name & _NESTED] = data[place + 4 : place + size]
        place += (size + 3) & ~3
    return found
