import pytest

from agent.net.tunnel import tunnel_of


@pytest.mark.parametrize(
    ("address", "ipv4", "tunnel"),
    [
        ("2002:c000:204::1", None, "6to4"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", None, "teredo"),
        ("2001:db8::1", None, None),
        ("2405:4800::1", "203.0.113.7", None),
        # 6rd with a /32 of the provider's: all of the address at bits 32 to 63
        ("2405:4800:0e0e:0e0f::1", "14.14.14.15", "6rd"),
        # a /28: from bit 28 on, so that its last 16 bits stand at 44 to 59
        ("2405:4800:e0e0:e0f0::1", "14.14.14.15", "6rd"),
        # a /40 and the first byte left out
        ("2405:4800:120e:0e0f::1", "14.14.14.15", "6rd"),
        # the last 16 bits, but not within bits 32 to 63
        ("2405:0e0f::1", "14.14.14.15", None),
        ("2405:4800::e0f:0:0:1", "14.14.14.15", None),
        # a private address proves nothing
        ("2405:4800:c0a8:0102::1", "192.168.1.2", None),
        ("2002:c000:204::1%eth0", None, "6to4"),
        ("192.0.2.1", None, None),
        ("2405::1", "no address", None),
        ("", None, None),
    ],
)
def test_tunnels(address: str, ipv4: str | None, tunnel: str | None) -> None:
    assert tunnel_of(address, public_ipv4=ipv4) == tunnel
