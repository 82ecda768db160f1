"""The test network with IPv6 does what it says, without any probe of ours: kernel, radvd, dnsmasq, unbound, tayga."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.netlab import namespace, tun
from tests.netlab.ipv6_announcement import Announcement, announcing, announcing_pref64
from tests.netlab.ipv6_daemons import translating, wait_for
from tests.netlab.ipv6_network import Network, filtering, network, slowed
from tests.netlab.ipv6_plan import DNS64, LAN_6TO4, OTHER, PEER_PORT, RESOLVER, SERVER
from tests.netlab.ipv6_scenarios import NARROW, SCENARIOS

pytestmark = [
    pytest.mark.root,
    pytest.mark.program("radvd", "dnsmasq", "unbound", "tayga", "nft"),
    pytest.mark.timeout(60),
]


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    with network() as built:
        yield built


def look_up(net: Network, name: str) -> list[str]:
    """What the client's own resolver gives, IPv4 first."""
    lines = net.client.run(["sh", "-c", f"getent ahostsv4 {name}; getent ahostsv6 {name}; true"]).splitlines()
    return sorted({line.split()[0] for line in lines if not line.startswith("::ffff:")}, key=lambda text: ":" in text)


def connects(net: Network, address: str, port: int = PEER_PORT, timeout_s: float = 2.0) -> float:
    """How long a connect takes; OSError says why there is none."""
    with net.client.entered():
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    with sock:
        sock.settimeout(timeout_s)
        begun = time.monotonic()
        sock.connect((address, port))
        return time.monotonic() - begun


def test_a_client_configures_itself_and_reaches_everybody(net: Network) -> None:
    assert net.addresses() == []
    assert not net.routed()
    with announcing(net):
        assert {address[:8] for address in net.addresses()} == {"2001:db8", "fd77:1:1"}
        assert net.routed()
        assert look_up(net, "peer.example") == list(SERVER.values())
        assert look_up(net, "v4only.example") == [SERVER["ipv4"]]
        assert look_up(net, "v6only.example") == [SERVER["ipv6"]]
        assert look_up(net, "nowhere.example") == []
        for address in SERVER.values():
            connects(net, address)
        for address in OTHER.values():
            connects(net, address, 80)
    assert net.addresses() == []
    assert not net.routed()


def test_a_router_that_is_no_way_out(net: Network) -> None:
    with announcing(net, Announcement(lifetime_s=0)):
        assert net.addresses()
        with pytest.raises(OSError, match="unreachable"):
            connects(net, SERVER["ipv6"])
        connects(net, SERVER["ipv4"])


def test_a_route_is_withdrawn_when_radvd_ends(net: Network) -> None:
    with announcing(net) as radvd:
        radvd.terminate()
        wait_for(lambda: not net.routed(), "the route to go")
        assert net.addresses()


def test_6to4_addresses_lead_out_too(net: Network) -> None:
    with announcing(net, Announcement(prefixes=(LAN_6TO4,))):
        assert all(address.startswith("2002:") for address in net.addresses())
        connects(net, SERVER["ipv6"])


def test_nat64_and_dns64(net: Network) -> None:
    net.client.resolver(DNS64)
    try:
        with translating(net.isp, net.folder), announcing_pref64(net, Announcement(resolvers=(DNS64,))):
            assert "64:ff9b::c000:aa" in look_up(net, "ipv4only.arpa")
            assert look_up(net, "peer.example") == list(SERVER.values())
            _, translated = look_up(net, "v4only.example")
            assert translated == "64:ff9b::c01f:c402"
            connects(net, translated)
    finally:
        net.client.resolver(RESOLVER["ipv4"], RESOLVER["ipv6"])


def test_only_ipv6_is_slow_and_only_for_a_while(net: Network) -> None:
    with announcing(net):
        with slowed(net, 150):
            assert connects(net, SERVER["ipv6"]) >= 0.15
            assert connects(net, SERVER["ipv4"]) < 0.15
        assert connects(net, SERVER["ipv6"]) < 0.15


