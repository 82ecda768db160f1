"""Which part of the way each router belongs to, by nothing but addresses and distances. Pure.

The first router is the site's own (`lan`), unless its IPv4 address is one that no site's own network has, or the device
holds the line itself (a modem, PPP) or is in a tunnel: then it is the provider's. Else the provider begins with the
first address behind it that is not private; carriers' shared addresses (100.64.0.0/10, RFC 6598) are the provider's.
Where all are private, and the target is too or was heard, it begins with the second router. Private addresses in
between are called `access`: whether they are a second box at the site or the provider's, nobody can tell from here. So
is all that a way shows that ends among them. The `destination` is the target and what answers from its network (/24,
/48).
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent.net.domain import Domain

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# RFC 1918, 3927, 4193, 4291. Not `is_private`, which also means addresses for documentation and for carriers.
_INSIDE: Final = tuple(
    ipaddress.ip_network(net)
    for net in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8"),
        *("fc00::/7", "fe80::/10", "fec0::/10", "::1/128"),
    )
)
_SITE_BITS: Final = 64
_NETWORK_BITS: Final = {4: 24, 6: 48}


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends of the way: our own address (None: not known), and the target's.

    `direct`: no network of the site's lies in between. `known`: the provider's first router, as earlier runs found it.
    """

    target: str
    source: str | None = None
    direct: bool = False
    known: str | None = None


def parts(addresses: Sequence[str | None], ends: Ends) -> list[Domain | None]:
    """Name the part of each distance, the first first; None where nobody answered."""
    begin = provider_at(addresses, ends)
    return [None if address is None else _part(place, address, begin, ends) for place, address in enumerate(addresses)]


def provider_at(addresses: Sequence[str | None], ends: Ends) -> int | None:
    """Find the provider's first router: its place in the list, from 0; None if none of these can be it."""
    routers = [(place, address) for place, address in enumerate(addresses) if address and address != ends.target]
    for place, address in routers:
        if ends.direct or (is_outside(address, ends.source) and (place > 0 or ":" not in address)):
            return place
    known = next((place for place, address in routers if address == ends.known), None)
    if known is None and (ends.target in addresses or not is_outside(ends.target, ends.source)):
        return next((place for place, _ in routers if place > 0), None)
    return known


def is_outside(address: str, source: str | None) -> bool:
    """Whether no network of a site's own has this address, nor is it in the same IPv6 subnet as ours."""
    found = _read(address)
    if source is not None and found.version == 6 and is_near(address, source, bits=_SITE_BITS):  # noqa: PLR2004 - the protocol's number
        return False
    return not any(found in net for net in _INSIDE if net.version == found.version)


def is_near(address: str, other: str, *, bits: int | None = None) -> bool:
    """Whether two addresses are in one network: by default the size in which networks are announced."""
    one, two = _read(address), _read(other)
    shift = one.max_prefixlen - (bits or _NETWORK_BITS[one.version])
    return one.version == two.version and int(one) >> shift == int(two) >> shift


def _part(place: int, address: str, begin: int | None, ends: Ends) -> Domain:
    if address == ends.target:
        return "destination"
    if begin is None or place < begin:
        return "access" if place else "lan"
    return "destination" if place > begin and is_near(address, ends.target) else "provider"


def _read(address: str) -> Address:
    return ipaddress.ip_address(address.partition("%")[0])
