"""What can be wrong with a site's IPv6, as blocks: `with network() as net, SCENARIOS["no_route"].placed(net): ...`.

Inside, the site is as the scenario says; afterwards it is as before, without router advertisements. `peer` is the name
by which the scenario's peer is asked for. To try one by hand: `python -m tests.netlab.ipv6 no_route -- COMMAND`.
"""

import contextlib
import select
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

from tests.netlab.ipv6_announcement import Announcement, announcing, announcing_pref64
from tests.netlab.ipv6_daemons import translating
from tests.netlab.ipv6_network import Network, filtering, slowed
from tests.netlab.ipv6_plan import CLIENT, DNS64, LAN_6TO4, PEER_PORT, RESOLVER, ROUTER
from tests.netlab.ipv6_web import Page, serving
from tests.netlab.namespace import Namespace

OUTWARDS: Final = 'oifname { "access", "slow" } meta nfproto ipv6'
ONWARDS: Final = 'oifname { "to_server", "to_other" } meta nfproto ipv6'
PORTAL_PORT: Final = 8888
NARROW: Final = 1400
ETH_P_IPV6: Final = 0x86DD
UDP: Final = 17


@dataclass(frozen=True, slots=True)
class Scenario:
    """One fault, and the name of the peer that shows it."""

    placed: Callable[[Network], AbstractContextManager[None]]
    peer: str = "peer.example"

    @property
    def about(self) -> str:
        """Say in a line what is wrong."""
        return (self.placed.__doc__ or "").strip()


@contextlib.contextmanager
def _healthy(net: Network) -> Iterator[None]:
    """All is well."""
    with announcing(net):
        yield


@contextlib.contextmanager
def _no_address(net: Network) -> Iterator[None]:
    """No router advertisement, so no address."""
    net.forget()
    yield


@contextlib.contextmanager
def _switched_off(net: Network) -> Iterator[None]:
    """The device itself has IPv6 switched off; its router announces it as ever."""
    with announcing(net):
        net.client.set({"net.ipv6.conf.eth0.disable_ipv6": 1})
        try:
            yield
        finally:
            net.client.set({"net.ipv6.conf.eth0.disable_ipv6": 0})


@contextlib.contextmanager
def _router_ignored(net: Network) -> Iterator[None]:
    """The device itself does not heed its router, which announces IPv6 as ever."""
    with announcing(net):
        net.client.set({"net.ipv6.conf.eth0.accept_ra": 0})
        net.forget()
        try:
            yield
        finally:
            net.client.set({"net.ipv6.conf.eth0.accept_ra": 1})


@contextlib.contextmanager
def _no_route(net: Network) -> Iterator[None]:
    """The router gives addresses, but says that it is no way out (router lifetime 0)."""
    with announcing(net, Announcement(lifetime_s=0)):
        yield


@contextlib.contextmanager
def _router_gone(net: Network) -> Iterator[None]:
    """The router that gave address and route is silent over IPv6 since, and did not say that it goes."""
    mute = [filtering(net.router, hook, "meta nfproto ipv6 drop") for hook in ("input", "forward", "output")]
    with announcing(net), mute[0], mute[1], mute[2]:
        net.client.run("ip -6 neighbour flush dev eth0")
        yield


@contextlib.contextmanager
def _line_down(net: Network) -> Iterator[None]:
    """Nothing passes the access line, in either family."""
    with announcing(net), filtering(net.router, "forward", 'oifname { "access", "slow" } drop'):
        yield


@contextlib.contextmanager
def _black_hole_access(net: Network) -> Iterator[None]:
    """IPv6 packets vanish right behind the LAN's router."""
    with announcing(net), filtering(net.router, "forward", f"{OUTWARDS} drop"):
        yield


@contextlib.contextmanager
def _black_hole_provider(net: Network) -> Iterator[None]:
    """IPv6 packets vanish on the far side of the provider's router."""
    with announcing(net), filtering(net.isp, "forward", f"{ONWARDS} drop"):
        yield


@contextlib.contextmanager
def _prohibited(net: Network) -> Iterator[None]:
    """The provider's router rejects IPv6 as prohibited by an administrator.

    The line has a little delay, as every real one: on none at all the message comes while the connect call still holds
    the socket, and Linux only looks at it with the next try.
    """
    with (
        announcing(net),
        slowed(net, 4),
        filtering(net.isp, "forward", f"{ONWARDS} reject with icmpv6 admin-prohibited"),
    ):
        yield


