"""A chain of routers from a device to a server, IPv4 and IPv6, in namespaces; the second router has two equal ways on.

    device ── lan ── edge ──┬── left ───┬── core ── server
                            └── right ──┘
`lan` is private (192.168.1.1, fd00:1::1), `edge` is the provider's first router (203.0.113.1), the server 198.51.100.2.
IPv6 likewise within 2001:db8::/32. Routers send as many ICMP errors as they are asked for. `edge` chooses by addresses,
protocol, ports and flow label; by a custom hash, because the usual one takes what the sending socket left beside the
packet in the kernel, which no cable would carry.
"""

import contextlib
import itertools
import os
import socket
import time
from collections.abc import Iterator
from typing import Final

from tests.netlab import namespace
from tests.netlab.namespace import Namespace

ROUTERS: Final = ("lan", "edge", "left", "right", "core")
PLACES: Final = ("device", *ROUTERS, "server")
SERVER: Final = {"ipv4": "198.51.100.2", "ipv6": "2001:db8:9::2"}
UNLIMITED: Final = {
    "net.ipv4.ip_forward": 1,
    "net.ipv6.conf.all.forwarding": 1,
    "net.ipv4.icmp_ratelimit": 0,
    "net.ipv6.icmp.ratelimit": 0,
    "net.ipv4.icmp_msgs_per_sec": 100_000,
    "net.ipv4.fib_multipath_hash_policy": 3,
    "net.ipv6.fib_multipath_hash_policy": 3,
    "net.ipv4.fib_multipath_hash_fields": 0x37,
    "net.ipv6.fib_multipath_hash_fields": 0x3F,
    "net.ipv4.conf.all.rp_filter": 0,
}
HASTY: Final = (("retrans_time_ms", 200), ("delay_first_probe_time", 1))
"""The device misses a neighbour in less than a second, not in three or eight."""
READY_S: Final = 10.0
DEFAULT: Final = ("default", "::/0")
HOME: Final = (("192.168.1.0/24", "fd00:1::/64"), ("203.0.113.0/24", "2001:db8:1::/64"))
# near place, far place, and the network between them: the nearer has 1, the farther 2
CABLES: Final = (
    ("device", "lan", "192.168.1", "fd00:1"),
    ("lan", "edge", "203.0.113", "2001:db8:1"),
    ("edge", "left", "203.0.114", "2001:db8:2"),
    ("edge", "right", "203.0.115", "2001:db8:3"),
    ("left", "core", "203.0.116", "2001:db8:4"),
    ("right", "core", "203.0.117", "2001:db8:5"),
    ("core", "server", "198.51.100", "2001:db8:9"),
)

_serial: Final = itertools.count(9000)  # beyond those of other labs of this process


class Chain:
    """The places by name, and who answers at each distance."""

    def __init__(self, places: dict[str, Namespace]) -> None:
        self.places = places

    def __getitem__(self, name: str) -> Namespace:
        return self.places[name]

    def settle(self) -> None:
        """Wait until the server refuses connections over both families and, surely enough, either way."""
        until = time.monotonic() + READY_S
        for address in (address for address in SERVER.values() for _ in range(8)):
            while not _is_refused(self["device"], address):
                if time.monotonic() > until:
                    raise RuntimeError(f"the chain does not lead to {address} after {READY_S} s")

    @contextlib.contextmanager
    def ruled(self, place: str, *rules: str, hook: str = "forward", kind: str = "filter") -> Iterator[None]:
        """Let a place filter what it forwards (or `input`, `output`) by nftables rules while the block lasts."""
        self[place].nft(
            "add table inet test",
            f"add chain inet test rules {{ type {kind} hook {hook} priority 0; }}",
            *(f"add rule inet test rules {rule}" for rule in rules),
        )
        try:
            yield
        finally:
            self[place].nft("delete table inet test")


@contextlib.contextmanager
def chain() -> Iterator[Chain]:
    """Build it; everything ends with the block."""
    prefix = f"nl{os.getpid()}-{next(_serial)}-"
    namespace.remove_stale()
    with contextlib.ExitStack() as stack:
        stack.callback(namespace.remove, [prefix + role for role in PLACES])
        for role in PLACES:
            namespace.add(prefix + role)
        places = {role: stack.enter_context(contextlib.closing(Namespace(prefix + role, SERVER))) for role in PLACES}
        for role in PLACES:
            places[role].set(UNLIMITED)
        _lay(places)
        places["device"].set(
            {f"net.{ip}.neigh.to_lan.{name}": value for ip in ("ipv4", "ipv6") for name, value in HASTY}
        )
        built = Chain(places)
        built.settle()
        yield built


def _lay(places: dict[str, Namespace]) -> None:
    lines: dict[str, list[str]] = {role: [] for role in places}
    for near, far, four, six in CABLES:
        ends = (places[near].name, places[far].name)
        namespace.run(
            f"ip link add name to_{far} netns {ends[0]} type veth peer name to_{near} netns {ends[1]}".split()
        )
        for place, device, last in ((near, far, 1), (far, near, 2)):
            # In 192.168.1.0/24 and its like the router is .1.
            host = 3 - last if near == "device" else last
            lines[place] += [
                f"addr add {four}.{host}/24 dev to_{device}",
                f"addr add {six}::{host}/64 dev to_{device} nodad",
                f"link set to_{device} up",
            ]
    for place, wanted in lines.items():
        places[place].ip(*wanted)
    for place, routes in _routes().items():
        places[place].ip(*routes)


def _is_refused(device: Namespace, address: str) -> bool:
    with device.entered(), contextlib.suppress(TimeoutError, OSError):
        try:
            socket.create_connection((address, 9), timeout=0.1).close()
        except ConnectionRefusedError:
            return True
    return False


def _routes() -> dict[str, list[str]]:
    """Towards the server by default, and home by the networks there; `core` and `server` send home by default."""
    ways: dict[str, list[tuple[str, str, tuple[tuple[str, str], ...]]]] = {
        "device": [("192.168.1.1", "fd00:1::1", ())],
        "lan": [("203.0.113.2", "2001:db8:1::2", ())],
        "edge": [("203.0.113.1", "2001:db8:1::1", HOME[:1])],
        "left": [("203.0.116.2", "2001:db8:4::2", ()), ("203.0.114.1", "2001:db8:2::1", HOME)],
        "right": [("203.0.117.2", "2001:db8:5::2", ()), ("203.0.115.1", "2001:db8:3::1", HOME)],
        "core": [("203.0.116.1", "2001:db8:4::1", ())],
        "server": [("198.51.100.1", "2001:db8:9::1", ())],
    }
    routes = {
        place: [
            f"route add {net} via {via}"
            for four, six, nets in wanted
            for net, via in ((net, six if ":" in net else four) for pair in nets or (DEFAULT,) for net in pair)
        ]
        for place, wanted in ways.items()
    }
    routes["edge"] += [
        "route add default nexthop via 203.0.114.2 nexthop via 203.0.115.2",
        "route add ::/0 nexthop via 2001:db8:2::2 nexthop via 2001:db8:3::2",
    ]
    return routes