def test_a_fault_lasts_as_long_as_its_block(net: Network) -> None:
    with announcing(net):
        with filtering(net.router, "forward", "meta nfproto ipv6 drop"), pytest.raises(TimeoutError):
            connects(net, SERVER["ipv6"], timeout_s=0.3)
        connects(net, SERVER["ipv6"])


def state(net: Network) -> list[str]:
    """All that a scenario may change: addresses, routes, devices and filters; not what wears off by itself."""
    seen = []
    for place in (net.client, net.router, net.isp, net.server, net.other):
        seen += [place.run(words) for words in ("ip -4 -oneline address show", "ip -4 route show", "nft list ruleset")]
        links = json.loads(place.run("ip -json link show"))
        seen += sorted(f"{link['ifname']} {link['mtu']} {link['operstate']}" for link in links)
    for place in (net.router, net.isp):
        seen.append(place.run("ip -6 route show default"))
        seen += sorted(place.run("ip -6 route show root 2000::/3").splitlines())
    return [*seen, *net.addresses(), str(net.routed()), net.client.run("cat /etc/resolv.conf")]


def test_every_scenario_leaves_the_network_as_it_found_it(net: Network) -> None:
    before = state(net)
    for name, scenario in SCENARIOS.items():
        with scenario.placed(net):
            assert scenario.about
        assert state(net) == before, name


def test_a_portal_answers_for_everybody_over_ipv4(net: Network) -> None:
    with SCENARIOS["captive_portal"].placed(net):
        with net.client.entered():
            sock = socket.create_connection((SERVER["ipv4"], PEER_PORT), timeout=2)
        with sock:
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert sock.recv(100).startswith(b"HTTP/1.0 302 ")
        assert look_up(net, "service.example") == list(OTHER.values())
        with pytest.raises(TimeoutError):
            connects(net, SERVER["ipv6"], timeout_s=0.3)


def test_large_packets_vanish_and_small_ones_do_not(net: Network) -> None:
    with SCENARIOS["mtu_black_hole"].placed(net):
        target = OTHER["ipv6"]
        net.client.run(["ping", "-c1", "-W1", "-M", "do", "-s", "1300", target])
        with pytest.raises(RuntimeError, match="100% packet loss"):
            net.client.run(["ping", "-c1", "-W1", "-M", "do", "-s", "1452", target])


def test_a_path_mtu_is_learnt_and_forgotten(net: Network) -> None:
    """What comes before a black hole of large packets must not make it work."""
    with SCENARIOS["mtu_small"].placed(net):
        client = next(address for address in net.addresses() if not address.startswith("fd"))
        with pytest.raises(RuntimeError, match=r"too big|too long"):
            net.server.run(["ping", "-c1", "-W1", "-M", "do", "-s", "1452", client])
        assert f"mtu {NARROW}" in net.server.run(f"ip -6 route get {client}")
    assert f"mtu {NARROW}" not in net.server.run(f"ip -6 route get {client}")


def test_the_command_runs_another_one_at_a_site_with_a_fault() -> None:
    command = [sys.executable, "-m", "tests.netlab.ipv6"]
    listed = namespace.run(command)
    assert [line.split()[0] for line in listed.splitlines()] == list(SCENARIOS)
    assert namespace.run([*command, "aaaa_missing", "getent", "ahosts", "PEER"]).startswith(SERVER["ipv4"])
    words = [*command, "no_route", "--", "sh", "-c", "exit 7"]
    assert subprocess.run(words, check=False, cwd=namespace.ROOT).returncode == 7  # noqa: S603 - our own program


def test_nothing_is_left_after_a_kill() -> None:
    program = "from tests.netlab.ipv6_network import network\nwith network() as net: print('up', flush=True); input()"
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=namespace.ROOT,
        env=namespace.environment(),
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        names = [path.name for path in tun.NAMESPACES.iterdir() if path.name.startswith(f"nl{process.pid}-")]
        inside = [int(pid) for name in names for pid in namespace.run(["ip", "netns", "pids", name]).split()]
        assert len(names) == 5
        assert inside
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    wait_for(lambda: not any((tun.NAMESPACES / name).exists() for name in names), "the namespaces to go")
    assert not any(namespace.running(pid) for pid in inside)
    assert not any((namespace.SETTINGS / name).exists() for name in names)
