"""Download, then upload, over several TCP streams to a measurement peer: what the line carries, and how we know.

Peer: `msak+ws://H:P`, `msak+wss://H:P`, or a bare `H:P` (ours, over TLS); ndt7, M-Lab, LibreSpeed, iperf3 and Ookla by
their own URLs (`agent.speed.engines`).
Options: `streams` (4), `early` (`false`: always the full length), `full_every` (20: one in so many runs, at random,
goes the full length and stores what stopping early would have said), `metered` (`true`: never such a run),
`congestion` (what the senders are asked to use: `bbr`, `cubic`, `reno`), `ca` (a file of certificates to trust instead
of the system's), `insecure` (`true`: accept any certificate; for tests of one's own).

A direction ends when its rate is known, at the latest after 10 s, or `max_seconds` if that is less, after connecting;
`max_bytes` bounds each direction. One failed direction keeps its own failure; the other still counts.
"""

import random
import ssl
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from agent.errors import Failed, UsageError
from agent.net.interfaces import link_to
from agent.net.peer_url import parse
from agent.net.resolve import choose_family, resolve
from agent.probes.probe import Outcome, Progress, Task, reaching
from agent.speed import summary
from agent.speed.doubts import Facts, Seen, doubts
from agent.speed.engine import Engine, Leg, Target, Transfer, Wanted, Watch, Way
from agent.speed.engines import engine_for
from agent.speed.limits import FULL_S, Limits
from agent.wire.failure import Reason, Stage
from agent.wire.report import Link, Peer
from agent.wire.results import Direction, Throughput

RESOLVE_S: Final = 10.0
FULL_EVERY: Final = 20
_OPTIONS: Final = ("ca", "congestion", "early", "full_every", "insecure", "metered", "streams")
_CONGESTION: Final = ("bbr", "cubic", "reno")
_STREAMS_MAX: Final = 8
_SECONDS_MIN: Final = 1.0
# What stands in the way before a direction is chosen stands in the way of both.
_BOTH: Final = (Stage.RESOLVE, Stage.ROUTE, Stage.CONNECT, Stage.TLS)
# One server of several said no, or nothing: the next one may do.
_NEXT: Final = (*_BOTH, Stage.HANDSHAKE, Stage.PEER)
Family = Literal["ipv4", "ipv6"]


@dataclass(frozen=True, slots=True)
class _Half:
    """One direction's part of the result, and the transfer behind it (None if it never began)."""

    direction: Direction
    transfer: Transfer | None = None


@dataclass(frozen=True, slots=True)
class _Reached:
    """The server that answered, over which family, and both directions with it."""

    peer: Peer
    family: Family | None
    down: _Half
    up: _Half


async def probe(task: Task) -> Outcome:
    """Measure both directions.

    Raises:
        UsageError: a peer that no engine serves, a wrong option, or limits too small to measure.
        Failed: nothing could be reached, or both directions failed (then the download's failure).
    """
    url = parse(task.peer)
    engine = engine_for(url)
    limits = _limits(task, engine)
    tls = _context(task.options) if url.secure else None
    wanted = Wanted(url, task.family, tls, task.folder, task.at)
    with reaching(Peer(url=url.text), task.family):
        targets = await engine.find(wanted)
    reached = await _first(task, engine, targets, limits=limits, tls=tls)
    transfers = [half.transfer for half in (reached.down, reached.up) if half.transfer is not None]
    link = link_to(reached.peer.address) if reached.peer.address else Link()
    return Outcome(
        result=_result(url.engine, reached, transfers),
        family=reached.family,
        peer=reached.peer,
        link=link,
        doubts=doubts(
            Facts((Seen("download", reached.down.direction), Seen("upload", reached.up.direction)), link=link)
        ),
    )


async def _first(
    task: Task, engine: Engine, targets: Sequence[Target], *, limits: Limits, tls: ssl.SSLContext | None
) -> _Reached:
    """Go along the servers until one can be measured; raises what the last one said."""
    for place, target in enumerate(targets):
        try:
            return await _measure(task, engine, target, limits=limits, tls=tls)
        except Failed as failed:
            if failed.failure.stage not in _NEXT or place == len(targets) - 1:
                raise
    raise Failed(Stage.PEER, Reason.NO_ADDRESS, "no server to measure with")


