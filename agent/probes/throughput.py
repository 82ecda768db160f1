"""Download, then upload, over several TCP streams to a measurement peer: what the line carries, and how we know.

Peer: `msak+ws://H:P`, `msak+wss://H:P`, or a bare `H:P` (ours, over TLS); `ndt7+wss://H:P`, `ndt7+ws://H:P`, `mlab:`,
`librespeed+https://H/PATH`, `librespeed+http://H/PATH`, `iperf3://H:P`, `ookla:` or `ookla://ID`. Without a port: 4443
for msak and ndt7 over TLS, 8080 for them without, 5201 for iperf3, 443 or 80 for LibreSpeed.
Options: `streams` (4, from 1 to 8; ndt7 takes 1), `early` (`false`: always the full length), `full_every` (20: one in
so many runs, at random, goes the full length and stores what stopping early would have said), `metered` (`true`: never
such a run), `before_s` (2: how long the interface is watched before the load), `congestion` (what the senders are asked
to use: `bbr`, `cubic`, `reno`), `ca` (a file of certificates to trust instead of the system's; it must be there also
where the peer speaks no TLS), `insecure` (`true`: accept any certificate; for tests of one's own), `rehearsal`
(`true`: the peer's pace stands in for a line, as in a trial on one machine; it is no doubt then, and the report's peer
is named so).

A direction ends when its rate is known, at the latest after 10 s, or `max_seconds` if that is less, after connecting;
`max_bytes` bounds each direction. One failed direction keeps its own failure; the other still counts.

Beside the load, from the end of the ramp: `loaded_latency_ms`, round trips of STAMP packets (RFC 8762) to a reflector
on the peer's host, else of TCP connects to its port; `responsiveness`, round trips per minute by
draft-ietf-ippm-responsiveness-09 for HTTP/1.1, where the peer serves the draft's one byte (ours does). Not with iperf3,
Ookla and M-Lab, and not where `max_bytes` leaves no room. Options: `loaded` (`false`: nothing is sent beside the load),
`probes_per_s` (20: packets, of connections half or, over TLS, a quarter as many), `probes_ratio` (0.02: their most of
the rate and of `max_bytes`; the draft allows 0.05), `stamp_port` (8862), `rpm_interval_s` (5, the draft's ID) and
`rpm_trim` (0.95, its TMP).
"""

import random
import ssl
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from msgspec import structs

from agent.errors import Failed, UsageError
from agent.evidence.evidence import Evidence
from agent.evidence.gathering import BEFORE_S, Gathering, gather
from agent.net.peer_url import PeerUrl, parse
from agent.net.resolve import choose_family, resolve
from agent.probes.options import check_names, number, whole_number
from agent.probes.probe import Outcome, Progress, Task, reaching
from agent.speed import ceiling, circumstances, summary
from agent.speed.ceiling import Ceilings
from agent.speed.doubts import doubts
from agent.speed.engine import Engine, Leg, Target, Transfer, Wanted, Watch, Way
from agent.speed.engines import engine_for
from agent.speed.limits import FULL_S, Limits
from agent.speed.loaded_latency import PER_S, SHARE, STAMP_PORT, Beside, Rules
from agent.speed.probing import Asking, look
from agent.speed.responsiveness import INTERVAL_S, KEEP, Parameters
from agent.wire.failure import Doubt, Reason, Stage
from agent.wire.report import Peer
from agent.wire.results import Direction, Throughput

RESOLVE_S: Final = 10.0
FULL_EVERY: Final = 20
KIND: Final = "throughput"
REHEARSAL: Final = "rehearsal"
_OPTIONS: Final = (
    *("before_s", "ca", "congestion", "early", "full_every", "insecure", "metered", "rehearsal", "streams"),
    *("loaded", "probes_per_s", "probes_ratio", "rpm_interval_s", "rpm_trim", "stamp_port"),
)
_CONGESTION: Final = ("bbr", "cubic", "reno")
_STREAMS_MAX: Final = 8
_BEFORE_MOST_S: Final = 60.0
_PROGRAMS: Final = ("iperf3", "ookla")
# Peers of one's own, that may be asked for more than their protocol has; iperf3 takes a second connection for a second
# test.
_ASKED: Final = ("msak", "ndt7", "librespeed")
_SECONDS_MIN: Final = 1.0
# What stands in the way before the first direction has begun stands in the way of both.
_BOTH: Final = (Stage.RESOLVE, Stage.ROUTE, Stage.CONNECT, Stage.TLS)
# One server of several said no, or nothing: the next one may do.
_NEXT: Final = (*_BOTH, Stage.HANDSHAKE, Stage.PEER)
Family = Literal["ipv4", "ipv6"]


@dataclass(frozen=True, slots=True)
class _Half:
    """One direction's part of the result, and the transfer behind it (None if it never began)."""

    direction: Direction
    transfer: Transfer | None = None
    beside: Beside | None = None


@dataclass(frozen=True, slots=True)
class _Reached:
    """The server that answered, over which family, and both directions with it."""

    peer: Peer
    family: Family | None
    down: _Half
    up: _Half


