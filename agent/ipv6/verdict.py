"""What the checks mean: status, score, the stage that decided, whose part of the way it is. Pure; no I/O, no clock.

The score is test-ipv6.com's for the day on which IPv4 is switched off: the least of all symptoms. No working IPv6: 0.
Full-size packets vanish: 1. Slow, or through 6to4 or Teredo: 7. Resolvers out of reach over IPv6: 9. Nothing wrong: 10.

Two symptoms are not seen as a browser sees them. "Slow" is there an answer after 5 s; here, that IPv4 wins the race,
which is what users get. "Resolvers" are there those of the provider, asked for a name that only IPv6 servers have;
here, the ones that this device is told of, asked over IPv6.
"""

from dataclasses import dataclass, field, replace
from typing import Final, Literal

from agent.net.domain import Domain, Reach, domain
from agent.wire.failure import Failure, Reason, Stage

Status = Literal["dual_stack", "ipv4_only", "ipv6_only", "broken", "none"]

_WORKING: Final = ("dual_stack", "ipv6_only")
_ABSENT: Final = (Reason.NODATA, Reason.NXDOMAIN, Reason.NO_ADDRESS)
"""A name that has no address of this family is an answer; anything else is a resolver that keeps the user waiting."""
_FROM_THE_END: Final = (Reason.REFUSED, Reason.RESET, Reason.CLOSED)
"""What the destination itself says, when a connection fails."""
NONE, MTU, SLOW, RESOLVERS, FULL = 0.0, 1.0, 7.0, 9.0, 10.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One connect: how long until it succeeded or failed, and how it failed."""

    ms: float
    failure: Failure | None = None

    @property
    def ok(self) -> bool:
        """Whether it connected."""
        return self.failure is None


@dataclass(frozen=True, slots=True)
class Findings:
    """What was seen. An attempt is None if there was no address to try; `lookup` is then why AAAA gave none.

    `address`, `route`: the device had what IPv6 to this peer takes when the run began; `route_lost`: not any more at
    its end; `other_route`: but a default route that does not lead to the peer. `device`: why the device itself is the
    one that has no IPv6, if it is; `direct`: no router of the site stands between it and the provider (a modem).
    `absent_everywhere`: other names have no AAAA either, so that it may be the resolver that gives none.
    `stall`: the failure of the transfer over IPv6, if it had one that a silent peer does not explain. `slower`: IPv4
    won the race against an IPv6 that works. `tunnelled`: through 6to4 or Teredo. `resolvers`: why none answered over
    IPv6, if none of those that are configured did; `resolvers_near`: they stand in the site's own network, `names_near`
    so do all, of both families. `portal`: a sign-in page answers in place of others; `genuine4`, `genuine6`: but the
    peer itself was heard over this family. `reach`, `large_reach`: what answered on the way, to packets of ordinary and
    of full size; `intercepted`: somebody before the peer refused in its place.
    """

    ipv4: Attempt | None = None
    ipv6: Attempt | None = None
    address: bool = True
    route: bool = True
    route_lost: bool = False
    other_route: bool = False
    device: Failure | None = None
    direct: bool = False
    absent_everywhere: bool = False
    lookup: Failure | None = None
    stall: Failure | None = None
    slower: bool = False
    tunnelled: bool = False
    resolvers: Failure | None = None
    resolvers_near: bool = False
    names_near: bool = False
    portal: bool = False
    genuine4: bool = False
    genuine6: bool = False
    reach: Reach = field(default_factory=Reach)
    large_reach: Reach = field(default_factory=Reach)
    intercepted: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """The status, the score, and the check that decided: its name, its failure, and whose part of the way that is."""

    status: Status
    score: float | None = None
    decided_by: str | None = None
    failure: Failure | None = None
    domain: Domain | None = None


def judge(findings: Findings) -> Verdict:
    """Sum the findings up. The score is absent where a captive portal stands before the peer."""
    if findings.portal and not findings.genuine4:
        found = Failure(Stage.PEER, Reason.CAPTIVE_PORTAL)
        return Verdict(status(_without_portal(findings)), None, "captive_portal", found, "lan")
    state = status(findings)
    if state not in _WORKING:
        return _broken(findings, state)
    if findings.stall is not None and findings.stall.reason == Reason.TIMEOUT:
        return Verdict(state, MTU, "transfer_ipv6", findings.stall, _where(findings.large_reach))
    if findings.slower or findings.tunnelled:
        return Verdict(state, SLOW)
    if findings.resolvers is not None:
        whose: Domain = "lan" if findings.resolvers_near else "provider"
        return Verdict(state, RESOLVERS, "dns_aaaa_over_ipv6", findings.resolvers, whose)
    return Verdict(state, FULL)


def status(findings: Findings) -> Status:
    """Name the state of IPv6. Broken: the device and the peer offer it and it does not work, while IPv4 does."""
    ipv4 = findings.ipv4 is not None and findings.ipv4.ok
    ipv6 = findings.ipv6 is not None and findings.ipv6.ok and not findings.route_lost
    if ipv6:
        return "dual_stack" if ipv4 else "ipv6_only"
    if not ipv4:
        return "none"
    promised = findings.ipv6 is not None or (findings.lookup is not None and findings.lookup.reason not in _ABSENT)
    offered = findings.address and (findings.route or findings.route_lost)
    return "broken" if offered and promised else "ipv4_only"


def _without_portal(findings: Findings) -> Findings:
    """The findings without what may have been the portal's doing: who answered was not the peer."""
    ipv6 = findings.ipv6 if findings.genuine6 else None
    return replace(findings, ipv4=None, ipv6=ipv6)


