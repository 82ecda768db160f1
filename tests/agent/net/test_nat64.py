import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.net.nat64 import LENGTHS, embed, extract, prefix_in

# RFC 6052, section 2.4
TABLE = [
    ("2001:db8::/32", "2001:db8:c000:221::"),
    ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
    ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
    ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
    ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
    ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
    ("64:ff9b::/96", "64:ff9b::192.0.2.33"),
]


@pytest.mark.parametrize(("prefix", "address"), TABLE)
def test_the_examples_of_the_rfc(prefix: str, address: str) -> None:
    network = ipaddress.IPv6Network(prefix)
    assert ipaddress.ip_address(embed(network, "192.0.2.33")) == ipaddress.ip_address(address)
    assert str(extract(address, network.prefixlen)) == "192.0.2.33"


@given(st.sampled_from(LENGTHS), st.ip_addresses(v=4), st.integers(0, 2**96 - 1))
def test_what_is_embedded_comes_out(length: int, ipv4: ipaddress.IPv4Address, bits: int) -> None:
    prefix = ipaddress.IPv6Network((bits << 32, length), strict=False)
    assert extract(embed(prefix, str(ipv4)), length) == ipv4


def test_no_other_length() -> None:
    with pytest.raises(ValueError, match="80 bits"):
        embed(ipaddress.IPv6Network("2001:db8::/80"), "192.0.2.33")


@pytest.mark.parametrize("prefix", [prefix for prefix, _ in TABLE])
def test_the_prefix_of_a_dns64(prefix: str) -> None:
    network = ipaddress.IPv6Network(prefix)
    answers = [embed(network, "192.0.0.170"), embed(network, "192.0.0.171")]
    assert prefix_in(answers) == network
    assert prefix_in(answers[1:]) == network


@pytest.mark.parametrize(
    "answers", [[], ["2001:db8::1"], ["192.0.0.170"], ["nonsense"], ["64:ff9b::192.0.0.172"], ["::ffff:192.0.2.1"]]
)
def test_nobody_translates(answers: list[str]) -> None:
    assert prefix_in(answers) is None


def test_a_prefix_that_itself_holds_the_well_known_address() -> None:
    """RFC 7050, section 3: the address stands there twice, and only one place changes from answer to answer."""
    prefix = ipaddress.IPv6Network("2001:db8:c000:aa::/96")
    assert prefix_in([embed(prefix, "192.0.0.170"), embed(prefix, "192.0.0.171")]) == prefix
