"""A site with IPv6 and its provider, of real parts: `with network() as net, announcing(net): net.client.run(...)`.

    client ─ lan ─ router ═ access (veth) ═════════════ isp ─ to_server ─ server   peer.example
                          ╚ slow (TUN, emulated; idle) ╝   └─ to_other ── other    service.example

The client has a fixed IPv4 address and takes its IPv6 addresses and route from router advertisements, by the kernel's
own SLAAC: without `announcing` (ipv6_announcement.py) it has none. The router hides the LAN's IPv4 behind its own. The
isp is also the provider's resolver (dnsmasq, both families, names in ZONE of ipv6_plan.py). On the server runs
`python -m agent peer` (port 8080, STAMP 8862), on the other a web server (port 80); both answer in both families.
`net.link` is the emulated link, which `slowed` puts under the IPv6 traffic. Faults: ipv6_scenarios.py.

Needs root. Nothing is left afterwards; if this process is killed, the emulator sees it and tidies up.
"""

import contextlib
import itertools
import json
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.netlab import namespace
from tests.netlab.control import Link
from tests.netlab.ipv6_daemons import alive, resolving, wait_for
from tests.netlab.ipv6_plan import (
    CLIENT,
    DNS64,
    ISP,
    LAN,
    LAN_6TO4,
    LAN_LOCAL,
    OTHER,
    PEER_PORT,
    PLACES,
    RESOLVER,
    ROUTER,
    SERVER,
)
from tests.netlab.ipv6_web import Page, serving
from tests.netlab.namespace import Namespace
from tests.netlab.spec import LinkSpec
from tests.netlab.topology import TICK_US, emulating

FORWARDING: Final[Mapping[str, str | int]] = {
    "net.ipv4.ip_forward": 1,
    "net.ipv6.conf.all.forwarding": 1,
    # an answer at each probe, also for path tests
    "net.ipv4.icmp_ratelimit": 0,
    "net.ipv6.icmp.ratelimit": 0,
}

_serial = itertools.count()


@dataclass(frozen=True, slots=True)
class Network:
    """The hosts and routers. `peers`: the processes that run on the server; `folder`: files of daemons."""

    client: Namespace
    router: Namespace
    isp: Namespace
    server: Namespace
    other: Namespace
    link: Link
    folder: Path
    peers: list[subprocess.Popen[str]] = field(default_factory=list, init=False)

    def addresses(self) -> list[str]:
        """Give the client's IPv6 addresses beyond link-local."""
        (device,) = json.loads(self.client.run("ip -6 -json address show dev eth0"))
        return [entry["local"] for entry in device.get("addr_info", ()) if entry["scope"] == "global"]

    def routed(self) -> bool:
        """Whether the client has an IPv6 default route."""
        return bool(self.client.run("ip -6 route show default").strip())

    def forget(self) -> None:
        """Take what the client learnt from advertisements from it."""
        self.client.ip("link set eth0 down", "link set eth0 up", f"route replace default via {ROUTER['ipv4']}")


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """Give the network with everything at work but the router advertisements; RuntimeError says what failed."""
    prefix = f"nl{os.getpid()}-{next(_serial)}-"
    # Beside the other labs of this process, which count for themselves.
    names = {role: f"{prefix}{role}_v6" for role in PLACES}
    namespace.remove_stale()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="netlab-")))
        stack.callback(namespace.remove, list(names.values()))
        for name in names.values():
            namespace.add(name)
        spaces = {
            role: stack.enter_context(contextlib.closing(Namespace(names[role], PLACES[role]))) for role in PLACES
        }
        link = stack.enter_context(emulating(_emulator(names, folder)))
        net = Network(**spaces, link=link, folder=folder)
        _wire(net)
        net.client.resolver(RESOLVER["ipv4"], RESOLVER["ipv6"])
        peer = _peer(net)
        net.peers.append(peer)
        stack.enter_context(resolving(net.isp, folder))
        stack.enter_context(serving(net.other, 80, Page(200, "<title>public services</title>")))
        wait_for(lambda: peer.poll() is not None or _listens(net), "the peer")
        alive(peer, folder, "peer")
        yield net


@contextlib.contextmanager
def slowed(net: Network, rtt_ms: float) -> Iterator[None]:
    """Lead the IPv6 traffic between the site and its provider over the emulated link, both ways half of the delay."""
    spec = LinkSpec(rtt_ms=rtt_ms)
    net.link.change(down=spec, up=spec)
    inside = [f"route replace {prefix} via fe80::1 dev slow" for prefix in (LAN, LAN_LOCAL)]
    net.isp.ip(*inside)
    net.router.ip("route replace default via fe80::2 dev slow")
    try:
        yield
    finally:
        net.router.ip(f"route replace default via {ISP['ipv6']} dev access")
        net.isp.ip(*_inwards())


