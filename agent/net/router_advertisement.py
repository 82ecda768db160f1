"""What a router says of itself and the network (RFC 4861, 8106, 8781): a pure reader, and one question to the routers.

Asking takes a raw socket, which takes root (CAP_NET_RAW); `agent.net.router_facts` tells what the kernel kept of it.
"""

import asyncio
import contextlib
import ipaddress
import socket
import struct
from dataclasses import dataclass
from typing import Final

from agent.errors import Failed
from agent.net.failures import failed
from agent.wire.failure import Reason, Stage

_SOLICITATION: Final = 133
_ADVERTISEMENT: Final = 134
_HEAD_BYTES: Final = 16
_PREFIX, _MTU, _RDNSS, _PREF64 = 3, 5, 25, 38
_MANAGED, _OTHER = 0x80, 0x40
_AUTONOMOUS: Final = 0x40
_PREF64_LENGTHS: Final = (96, 64, 56, 48, 40, 32)  # RFC 8781, "Prefix Length Code"
_ALL_ROUTERS: Final = "ff02::2"
_MULTICAST_HOPS: Final = 255
_FILTER: Final = 1  # ICMPV6_FILTER, linux/icmpv6.h
_LARGEST: Final = 2048
_OPTIONS_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Advertisement:
    """One router advertisement. `lifetime_s` 0: not a default router. Prefixes and servers in the router's order.

    `autonomous`: from one of the prefixes at least devices may make addresses for themselves (SLAAC).
    """

    router: str | None
    lifetime_s: int
    managed: bool
    other_config: bool
    mtu_bytes: int | None = None
    prefixes: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    nat64_prefix: ipaddress.IPv6Network | None = None
    autonomous: bool = False


def parse(data: bytes, *, router: str | None = None) -> Advertisement | None:
    """Read an ICMPv6 message; None if it is not a whole router advertisement, of which RFC 4861 says "discard"."""
    if len(data) < _HEAD_BYTES or data[0] != _ADVERTISEMENT or data[1] != 0:
        return None
    options = _options(data[_HEAD_BYTES:])
    if options is None:
        return None
    flags, lifetime_s = struct.unpack_from("!BH", data, 5)
    mtus = [struct.unpack_from("!I", body, 4)[0] for kind, body in options if kind == _MTU and len(body) == 8]  # noqa: PLR2004 - one unit of the format
    translating = [network for kind, body in options if kind == _PREF64 and (network := _pref64(body))]
    return Advertisement(
        router=router,
        lifetime_s=lifetime_s,
        managed=bool(flags & _MANAGED),
        other_config=bool(flags & _OTHER),
        mtu_bytes=mtus[0] if mtus else None,
        prefixes=tuple(prefix for kind, body in options if kind == _PREFIX and (prefix := _prefix(body))),
        dns=tuple(server for kind, body in options if kind == _RDNSS for server in _servers(body)),
        nat64_prefix=translating[0] if translating else None,
        autonomous=any(_makes_addresses(body) for kind, body in options if kind == _PREFIX),
    )


async def solicit(interface: str, *, timeout_s: float) -> Advertisement:
    """Ask the routers on the link of `interface`, and give the first answer.

    Raises:
        Failed: device:no_permission or no_interface; route:timeout when no router answered; else the kernel's word.
    """
    try:
        index = socket.if_nametoindex(interface)
        sock = _raw_socket(index)
    except OSError as error:
        raise failed(Stage.DEVICE, error) from error
    with sock:
        try:
            sock.sendto(struct.pack("!BBHI", _SOLICITATION, 0, 0, 0), (_ALL_ROUTERS, 0, 0, index))
            async with asyncio.timeout(timeout_s):
                return await _first(sock, interface)
        except TimeoutError as error:
            raise Failed(
                Stage.ROUTE, Reason.TIMEOUT, f"no router answered on {interface} in {timeout_s:g} s"
            ) from error
        except OSError as error:
            raise failed(Stage.ROUTE, error) from error


def _raw_socket(index: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_ICMPV6)
    with contextlib.ExitStack() as unless_ready:
        unless_ready.callback(sock.close)
        everything_else = bytearray(b"\xff" * 32)  # a set bit blocks a type
        everything_else[_ADVERTISEMENT // 32 * 4 : _ADVERTISEMENT // 32 * 4 + 4] = struct.pack(
            "=I", 0xFFFFFFFF & ~(1 << (_ADVERTISEMENT % 32))
        )
        sock.setsockopt(socket.IPPROTO_ICMPV6, _FILTER, bytes(everything_else))
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, _MULTICAST_HOPS)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        unless_ready.pop_all()
    return sock


async def _first(sock: socket.socket, interface: str) -> Advertisement:
    """Wait for an advertisement that came over this interface and from no farther than the link."""
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[Advertisement] = loop.create_future()
    index = socket.if_nametoindex(interface)

    def take() -> None:
        with contextlib.suppress(OSError):
            data, ancillary, _, source = sock.recvmsg(_LARGEST, socket.CMSG_SPACE(4))
            near = source[3] == index and _hop_limit(ancillary) == _MULTICAST_HOPS
            told = parse(data, router=f"{source[0].partition('%')[0]}%{interface}") if near else None
            if told is not None and not arrived.done():
                arrived.set_result(told)

    loop.add_reader(sock, take)
    try:
        return await arrived
    finally:
        loop.remove_reader(sock)


def _hop_limit(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    for level, kind, data in ancillary:
        if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT) and len(data) >= 4:  # noqa: PLR2004 - an int
            return int(struct.unpack_from("=i", data)[0])
    return None


def _options(data: bytes) -> list[tuple[int, bytes]] | None:
    """The options with their two bytes of head; None if one has no length or does not fit."""
    found: list[tuple[int, bytes]] = []
    place = 0
    while place + 2 <= len(data) and len(found) < _OPTIONS_MAX:
        size = data[place + 1] * 8
        if size == 0 or place + size > len(data):
            return None
        found.append((data[place], data[place : place + size]))
        place += size
    return found


def _prefix(body: bytes) -> str | None:
    if len(body) != 32 or body[2] > 128:  # noqa: PLR2004 - four units; bits of an address
        return None
    return str(ipaddress.IPv6Network((body[16:32], body[2]), strict=False))


def _makes_addresses(body: bytes) -> bool:
    """Whether SLAAC takes this prefix: the flag A, 64 bits, a lifetime (RFC 4862, 5.5.3)."""
    return len(body) == 32 and body[2] == 64 and bool(body[3] & _AUTONOMOUS) and body[4:8] != bytes(4)  # noqa: PLR2004 - four units; bits


def _servers(body: bytes) -> list[str]:
    return [str(ipaddress.IPv6Address(body[place : place + 16])) for place in range(8, len(body) - 15, 16)]


def _pref64(body: bytes) -> ipaddress.IPv6Network | None:
    """PREF64: 13 bits of lifetime, 3 of length code, 96 of prefix; a lifetime of 0 withdraws it."""
    if len(body) != 16:  # noqa: PLR2004 - two units
        return None
    scaled, code = divmod(struct.unpack_from("!H", body, 2)[0], 8)
    if scaled == 0 or code >= len(_PREF64_LENGTHS):
        return None
    return ipaddress.IPv6Network((body[4:16] + bytes(4), _PREF64_LENGTHS[code]), strict=False)
