"""Tells by its address whether IPv6 comes through a tunnel. Pure; the test-ipv6 rules, and only for 6rd a guess."""

import ipaddress
from typing import Final, Literal

Tunnel = Literal["6to4", "teredo", "6rd"]

_6TO4: Final = ipaddress.IPv6Network("2002::/16")  # RFC 3056
_TEREDO: Final = ipaddress.IPv6Network("2001::/32")  # RFC 4380
_TAIL_BITS: Final = 16
_WINDOW: Final = (32, 64)


def tunnel_of(address: str, *, public_ipv4: str | None = None) -> Tunnel | None:
    """Name the tunnel that an IPv6 address belongs to; None for a native one, and for what is no IPv6 address.

    6rd (RFC 5969) has no prefix of its own: it is guessed where the last 16 bits or more of the site's public IPv4
    address stand within bits 32 to 63. The last ones, because 6rd leaves out the first, which all customers share.
    """
    try:
        found = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return None
    if found in _6TO4:
        return "6to4"
    if found in _TEREDO:
        return "teredo"
    return "6rd" if public_ipv4 is not None and _holds(found, public_ipv4) else None


def _holds(address: ipaddress.IPv6Address, ipv4: str) -> bool:
    try:
        own = ipaddress.IPv4Address(ipv4)
    except ValueError:
        return False
    if not own.is_global:
        return False
    tail = int(own) & ((1 << _TAIL_BITS) - 1)
    first, end = _WINDOW
    ends = range(first + _TAIL_BITS, end + 1)
    return any((int(address) >> (128 - last)) & ((1 << _TAIL_BITS) - 1) == tail for last in ends)
