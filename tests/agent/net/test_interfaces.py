import json
from pathlib import Path

import pytest

from agent.net.interfaces import (
    Address,
    Route,
    addresses,
    default_route_v4,
    default_route_v6,
    has_global_ipv6,
    has_interface,
    is_ipv6_off,
    is_tunnel,
    kind_of,
    link_to,
    route_to,
)
from agent.wire.report import Link
from tests.agent.net.namespaces import cabled

IF_INET6 = """\
00000000000000000000000000000001 01 80 10 80       lo
fe8000000000000000fc00fffe000001 02 40 20 80     eth0
20010db8000100000000000000000010 02 40 00 00     eth0
20010db80001000000000000000000aa 02 40 00 01     eth0
20010db80001000000000000000000bb 02 40 00 40     eth0
20010db80001000000000000000000cc 02 40 00 08     eth0
fd000000000000000000000000000002 02 40 00 80     eth0
2002c000020100000000000000000001 05 10 00 80     tun6to4
20010000000000000000000000000001 06 20 00 80     teredo
short line
"""
EMPTY = "00000000000000000000000000000000"
IPV6_ROUTE = (
    f"20010db8000100000000000000000000 40 {EMPTY} 00 {EMPTY} 00000100 00000001 00000000 00000001     eth0\n"
    f"{EMPTY} 00 {EMPTY} 00 fe80000000000000000000000000000f 00000400 00000001 00000000 00000003    wwan0\n"
    f"{EMPTY} 00 {EMPTY} 00 fe80000000000000000000000000000f 00000100 00000001 00000000 00000003     eth0\n"
    f"{EMPTY} 00 {EMPTY} 00 {EMPTY} ffffffff 00000001 00000000 00200200       lo\n"
)
ROUTE = """\
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
wwan0	00000000	010200C0	0003	0	0	700	00000000	0	0	0
eth0	00000000	010200C0	0003	0	0	100	00000000	0	0	0
eth0	000200C0	00000000	0001	0	0	0	00FFFFFF	0	0	0
"""


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    net = tmp_path / "net"
    net.mkdir()
    (net / "if_inet6").write_text(IF_INET6)
    (net / "ipv6_route").write_text(IPV6_ROUTE)
    (net / "route").write_text(ROUTE)
    return tmp_path


def interface(sysfs: Path, name: str, **facts: str) -> Path:
    place = sysfs / "class" / "net" / name
    place.mkdir(parents=True)
    for fact, text in facts.items():
        (place / fact).write_text(f"{text}\n")
    return place


def test_addresses_by_kind(proc: Path) -> None:
    assert addresses(proc=proc) == [
        Address("eth0", "2001:db8:1::10", "global"),
        Address("eth0", "2001:db8:1::aa", "temporary"),
        Address("eth0", "fd00::2", "ula"),
        Address("tun6to4", "2002:c000:201::1", "tunnel"),
        Address("teredo", "2001::1", "tunnel"),
    ]
    assert has_global_ipv6(proc=proc)


def test_default_routes_are_those_of_the_best_metric(proc: Path) -> None:
    assert (default_route_v4(proc=proc), default_route_v6(proc=proc)) == ("eth0", "eth0")


def test_a_kernel_without_ipv6(tmp_path: Path) -> None:
    assert addresses(proc=tmp_path) == []
    assert not has_global_ipv6(proc=tmp_path)
    assert (default_route_v4(proc=tmp_path), default_route_v6(proc=tmp_path)) == (None, None)


def test_ipv6_that_is_switched_off(tmp_path: Path) -> None:
    assert is_ipv6_off("eth0", proc=tmp_path)
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "if_inet6").write_text("")
    assert not is_ipv6_off("eth0", proc=tmp_path)
    setting = tmp_path / "sys" / "net" / "ipv6" / "conf" / "eth0" / "disable_ipv6"
    setting.parent.mkdir(parents=True)
    for word, off in (("0\n", False), ("1\n", True)):
        setting.write_text(word)
        assert is_ipv6_off("eth0", proc=tmp_path) is off
    assert not is_ipv6_off(None, proc=tmp_path)


def test_a_route_that_only_rejects_is_none(proc: Path) -> None:
    (proc / "net" / "ipv6_route").write_text(IPV6_ROUTE.splitlines(keepends=True)[-1])
    assert default_route_v6(proc=proc) is None


@pytest.mark.parametrize("line", ["fd000000000000000000000000000002", "2002c000020100000000000000000001"])
def test_unique_local_and_tunnel_addresses_are_not_global_ipv6(proc: Path, line: str) -> None:
    (proc / "net" / "if_inet6").write_text(f"{line} 02 40 00 80 eth0\n")
    assert len(addresses(proc=proc)) == 1
    assert not has_global_ipv6(proc=proc)


def test_kinds() -> None:
    kinds = [
        kind_of(text) for text in ("2001:db8::1", "fd00::1", "2002::1", "2001::1", "fe80::1%eth0", "::1", "1.2.3.4")
    ]
    assert kinds == ["global", "ula", "tunnel", "tunnel", None, None, None]


def test_facts_of_a_wired_link(tmp_path: Path) -> None:
    interface(tmp_path, "lo", type="1", speed="1000", duplex="full", mtu="1500")
    expected = Link(interface="lo", medium="ethernet", speed_mbps=1000, duplex="full", mtu=1500)
    assert link_to("127.0.0.1", sysfs=tmp_path) == expected
    assert link_to("::1", sysfs=tmp_path) == expected


