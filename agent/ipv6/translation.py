"""IPv4 through IPv6: the NAT64 prefix (RFC 8781 first, as RFC 9872 asks, then RFC 7050), and whether it carries."""

import asyncio
import ipaddress
from typing import Final

from agent.errors import Failed
from agent.ipv6.names import ask_server
from agent.ipv6.notes import Notes, timed
from agent.net import interfaces, nat64
from agent.net.connect import connect
from agent.wire.failure import Failure, Reason, Stage

# RFC 6052, RFC 8215; a network's own prefix is global or unique-local
_HOMES: Final = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "2000::/3", "fc00::/7")))
_CLAT: Final = ipaddress.IPv4Network("192.0.0.0/29")  # RFC 7335: what a device with 464XLAT calls itself


async def find(notes: Notes) -> None:
    """Find the prefix, and connect to the peer's IPv4 address through it. Nothing is said where nobody translates.

    A device without IPv4 that is offered no translation hears so.
    """
    if notes.stays_here or not notes.own:
        return
    told = await timed(_prefix(notes))
    notes.nat64_prefix = told.value
    if notes.nat64_prefix is None:
        if notes.default.get("ipv4") is None:
            notes.check("nat64_prefix", told.failure, ms=told.ms)
        return
    how = "router advertisement" if notes.nat64_prefix == notes.pref64 else "DNS64"
    notes.check("nat64_prefix", None, ms=told.ms, detail=f"{notes.nat64_prefix} by {how}")
    await _validate(notes, notes.nat64_prefix)


def has_clat(notes: Notes) -> bool | None:
    """Whether this device has IPv4 only by translating it itself (464XLAT); None if it has none."""
    source = notes.sources.get("ipv4")
    if source is None and notes.addresses.get("ipv4"):
        route = interfaces.route_to(notes.addresses["ipv4"][0])
        source = route.source if route else None
    return None if source is None else ipaddress.IPv4Address(source) in _CLAT


async def _prefix(notes: Notes) -> ipaddress.IPv6Network:
    if notes.pref64 is not None and _can_translate(notes.pref64):
        return notes.pref64
    found: dict[str, list[str]] = {}
    failures: dict[str, Failure] = {}

    async def ask(server: str) -> None:
        try:
            found[server] = await ask_server(notes, server, nat64.WELL_KNOWN_NAME, "ipv6")
        except Failed as refused:
            failures[server] = refused.failure

    async with asyncio.TaskGroup() as group:
        for server in notes.servers:
            group.create_task(ask(server), name=f"nat64 prefix from {server}")
    for server in notes.servers:
        prefix = nat64.prefix_in(found.get(server, ()))
        if prefix is not None and _can_translate(prefix):
            return prefix
    first = next((failures[server] for server in notes.servers if server in failures), None)
    reason = Reason(first.reason) if first else Reason.NODATA
    raise Failed(Stage.RESOLVE, reason, f"no translation of {nat64.WELL_KNOWN_NAME}")


def _can_translate(prefix: ipaddress.IPv6Network) -> bool:
    """Whether packets to it can lead to a translator: not to this device, nor out by IPv4 (`::ffff:0:0/96`)."""
    return any(prefix.subnet_of(home) for home in _HOMES)


async def _validate(notes: Notes, prefix: ipaddress.IPv6Network) -> None:
    known = notes.addresses.get("ipv4")
    if not known:
        return
    address = nat64.embed(prefix, known[0])
    made = await timed(connect(address, notes.ground.url.port, timeout_s=notes.ground.settings.timeout_s))
    if made.value is not None:
        made.value.close()
    notes.nat64_reached = made.failure is None
    notes.check("nat64_connect", made.failure, ms=made.ms, detail=address)
