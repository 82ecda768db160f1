"""Name checks: every configured resolver asked for A and AAAA, by UDP and TCP, and the system's own way beside them."""

import asyncio
from collections.abc import Awaitable
from typing import Final

from agent.errors import Failed
from agent.ipv6.notes import RECORDS, Lookup, Notes, no_route, timed
from agent.net import dns_query, interfaces
from agent.net.dns_query import Transport
from agent.net.happy_eyeballs import Lookup as NameLookup
from agent.net.resolve import FAMILIES, Family, literal_family, resolve
from agent.wire.failure import Reason, Stage

_TRANSPORTS: Final[tuple[Transport, ...]] = ("udp", "tcp")
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
        notes.check(f"resolve_{family}", None if family in notes.addresses else notes.lookups.get(family))


async def find_routes(notes: Notes) -> None:
    """Ask the kernel whether it has a way to each of the addresses that will be used."""
    for family, found in notes.addresses.items():
        interface = interfaces.interface_to(found[0])
        notes.check(f"route_{family}", None if interface else no_route(f"no usable route to {found[0]}"))


def lookup_again(notes: Notes, family: Family) -> NameLookup:
    """Give a function that finds the host's addresses as a user's program would now, over a resolver that answers."""
    host, settings = notes.ground.url.host, notes.ground.settings
    known = notes.addresses.get(family)

    async def known_already() -> list[str]:
        if known is None:
            raise Failed(Stage.RESOLVE, Reason.NODATA, f"{host} has no {family} address")
        return known

    async def ask_again() -> list[str]:
        if notes.askable is None:
            return await known_already()
        return await dns_query.query(
            notes.askable, host, RECORDS[family], timeout_s=settings.timeout_s, port=settings.dns_port
        )

    return known_already if literal_family(host) is not None or notes.askable is None else ask_again


async def _ask(direct: dict[Asked, Lookup], asked: Asked, notes: Notes) -> None:
    server, transport, family = asked
    settings = notes.ground.settings
    question = dns_query.query(
        server,
        notes.ground.url.host,
        RECORDS[family],
        timeout_s=settings.timeout_s,
        port=settings.dns_port,
        transport=transport,
    )
    direct[asked] = await _looked_up(question)


async def _ask_system(system: dict[Family, Lookup], host: str, family: Family, timeout_s: float) -> None:
    system[family] = await _looked_up(resolve(host, family, timeout_s=timeout_s))


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
