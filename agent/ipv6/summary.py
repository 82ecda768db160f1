"""From notes to what a report says: the findings for the verdict, the result, the doubts.

Pure but for questions to the kernel's routing table: whether a way leads through a tunnel, or stays on the link.
"""

import ipaddress
from dataclasses import replace

from agent.ipv6.connections import is_genuine
from agent.ipv6.notes import Notes
from agent.ipv6.translation import has_clat
from agent.ipv6.verdict import Findings, Verdict, judge
from agent.ipv6.way import reach_of, refusing_at
from agent.net import interfaces
from agent.net.domain import Reach
from agent.net.resolve import Family, literal_family
from agent.net.tunnel import Tunnel, tunnel_of
from agent.wire.failure import Doubt, Failure, Reason
from agent.wire.results import Addresses, DnsReach, Ipv6, PerFamily

_LISTED_MAX = 8


def is_reference_only(notes: Notes) -> bool:
    """Whether the peer lets only one family be tried, or no line at all."""
    return literal_family(notes.ground.url.host) is not None or notes.stays_here


def findings_of(notes: Notes) -> Findings:
    """Put together what the verdict is made from."""
    failure, near = _silent_resolvers(notes)
    ipv4, ipv6 = notes.attempts.get("ipv4"), notes.attempts.get("ipv6")
    race = notes.race
    refusing = refusing_at(notes.trace, notes.beside)
    return Findings(
        ipv4=ipv4,
        ipv6=ipv6,
        address=notes.has_address,
        route=_has_route(notes),
        route_lost=notes.route_lost,
        other_route=notes.default.get("ipv6") is not None,
        device=notes.device,
        direct=_is_direct(notes),
        absent_everywhere=_is_absent_everywhere(notes),
        lookup=notes.lookups.get("ipv6") if "ipv6" not in notes.addresses else None,
        stall=_stall(notes),
        slower=race is not None and race.winner == "ipv4" and ipv6 is not None and ipv6.ok,
        tunnelled=_tunnel(notes) in {"6to4", "teredo"},
        resolvers=failure,
        resolvers_near=near,
        names_near=bool(notes.servers) and all(map(_is_near, notes.servers)),
        portal=notes.portal is not None and bool(notes.portal.portal),
        genuine4=_genuine(notes, "ipv4"),
        genuine6=_genuine(notes, "ipv6"),
        reach=_reach(notes, refusing),
        intercepted=refusing is not None,
        large_reach=reach_of(notes.large_trace, _own(notes)),
    )


def result_of(notes: Notes) -> tuple[Ipv6, tuple[Doubt, ...]]:
    """Give the result and the doubts of a run whose checks are all done."""
    reference_only = is_reference_only(notes)
    tunnel, wrapped = _tunnel(notes), _is_wrapped(notes)
    if tunnel is not None or wrapped is not None:
        notes.check("tunnel", None, detail=tunnel or wrapped)
    verdict = judge(findings_of(notes))
    doubts = []
    if reference_only:
        doubts.append(Doubt.METHOD_REFERENCE_ONLY)
        verdict = replace(_of_tried(notes, verdict), score=None, domain=None)
    if tunnel in {"6to4", "teredo"} or wrapped is not None:
        doubts.append(Doubt.TUNNEL)
    if notes.portal is not None and notes.portal.portal:
        doubts.append(Doubt.CAPTIVE_PORTAL)
    return _result(notes, verdict, tunnel), tuple(doubts)


def _result(notes: Notes, verdict: Verdict, tunnel: Tunnel | None) -> Ipv6:
    # A race that the portal won says nothing of the peer.
    race = None if verdict.decided_by == "captive_portal" else notes.race
    hosts = notes.hosts
    return Ipv6(
        status=verdict.status,
        addresses=_by_kind(notes),
        default_route=notes.default.get("ipv6") is not None and not notes.route_lost,
        dns=_dns(notes),
        connect_ms=_connect_ms(notes),
        winner=race.winner if race else None,
        race_ms=race.ms if race else None,
        fallback_ms=race.fallback_ms if race else None,
        pmtu_bytes=notes.pmtu_bytes,
        mtu_ok=_mtu_ok(notes),
        nat64_prefix=str(notes.nat64_prefix) if notes.nat64_prefix else None,
        nat64_reached=notes.nat64_reached,
        clat=has_clat(notes) or None,
        score=verdict.score,
        checks=notes.ordered(),
        stage=verdict.failure.stage if verdict.failure else None,
        reason=verdict.failure.reason if verdict.failure else None,
        decided_by=verdict.decided_by,
        domain=verdict.domain,
        tunnel=tunnel,
        router=notes.router,
        hosts=hosts,
        captive_portal=notes.portal.portal if notes.portal else None,
        portal_url=notes.portal.url if notes.portal and notes.portal.portal else None,
        last_router=_last_router(notes) if verdict.failure else None,
        hosts_asked=len(hosts) if hosts is not None else None,
        hosts_aaaa=sum(host.address is not None for host in hosts) if hosts is not None else None,
        hosts_reached=sum(host.ms is not None for host in hosts) if hosts is not None else None,
    )


def _has_route(notes: Notes) -> bool:
    return notes.passed("route_ipv6" if "ipv6" in notes.addresses else "default_route_ipv6")


def _of_tried(notes: Notes, verdict: Verdict) -> Verdict:
    """The verdict on a peer that is an IPv4 address: of IPv6 that was not tried nothing is said."""
    if literal_family(notes.ground.url.host) != "ipv4":
        return verdict
    failure = notes.attempts["ipv4"].failure if "ipv4" in notes.attempts else None
    return replace(verdict, decided_by="connect_ipv4" if failure else None, failure=failure)


