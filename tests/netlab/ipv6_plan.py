"""The addresses and names of the site with IPv6: what is where, for the network, its daemons and the tests."""

from collections.abc import Mapping
from typing import Final

PEER_PORT: Final = 8080

LAN: Final = "2001:db8:1:1::/64"
LAN_LOCAL: Final = "fd77:1:1:1::/64"
# 6to4 of the router's IPv4 address
LAN_6TO4: Final = "2002:6440:4d02:1::/64"
NAT64: Final = "64:ff9b::/96"
CLIENT: Final = "192.168.77.10"
ROUTER: Final = {"ipv4": "192.168.77.1", "ipv6": "2001:db8:1:1::1"}
ISP: Final = {"ipv4": "100.64.77.1", "ipv6": "2001:db8:a::1"}
RESOLVER: Final = {"ipv4": "192.175.48.53", "ipv6": "2001:db8:53::53"}
# Addresses of public use that nobody routes here: the well-known NAT64 prefix does not lead to private ones.
SERVER: Final = {"ipv4": "192.31.196.2", "ipv6": "2001:db8:5::2"}
OTHER: Final = {"ipv4": "192.52.193.2", "ipv6": "2001:db8:6::2"}
DNS64: Final = "2001:db8:53::64"
PLACES: Final[Mapping[str, Mapping[str, str]]] = {
    "client": {"ipv4": CLIENT},
    "router": ROUTER,
    "isp": ISP,
    "server": SERVER,
    "other": OTHER,
}
ZONE: Final[Mapping[str, tuple[str, ...]]] = {
    "peer.example": (SERVER["ipv4"], SERVER["ipv6"]),
    "v4only.example": (SERVER["ipv4"],),
    "v6only.example": (SERVER["ipv6"],),
    "service.example": (OTHER["ipv4"], OTHER["ipv6"]),
    "oldservice.example": (OTHER["ipv4"],),
    "ipv4only.arpa": ("192.0.0.170", "192.0.0.171"),
}
