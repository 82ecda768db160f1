"""What the IPv6 work needs of a lab: names, filters that break one family, narrow hops that tell or do not tell."""

import contextlib
import socket
import sys
import threading

import pytest

from tests.netlab import namespace
from tests.netlab.names import naming
from tests.netlab.topology import Lab, lab
from tests.netlab.traffic import FAMILIES

pytestmark = pytest.mark.root

LOOKUP = """
import socket, sys
for family in (socket.AF_INET, socket.AF_INET6):
    try:
        print(socket.getaddrinfo(sys.argv[1], 1, family, socket.SOCK_STREAM)[0][4][0])
    except socket.gaierror as error:
        print(error.args[0])
"""
DROP_TOO_BIG = (
    "add table inet hole",
    "add chain inet hole out { type filter hook output priority 0; }",
    "add rule inet hole out icmpv6 type packet-too-big counter drop",
)


def look_up(net: Lab, name: str) -> list[str]:
    return net.client.run([sys.executable, "-c", LOOKUP, name]).split()


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_a_client_asks_the_labs_name_server(family: str) -> None:
    zone = {"both.example": {"A": "192.0.2.1", "AAAA": "2001:db8::1"}, "old.example": {"A": "192.0.2.2"}}
    with lab() as net, naming(net.server, zone):
        net.client.resolver(net.server.address(family))
        assert look_up(net, "both.example") == ["192.0.2.1", "2001:db8::1"]
        assert look_up(net, "old.example") == ["192.0.2.2", str(socket.EAI_NODATA)]
        assert look_up(net, "none.example") == [str(socket.EAI_NONAME)] * 2
        folder = namespace.SETTINGS / net.client.name
        assert folder.exists()
    assert not folder.exists()


def arrived(net: Lab, family: str, size: int) -> int:
    """How many bytes of a download come before a second passes without any."""
    with contextlib.ExitStack() as stack:
        with net.server.entered():
            listener = stack.enter_context(socket.create_server((net.address(family), 0), family=FAMILIES[family]))
        with net.client.entered():
            receiver = stack.enter_context(socket.create_connection(listener.getsockname()[:2], timeout=1))
        sender = stack.enter_context(listener.accept()[0])
        thread = threading.Thread(target=_send, args=(sender, size))
        thread.start()
        count = 0
        with contextlib.suppress(TimeoutError):
            while data := receiver.recv(65_536):
                count += len(data)
        with contextlib.suppress(OSError):
            sender.shutdown(socket.SHUT_RDWR)
        thread.join()
        return count


def _send(sender: socket.socket, size: int) -> None:
    with contextlib.suppress(OSError):
        sender.sendall(bytes(size))
        sender.shutdown(socket.SHUT_WR)


def test_a_narrow_hop_that_tells_is_no_obstacle() -> None:
    with lab(rtt_ms=4) as net:
        net.near.ip("link set wan mtu 1280")
        net.far.ip("link set wan mtu 1280")
        assert [arrived(net, family, 200_000) for family in FAMILIES] == [200_000, 200_000]


def test_a_narrow_hop_that_keeps_quiet_swallows_large_packets_of_one_family() -> None:
    with lab(rtt_ms=4, sysctls={"server": {"net.ipv4.tcp_mtu_probing": 0}}) as net:
        net.far.nft(*DROP_TOO_BIG)
        net.far.ip("link set wan mtu 1280")
        assert arrived(net, "ipv4", 200_000) == 200_000
        assert arrived(net, "ipv6", 600) == 600
        assert arrived(net, "ipv6", 200_000) < 200_000
        assert "counter packets 0 " not in net.far.run("nft list chain inet hole out")


def test_one_family_can_be_refused_at_once() -> None:
    with lab() as net:
        net.near.nft(
            "add table ip6 refusal",
            "add chain ip6 refusal forward { type filter hook forward priority 0; }",
            "add rule ip6 refusal forward meta l4proto tcp reject with tcp reset",
        )
        assert arrived(net, "ipv4", 1000) == 1000
        with pytest.raises(ConnectionRefusedError):
            arrived(net, "ipv6", 1000)