def _is_direct(notes: Notes) -> bool:
    """Whether a modem of this device itself leads out."""
    known = [*notes.addresses.get("ipv4", ()), *notes.addresses.get("ipv6", ())]
    return bool(known) and interfaces.link_to(known[0], sysfs=notes.ground.sysfs).medium == "cellular"


def _is_absent_everywhere(notes: Notes) -> bool:
    """Whether no public service has an AAAA either, of more than one that was asked for."""
    missing = {Reason.NODATA, Reason.NXDOMAIN}
    hosts = notes.hosts or []
    return len(hosts) > 1 and all(host.failure is not None and host.failure.reason in missing for host in hosts)


def _stall(notes: Notes) -> Failure | None:
    """Why the transfer over IPv6 failed; not where the peer has all that we sent and says nothing over IPv4 either."""
    stall, beside = notes.stalls.get("ipv6"), notes.stalls.get("ipv4")
    mute = beside is not None and beside.reason == Reason.TIMEOUT and notes.delivered.get("ipv6", False)
    return None if mute else stall


def _silent_resolvers(notes: Notes) -> tuple[Failure | None, bool]:
    """Why no resolver answers over IPv6, where some are configured; and whether they are in the site's own network."""
    asked = [entry for (over, _), entries in notes.resolvers.items() if over == "ipv6" for entry in entries]
    if not asked or any(lookup.answered for _, lookup in asked):
        return None, False
    aaaa = [entry for entry in notes.resolvers.get(("ipv6", "AAAA"), ()) if entry[1].failure is not None]
    failed = aaaa or asked
    return failed[0][1].failure, all(_is_near(server) for server, _ in failed)


def _is_near(server: str) -> bool:
    """Whether a resolver is the site's own: on its link, or at an address that leads nowhere else."""
    found = ipaddress.ip_address(server.partition("%")[0])
    if found.is_link_local or interfaces.kind_of(server) == "ula":
        return True
    route = interfaces.route_to(server)
    return route is not None and route.gateway is None


def _reach(notes: Notes, refusing: int | None) -> Reach:
    """What answered over IPv6 besides the trace: a resolver beyond the site proves the provider, a service the rest.

    `refusing`: the distance of a router that refuses in the peer's place.
    """
    reach = reach_of(notes.trace, _own(notes))
    if refusing is not None:
        reach = replace(reach, target=False, filtered="lan" if refusing == 1 else reach.filtered)
    over_ipv6 = [entry for (over, _), entries in notes.resolvers.items() if over == "ipv6" for entry in entries]
    if any(lookup.answered and not _is_near(server) for server, lookup in over_ipv6):
        reach = replace(reach, provider=True)
    if any(host.ms is not None for host in notes.hosts or ()):
        reach = replace(reach, others=True)
    return reach


def _own(notes: Notes) -> frozenset[str]:
    return frozenset(entry.address for entry in notes.own)


def _last_router(notes: Notes) -> str | None:
    """The last router that answered a trace, where the peer did not; our own address is none."""
    found = notes.trace or notes.large_trace
    if found is None or found.reached or found.last is None:
        return None
    return None if found.last.address in _own(notes) else found.last.address


def _genuine(notes: Notes, family: Family) -> bool:
    return family in notes.exchanges and is_genuine(notes.exchanges[family])


def _mtu_ok(notes: Notes) -> bool | None:
    """True when full-size packets went both ways over IPv6, false when they stalled, else nobody knows."""
    answer, stall = notes.exchanges.get("ipv6"), _stall(notes)
    if answer is not None and answer.whole:
        return True
    return False if stall is not None and stall.reason == Reason.TIMEOUT else None


def _tunnel(notes: Notes) -> Tunnel | None:
    """By the address that was used, else by the device's own."""
    ipv4 = notes.sources.get("ipv4")
    used = notes.sources.get("ipv6")
    own = [entry.address for entry in notes.own if entry.kind in {"global", "temporary", "tunnel"}]
    found = [tunnel_of(address, public_ipv4=ipv4) for address in ([used] if used else own)]
    return found[0] if found and len(set(found)) == 1 else None


def _is_wrapped(notes: Notes) -> str | None:
    """Name the interface, if packets leave it wrapped into others (a VPN, 6in4)."""
    target = notes.addresses.get("ipv6")
    interface = interfaces.interface_to(target[0]) if target else None
    return interface if interface and interfaces.is_tunnel(interface, sysfs=notes.ground.sysfs) else None


def _by_kind(notes: Notes) -> Addresses:
    def of(kind: str) -> list[str] | None:
        return list(dict.fromkeys(entry.address for entry in notes.own if entry.kind == kind))[:_LISTED_MAX] or None

    deprecated = [entry.address for entry in notes.own if entry.deprecated][:_LISTED_MAX]
    return Addresses(of("global"), of("ula"), of("temporary"), of("tunnel"), deprecated or None)


def _dns(notes: Notes) -> DnsReach | None:
    def over(family: Family) -> bool | None:
        lookups = notes.resolvers.get((family, "AAAA"))
        return any(lookup.found for _, lookup in lookups) if lookups else None

    return DnsReach(over("ipv4"), over("ipv6")) if notes.resolvers else None


def _connect_ms(notes: Notes) -> PerFamily | None:
    times = {family: attempt.ms for family, attempt in notes.attempts.items() if attempt.ok}
    return PerFamily(times.get("ipv4"), times.get("ipv6")) if times else None
