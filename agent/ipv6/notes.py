"""What the checks of one run write down, and what they are told beforehand."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from ipaddress import IPv6Network
from pathlib import Path
from typing import Any, Final

from agent.errors import Failed
from agent.ipv6.verdict import Attempt
from agent.net.captive_portal import CHECKS as PORTAL_CHECKS
from agent.net.captive_portal import Finding as PortalFinding
from agent.net.dns_query import RESOLV_CONF, RecordKind
from agent.net.happy_eyeballs import Finish
from agent.net.interfaces import PROC, SYSFS, Address
from agent.net.large_transfer import Exchange
from agent.net.peer_url import PeerUrl
from agent.net.resolve import Family
from agent.net.traceroute import Trace
from agent.wire.failure import Failure, Reason, Stage
from agent.wire.results import Check, HostReach, Router

RECORDS: Final[dict[Family, RecordKind]] = {"ipv4": "A", "ipv6": "AAAA"}
DETAIL_LENGTH: Final = 200
ORDER: Final = (
    "device_ipv6", "address_ipv6", "default_route_ipv4", "default_route_ipv6", "router_advertisement", "dns_",
    "resolve_", "route_ipv4", "route_ipv6", "connect_", "race", "transfer_", "nat64_prefix", "nat64_connect",
    "tunnel", "captive_portal", "route_kept", "way_ipv6",
)  # fmt: skip
"""How checks stand in a report, by the beginning of their names, whichever ended first."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of this kind. `hosts`, `portal_urls`: empty is none."""

    timeout_s: float = 5.0
    resolv_conf: Path = RESOLV_CONF
    dns_port: int = 53
    hosts: tuple[str, ...] = ()
    hosts_port: int = 443
    portal_urls: tuple[str, ...] = PORTAL_CHECKS
    stall_s: float = 3.0
    solicit_s: float = 4.0
    trace_s: float = 6.0


@dataclass(frozen=True, slots=True)
class Ground:
    """What a run stands on: the peer, the options, and the views of the kernel."""

    url: PeerUrl
    settings: Settings = field(default_factory=Settings)
    proc: Path = PROC
    sysfs: Path = SYSFS


@dataclass(frozen=True, slots=True)
class Lookup:
    """What one resolver, or the system, said of the host: addresses, or a failure, and how long it took."""

    found: list[str]
    failure: Failure | None
    ms: float

    @property
    def answered(self) -> bool:
        """Whether a resolver spoke at all: that there is no such record is an answer."""
        return self.failure is None or self.failure.reason in {Reason.NODATA, Reason.NXDOMAIN}


@dataclass(slots=True)
class Notes:
    """What was found so far; what is missing was not there to be tried, or not tried yet.

    `default`: the interface of the default route at the beginning; `device`: why the device itself has no IPv6;
    `has_address`: one with which the peer can be reached; `offers_address`: the router advertises a prefix to make
    addresses of (SLAAC); `askable`: the resolver that gave an answer first, in the order of the file; `resolvers`:
    lookups over UDP by the family of the resolver and the record; `delivered`: of a stalled transfer, whether the far
    end has all that we sent; `beside`: the way of UDP, where that of TCP (`trace`) ends with a refusal.
    """

    ground: Ground
    checks: list[Check] = field(default_factory=list)
    own: list[Address] = field(default_factory=list)
    default: dict[Family, str | None] = field(default_factory=dict)
    device: Failure | None = None
    has_address: bool = True
    router: Router | None = None
    offers_address: bool = False
    pref64: IPv6Network | None = None
    servers: list[str] = field(default_factory=list)
    askable: str | None = None
    addresses: dict[Family, list[str]] = field(default_factory=dict)
    lookups: dict[Family, Failure] = field(default_factory=dict)
    resolvers: dict[tuple[Family, RecordKind], list[tuple[str, Lookup]]] = field(default_factory=dict)
    attempts: dict[Family, Attempt] = field(default_factory=dict)
    sources: dict[Family, str] = field(default_factory=dict)
    pmtu_bytes: int | None = None
    race: Finish | None = None
    exchanges: dict[Family, Exchange] = field(default_factory=dict)
    stalls: dict[Family, Failure] = field(default_factory=dict)
    delivered: dict[Family, bool] = field(default_factory=dict)
    nat64_prefix: IPv6Network | None = None
    nat64_reached: bool | None = None
    hosts: list[HostReach] | None = None
    portal: PortalFinding | None = None
    trace: Trace | None = None
    beside: Trace | None = None
    large_trace: Trace | None = None
    route_lost: bool = False

    @property
    def stays_here(self) -> bool:
        """Whether the peer is this device itself, so that nothing is learnt of the line."""
        from ipaddress import ip_address

        found = [entry.partition("%")[0] for entries in self.addresses.values() for entry in entries]
        return bool(found) and all(ip_address(entry).is_loopback for entry in found)

    def check(self, name: str, failure: Failure | None, *, ms: float | None = None, detail: str | None = None) -> None:
        """Write one step down."""
        if failure is None:
            self.checks.append(Check(name=name, ok=True, ms=ms, detail=detail[:DETAIL_LENGTH] if detail else None))
            return
        words = ": ".join(part for part in (detail, failure.detail) if part)[:DETAIL_LENGTH] or None
        self.checks.append(Check(name, ok=False, stage=failure.stage, reason=failure.reason, ms=ms, detail=words))

    def passed(self, name: str) -> bool:
        """Whether a check of this name went well."""
        return any(check.ok for check in self.checks if check.name == name)

    def ordered(self) -> list[Check]:
        """Give the checks in the order of a report."""
        return sorted(self.checks, key=lambda check: _rank(check.name))


@dataclass(frozen=True, slots=True)
class Timed:
    """How a step went: what it gave, or its failure, and how long it took."""

    value: Any
    failure: Failure | None
    ms: float
    error: Failed | None = None


async def timed(step: Awaitable[Any]) -> Timed:
    """Await a step that raises Failed, and time it."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    value, error = None, None
    try:
        value = await step
    except Failed as refused:
        error = refused
    ms = round(max(0.0, loop.time() - begun) * 1000, 3)
    return Timed(value, error.failure if error else None, ms, error)


def no_route(detail: str) -> Failure:
    """Say that there is no way out of the device."""
    return Failure(Stage.ROUTE, Reason.NO_ROUTE, detail)


def _rank(name: str) -> int:
    return next((place for place, start in enumerate(ORDER) if name.startswith(start)), len(ORDER))