@dataclass(frozen=True, slots=True)
class _Order:
    """What a run was asked for, read and checked, and the evidence that is gathered around it."""

    task: Task
    url: PeerUrl
    engine: Engine
    limits: Limits
    congestion: str
    tls: ssl.SSLContext | None
    gathering: Gathering
    rules: Rules | None


async def probe(task: Task, *, engine_of: Callable[[PeerUrl], Engine] = engine_for) -> Outcome:
    """Measure both directions, with the engine that serves the peer's URL.

    Raises:
        UsageError: a peer that no engine serves, a wrong option, or limits too small to measure.
        Failed: nothing could be reached, or both directions failed (then the download's failure).
    """
    url = parse(task.peer)
    engine = engine_of(url)
    limits, congestion = _limits(task, engine), _congestion(task)
    if limits.max_bytes is not None and not engine.keeps_budget:
        raise Failed(Stage.DEVICE, Reason.BUDGET, f"{url.engine} keeps no byte budget; measure with another peer")
    # A list that comes over plain HTTP may name servers with TLS; what the options say of trust holds for these too.
    trusts = url.secure or not url.host or "ca" in task.options or _flag("insecure", task.options)
    tls = _context(task.options) if trusts else None
    wanted = Wanted(url, task.family, tls, task.folder, task.at)
    async with gather(
        before_s=number(KIND, task.options, "before_s", bounds=(0, _BEFORE_MOST_S), default=BEFORE_S)
    ) as gathering:
        with reaching(Peer(url=url.text), task.family):
            targets = await engine.find(wanted)
        order = _Order(task, url, engine, limits, congestion, tls, gathering, _rules(task.options))
        reached = await _first(order, targets)
        evidence = gathering.evidence()
    return _outcome(order, reached, evidence)


def check(task: Task) -> None:
    """Read what a run is asked for, as the run itself does; raises UsageError for what it would refuse."""
    url = parse(task.peer)
    _limits(task, engine_for(url))
    _congestion(task)
    number(KIND, task.options, "before_s", bounds=(0, _BEFORE_MOST_S), default=BEFORE_S)
    _rules(task.options)
    _flag(REHEARSAL, task.options)
    _context(task.options)


async def _first(order: _Order, targets: Sequence[Target]) -> _Reached:
    """Go along the servers until one can be measured; raises what the last one said."""
    for place, target in enumerate(targets):
        try:
            return await _measure(order, target)
        except Failed as failed:
            if failed.failure.stage not in _NEXT or place == len(targets) - 1:
                raise
    raise Failed(Stage.PEER, Reason.NO_ADDRESS, "no server to measure with")


async def _measure(order: _Order, target: Target) -> _Reached:
    task, limits = order.task, order.limits
    peer, family = Peer(name=target.name, url=order.url.text), task.family
    if target.host:
        family = family or await choose_family(target.host, timeout_s=RESOLVE_S)
        with reaching(peer, family):
            address = (await resolve(target.host, family, timeout_s=RESOLVE_S))[0]
        peer = Peer(name=target.name, url=order.url.text, address=address)
        link = await order.gathering.before(address)
        # Whoever pays by the byte is not made to pay for our knowledge of ourselves.
        limits = limits if link.medium != "cellular" else _economical(limits, task)
    secured = order.tls if target.secure else None
    leg = Leg("download", target, peer.address or "", limits, str(uuid.uuid4()), secured, congestion=order.congestion)
    asking = await look(leg, order.rules) if order.rules is not None and order.url.engine in _ASKED else None
    with reaching(peer, family):
        down = await _half(order, replace(leg, watch=_watch(task, "download", limits.seconds)), asking)
        up = await _half(order, replace(leg, way="upload", watch=_watch(task, "upload", limits.seconds)), asking)
        if down.direction.failure is not None and up.direction.failure is not None:
            failure = down.direction.failure
            raise Failed(Stage(failure.stage), Reason(failure.reason), failure.detail)
    server = next((half.transfer.server for half in (down, up) if half.transfer and half.transfer.server), None)
    return _Reached(server or peer, family, down, up)


async def _half(order: _Order, leg: Leg, asking: Asking | None) -> _Half:
    leg, probing = (leg, None) if asking is None else asking.beside(leg)
    try:
        async with order.gathering.during(leg.way, beside=None if probing is None else probing.run):
            transfer = await order.engine.run(leg)
    except Failed as failed:
        if leg.way == "download" and failed.failure.stage in _BOTH:
            raise
        return _Half(Direction(failure=failed.failure))
    return _Half(summary.direction(transfer, leg.limits), transfer, None if probing is None else probing.beside())


