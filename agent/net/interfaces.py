"""Facts of the device's interfaces, read from the kernel; never guessed, absent when unknown. No root needed."""

import ipaddress
import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from agent.wire.report import Link

PROC: Final = Path("/proc")
SYSFS: Final = Path("/sys")
LOOPBACK: Final = "lo"

AddressKind = Literal["global", "ula", "temporary", "tunnel"]

# linux/if_addr.h, as in the flags column of /proc/net/if_inet6
_TEMPORARY: Final = 0x01
_DEPRECATED: Final = 0x20
_UNUSABLE: Final = 0x08 | 0x40  # duplicate address detection failed, or still running
# linux/ipv6_route.h, as in the flags column of /proc/net/ipv6_route
_ROUTE_UP: Final = 0x0001
_ROUTE_REJECT: Final = 0x0200
_GLOBAL: Final = ipaddress.IPv6Network("2000::/3")
_ULA: Final = ipaddress.IPv6Network("fc00::/7")
_TUNNELS: Final = (ipaddress.IPv6Network("2002::/16"), ipaddress.IPv6Network("2001::/32"))  # 6to4, Teredo
# linux/rtnetlink.h
_GETROUTE: Final = 26
_NEWROUTE: Final = 24
_REQUEST: Final = 1
_OUT_INTERFACE: Final = 4
_DESTINATION: Final = 1
_GATEWAY: Final = 5
_SOURCE: Final = 7
_VIA: Final = 18
_UNICAST: Final = 1
_LOCAL: Final = 2
# linux/if_arp.h
_ETHER: Final = 1
_RAW_IP: Final = 519
_ENCAPSULATIONS: Final = (768, 769, 776, 778, 823)  # IPIP, IP6IP6, 6in4 (SIT), GRE, GRE over IPv6
_ENCAPSULATED: Final = ("wireguard", "vxlan", "geneve", "gtp", "bareudp", "gre", "ip6gre", "ipip", "sit", "vti")
_CELLULAR_NAMES: Final = ("wwan", "ppp", "rmnet", "wwp", "wwx", "ccmni")


@dataclass(frozen=True, slots=True)
class Address:
    """An IPv6 address of this device that is more than link-local.

    `deprecated`: its preferred lifetime is over; it still serves what it serves, and begins nothing new.
    """

    interface: str
    address: str
    kind: AddressKind
    deprecated: bool = False


def addresses(*, proc: Path = PROC, unready: bool = False) -> list[Address]:
    """List the usable IPv6 addresses by kind; empty also when the kernel has no IPv6.

    `unready`: those too that the kernel still looks for another owner of, or has found one.
    """
    found = []
    for line in _lines(proc / "net" / "if_inet6"):
        fields = line.split()
        if len(fields) != 6:  # noqa: PLR2004 - the columns of the file
            continue
        address, flags = ipaddress.IPv6Address(bytes.fromhex(fields[0])), int(fields[4], 16)
        kind = _kind(address, flags)
        if kind is not None and (unready or not flags & _UNUSABLE):
            found.append(Address(fields[5], str(address), kind, bool(flags & _DEPRECATED)))
    return found


def kind_of(address: str) -> AddressKind | None:
    """Tell what kind of IPv6 address this is; None for link-local, loopback, multicast and IPv4."""
    try:
        return _kind(ipaddress.IPv6Address(address.partition("%")[0]), 0)
    except ValueError:
        return None


def has_global_ipv6(*, proc: Path = PROC) -> bool:
    """Tell whether this device has a native, globally routable IPv6 address (not unique-local, not 6to4 or Teredo)."""
    return any(entry.kind in {"global", "temporary"} for entry in addresses(proc=proc))


def is_ipv6_off(interface: str | None, *, proc: Path = PROC) -> bool:
    """Tell whether the device itself keeps IPv6 from this interface (None: from all): its kernel, or a setting."""
    if not (proc / "net" / "if_inet6").exists():
        return True
    return _fact(proc / "sys" / "net" / "ipv6" / "conf" / (interface or "all") / "disable_ipv6") == "1"


def default_route_v6(*, proc: Path = PROC) -> str | None:
    """Name the interface of the IPv6 default route with the best metric; None without one, or if it rejects."""
    best: tuple[int, str] | None = None
    for line in _lines(proc / "net" / "ipv6_route"):
        fields = line.split()
        if len(fields) != 10 or fields[1] != "00" or int(fields[0], 16):  # noqa: PLR2004 - the columns of the file
            continue
        metric, flags, interface = int(fields[5], 16), int(fields[8], 16), fields[9]
        usable = flags & _ROUTE_UP and not flags & _ROUTE_REJECT and interface != LOOPBACK
        if usable and (best is None or metric < best[0]):
            best = (metric, interface)
    return best[1] if best else None


def default_route_v4(*, proc: Path = PROC) -> str | None:
    """Name the interface of the IPv4 default route with the best metric; None without one."""
    best: tuple[int, str] | None = None
    for line in _lines(proc / "net" / "route")[1:]:
        fields = line.split()
        if len(fields) < 8 or fields[1] != "00000000" or fields[7] != "00000000":  # noqa: PLR2004 - the columns
            continue
        metric, flags = int(fields[6]), int(fields[3], 16)
        if flags & _ROUTE_UP and not flags & _ROUTE_REJECT and (best is None or metric < best[0]):
            best = (metric, fields[0])
    return best[1] if best else None


@dataclass(frozen=True, slots=True)
class Route:
    """The way to one address: the interface, the first router (None: the address is on the link), our own address.

    A link-local router carries its zone (`fe80::1%eth0`).
    """

    interface: str
    gateway: str | None = None
    source: str | None = None


