"""Where the packets of IPv6 end, asked only when a connection or a transfer failed: whose part of the way it is."""

import asyncio
import contextlib
import ipaddress
from collections.abc import Collection
from typing import Final

from agent.errors import Failed
from agent.ipv6.notes import Notes
from agent.net import interfaces
from agent.net.domain import Reach
from agent.net.router_facts import answers_on_link
from agent.net.traceroute import Hop, Plan, Trace, trace
from agent.wire.failure import Failure, Reason, Stage

_UNCLEAR: Final = frozenset({Reason.TIMEOUT, Reason.UNREACHABLE, Reason.PROHIBITED})
"""What may come from anywhere on the way."""
_FROM_THE_END: Final = frozenset({Reason.REFUSED, Reason.RESET})
"""What comes from its end, unless a filter on the way speaks for it."""
_FORBIDS: Final = frozenset({Reason.PROHIBITED, Reason.REFUSED})
_SILENT: Final = 3
_FULL_BYTES: Final = 1500
_SITE_BITS: Final = 56
"""Of an IPv6 address: what a provider gives to one site (RFC 6177), so that a site's own routers have it in common."""
# RFC 1918, RFC 3927; carriers' shared addresses (RFC 6598) are the provider's.
_INSIDE: Final = tuple(
    map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8"))
)


_PLAIN: Final = Plan("udp", probes=1, silent=_SILENT)


async def follow(notes: Notes) -> None:
    """Trace the way of a failed connect by TCP to the same port, of a stalled transfer by packets of full size.

    Beside a refusal by UDP as well: that goes on to the peer where a filter answers TCP in its place. Where no name was
    answered at all, the way to the silent resolver is followed instead.
    """
    target = notes.addresses.get("ipv6")
    if notes.stays_here:
        return
    if not target:
        await _follow_to_resolver(notes)
        return
    attempt, stall = notes.attempts.get("ipv6"), notes.stalls.get("ipv6")
    reason = attempt.failure.reason if attempt is not None and attempt.failure is not None else None
    syns = Plan("tcp", port=notes.ground.url.port, probes=1, silent=_SILENT, timeout_s=0.9)
    if reason in _UNCLEAR:
        notes.trace = await _traced(notes, target[0], syns)
    elif reason in _FROM_THE_END:
        async with asyncio.TaskGroup() as group:
            by_tcp = group.create_task(_traced(notes, target[0], syns), name="way of TCP")
            by_udp = group.create_task(_traced(notes, target[0], _PLAIN, told=False), name="way of UDP")
        notes.trace, notes.beside = by_tcp.result(), by_udp.result()
    elif stall is not None and stall.reason == Reason.TIMEOUT:
        link = interfaces.link_to(target[0], sysfs=notes.ground.sysfs)
        size = min(_FULL_BYTES, int(link.mtu or _FULL_BYTES))
        notes.large_trace = await _traced(notes, target[0], Plan("udp", probes=1, silent=_SILENT, size=size))


def reach_of(found: Trace | None, own: Collection[str] = ()) -> Reach:
    """Say what a trace proves of the gateway, the provider and the target; `own` are this device's addresses.

    What the device says to itself is that the router does not even answer for its link address.
    """
    if found is None or not found.hops:
        return Reach()
    if found.stuck or any(hop.address in own for hop in found.hops if hop.answers):
        return Reach(gateway=False)
    first = found.hops[0]
    ends = [hop.end for hop in found.hops if hop.end is not None and not hop.end.reached]
    if any(end.address == first.address and end.reason in _FORBIDS for end in ends):
        return Reach(gateway=True, filtered="lan")
    others = {hop.address for hop in found.hops[1:]} - {None, first.address}
    beyond = found.reached or any(_is_provider(address, own) for address in others if address)
    if found.last is not None and found.last.end is not None and found.reached and found.last.end.reason in _FORBIDS:
        return Reach(gateway=True, provider=True, target=False, filtered="destination")
    return Reach(gateway=True if first.answers else None, provider=beyond, target=found.reached)


def refusing_at(tcp: Trace | None, udp: Trace | None) -> int | None:
    """Find the distance, from 1, of the router that refuses TCP in the peer's place; None if nobody does.

    A router says so itself (ICMP), or the refusal comes back from a distance at which UDP meets another router.
    """
    if tcp is None or tcp.last is None:
        return None
    if not tcp.reached:
        last = tcp.last.address
        first = next((hop.ttl for hop in tcp.hops if hop.address == last), tcp.last.ttl)
        return first if tcp.reason in _FORBIDS else None
    at = tcp.last.ttl
    beyond = [hop for hop in udp.hops if hop.ttl >= at and hop.answers and hop.end is None] if udp is not None else []
    return max(1, at - 1) if beyond else None


async def _follow_to_resolver(notes: Notes) -> None:
    lookup = notes.lookups.get("ipv6")
    if lookup is None or lookup.reason != Reason.TIMEOUT or notes.askable is not None or not notes.servers:
        return
    silent = min(notes.servers, key=lambda server: ":" not in server)
    notes.trace = await _traced(notes, silent, _PLAIN)


async def _traced(notes: Notes, address: str, plan: Plan, *, told: bool = True) -> Trace | None:
    """Trace for as long as there is time; what was seen until then counts. `told`: it is a check of the report."""
    kept: list[Trace] = []
    with contextlib.suppress(TimeoutError, Failed):
        async with asyncio.timeout(notes.ground.settings.trace_s):
            await trace(address, plan, watch=lambda seen: kept.__setitem__(slice(None), [seen]))
    found = kept[0] if kept else None
    if (found is None or found.last is None) and _is_stuck(address):
        found = Trace(plan.method, [Hop(1, 1)], stuck=True)
    if told:
        _note(notes, address, plan, found)
    return found


def _note(notes: Notes, address: str, plan: Plan, found: Trace | None) -> None:
    last = found.last if found else None
    words = f"{last.address} answered at distance {last.ttl}" if last and last.address else "nobody answered"
    if found is not None and (found.stuck or (last and last.address in {entry.address for entry in notes.own})):
        words = "the first router does not answer for its link address"
    words = f"to {address}: {words}"
    ended = Failure(Stage.CONNECT, (found.reason if found else None) or Reason.TIMEOUT)
    size = f", packets of {plan.size} bytes" if plan.size else ""
    notes.check("way_ipv6", None if found and found.reached else ended, detail=f"{words}{size}")


def _is_stuck(address: str) -> bool:
    """Whether not even the first router's link address could be found out."""
    route = interfaces.route_to(address)
    return route is not None and route.gateway is not None and answers_on_link(route.gateway) is False


def _is_provider(address: str, own: Collection[str]) -> bool:
    """Beyond the site's own network: no address of which only it knows, and none of the prefix that it was given."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv4Address):
        return not any(found in network for network in _INSIDE)
    return interfaces.kind_of(address) not in {None, "ula"} and _site(found) not in {
        _site(ipaddress.ip_address(entry)) for entry in own
    }


def _site(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> int:
    return int(address) >> (128 - _SITE_BITS)