def _outcome(order: _Order, reached: _Reached, evidence: Evidence) -> Outcome:
    """The report's part that only this probe knows: both directions, the evidence, and the doubts that follow."""
    halves: tuple[tuple[Way, _Half], ...] = (("download", reached.down), ("upload", reached.up))
    transfers = [half.transfer for _, half in halves if half.transfer is not None]
    ceilings = ceiling.load(order.task.folder) if order.task.folder is not None else None
    both = [
        circumstances.seen(
            way,
            half.direction,
            half.transfer,
            evidence,
            ceiling_mbps=_ceiling(ceilings, way, half),
            beside=half.beside,
        )
        for way, half in halves
    ]
    idle = summary.idle_ms(transfers[0].idle_rtts_us)
    senders = dict.fromkeys(transfer.congestion for transfer in transfers if transfer.congestion)
    figures = Throughput(
        download=both[0].direction,
        upload=both[1].direction,
        idle_rtt_ms=idle,
        engine=order.url.engine,
        cipher=transfers[0].cipher,
        congestion="/".join(senders) or None,
    )
    facts = circumstances.facts(
        both,
        evidence,
        idle_rtt_ms=idle,
        reference_only=any(transfer.reference_only for transfer in transfers),
        own_program=order.url.engine in _PROGRAMS,
    )
    found, peer = doubts(facts), reached.peer
    if _flag(REHEARSAL, order.task.options):
        found = tuple(doubt for doubt in found if doubt is not Doubt.PEER_BOUND)
        peer = structs.replace(peer, name=REHEARSAL)
    return Outcome(
        result=circumstances.result(figures, both, transfers, evidence),
        family=reached.family,
        peer=peer,
        link=evidence.link,
        doubts=found,
    )


def _ceiling(ceilings: Ceilings | None, way: Way, half: _Half) -> float | None:
    """What this device reaches with the cipher of the run; nobody knows it for another program's."""
    if ceilings is None or half.transfer is None or not half.transfer.samples:
        return None
    return ceilings.ceiling_for(half.transfer.cipher, way)


def _watch(task: Task, phase: Way, seconds: float) -> Watch:
    before = 0.0 if phase == "download" else 0.5

    def watch(gone_s: float, mbps: float) -> None:
        task.progress(Progress(before + min(1.0, gone_s / seconds) / 2, phase, mbps, "Mbit/s"))

    return watch


def _limits(task: Task, engine: Engine) -> Limits:
    """What each direction may take. One in so many runs goes the full length, so that the early stop is measured."""
    options = task.options
    check_names(KIND, options, _OPTIONS)
    every = whole_number(KIND, options, "full_every", bounds=(0, 1_000_000), default=FULL_EVERY)
    may_go_on = not _flag("metered", options) and task.max_bytes is None
    full = every > 0 and may_go_on and random.randrange(every) == 0  # noqa: S311 - a draw, not a secret
    return Limits(
        seconds=_seconds(task.max_seconds),
        max_bytes=task.max_bytes,
        streams=whole_number(KIND, options, "streams", bounds=(1, _STREAMS_MAX), default=engine.streams),
        early=_flag("early", options, default=True) and not full,
        may_grow="streams" not in options and task.max_bytes is None,
    )


def _rules(options: Mapping[str, str]) -> Rules | None:
    """How to probe beside the load; None if that is not wanted."""
    rules = Rules(
        per_s=number(KIND, options, "probes_per_s", bounds=(1, 100), default=PER_S),
        share=number(KIND, options, "probes_ratio", bounds=(0.001, 0.05), default=SHARE),
        stamp_port=whole_number(KIND, options, "stamp_port", bounds=(1, 65_535), default=STAMP_PORT),
        parameters=Parameters(
            interval_s=number(KIND, options, "rpm_interval_s", bounds=(0.1, 10), default=INTERVAL_S),
            keep=number(KIND, options, "rpm_trim", bounds=(0.5, 1), default=KEEP),
        ),
    )
    return rules if _flag("loaded", options, default=True) else None


def _congestion(task: Task) -> str:
    asked = task.options.get("congestion", _CONGESTION[0])
    if asked not in _CONGESTION:
        raise UsageError(f"option congestion: expected one of {', '.join(_CONGESTION)}, got {asked!r}")
    return asked


def _economical(limits: Limits, task: Task) -> Limits:
    """No run of full length for the sake of comparison, unless it was asked for."""
    return limits if limits.early or not _flag("early", task.options, default=True) else replace(limits, early=True)


def _flag(name: str, options: Mapping[str, str], *, default: bool = False) -> bool:
    match options.get(name, "true" if default else "false").lower():
        case "true" | "1" | "yes":
            return True
        case "false" | "0" | "no":
            return False
        case other:
            raise UsageError(f"option {name}: expected true or false, got {other!r}")


def _seconds(most: float | None) -> float:
    if most is None:
        return FULL_S
    if most < _SECONDS_MIN:
        raise UsageError(f"throughput needs at least {_SECONDS_MIN:g} s a direction, max_seconds is {most:g}")
    return min(FULL_S, most)


def _context(options: Mapping[str, str]) -> ssl.SSLContext:
    """The TLS rules of a run: the system's certificates and host names are checked, unless the options say else."""
    ca = options.get("ca")
    if ca is not None and not Path(ca).is_file():
        raise UsageError(f"option ca: {ca} is not a file")
    try:
        context = ssl.create_default_context(cafile=ca)
    except (ssl.SSLError, OSError) as error:
        raise UsageError(f"option ca: {ca} holds no certificates that can be read ({error})") from error
    if _flag("insecure", options):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