@pytest.mark.parametrize("speed", ["-1", "4294967295", "0", "", "unknown"])
def test_an_unknown_speed_is_absent(tmp_path: Path, speed: str) -> None:
    interface(tmp_path, "lo", type="1", speed=speed, duplex="unknown", mtu="1500")
    assert link_to("127.0.0.1", sysfs=tmp_path) == Link(interface="lo", medium="ethernet", mtu=1500)


@pytest.mark.parametrize(
    ("facts", "folder", "medium"),
    [
        ({"type": "1"}, "wireless", "wifi"),
        ({"type": "1"}, "phy80211", "wifi"),
        ({"type": "1", "uevent": "DEVTYPE=wwan\nINTERFACE=x"}, None, "cellular"),
        ({"type": "519"}, None, "cellular"),
        ({"type": "772"}, None, "other"),
        ({"type": "65534"}, None, "other"),
        ({}, None, "other"),
    ],
)
def test_media(tmp_path: Path, facts: dict[str, str], folder: str | None, medium: str) -> None:
    place = interface(tmp_path, "lo", **facts)
    if folder:
        (place / folder).mkdir()
    assert link_to("127.0.0.1", sysfs=tmp_path).medium == medium


def test_the_real_loopback() -> None:
    link = link_to("127.0.0.1")
    assert (link.interface, link.medium, link.speed_mbps) == ("lo", "other", None)


def test_no_route_is_no_link() -> None:
    assert link_to("not an address") == Link()
    assert link_to("0.0.0.0/0") == Link()


def test_loopback_alone_is_no_interface(tmp_path: Path) -> None:
    assert not has_interface(sysfs=tmp_path)
    interface(tmp_path, "lo", flags="0x9")
    assert not has_interface(sysfs=tmp_path)
    place = interface(tmp_path, "eth0", flags="0x1002")
    assert not has_interface(sysfs=tmp_path)
    (place / "flags").write_text("0x1003\n")
    assert has_interface(sysfs=tmp_path)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"type": "1"}, False),
        ({"type": "512"}, False),
        ({"type": "519"}, False),
        ({"type": "65534", "uevent": "DEVTYPE=wwan\nINTERFACE=x"}, False),
        ({"type": "65534", "uevent": "DEVTYPE=wireguard\nINTERFACE=x"}, True),
        ({"type": "1", "uevent": "DEVTYPE=vxlan\nINTERFACE=x"}, True),
        ({"type": "776"}, True),
        ({"type": "768"}, True),
        ({"type": "1", "tun_flags": "0x1002"}, True),
        ({}, False),
    ],
)
def test_tunnels(tmp_path: Path, facts: dict[str, str], *, expected: bool) -> None:
    interface(tmp_path, "x", **facts)
    assert is_tunnel("x", sysfs=tmp_path) is expected
    assert not is_tunnel("another", sysfs=tmp_path)


def test_the_way_to_ourselves_has_no_router() -> None:
    assert route_to("127.0.0.1") == Route("lo", None, "127.0.0.1")
    assert route_to("fe80::1%lo") == Route("lo")
    assert route_to("not an address") is None


@pytest.mark.root
@pytest.mark.program("ip")
def test_the_first_router_of_either_family() -> None:
    with cabled("rt") as (near, _):
        for command in (
            "ip addr add 192.0.2.2/24 dev {}",
            "ip addr add 2001:db8::2/64 dev {}",
            "ip route add 198.51.100.0/24 via 192.0.2.1",
            "ip route add 203.0.113.0/24 via inet6 fe80::9 dev {}",
            "ip route add 2001:db8:1::/48 via 2001:db8::1",
            "ip route add 2001:db8:2::/48 via fe80::9 dev {}",
            "ip route add unreachable 2001:db8:3::/48",
        ):
            near.run(command.format(near.device))
        wanted = ["192.0.2.9", "198.51.100.1", "203.0.113.1", "2001:db8::9", "2001:db8:1::1", "2001:db8:2::1"]
        wanted += ["2001:db8:3::1", "198.18.0.1"]
        code = (
            "import sys, json; from agent.net.interfaces import route_to;"
            "print(json.dumps([(r := route_to(a)) and [r.interface, r.gateway, r.source] for a in sys.argv[1:]]))"
        )
        with near.python(["-c", code, *wanted]) as process:
            told, _ = process.communicate(timeout=10)
        device = near.device
        assert json.loads(told) == [
            [device, None, "192.0.2.2"],
            [device, "192.0.2.1", "192.0.2.2"],
            [device, f"fe80::9%{device}", "192.0.2.2"],
            [device, None, "2001:db8::2"],
            [device, "2001:db8::1", "2001:db8::2"],
            [device, f"fe80::9%{device}", "2001:db8::2"],
            None,
            None,
        ]


@pytest.mark.root
@pytest.mark.program("ip")
def test_a_real_tun_device_is_a_tunnel_and_a_cable_is_not() -> None:
    code = (
        "import sys; from pathlib import Path; from agent.net.interfaces import is_tunnel;"
        "print([is_tunnel(name) for name in sys.argv[1:]])"
    )
    with cabled("tn") as (near, _):
        near.run("ip tuntap add name vpn0 mode tun")
        # `ip netns exec` mounts the namespace's own /sys
        with near.python(["-c", code, "vpn0", near.device]) as process:
            told, _ = process.communicate(timeout=10)
    assert told.strip() == "[True, False]"
