"""IPv6 at the site, step by step: address, route, DNS, connect in each family; `checks` says which stage failed.

Peer: any URL of a peer that listens on TCP. Both families are tried at the same time, each with its own deadline; the
report has no family of its own. Options: `timeout` (5 s, for DNS and for each connect), `resolv_conf`, `dns_port` (53).

The addresses to connect to are what a configured resolver answers, else what the system's resolver knows (its hosts
file, for example). A check that could not be made, as DNS for a peer that is an address, is absent. With such a peer
only one family can be tried, and with one on this very device no line is: the report then has no score and the doubt
`method_reference_only`.
`pmtu_bytes` is the path MTU that the kernel knew at the end of the connect. `mtu_ok` is not measured here.
"""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from agent.errors import Failed, UsageError
from agent.net import dns_query, interfaces
from agent.net.connect import connect
from agent.net.dns_query import RESOLV_CONF, RecordKind
from agent.net.dual_stack import Attempt, Findings, race, score, status
from agent.net.interfaces import PROC, SYSFS
from agent.net.peer_url import PeerUrl, parse
from agent.net.resolve import FAMILIES, Family, literal_family, resolve
from agent.probes import options
from agent.probes.probe import Outcome, Progress, Task
from agent.wire.failure import Doubt, Failure, Reason, Stage
from agent.wire.report import Peer
from agent.wire.results import Addresses, Check, DnsReach, Ipv6, PerFamily

_OPTIONS: Final = ("dns_port", "resolv_conf", "timeout")
_TIMEOUT_S: Final = 5.0
_TIMEOUT_MAX_S: Final = 60.0
_ADDRESSES_MAX: Final = 8
_IPV6_MTU: Final = 24  # linux/in6.h; not in Python's socket module
_RECORDS: Final[dict[Family, RecordKind]] = {"ipv4": "A", "ipv6": "AAAA"}


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of this kind."""

    timeout_s: float = _TIMEOUT_S
    resolv_conf: Path = RESOLV_CONF
    dns_port: int = 53


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
    """What the steps have found so far; an address, lookup or attempt is missing if there was nothing to try."""

    checks: list[Check] = field(default_factory=list)
    addresses: dict[Family, str] = field(default_factory=dict)
    lookups: dict[Family, Failure] = field(default_factory=dict)
    resolvers: dict[tuple[Family, RecordKind], list[Lookup]] = field(default_factory=dict)
    attempts: dict[Family, Attempt] = field(default_factory=dict)
    pmtu_bytes: int | None = None
    source: str | None = None

    def check(self, name: str, failure: Failure | None, *, ms: float | None = None, detail: str | None = None) -> None:
        """Write one step down."""
        if failure is None:
            self.checks.append(Check(name=name, ok=True, ms=ms, detail=detail))
            return
        words = ": ".join(part for part in (detail, failure.detail) if part)[:200] or None
        self.checks.append(Check(name, ok=False, stage=failure.stage, reason=failure.reason, ms=ms, detail=words))


async def probe(task: Task) -> Outcome:
    """Examine IPv6 between this device and the peer's host.

    Raises:
        UsageError: a wrong option, or a peer without a TCP port.
        Failed: stage `device`, no_interface: nothing at all to measure on. All else is in the result.
    """
    return await examine(task)


async def examine(task: Task, *, proc: Path = PROC, sysfs: Path = SYSFS) -> Outcome:
    """Do what `probe` promises, on the given views of the kernel."""
    url = _peer(task.peer)
    settings = planned(task)
    notes = Notes()
    own = interfaces.addresses(proc=proc)
    _note_device(notes, own, proc=proc)
    task.progress(Progress(0.1, "names"))
    await _note_names(notes, url.host, settings)
    _note_routes(notes)
    task.progress(Progress(0.5, "connects"))
    await _note_connects(notes, url.port, settings.timeout_s)
    task.progress(Progress(1.0, "done"))
    if not any(attempt.ok for attempt in notes.attempts.values()) and not interfaces.has_interface(sysfs=sysfs):
        raise Failed(Stage.DEVICE, Reason.NO_INTERFACE, "no network interface is up")
    return _outcome(notes, own, url, proc=proc, sysfs=sysfs)


def _note_device(notes: Notes, own: Sequence[interfaces.Address], *, proc: Path) -> None:
    missing = Failure(Stage.DEVICE, Reason.NO_ADDRESS, "no IPv6 address beyond link-local")
    notes.check("address_ipv6", None if own else missing)
    for family, interface in (
        ("ipv4", interfaces.default_route_v4(proc=proc)),
        ("ipv6", interfaces.default_route_v6(proc=proc)),
    ):
        notes.check(f"default_route_{family}", None if interface else _no_route(f"no {family} default route"))


async def _note_names(notes: Notes, host: str, settings: Settings) -> None:
    """Find the host's addresses: every configured resolver asked for both records, and the system beside them."""
    literal = literal_family(host)
    if literal is not None:
        notes.addresses[literal] = host
        return
    servers = dns_query.configured(settings.resolv_conf)
    direct, system = await _ask_everyone(servers, host, settings)
    for server in servers:
        for family in FAMILIES:
            _note_answer(notes, server, family, direct[server, family])
    for family in FAMILIES:
        _note_lookup(notes, family, system[family])
        notes.check(f"resolve_{family}", None if family in notes.addresses else notes.lookups.get(family))


