"""Router advertisements on the LAN of the site with IPv6: by Debian's radvd, or by hand for what it does not know."""

import contextlib
import ipaddress
import select
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.netlab import namespace
from tests.netlab.ipv6_daemons import alive, running, wait_for
from tests.netlab.ipv6_network import Network
from tests.netlab.ipv6_plan import LAN, LAN_LOCAL, NAT64, RESOLVER

SOLICITATION: Final = 133
ADVERTISEMENT: Final = 134
ALL_NODES: Final = "ff02::1"
ALL_ROUTERS: Final = "ff02::2"
IN6_MREQ: Final = struct.Struct("@16sI")
# RFC 4861 4.2 and 4.6.2, RFC 8106 5.1, RFC 8781 4
HEAD: Final = struct.Struct("!BBHBBHII")
PREFIX: Final = struct.Struct("!BBBBIII16s")
RDNSS: Final = struct.Struct("!BBHI16s")
PREF64: Final = struct.Struct("!BBH12s")
ON_LINK_AUTONOMOUS: Final = 0xC0
LIFETIME_S: Final = 1800
REPEAT_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Announcement:
    """What the router tells the LAN. A lifetime of 0 s: it is no default router."""

    prefixes: tuple[str, ...] = (LAN, LAN_LOCAL)
    lifetime_s: int = LIFETIME_S
    resolvers: tuple[str, ...] = (RESOLVER["ipv6"],)


@contextlib.contextmanager
def announcing(net: Network, told: Announcement | None = None) -> Iterator[subprocess.Popen[str]]:
    """Run radvd on the LAN and wait until the client has what it tells; gives the process.

    Ask it to end (SIGTERM) and it withdraws the route with a last word. Afterwards the client has forgotten all.
    """
    told = told or Announcement()
    with running(net.router, net.folder, ["radvd", "-n", "-m", "stderr"], _radvd(told)) as process:
        try:
            wait_for(lambda: process.poll() is not None or _heard(net, told), "addresses by SLAAC")
            alive(process, net.folder, "radvd")
            yield process
        finally:
            namespace.end([process.pid])
            net.forget()


@contextlib.contextmanager
def announcing_pref64(net: Network, told: Announcement | None = None) -> Iterator[None]:
    """Announce the NAT64 prefix too (RFC 8781), at the start, every 3 s and at each solicitation."""
    told = told or Announcement()
    with contextlib.ExitStack() as stack:
        with net.router.entered():
            sock = stack.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6))
            index = socket.if_nametoindex("lan")
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        group = IN6_MREQ.pack(socket.inet_pton(socket.AF_INET6, ALL_ROUTERS), index)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
        ours, theirs = socket.socketpair()
        stack.enter_context(ours)
        stack.enter_context(theirs)
        thread = threading.Thread(target=_announce, args=(sock, index, theirs, advertisement(told)), name="pref64")
        stack.callback(net.forget)
        thread.start()
        stack.callback(thread.join)
        stack.callback(ours.shutdown, socket.SHUT_WR)
        wait_for(lambda: _heard(net, told), "addresses by SLAAC")
        yield


def advertisement(told: Announcement) -> bytes:
    """Give an ICMPv6 router advertisement with the NAT64 prefix; the kernel adds the checksum."""
    parts = [HEAD.pack(ADVERTISEMENT, 0, 0, 64, 0, told.lifetime_s, 0, 0)]
    for prefix in map(ipaddress.IPv6Network, told.prefixes):
        packed = prefix.network_address.packed
        parts.append(PREFIX.pack(3, 4, prefix.prefixlen, ON_LINK_AUTONOMOUS, LIFETIME_S, LIFETIME_S, 0, packed))
    parts += [RDNSS.pack(25, 3, 0, LIFETIME_S, ipaddress.IPv6Address(entry).packed) for entry in told.resolvers]
    # Thirteen bits of lifetime in units of 8 s, and a prefix length code of 0, which is 96.
    parts.append(PREF64.pack(38, 2, LIFETIME_S // 8 << 3, ipaddress.IPv6Network(NAT64).network_address.packed[:12]))
    return b"".join(parts)


def _announce(sock: socket.socket, index: int, stop: socket.socket, packet: bytes) -> None:
    while True:
        sock.sendto(packet, (ALL_NODES, 0, 0, index))
        while ready := select.select([sock, stop], [], [], REPEAT_S)[0]:
            if stop in ready:
                return
            if sock.recv(2048)[0] == SOLICITATION:
                break


def _radvd(told: Announcement) -> str:
    prefixes = "".join(f" prefix {prefix} {{ AdvOnLink on; AdvAutonomous on; }};\n" for prefix in told.prefixes)
    resolvers = f" RDNSS {' '.join(told.resolvers)} {{ AdvRDNSSLifetime 600; }};\n" if told.resolvers else ""
    return (
        "interface lan {\n AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4;"
        f" AdvDefaultLifetime {told.lifetime_s};\n{prefixes}{resolvers}}};\n"
    )


def _heard(net: Network, told: Announcement) -> bool:
    addresses = [ipaddress.ip_address(address) for address in net.addresses()]
    known = all(any(address in ipaddress.ip_network(prefix) for address in addresses) for prefix in told.prefixes)
    return known and net.routed() is (told.lifetime_s > 0)
