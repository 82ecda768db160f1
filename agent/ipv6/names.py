"""Name checks: every configured resolver asked for A and AAAA, by UDP and TCP, and the system's own way beside them."""

import asyncio
import ipaddress
from collections.abc import Awaitable
from typing import Final

from agent.errors import Failed
from agent.ipv6 import device
from agent.ipv6.notes import RECORDS, Lookup, Notes, no_route, timed
from agent.net import dns_query, interfaces
from agent.net.dns_query import Transport
from agent.net.happy_eyeballs import Lookup as NameLookup
from agent.net.resolve import FAMILIES, Family, literal_family, resolve
from agent.wire.failure import Failure, Reason, Stage

_TRANSPORTS: Final[tuple[Transport, ...]] = ("udp", "tcp")
_GRACE_S: Final = 0.1
"""A question's own deadline comes first: it says more than ours."""
_THIS_NETWORK: Final = ipaddress.IPv4Network("0.0.0.0/8")
Asked = tuple[str, Transport, Family]


async def ask(notes: Notes) -> None:
    """Find the host's addresses. A peer that is an address leaves nothing to ask."""
    host, settings = notes.ground.url.host, notes.ground.settings
    notes.servers = dns_query.configured(settings.resolv_conf)
    literal = literal_family(host)
    if literal is not None:
        notes.addresses[literal] = [host]
        return
    questions: list[Asked] = [
        (server, transport, family) for server in notes.servers for transport in _TRANSPORTS for family in FAMILIES
    ]
    direct: dict[Asked, Lookup] = {}
    system: dict[Family, Lookup] = {}
    async with asyncio.TaskGroup() as group:
        for family in FAMILIES:
            group.create_task(_ask_system(system, host, family, settings.timeout_s), name=f"resolve {family}")
        for asked in questions:
            group.create_task(_ask(direct, asked, notes), name=f"ask {' '.join(asked)}")
    for asked in questions:
        _note_answer(notes, asked, direct[asked])
    for family in FAMILIES:
        _note_lookup(notes, family, system[family])
    _leave_out_own(notes)
    for family in FAMILIES:
        notes.check(f"resolve_{family}", None if family in notes.addresses else notes.lookups.get(family))


async def find_routes(notes: Notes) -> None:
    """Look whether the device has an address that fits, and the kernel a way to each of those that will be used."""
    device.check_address(notes)
    for family, found in notes.addresses.items():
        interface = interfaces.interface_to(found[0])
        notes.check(f"route_{family}", None if interface else no_route(f"no usable route to {found[0]}"))


def lookup_again(notes: Notes, family: Family) -> NameLookup:
    """Give a function that finds the host's addresses as a user's program would now, over a resolver that answers."""
    host = notes.ground.url.host
    known = notes.addresses.get(family)

    async def known_already() -> list[str]:
        if known is None:
            raise Failed(Stage.RESOLVE, Reason.NODATA, f"{host} has no {family} address")
        return known

    async def ask_again() -> list[str]:
        if notes.askable is None:
            return await known_already()
        return await ask_server(notes, notes.askable, host, family)

    return known_already if literal_family(host) is not None or notes.askable is None else ask_again


async def ask_server(
    notes: Notes, server: str, name: str, family: Family, *, transport: Transport = "udp"
) -> list[str]:
    """Ask one server for a name's addresses, all of it within `timeout`: also where UDP was cut short.

    Raises:
        Failed: as `dns_query.query`; resolve:lie where no address among the answers is one of a host.
    """
    settings = notes.ground.settings
    asking = dns_query.query(
        server, name, RECORDS[family], timeout_s=settings.timeout_s, port=settings.dns_port, transport=transport
    )
    try:
        async with asyncio.timeout(settings.timeout_s + _GRACE_S):
            return _of_hosts(name, await asking)
    except TimeoutError as error:
        raise Failed(Stage.RESOLVE, Reason.TIMEOUT, f"no whole answer in {settings.timeout_s:g} s") from error


async def _ask(direct: dict[Asked, Lookup], asked: Asked, notes: Notes) -> None:
    server, transport, family = asked
    direct[asked] = await _looked_up(ask_server(notes, server, notes.ground.url.host, family, transport=transport))


async def _ask_system(system: dict[Family, Lookup], host: str, family: Family, timeout_s: float) -> None:
    async def ask_all() -> list[str]:
        return _of_hosts(host, await resolve(host, family, timeout_s=timeout_s))

    system[family] = await _looked_up(ask_all())


def _of_hosts(name: str, found: list[str]) -> list[str]:
    """Leave out what no host far away can have, and what would look like IPv6 and leave by IPv4. Failed if all is."""
    fit = [address for address in found if _is_of_host(address)]
    if not fit:
        raise Failed(Stage.RESOLVE, Reason.LIE, f"{name} is said to be at {found[0]}, which is no address of a host")
    return fit


def _is_of_host(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    if found.is_unspecified or found.is_multicast or (found.is_link_local and "%" not in address):
        return False
    return found.ipv4_mapped is None if isinstance(found, ipaddress.IPv6Address) else found not in _THIS_NETWORK


def _leave_out_own(notes: Notes) -> None:
    """Forget answers that lead to this device itself, where others lead elsewhere: the peer cannot be at both."""
    own = {
        family: [address for address in found if ipaddress.ip_address(address.partition("%")[0]).is_loopback]
        for family, found in notes.addresses.items()
    }
    if all(own[family] == found for family, found in notes.addresses.items()):
        return
    for family, here in own.items():
        notes.addresses[family] = [address for address in notes.addresses[family] if address not in here]
        if not notes.addresses[family]:
            del notes.addresses[family]
            words = f"{here[0]} is this device itself, and the peer is elsewhere"
            notes.lookups[family] = Failure(Stage.RESOLVE, Reason.LIE, words)


async def _looked_up(question: Awaitable[list[str]]) -> Lookup:
    told = await timed(question)
    return Lookup(told.value or [], told.failure, told.ms)


def _note_answer(notes: Notes, asked: Asked, lookup: Lookup) -> None:
    server, transport, family = asked
    over: Family = "ipv6" if ":" in server else "ipv4"
    record = RECORDS[family]
    by = "" if transport == "udp" else "_tcp"
    notes.check(f"dns_{record.lower()}_over_{over}{by}", lookup.failure, ms=lookup.ms, detail=server)
    if transport == "udp":
        notes.resolvers.setdefault((over, record), []).append((server, lookup))
        if notes.askable is None and lookup.answered:
            notes.askable = server
    _note_lookup(notes, family, lookup)


def _note_lookup(notes: Notes, family: Family, lookup: Lookup) -> None:
    """Keep the first addresses of a family, and the most telling failure: "no such record" outdoes silence."""
    if lookup.found:
        notes.addresses.setdefault(family, lookup.found)
    elif lookup.failure is not None and (lookup.answered or family not in notes.lookups):
        notes.lookups[family] = lookup.failure