async def _ask_everyone(
    servers: Sequence[str], host: str, settings: Settings
) -> tuple[dict[tuple[str, Family], Lookup], dict[Family, Lookup]]:
    direct: dict[tuple[str, Family], Lookup] = {}
    system: dict[Family, Lookup] = {}

    async def ask(server: str, family: Family) -> None:
        record = _RECORDS[family]
        question = dns_query.query(server, host, record, timeout_s=settings.timeout_s, port=settings.dns_port)
        direct[server, family] = await _looked_up(question)

    async def ask_system(family: Family) -> None:
        system[family] = await _looked_up(resolve(host, family, timeout_s=settings.timeout_s))

    async with asyncio.TaskGroup() as group:
        for family in FAMILIES:
            group.create_task(ask_system(family), name=f"resolve {family}")
            for server in servers:
                group.create_task(ask(server, family), name=f"ask {server} for {family}")
    return direct, system


async def _looked_up(question: Awaitable[list[str]]) -> Lookup:
    loop = asyncio.get_running_loop()
    asked = loop.time()
    found: list[str] = []
    failure: Failure | None = None
    try:
        found = await question
    except Failed as refused:
        failure = refused.failure
    return Lookup(found, failure, _ms(loop.time() - asked))


def _note_answer(notes: Notes, server: str, family: Family, lookup: Lookup) -> None:
    over: Family = "ipv6" if ":" in server else "ipv4"
    record = _RECORDS[family]
    notes.resolvers.setdefault((over, record), []).append(lookup)
    notes.check(f"dns_{record.lower()}_over_{over}", lookup.failure, ms=lookup.ms, detail=server)
    _note_lookup(notes, family, lookup)


def _note_lookup(notes: Notes, family: Family, lookup: Lookup) -> None:
    """Keep the first address of a family, and the most telling failure: an answer "no such record" outdoes silence."""
    if lookup.found:
        notes.addresses.setdefault(family, lookup.found[0])
    elif lookup.failure is not None and (lookup.answered or family not in notes.lookups):
        notes.lookups[family] = lookup.failure


def _note_routes(notes: Notes) -> None:
    for family, address in notes.addresses.items():
        interface = interfaces.interface_to(address)
        notes.check(f"route_{family}", None if interface else _no_route(f"no usable route to {address}"))


async def _note_connects(notes: Notes, port: int, timeout_s: float) -> None:
    async with asyncio.TaskGroup() as group:
        for family, address in notes.addresses.items():
            group.create_task(_note_connect(notes, family, (address, port), timeout_s), name=f"connect {family}")


async def _note_connect(notes: Notes, family: Family, target: tuple[str, int], timeout_s: float) -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    failure: Failure | None = None
    sock: socket.socket | None = None
    try:
        sock = await connect(*target, timeout_s=timeout_s)
    except Failed as refused:
        failure = refused.failure
    ms = _ms(loop.time() - begun)
    notes.attempts[family] = Attempt(ms, failure)
    notes.check(f"connect_{family}", failure, ms=ms, detail=target[0])
    if sock is None:
        return
    with contextlib.closing(sock), contextlib.suppress(OSError):
        if family == "ipv6":
            notes.source = sock.getsockname()[0]
            notes.pmtu_bytes = sock.getsockopt(socket.IPPROTO_IPV6, _IPV6_MTU)