def _broken(findings: Findings, state: Status) -> Verdict:
    """IPv6 does not work: the first thing on the way from the device outwards that is missing decided."""
    name, failure = _first_fault(findings)
    return Verdict(state, NONE, name, failure, _whose(findings, failure) if failure else None)


def _first_fault(findings: Findings) -> tuple[str | None, Failure | None]:
    usable = findings.address and findings.route
    if findings.device is not None and not usable:
        return "device_ipv6", findings.device
    if not findings.address:
        return "address_ipv6", Failure(Stage.DEVICE, Reason.NO_ADDRESS)
    if findings.route_lost:
        return "route_kept", Failure(Stage.ROUTE, Reason.NO_ROUTE)
    if not findings.route:
        name = "route_ipv6" if findings.other_route else "default_route_ipv6"
        return name, Failure(Stage.ROUTE, Reason.NO_ROUTE)
    if findings.ipv6 is not None:
        return "connect_ipv6", findings.ipv6.failure
    return ("resolve_ipv6", findings.lookup) if findings.lookup is not None else (None, None)


def _whose(findings: Findings, failure: Failure) -> Domain | None:
    if failure.stage in {Stage.DEVICE, Stage.ROUTE}:
        # Whether the modem asks for too little, or the provider gives too little, nobody can tell.
        return "lan" if findings.device is not None or not findings.direct else None
    if failure.stage == Stage.RESOLVE:
        return _whose_name(findings, failure)
    if failure.reason in _FROM_THE_END and not findings.intercepted:
        return "destination"
    return _where(findings.reach)


def _whose_name(findings: Findings, failure: Failure) -> Domain | None:
    """Whose it is that a name has no address: "no such record" is its owner's word, silence about it mostly, too.

    A resolver in the site's own network only passes on what others say: its silence may be theirs.
    """
    if failure.reason in _ABSENT:
        return None if findings.absent_everywhere else "destination"
    return _where(findings.reach) or (None if findings.names_near else "provider")


def _where(reach: Reach) -> Domain | None:
    """The part of the way that fails, of a target that was not reached unless the trace says otherwise."""
    return domain(replace(reach, target=bool(reach.target)))