@contextlib.contextmanager
def _resolver_silent_over_ipv6(net: Network) -> Iterator[None]:
    """The provider's resolver answers over IPv4, and says nothing over IPv6."""
    with announcing(net), filtering(net.isp, "input", "meta nfproto ipv6 meta l4proto { tcp, udp } th dport 53 drop"):
        yield


@contextlib.contextmanager
def _mtu_black_hole(net: Network) -> Iterator[None]:
    """The access line carries less than 1500 bytes, and nobody is told: packet-too-big is dropped."""
    with announcing(net), _silent_routers(net), _narrow(net, (net.router, "access"), (net.isp, "access")):
        yield


@contextlib.contextmanager
def _mtu_black_hole_provider(net: Network) -> Iterator[None]:
    """The provider's lines behind its first router carry less than 1500 bytes, and nobody is told."""
    # Only on the router's side: a server that knew would ask for small segments itself.
    with announcing(net), _silent_routers(net), _narrow(net, (net.isp, "to_server"), (net.isp, "to_other")):
        yield


@contextlib.contextmanager
def _mtu_small(net: Network) -> Iterator[None]:
    """The access line carries less than 1500 bytes, and the routers say so: nothing is wrong."""
    with announcing(net), _narrow(net, (net.router, "access"), (net.isp, "access")):
        yield


@contextlib.contextmanager
def _tunnel_6to4(net: Network) -> Iterator[None]:
    """The only addresses are of 6to4 (2002::/16)."""
    with announcing(net, Announcement(prefixes=(LAN_6TO4,))):
        yield


@contextlib.contextmanager
def _slow_150(net: Network) -> Iterator[None]:
    """IPv6 takes 150 ms longer than IPv4."""
    with announcing(net), slowed(net, 150):
        yield


@contextlib.contextmanager
def _slow_400(net: Network) -> Iterator[None]:
    """IPv6 takes 400 ms longer than IPv4."""
    with announcing(net), slowed(net, 400):
        yield


@contextlib.contextmanager
def _nat64(net: Network) -> Iterator[None]:
    """The client has IPv6 only; the provider has a NAT64, and a DNS64 resolver tells of it."""
    with (
        translating(net.isp, net.folder),
        announcing(net, Announcement(resolvers=(DNS64,))),
        _without_ipv4(net, DNS64),
    ):
        yield


@contextlib.contextmanager
def _pref64(net: Network) -> Iterator[None]:
    """The client has IPv6 only; the provider has a NAT64, of which only router advertisements tell (PREF64)."""
    with translating(net.isp, net.folder), announcing_pref64(net), _without_ipv4(net, RESOLVER["ipv6"]):
        yield


@contextlib.contextmanager
def _captive_portal(net: Network) -> Iterator[None]:
    """The LAN's router leads all of TCP over IPv4 to its portal, passes DNS and drops the rest, IPv6 for one."""
    page = Page(302, "<title>Log in</title>", "http://login.portal.example/")
    with (
        announcing(net),
        serving(net.router, PORTAL_PORT, page),
        filtering(net.router, "forward", "ip protocol udp udp dport 53 accept", 'iifname "lan" drop'),
    ):
        net.router.nft(
            "add table ip portal",
            "add chain ip portal in { type nat hook prerouting priority -100; }",
            f'add rule ip portal in iifname "lan" tcp dport != {PORTAL_PORT} redirect to :{PORTAL_PORT}',
        )
        try:
            yield
        finally:
            net.router.nft("delete table ip portal")


@contextlib.contextmanager
def _withdrawn(net: Network) -> Iterator[None]:
    """The router withdraws its IPv6 route as soon as the client asks a resolver over IPv6; that takes 400 ms."""
    with announcing(net) as radvd, slowed(net, 400), _at_first_question(net, radvd.terminate):
        yield


@contextlib.contextmanager
def _refused(net: Network) -> Iterator[None]:
    """The peer refuses connections over IPv6."""
    refusal = f"meta nfproto ipv6 tcp dport {PEER_PORT} reject with tcp reset"
    with announcing(net), filtering(net.server, "input", refusal):
        yield


@contextlib.contextmanager
def _refused_by_router(net: Network) -> Iterator[None]:
    """A filter of the LAN's router refuses connections over IPv6 in the peer's name."""
    with announcing(net), filtering(net.router, "forward", f"{OUTWARDS} meta l4proto tcp reject with tcp reset"):
        yield