def _outcome(notes: Notes, own: Sequence[interfaces.Address], url: PeerUrl, *, proc: Path, sysfs: Path) -> Outcome:
    findings = _findings(notes, own)
    reference_only = literal_family(url.host) is not None or _stays_here(notes)
    result = Ipv6(
        status=status(findings),
        addresses=_by_kind(own),
        default_route=interfaces.default_route_v6(proc=proc) is not None,
        dns=_dns(notes),
        connect_ms=_connect_ms(notes),
        winner=race(findings.ipv4, findings.ipv6).winner,
        fallback_ms=race(findings.ipv4, findings.ipv6).fallback_ms,
        pmtu_bytes=notes.pmtu_bytes,
        score=None if reference_only else score(findings),
        checks=notes.checks,
    )
    doubts = [Doubt.METHOD_REFERENCE_ONLY] if reference_only else []
    if findings.tunnelled:
        doubts.append(Doubt.TUNNEL)
    used = notes.addresses.get("ipv6" if findings.ipv6 and findings.ipv6.ok else "ipv4")
    address = used or next(iter(notes.addresses.values()), None)
    return Outcome(
        result=result,
        peer=Peer(url=url.text, address=address),
        link=interfaces.link_to(address, sysfs=sysfs) if address else None,
        doubts=tuple(doubts),
    )


def _stays_here(notes: Notes) -> bool:
    """Whether the name leads to this device itself, so that nothing was learnt of the line."""
    found = [ipaddress.ip_address(address.partition("%")[0]) for address in notes.addresses.values()]
    return bool(found) and all(address.is_loopback for address in found)


def _findings(notes: Notes, own: Sequence[interfaces.Address]) -> Findings:
    lookup = notes.lookups.get("ipv6") if "ipv6" not in notes.addresses else None
    over_ipv6 = [entry for (over, _), entries in notes.resolvers.items() if over == "ipv6" for entry in entries]
    return Findings(
        ipv4=notes.attempts.get("ipv4"),
        ipv6=notes.attempts.get("ipv6"),
        offered=_is_offered(notes, own),
        lookup=Reason(lookup.reason) if lookup else None,
        tunnelled=notes.source is not None and interfaces.kind_of(notes.source) == "tunnel",
        dns_over_ipv6=any(entry.answered for entry in over_ipv6) if over_ipv6 else None,
    )


def _is_offered(notes: Notes, own: Sequence[interfaces.Address]) -> bool:
    """Whether the device has what IPv6 to this peer takes: an address of the right reach, and a route."""
    target = notes.addresses.get("ipv6")
    reach = {"global", "temporary", "tunnel"}
    if target is None:
        return any(entry.kind in reach for entry in own) and _passed(notes, "default_route_ipv6")
    if interfaces.kind_of(target) != "global":
        reach.add("ula")
    return any(entry.kind in reach for entry in own) and _passed(notes, "route_ipv6")


def _passed(notes: Notes, name: str) -> bool:
    return any(check.ok for check in notes.checks if check.name == name)


def _by_kind(own: Sequence[interfaces.Address]) -> Addresses:
    def of(kind: str) -> list[str] | None:
        return list(dict.fromkeys(entry.address for entry in own if entry.kind == kind))[:_ADDRESSES_MAX] or None

    return Addresses(global_=of("global"), ula=of("ula"), temporary=of("temporary"), tunnel=of("tunnel"))


def _dns(notes: Notes) -> DnsReach | None:
    def over(family: Family) -> bool | None:
        lookups = notes.resolvers.get((family, "AAAA"))
        return any(lookup.found for lookup in lookups) if lookups else None

    return DnsReach(over("ipv4"), over("ipv6")) if notes.resolvers else None


def _connect_ms(notes: Notes) -> PerFamily | None:
    times = {family: attempt.ms for family, attempt in notes.attempts.items() if attempt.ok}
    return PerFamily(times.get("ipv4"), times.get("ipv6")) if times else None


def _no_route(detail: str) -> Failure:
    return Failure(Stage.ROUTE, Reason.NO_ROUTE, detail)


def _ms(seconds: float) -> float:
    return round(max(0.0, seconds) * 1000, 3)


def _peer(text: str) -> PeerUrl:
    url = parse(text)
    if url.engine in {"ookla", "mlab", "stamp"}:
        raise UsageError(f"ipv6 connects by TCP, which {text!r} does not name; give the peer as msak+wss://HOST:PORT")
    return url


def planned(task: Task) -> Settings:
    """Read the options; half of `max_seconds` is for names and half for connects. Raises UsageError."""
    options.check_names("ipv6", task.options, _OPTIONS)
    timeout_s = options.number("ipv6", task.options, "timeout", bounds=(0.05, _TIMEOUT_MAX_S), default=_TIMEOUT_S)
    if task.max_seconds is not None:
        timeout_s = min(timeout_s, task.max_seconds / 2)
    return Settings(
        timeout_s=timeout_s,
        resolv_conf=Path(task.options.get("resolv_conf", RESOLV_CONF)),
        dns_port=options.whole_number("ipv6", task.options, "dns_port", bounds=(1, 65535), default=53),
    )
