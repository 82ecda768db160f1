"""IPv4 addresses within IPv6 ones (RFC 6052), and the prefix of a NAT64 from a DNS64's answer (RFC 7050). Pure."""

import ipaddress
from collections.abc import Iterable
from typing import Final

WELL_KNOWN_NAME: Final = "ipv4only.arpa"
WELL_KNOWN_PREFIX: Final = ipaddress.IPv6Network("64:ff9b::/96")
_WELL_KNOWN: Final = frozenset({ipaddress.IPv4Address("192.0.0.170"), ipaddress.IPv4Address("192.0.0.171")})
LENGTHS: Final = (96, 64, 56, 48, 40, 32)
_RESERVED_BYTE: Final = 8
"""Bits 64 to 71 are zero and hold nothing."""


def embed(prefix: ipaddress.IPv6Network, ipv4: str) -> str:
    """Give the IPv6 address under which a NAT64 with this prefix serves an IPv4 address.

    Raises:
        ValueError: a prefix length that RFC 6052 does not know, or no IPv4 address.
    """
    whole = bytearray(prefix.network_address.packed)
    for place, value in zip(_places(prefix.prefixlen), ipaddress.IPv4Address(ipv4).packed, strict=True):
        whole[place] = value
    return str(ipaddress.IPv6Address(bytes(whole)))


def extract(address: str, length: int) -> ipaddress.IPv4Address:
    """Give the IPv4 address that stands in an IPv6 one behind a prefix of this length. ValueError as `embed`."""
    packed = ipaddress.IPv6Address(address).packed
    return ipaddress.IPv4Address(bytes(packed[place] for place in _places(length)))


def prefix_in(answers: Iterable[str]) -> ipaddress.IPv6Network | None:
    """Find the prefix in a resolver's AAAA answers for `ipv4only.arpa`; None if nobody translates there.

    All lengths are tried on all answers; where the well-known address stands in more than one place of an answer, a
    length that fits the most answers wins (RFC 7050, section 3), the longer one of equals.
    """
    votes: dict[ipaddress.IPv6Network, int] = {}
    for answer in answers:
        for prefix in _prefixes(answer):
            votes[prefix] = votes.get(prefix, 0) + 1
    return max(votes, key=lambda prefix: (votes[prefix], prefix.prefixlen)) if votes else None


def _prefixes(answer: str) -> list[ipaddress.IPv6Network]:
    try:
        packed = ipaddress.IPv6Address(answer).packed
    except ValueError:
        return []
    fitting = [length for length in LENGTHS if extract(answer, length) in _WELL_KNOWN]
    # With all but /96 the bits 64 to 71 are reserved, and zero.
    fitting = [length for length in fitting if length == LENGTHS[0] or packed[_RESERVED_BYTE] == 0]
    return [ipaddress.IPv6Network((packed, length), strict=False) for length in fitting]


def _places(length: int) -> list[int]:
    """The four bytes of an IPv6 address that hold the IPv4 address behind a prefix of this length."""
    if length not in LENGTHS:
        raise ValueError(f"no NAT64 prefix has {length} bits")
    first = length // 8
    behind = range(first, 16) if length == LENGTHS[0] else (n for n in range(first, 16) if n != _RESERVED_BYTE)
    return list(behind)[:4]