@contextlib.contextmanager
def filtering(place: Namespace, hook: str, *rules: str) -> Iterator[None]:
    """Put nftables rules (inet family, filter) on a hook of a place until the block ends."""
    table = f"inet fault_{hook}"
    head = (f"add table {table}", f"add chain {table} {hook} {{ type filter hook {hook} priority 0; }}")
    place.nft(*head, *(f"add rule {table} {hook} {rule}" for rule in rules))
    try:
        yield
    finally:
        place.nft(f"delete table {table}")


def _peer(net: Network) -> subprocess.Popen[str]:
    with (net.folder / "peer.log").open("wb") as said:
        return net.server.python("-m", "agent", "peer", stdout=said, stderr=said)


def _listens(net: Network) -> bool:
    for family, number in (("ipv4", socket.AF_INET), ("ipv6", socket.AF_INET6)):
        with net.isp.entered():
            sock = socket.socket(number, socket.SOCK_STREAM)
        with sock:
            sock.settimeout(1)
            if sock.connect_ex((SERVER[family], PEER_PORT)) != 0:
                return False
    return True


def _emulator(names: Mapping[str, str], folder: Path) -> dict[str, Any]:
    return {
        "near": names["router"],
        "far": names["isp"],
        "down": LinkSpec().to_json(),
        "up": LinkSpec().to_json(),
        "namespaces": list(names.values()),
        "device": "slow",
        "socket": str(folder / "link"),
        "tick_us": TICK_US,
        "seed": 1,
    }


def _wire(net: Network) -> None:
    """Lay the cables, give addresses and routes."""
    cables = (
        (net.client, "eth0", net.router, "lan"),
        (net.router, "access", net.isp, "access"),
        (net.server, "eth0", net.isp, "to_server"),
        (net.other, "eth0", net.isp, "to_other"),
    )
    for one, device, other, at_other in cables:
        namespace.run(
            f"ip link add name {device} netns {one.name} type veth peer name {at_other} netns {other.name}".split()
        )
    for router in (net.router, net.isp):
        router.set(FORWARDING)
    net.client.set(
        {
            "net.ipv6.conf.eth0.accept_ra": 1,
            "net.ipv6.conf.eth0.use_tempaddr": 1,
            "net.ipv6.conf.eth0.router_solicitations": 3,
            "net.ipv6.conf.eth0.router_solicitation_delay": 0,
        }
    )
    net.client.ip(f"address add {CLIENT}/24 dev eth0", "link set eth0 up", f"route add default via {ROUTER['ipv4']}")
    _wire_router(net.router)
    _wire_isp(net.isp)
    for place, addresses in ((net.server, SERVER), (net.other, OTHER)):
        gateway = {family: address[:-1] + "1" for family, address in addresses.items()}
        place.ip(
            f"address add {addresses['ipv4']}/24 dev eth0",
            f"address add {addresses['ipv6']}/64 dev eth0 nodad",
            "link set eth0 up",
            f"route add default via {gateway['ipv4']}",
            f"route add default via {gateway['ipv6']}",
        )


def _wire_router(router: Namespace) -> None:
    router.ip(
        f"address add {ROUTER['ipv4']}/24 dev lan",
        f"address add {ROUTER['ipv6']}/64 dev lan nodad",
        f"address add {LAN_LOCAL.replace('/64', '1/64')} dev lan nodad",
        f"address add {LAN_6TO4.replace('/64', '1/64')} dev lan nodad",
        "address add 100.64.77.2/30 dev access",
        "address add 2001:db8:a::2/64 dev access nodad",
        "link set lan up",
        "link set access up",
        "link set slow up",
        "address add fe80::1/64 dev slow nodad",
        f"route add default via {ISP['ipv4']}",
        f"route add default via {ISP['ipv6']}",
    )
    router.nft(
        "add table ip hidden",
        "add chain ip hidden out { type nat hook postrouting priority 100; }",
        'add rule ip hidden out oifname "access" masquerade',
    )


def _wire_isp(isp: Namespace) -> None:
    isp.ip(
        f"address add {ISP['ipv4']}/30 dev access",
        f"address add {ISP['ipv6']}/64 dev access nodad",
        f"address add {RESOLVER['ipv4']}/32 dev lo",
        f"address add {RESOLVER['ipv6']}/128 dev lo",
        f"address add {DNS64}/128 dev lo",
        "address add 192.31.196.1/24 dev to_server",
        "address add 2001:db8:5::1/64 dev to_server nodad",
        "address add 192.52.193.1/24 dev to_other",
        "address add 2001:db8:6::1/64 dev to_other nodad",
        *(f"link set {device} up" for device in ("access", "to_server", "to_other", "slow")),
        "address add fe80::2/64 dev slow nodad",
        *_inwards(),
    )


def _inwards() -> list[str]:
    prefixes = (LAN, LAN_LOCAL, LAN_6TO4)
    return [f"route replace {prefix} via 2001:db8:a::2 dev access" for prefix in prefixes]
