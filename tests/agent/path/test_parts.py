"""Where the site ends and the provider begins, by addresses and distances."""

from dataclasses import replace

import pytest

from agent.path.parts import Ends, is_near, is_outside, parts, provider_at

V4 = Ends("198.51.100.2", "192.168.1.2")
PRIVATE = Ends("10.20.0.2", "192.168.1.2")
V6 = Ends("2001:db8:9::2", "2001:db8:a:1::2")


@pytest.mark.parametrize(
    ("addresses", "ends", "named"),
    [
        pytest.param(
            ["192.168.1.1", "203.0.113.1", "203.0.113.9", "198.51.100.2"],
            V4,
            ["lan", "provider", "provider", "destination"],
            id="a home router",
        ),
        pytest.param(
            ["192.168.1.1", "100.64.0.1", "203.0.113.9", "198.51.100.2"],
            V4,
            ["lan", "provider", "provider", "destination"],
            id="a carrier's shared address is the provider's",
        ),
        pytest.param(
            ["192.168.1.1", "10.0.0.1", "203.0.113.9"], V4, ["lan", "access", "provider"], id="a second private router"
        ),
        pytest.param(["192.168.1.1", None, "203.0.113.9"], V4, ["lan", None, "provider"], id="a silent one between"),
        pytest.param([None, "203.0.113.9"], V4, [None, "provider"], id="a silent first router"),
        pytest.param(
            ["192.168.1.1", "10.0.0.1", "10.9.0.1", V4.target],
            V4,
            ["lan", "provider", "provider", "destination"],
            id="all private",
        ),
        pytest.param(
            ["192.168.1.1", None, "10.9.0.1"], PRIVATE, ["lan", None, "provider"], id="to a private target, one silent"
        ),
        pytest.param(["192.168.1.1", "10.0.0.1"], V4, ["lan", "access"], id="a way that ends among private ones"),
        pytest.param(
            ["192.168.1.1", "10.0.0.1", "10.9.0.1"],
            replace(V4, known="10.9.0.1"),
            ["lan", "access", "provider"],
            id="it ends there, and an earlier run knows the provider's",
        ),
        pytest.param(
            ["10.9.0.1"], replace(V4, direct=True), ["provider"], id="a modem in the device, a private router"
        ),
        pytest.param(["fe80::1%wwan0"], replace(V6, direct=True), ["provider"], id="the same over IPv6"),
        pytest.param(["192.168.1.1", None], V4, ["lan", None], id="nobody beyond the first"),
        pytest.param([None, None], V4, [None, None], id="nobody"),
        pytest.param(
            ["100.64.0.1", "203.0.113.9"], Ends("198.51.100.2", "100.64.0.9"), ["provider", "provider"], id="a modem"
        ),
        pytest.param(
            ["192.168.1.1", "203.0.113.1", "198.51.100.1", "198.51.100.2"],
            V4,
            ["lan", "provider", "destination", "destination"],
            id="the router of the target's own network",
        ),
        pytest.param(
            ["192.168.1.9"], Ends("192.168.1.9", "192.168.1.2"), ["destination"], id="a peer on the same link"
        ),
        pytest.param(["127.0.0.1"], Ends("127.0.0.1", "127.0.0.1"), ["destination"], id="this very device"),
        pytest.param(
            ["2001:db8:a:1::1", "2001:db8:b::1", "2001:db8:9::2"],
            V6,
            ["lan", "provider", "destination"],
            id="an IPv6 router with an address of the site's",
        ),
        pytest.param(
            ["2001:db8:a:2::1", "2001:db8:b::1"],
            V6,
            ["lan", "provider"],
            id="or of another one: the first is the site's",
        ),
        pytest.param(["fe80::1%eth0", "2001:db8:b::1"], V6, ["lan", "provider"], id="link-local"),
        pytest.param(["fd00::1", "fd00:9::1", "2001:db8:b::1"], V6, ["lan", "access", "provider"], id="unique local"),
    ],
)
def test_parts(addresses: list[str | None], ends: Ends, named: list[str | None]) -> None:
    assert parts(addresses, ends) == named


def test_the_target_is_never_the_provider() -> None:
    assert provider_at(["192.168.1.1", "198.51.100.2"], V4) is None
    assert provider_at([], V4) is None


@pytest.mark.parametrize(
    ("address", "outside"),
    [
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("172.32.0.1", True),
        ("169.254.1.1", False),
        ("100.64.0.1", True),
        ("192.0.0.1", True),
        ("203.0.113.1", True),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("2001:db8::1", True),
        ("64:ff9b::1", True),
    ],
)
def test_what_no_site_uses_inside(address: str, outside: bool) -> None:  # noqa: FBT001 - a table
    assert is_outside(address, None) is outside


def test_near_is_the_size_of_an_announced_network() -> None:
    assert is_near("198.51.100.1", "198.51.100.200")
    assert not is_near("198.51.101.1", "198.51.100.200")
    assert is_near("2001:db8:9:1::1", "2001:db8:9:ffff::1")
    assert not is_near("2001:db8:8::1", "2001:db8:9::1")
    assert not is_near("198.51.100.1", "2001:db8::1")
