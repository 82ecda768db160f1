"""Download, then upload, over several TCP streams to a measurement peer: what the line carries, and how we know.

Peer: `msak+ws://H:P`, `msak+wss://H:P`, or a bare `H:P` (ours, over TLS).
Options: `streams` (4), `ca` (a file of certificates to trust instead of the system's), `insecure` (`true`: accept any
certificate; for tests of a peer of one's own).

A direction runs 10 s, or `max_seconds` if that is less, after connecting. `max_bytes` is for the whole run: half for
the download, what that leaves for the upload. One failed direction keeps its own failure; the other still counts.
"""

import ssl
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.errors import Failed, UsageError
from agent.net.interfaces import link_to
from agent.net.peer_url import PeerUrl, parse
from agent.net.resolve import choose_family, resolve
from agent.probes.probe import Outcome, Progress, Task, reaching
from agent.speed import summary
from agent.speed.doubts import doubts
from agent.speed.limits import FULL_S, STREAMS, Limits
from agent.speed.stream import Endpoint
from agent.speed.transfer import Transfer, Watch, download, upload
from agent.wire.failure import Reason, Stage
from agent.wire.report import Peer
from agent.wire.results import Direction, Throughput

RESOLVE_S: Final = 10.0
_OPTIONS: Final = ("ca", "insecure", "streams")
_STREAMS_MAX: Final = 8
_SECONDS_MIN: Final = 1.0
# What stands in the way before a direction is chosen stands in the way of both.
_BOTH: Final = (Stage.RESOLVE, Stage.ROUTE, Stage.CONNECT, Stage.TLS)

Passing = Callable[..., Awaitable[Transfer]]


@dataclass(frozen=True, slots=True)
class _Half:
    """One direction's part of the result, and the transfer behind it (None if it never began)."""

    direction: Direction
    transfer: Transfer | None = None


async def probe(task: Task) -> Outcome:
    """Measure both directions.

    Raises:
        UsageError: a peer of another engine, a wrong option, or limits too small to measure.
        Failed: nothing could be reached, or both directions failed (then the download's failure).
    """
    url = _peer(task.peer)
    streams = _streams(task.options)
    seconds = _seconds(task.max_seconds)
    tls = _context(task.options) if url.secure else None
    family = task.family or await choose_family(url.host, timeout_s=RESOLVE_S)
    with reaching(Peer(url=url.text), family):
        address = (await resolve(url.host, family, timeout_s=RESOLVE_S))[0]
    peer = Peer(url=url.text, address=address)
    with reaching(peer, family):
        down, up = await _both(task, Endpoint(address, url.port, url.host, tls), seconds=seconds, streams=streams)
    transfers = [half.transfer for half in (down, up) if half.transfer is not None]
    link = link_to(address)
    return Outcome(
        result=_result(down, up, transfers),
        family=family,
        peer=peer,
        link=link,
        doubts=doubts(
            (down.direction, up.direction), cpu_ratios=[transfer.cpu_ratio for transfer in transfers], link=link
        ),
    )


async def _both(task: Task, endpoint: Endpoint, *, seconds: float, streams: int) -> tuple[_Half, _Half]:
    """Download, then upload; raises Failed if neither can count."""
    mid = str(uuid.uuid4())
    budget = None if task.max_bytes is None else task.max_bytes // 2
    limits = Limits(seconds=seconds, max_bytes=budget, streams=streams)
    down = await _half(download, endpoint, limits, mid=mid, watch=_watch(task, "download", seconds))
    if task.max_bytes is not None:
        limits = Limits(seconds=seconds, max_bytes=task.max_bytes - (down.direction.bytes or 0), streams=streams)
    up = await _half(upload, endpoint, limits, mid=mid, watch=_watch(task, "upload", seconds))
    if down.direction.failure is not None and up.direction.failure is not None:
        failure = down.direction.failure
        raise Failed(Stage(failure.stage), Reason(failure.reason), failure.detail)
    return down, up


async def _half(run: Passing, endpoint: Endpoint, limits: Limits, *, mid: str, watch: Watch) -> _Half:
    try:
        transfer = await run(endpoint, limits, mid=mid, watch=watch)
    except Failed as failed:
        if failed.failure.stage in _BOTH:
            raise
        return _Half(Direction(failure=failed.failure))
    return _Half(summary.direction(transfer, limits), transfer)


def _result(down: _Half, up: _Half, transfers: Sequence[Transfer]) -> Throughput:
    senders = dict.fromkeys(transfer.congestion for transfer in transfers if transfer.congestion)
    return Throughput(
        download=down.direction,
        upload=up.direction,
        idle_rtt_ms=summary.idle_ms(transfers[0].idle_rtts_us),
        engine="msak",
        cipher=transfers[0].cipher,
        congestion="/".join(senders) or None,
        cpu_ratio=round(max(transfer.cpu_ratio for transfer in transfers), 3),
    )


def _watch(task: Task, phase: str, seconds: float) -> Watch:
    before = 0.0 if phase == "download" else 0.5

    def watch(gone_s: float, mbps: float) -> None:
        task.progress(Progress(before + min(1.0, gone_s / seconds) / 2, phase, mbps, "Mbit/s"))

    return watch


def _peer(text: str) -> PeerUrl:
    url = parse(text)
    if url.engine != "msak":
        raise UsageError(f"peer {text!r}: throughput over {url.engine} is not built yet; use msak+ws:// or msak+wss://")
    return url


def _streams(options: Mapping[str, str]) -> int:
    for name in options:
        if name not in _OPTIONS:
            raise UsageError(f"throughput has no option {name!r}; it has: {', '.join(_OPTIONS)}")
    text = options.get("streams", str(STREAMS))
    if not text.isdecimal() or not 1 <= int(text) <= _STREAMS_MAX:
        raise UsageError(f"option streams: expected a number from 1 to {_STREAMS_MAX}, got {text!r}")
    return int(text)


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
    match options.get("insecure", "false").lower():
        case "true" | "1" | "yes":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        case "false" | "0" | "no":
            pass
        case other:
            raise UsageError(f"option insecure: expected true or false, got {other!r}")
    return context
