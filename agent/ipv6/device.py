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
    missing = Failure(Stage.DEVICE, Reason.NO_ADDRESS, "no IPv6 address beyond link-local")
    notes.check("address_ipv6", None if notes.own else missing)
    notes.default["ipv4"] = interfaces.default_route_v4(proc=proc)
    notes.default["ipv6"] = interfaces.default_route_v6(proc=proc)
    for family, interface in notes.default.items():
        notes.check(f"default_route_{family}", None if interface else no_route(f"no {family} default route"))


async def ask_router(notes: Notes) -> None:
    """Solicit an advertisement (RFC 4861); where that is not allowed or nobody answers, what the kernel kept of one."""
    interface = notes.default.get("ipv6") or notes.default.get("ipv4")
    if interface is None:
        return
    failure: Failure | None = None
    try:
        told = await solicit(interface, timeout_s=notes.ground.settings.solicit_s)
    except Failed as refused:
        failure = refused.failure
    else:
        notes.router, notes.pref64 = _advertised(told), told.nat64_prefix
    if failure is not None and (kept := router_facts(interface, proc=notes.ground.proc)) is not None:
        notes.router = _kept(kept)
        failure = failure if failure.reason != Reason.NO_PERMISSION else None
    notes.check("router_advertisement", failure, detail=notes.router.address if notes.router else None)


async def route_kept(notes: Notes) -> None:
    """Whether the default route of the beginning is still there: one that comes and goes breaks IPv6 for its users."""
    interface = notes.default.get("ipv6")
    if interface is None:
        return
    notes.route_lost = interfaces.default_route_v6(proc=notes.ground.proc) is None
    lost = no_route(f"the ipv6 default route by {interface} went away during the test")
    notes.check("route_kept", lost if notes.route_lost else None)


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