@contextlib.contextmanager
def _refused_by_provider(net: Network) -> Iterator[None]:
    """The provider's router refuses IPv6 beyond it, and says that it does (port unreachable)."""
    with (
        announcing(net),
        slowed(net, 4),
        filtering(net.isp, "forward", f"{ONWARDS} reject with icmpv6 port-unreachable"),
    ):
        yield


@contextlib.contextmanager
def _mute(net: Network) -> Iterator[None]:
    """The peer takes connections in both families and says nothing: it is stopped."""
    with announcing(net):
        for peer in net.peers:
            peer.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for peer in net.peers:
                peer.send_signal(signal.SIGCONT)


SCENARIOS: Final = {
    "healthy": Scenario(_healthy),
    "no_address": Scenario(_no_address),
    "switched_off": Scenario(_switched_off),
    "router_ignored": Scenario(_router_ignored),
    "no_route": Scenario(_no_route),
    "router_gone": Scenario(_router_gone),
    "line_down": Scenario(_line_down),
    "black_hole_access": Scenario(_black_hole_access),
    "black_hole_provider": Scenario(_black_hole_provider),
    "prohibited": Scenario(_prohibited),
    "aaaa_missing": Scenario(_healthy, "v4only.example"),
    "aaaa_only": Scenario(_healthy, "v6only.example"),
    "resolver_silent_over_ipv6": Scenario(_resolver_silent_over_ipv6),
    "mtu_small": Scenario(_mtu_small),
    "mtu_black_hole_provider": Scenario(_mtu_black_hole_provider),
    "mtu_black_hole": Scenario(_mtu_black_hole),
    "tunnel_6to4": Scenario(_tunnel_6to4),
    "slow_150": Scenario(_slow_150),
    "slow_400": Scenario(_slow_400),
    "nat64": Scenario(_nat64, "v4only.example"),
    "pref64": Scenario(_pref64),
    "captive_portal": Scenario(_captive_portal),
    "withdrawn": Scenario(_withdrawn),
    "refused": Scenario(_refused),
    "refused_by_router": Scenario(_refused_by_router),
    "refused_by_provider": Scenario(_refused_by_provider),
    "mute": Scenario(_mute),
}


@contextlib.contextmanager
def _narrow(net: Network, *lines: tuple[Namespace, str]) -> Iterator[None]:
    """Let these devices carry packets of NARROW bytes at most."""
    for place, device in lines:
        place.ip(f"link set {device} mtu {NARROW}")
    try:
        yield
    finally:
        for place, device in lines:
            place.ip(f"link set {device} mtu 1500")
        # Hosts remember for ten minutes what they were told.
        for host in (net.client, net.server, net.other):
            for family in ("-4", "-6"):
                host.run(f"ip {family} route flush cache")


@contextlib.contextmanager
def _silent_routers(net: Network) -> Iterator[None]:
    silence = "icmpv6 type packet-too-big drop"
    with filtering(net.router, "output", silence), filtering(net.isp, "output", silence):
        yield


@contextlib.contextmanager
def _without_ipv4(net: Network, resolver: str) -> Iterator[None]:
    """Take IPv4 from the client and give it one resolver."""
    net.client.run("ip -4 address flush dev eth0")
    net.client.resolver(resolver)
    try:
        yield
    finally:
        net.client.ip(f"address add {CLIENT}/24 dev eth0", f"route replace default via {ROUTER['ipv4']}")
        net.client.resolver(RESOLVER["ipv4"], RESOLVER["ipv6"])


@contextlib.contextmanager
def _at_first_question(net: Network, act: Callable[[], None]) -> Iterator[None]:
    """Act when the first DNS question over IPv6 passes the router; never if none comes before the block ends."""
    with contextlib.ExitStack() as stack:
        with net.router.entered():
            sock = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IPV6)))
            sock.bind(("lan", ETH_P_IPV6))
        ours, theirs = socket.socketpair()
        stack.enter_context(ours)
        stack.enter_context(theirs)
        thread = threading.Thread(target=_watch, args=(sock, theirs, act), name="first question")
        thread.start()
        stack.callback(thread.join)
        stack.callback(ours.shutdown, socket.SHUT_WR)
        yield


def _watch(sock: socket.socket, stop: socket.socket, act: Callable[[], None]) -> None:
    while stop not in select.select([sock, stop], [], [])[0]:
        packet = sock.recv(2048)
        if packet[6] == UDP and packet[42:44] == (53).to_bytes(2, "big"):
            act()
            return