async def _measure(
    task: Task, engine: Engine, target: Target, *, limits: Limits, tls: ssl.SSLContext | None
) -> _Reached:
    peer, family = Peer(name=target.name, url=task.peer), task.family
    if target.host:
        family = family or await choose_family(target.host, timeout_s=RESOLVE_S)
        with reaching(peer, family):
            address = (await resolve(target.host, family, timeout_s=RESOLVE_S))[0]
        peer = Peer(name=target.name, url=parse(task.peer).text, address=address)
    secured = tls if target.secure else None
    leg = Leg("download", target, peer.address or "", limits, str(uuid.uuid4()), secured, congestion=_congestion(task))
    with reaching(peer, family):
        down = await _half(engine, replace(leg, watch=_watch(task, "download", limits.seconds)))
        up = await _half(engine, replace(leg, way="upload", watch=_watch(task, "upload", limits.seconds)))
        if down.direction.failure is not None and up.direction.failure is not None:
            failure = down.direction.failure
            raise Failed(Stage(failure.stage), Reason(failure.reason), failure.detail)
    return _Reached(peer, family, down, up)


async def _half(engine: Engine, leg: Leg) -> _Half:
    try:
        transfer = await engine.run(leg)
    except Failed as failed:
        if failed.failure.stage in _BOTH:
            raise
        return _Half(Direction(failure=failed.failure))
    return _Half(summary.direction(transfer, leg.limits), transfer)


def _result(engine: str, reached: _Reached, transfers: Sequence[Transfer]) -> Throughput:
    senders = dict.fromkeys(transfer.congestion for transfer in transfers if transfer.congestion)
    return Throughput(
        download=reached.down.direction,
        upload=reached.up.direction,
        idle_rtt_ms=summary.idle_ms(transfers[0].idle_rtts_us),
        engine=engine,
        cipher=transfers[0].cipher,
        congestion="/".join(senders) or None,
    )


def _watch(task: Task, phase: Way, seconds: float) -> Watch:
    before = 0.0 if phase == "download" else 0.5

    def watch(gone_s: float, mbps: float) -> None:
        task.progress(Progress(before + min(1.0, gone_s / seconds) / 2, phase, mbps, "Mbit/s"))

    return watch


def _limits(task: Task, engine: Engine) -> Limits:
    """What each direction may take. One in so many runs goes the full length, so that the early stop is measured."""
    options = task.options
    for name in options:
        if name not in _OPTIONS:
            raise UsageError(f"throughput has no option {name!r}; it has: {', '.join(_OPTIONS)}")
    every = _whole("full_every", options, FULL_EVERY, (0, 1_000_000))
    may_go_on = not _flag("metered", options) and task.max_bytes is None
    full = every > 0 and may_go_on and random.randrange(every) == 0  # noqa: S311 - a draw, not a secret
    return Limits(
        seconds=_seconds(task.max_seconds),
        max_bytes=task.max_bytes,
        streams=_whole("streams", options, engine.streams, (1, _STREAMS_MAX)),
        early=_flag("early", options, default=True) and not full,
        may_grow="streams" not in options and task.max_bytes is None,
    )


def _congestion(task: Task) -> str:
    asked = task.options.get("congestion", _CONGESTION[0])
    if asked not in _CONGESTION:
        raise UsageError(f"option congestion: expected one of {', '.join(_CONGESTION)}, got {asked!r}")
    return asked


def _whole(name: str, options: Mapping[str, str], default: int, bounds: tuple[int, int]) -> int:
    text = options.get(name, str(default))
    if not text.isdecimal() or not bounds[0] <= int(text) <= bounds[1]:
        raise UsageError(f"option {name}: expected a number from {bounds[0]} to {bounds[1]}, got {text!r}")
    return int(text)


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
