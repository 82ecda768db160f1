"""The first checks: what the device has by itself, and what its router says of the network."""

from typing import Final

from agent.errors import Failed
from agent.ipv6.notes import Notes, no_route
from agent.net import interfaces
from agent.net.router_advertisement import Advertisement, solicit
from agent.net.router_facts import RouterFacts, router_facts
from agent.wire.failure import Failure, Reason, Stage
from agent.wire.results import Router

_LISTED_MAX: Final = 16


async def look(notes: Notes) -> None:
    """Addresses by kind and the default routes, as they are when the run begins."""
    proc = notes.ground.proc
    notes.own = interfaces.addresses(proc=proc)
    notes.default["ipv4"] = interfaces.default_route_v4(proc=proc)
    notes.default["ipv6"] = interfaces.default_route_v6(proc=proc)
    for family, interface in notes.default.items():
        notes.check(f"default_route_{family}", None if interface else no_route(f"no {family} default route"))
    interface = _interface(notes)
    if interfaces.is_ipv6_off(interface, proc=proc):
        words = f"IPv6 is switched off on this device ({interface or 'all interfaces'})"
        notes.device = Failure(Stage.DEVICE, Reason.NO_ADDRESS, words)


def check_address(notes: Notes) -> None:
    """Whether the device has an address with which the peer can be reached: unique-local ones serve for their like."""
    reach = {"global", "temporary", "tunnel"}
    target = notes.addresses.get("ipv6")
    if target and interfaces.kind_of(target[0]) != "global":
        reach.add("ula")
    notes.has_address = any(entry.kind in reach for entry in notes.own)
    found = "unique-local addresses (fc00::/7) only" if notes.own else "no IPv6 address beyond link-local"
    missing = Failure(Stage.DEVICE, Reason.NO_ADDRESS, found)
    notes.check("address_ipv6", None if notes.has_address else missing)


async def ask_router(notes: Notes) -> None:
    """Solicit an advertisement (RFC 4861); where that is not allowed or nobody answers, what the kernel kept of one."""
    interface = _interface(notes)
    if interface is None:
        return
    failure: Failure | None = None
    try:
        told = await solicit(interface, timeout_s=notes.ground.settings.solicit_s)
    except Failed as refused:
        failure = refused.failure
    else:
        notes.router, notes.pref64 = _advertised(told), told.nat64_prefix
        notes.offers_address = told.autonomous
    if failure is not None and (kept := router_facts(interface, proc=notes.ground.proc)) is not None:
        notes.router = _kept(kept)
        failure = failure if failure.reason != Reason.NO_PERMISSION else None
    notes.check("router_advertisement", failure, detail=notes.router.address if notes.router else None)


async def look_again(notes: Notes) -> None:
    """At the end: is the default route of the beginning still there, and did the device take what its router offers?

    A route that comes and goes breaks IPv6 for its users. Who took nothing until now has not heeded the router.
    """
    proc = notes.ground.proc
    now, was = interfaces.default_route_v6(proc=proc), notes.default.get("ipv6")
    if was is not None:
        notes.route_lost = now is None
        lost = no_route(f"the ipv6 default route by {was} went away during the test")
        notes.check("route_kept", lost if notes.route_lost else None)
    if notes.device is None:
        notes.device = _untaken(notes, has_route=(now or was) is not None)
    notes.check("device_ipv6", notes.device)


def _untaken(notes: Notes, *, has_route: bool) -> Failure | None:
    """What the router has just offered, and this device has not taken in all that time."""
    router = notes.router
    if router is None or router.source != "solicited":
        return None
    if notes.offers_address and not interfaces.addresses(proc=notes.ground.proc, unready=True):
        words = "the router offers a prefix, and this device has taken no address from it"
        return Failure(Stage.DEVICE, Reason.NO_ADDRESS, words)
    if router.lifetime_s and not has_route:
        return no_route("the router offers a way out, and this device has taken no route to it")
    return None


def _interface(notes: Notes) -> str | None:
    """The interface that leads out; where none does, one that has an address."""
    own = notes.own[0].interface if notes.own else None
    return notes.default.get("ipv6") or notes.default.get("ipv4") or own


def _advertised(told: Advertisement) -> Router:
    return Router(
        address=told.router,
        source="solicited",
        lifetime_s=told.lifetime_s,
        managed=told.managed,
        other_config=told.other_config,
        mtu_bytes=told.mtu_bytes,
        prefixes=list(told.prefixes[:_LISTED_MAX]) or None,
        dns=list(told.dns[:_LISTED_MAX]) or None,
        nat64_prefix=str(told.nat64_prefix) if told.nat64_prefix else None,
    )


def _kept(facts: RouterFacts) -> Router:
    return Router(
        address=facts.router,
        source="kernel",
        lifetime_s=facts.lifetime_s,
        managed=facts.managed,
        other_config=facts.other_config,
        mtu_bytes=facts.mtu_bytes,
        prefixes=list(facts.prefixes[:_LISTED_MAX]) or None,
    )