def has_interface(*, sysfs: Path = SYSFS) -> bool:
    """Tell whether any interface but loopback is there and up."""
    for entry in _entries(sysfs / "class" / "net"):
        if entry.name != LOOPBACK and int(_fact(entry / "flags") or "0", 16) & 1:
            return True
    return False


def link_to(address: str, *, sysfs: Path = SYSFS) -> Link:
    """Describe the interface through which the route to `address` leaves; an empty Link when there is none."""
    interface = interface_to(address)
    if interface is None:
        return Link()
    facts = sysfs / "class" / "net" / interface
    duplex = _fact(facts / "duplex")
    return Link(
        interface=interface,
        medium=_medium(facts),
        speed_mbps=_positive(_fact(facts / "speed")),
        duplex=duplex if duplex in {"full", "half"} else None,
        mtu=_positive(_fact(facts / "mtu")),
    )


def interface_to(address: str) -> str | None:
    """Ask the kernel's routing table by which interface packets to `address` leave; None without a usable route."""
    found = route_to(address)
    return found.interface if found else None


def route_to(address: str) -> Route | None:
    """Ask the kernel's routing table for the way to `address`; None without a usable route."""
    text, _, zone = address.partition("%")
    if zone:
        return Route(zone)
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    try:
        packed = socket.inet_pton(family, text)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
            netlink.settimeout(1)
            netlink.send(_route_request(family, packed))
            told = _route(netlink.recv(8192))
        index = struct.unpack("=I", told[_OUT_INTERFACE])[0] if _OUT_INTERFACE in told else 0
        return Route(name := socket.if_indextoname(index), _gateway(told, name), _text(told.get(_SOURCE)))
    except OSError:
        return None


def is_tunnel(interface: str, *, sysfs: Path = SYSFS) -> bool:
    """Tell whether what leaves by `interface` is wrapped into other packets: VPN, IPIP, 6in4, GRE, VXLAN, TUN, TAP.

    PPP is no tunnel (it is the access line of a modem), and neither is a cellular modem without Ethernet headers.
    """
    facts = sysfs / "class" / "net" / interface
    uevent = (_fact(facts / "uevent") or "").splitlines()
    if any(f"DEVTYPE={kind}" in uevent for kind in _ENCAPSULATED):
        return True
    return _positive(_fact(facts / "type")) in _ENCAPSULATIONS or (facts / "tun_flags").exists()


def _route_request(family: int, packed: bytes) -> bytes:
    """An RTM_GETROUTE for one destination: nlmsghdr, rtmsg, one attribute."""
    attribute = struct.pack("=HH", 4 + len(packed), _DESTINATION) + packed
    body = struct.pack("=BBBBBBBBI", family, len(packed) * 8, 0, 0, 0, 0, 0, 0, 0) + attribute
    return struct.pack("=IHHII", 16 + len(body), _GETROUTE, _REQUEST, 1, 0) + body


def _route(answer: bytes) -> dict[int, bytes]:
    """The attributes of a unicast or local route; none from an error message or a route that rejects."""
    length, kind = struct.unpack_from("=IH", answer)
    told: dict[int, bytes] = {}
    if kind != _NEWROUTE or answer[16 + 7] not in {_UNICAST, _LOCAL}:
        return told
    place = 16 + 12
    while place + 4 <= min(length, len(answer)):
        size, name = struct.unpack_from("=HH", answer, place)
        told[name] = answer[place + 4 : place + size]
        place += max(4, (size + 3) & ~3)
    return told


def _gateway(told: dict[int, bytes], interface: str) -> str | None:
    """The first router: of the same family, or an IPv6 one for IPv4 (RTA_VIA: a family of 2 bytes, the address)."""
    text = _text(told.get(_GATEWAY, told.get(_VIA, b"")[2:]))
    if text and ":" in text and ipaddress.IPv6Address(text).is_link_local:
        return f"{text}%{interface}"
    return text


def _text(packed: bytes | None) -> str | None:
    """An address as text, by its length; None for anything else."""
    families = {4: socket.AF_INET, 16: socket.AF_INET6}
    return socket.inet_ntop(families[len(packed)], packed) if packed and len(packed) in families else None


def _kind(address: ipaddress.IPv6Address, flags: int) -> AddressKind | None:
    if any(address in tunnel for tunnel in _TUNNELS):
        return "tunnel"
    if address in _ULA:
        return "ula"
    if address not in _GLOBAL:
        return None
    return "temporary" if flags & _TEMPORARY else "global"


def _medium(facts: Path) -> str:
    if (facts / "wireless").exists() or (facts / "phy80211").exists():
        return "wifi"
    kind = _positive(_fact(facts / "type"))
    if "DEVTYPE=wwan" in (_fact(facts / "uevent") or "") or kind == _RAW_IP:
        return "cellular"
    if facts.name.startswith(_CELLULAR_NAMES):
        return "cellular"
    return "ethernet" if kind == _ETHER else "other"


def _positive(text: str | None) -> int | None:
    """A number above zero; sysfs says -1 (and some drivers 4294967295) for unknown."""
    if text is None or not text.isdigit():
        return None
    number = int(text)
    return number if 0 < number < 2**32 - 1 else None


def _fact(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:  # sysfs answers EINVAL for the speed of a link that is down
        return None


def _lines(path: Path) -> list[str]:
    return (_fact(path) or "").splitlines()


def _entries(path: Path) -> list[Path]:
    try:
        return sorted(path.iterdir())
    except OSError:
        return []
