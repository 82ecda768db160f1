"""What the kernel keeps of a real radvd's advertisements, for an agent that may not ask the router itself."""

import shutil
import socket
import subprocess
import sys

import msgspec
import pytest

from agent.net.interfaces import route_to
from agent.net.router_facts import answers_on_link
from agent.wire.report import Measurement
from agent.wire.results import Ipv6
from tests.netlab.ipv6_announcement import announcing
from tests.netlab.ipv6_network import network
from tests.netlab.ipv6_plan import LAN, LAN_LOCAL, SERVER

NOBODY = "fe80::dead:beef%eth0"


def default_router() -> str | None:
    route = route_to(SERVER["ipv6"])
    return route.gateway if route else None


@pytest.mark.root
@pytest.mark.program("ip", "nft", "radvd", "dnsmasq", "setpriv")
def test_without_the_right_to_ask_the_router() -> None:
    command = [str(shutil.which("setpriv")), "--bounding-set", "-net_raw", sys.executable, "-m", "agent"]
    command += ["probe", "ipv6", "--json", "--peer", "msak+ws://peer.example:8080", "--hosts", "", "--portal-url", ""]
    with network() as net, announcing(net):
        said = net.client.popen(command, stdout=subprocess.PIPE).communicate(timeout=15)[0]
        with net.client.entered():
            met = answers_on_link(str(default_router()))
            asked_for = answers_on_link(NOBODY)
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
                sock.sendto(b"", (NOBODY, 9))
            silent = answers_on_link(NOBODY)
    assert (met, asked_for, silent) == (True, None, False)
    result = msgspec.json.decode(said, type=Measurement[Ipv6]).result
    assert result is not None
    assert (result.status, result.score, result.mtu_ok) == ("dual_stack", 10, True)
    router = result.router
    assert router is not None
    assert router.source == "kernel"
    assert router.address is not None
    assert router.address.startswith("fe80::")
    assert router.lifetime_s is not None
    assert 1700 < router.lifetime_s <= 1800
    assert (router.managed, router.other_config, router.mtu_bytes) == (False, False, 1500)
    assert sorted(router.prefixes or []) == sorted([LAN, LAN_LOCAL])
    asked = [check for check in result.checks or [] if check.name == "router_advertisement"]
    assert [(check.ok, check.detail) for check in asked] == [(True, router.address)]
