"""Round-trip times and loss to a STAMP reflector (RFC 8762): 20 packets a second for 10 seconds.

Peer: `stamp://H:P` (8862 without a port), or any other URL of a peer of ours: then its host, at UDP port 8862 or option
`port`.
Options: `count` (200), `interval` and `timeout` (0.05 and 2 seconds), `port`, `hmac_key` (a file: authenticated mode).

Receive times are the kernel's, so a busy box does not look like a slow line; the send time is read just before the
packet is given to the kernel, and the reflector's turnaround is subtracted: RTT = (T4 - T1) - (T3 - T2).
"""

import contextlib
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from agent.clock import SystemClock
from agent.errors import Failed, UsageError
from agent.net import stamp
from agent.net.echo_session import Pace
from agent.net.interfaces import link_to
from agent.net.peer_url import PeerUrl, parse
from agent.net.resolve import choose_family, resolve
from agent.net.round_trips import summarize
from agent.net.stamp_session import open_socket, stamp_session
from agent.probes import options
from agent.probes.probe import Outcome, Progress, Task, reaching
from agent.wire.failure import Doubt, Reason, Stage
from agent.wire.report import Peer
from agent.wire.results import Latency

RESOLVE_S: Final = 5.0
_SECOND_NS: Final = 1_000_000_000
_KIND: Final = "latency"
_OPTIONS: Final = ("count", "hmac_key", "interval", "port", "timeout")
_COUNT_MAX: Final = 10_000
_INTERVALS_S: Final = (0.005, 60.0)
_TIMEOUTS_S: Final = (0.05, 60.0)
_FEW: Final = 20  # fewer packets than this say little about loss or a 95th percentile
_HEADERS: Final = 48  # IPv6 and UDP


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send, how often, and how long to wait for an answer."""

    count: int = 200
    interval_s: float = 0.05
    timeout_s: float = 2.0
    port: int = stamp.PORT
    key: bytes | None = None
    cut: bool = False


async def probe(task: Task) -> Outcome:
    """Measure round trips and loss to the peer's reflector.

    Raises:
        UsageError: a wrong option, or a peer that has no reflector.
        Failed: no name, no route, refused, or not a single answer in time.
    """
    url = _peer(task.peer)
    plan = within(planned(task.options, url), max_bytes=task.max_bytes, max_seconds=task.max_seconds)
    family = task.family or await choose_family(url.host, timeout_s=RESOLVE_S)
    host = f"[{url.host}]" if ":" in url.host else url.host
    name = f"stamp://{host}:{plan.port}"
    with reaching(Peer(url=name), family):
        address = (await resolve(url.host, family, timeout_s=RESOLVE_S))[0]
    peer = Peer(url=name, address=address)
    with reaching(peer, family):
        result = await _exchange(address, plan, task)
    doubts = (Doubt.BUDGET_CUT,) if plan.cut else ()
    return Outcome(result=result, family=family, peer=peer, link=link_to(address), doubts=doubts)


async def _exchange(address: str, plan: Plan, task: Task) -> Latency:
    """Run one session; raises Failed if it gave no round trip."""
    pace = Pace(plan.count, plan.interval_s, plan.timeout_s)

    def watch(share: float, latest_ms: float | None) -> None:
        task.progress(Progress(share, _KIND, latest_ms, "ms"))

    with contextlib.closing(open_socket(address, plan.port)) as sock:
        session = stamp_session(sock, pace, key=plan.key, synchronized=SystemClock().synchronized() is True)
        await session.run(watch)
    if not session.answers:
        raise session.why_no_answer()
    result = summarize(session.sent, session.answers, timeout_ns=round(plan.timeout_s * _SECOND_NS))
    if not result.received:
        raise Failed(Stage.TRANSFER, Reason.TIMEOUT, f"every answer came later than {plan.timeout_s:g} s")
    return result


def planned(given: dict[str, str], url: PeerUrl) -> Plan:
    """Read the options of this kind; raises UsageError in one plain line."""
    options.check_names(_KIND, given, _OPTIONS)
    plan = Plan()
    port = url.port if url.engine == "stamp" else plan.port
    return Plan(
        count=options.whole_number(_KIND, given, "count", bounds=(1, _COUNT_MAX), default=plan.count),
        interval_s=options.number(_KIND, given, "interval", bounds=_INTERVALS_S, default=plan.interval_s),
        timeout_s=options.number(_KIND, given, "timeout", bounds=_TIMEOUTS_S, default=plan.timeout_s),
        port=options.whole_number(_KIND, given, "port", bounds=(1, 65535), default=port),
        key=_key(given["hmac_key"]) if "hmac_key" in given else None,
    )


def within(plan: Plan, *, max_bytes: int | None, max_seconds: float | None) -> Plan:
    """Cut a plan to a budget of bytes on the line, both ways, and seconds, waiting included.

    A plan that is left with fewer than 20 packets says so (`cut`). Raises Failed if not one packet fits.
    """
    count, timeout_s = plan.count, plan.timeout_s
    if max_seconds is not None:
        timeout_s = min(timeout_s, max_seconds / 2)
        count = min(count, 1 + math.floor((max_seconds - timeout_s) / plan.interval_s + 1e-9))
    if max_bytes is not None:
        size = stamp.PLAIN_SIZE if plan.key is None else stamp.KEYED_SIZE
        count = min(count, max_bytes // (2 * (size + _HEADERS)))
    if count < 1 or timeout_s <= 0:
        raise Failed(Stage.DEVICE, Reason.BUDGET, "the budget does not allow a single packet")
    return replace(plan, count=count, timeout_s=timeout_s, cut=count < min(plan.count, _FEW))


def _peer(text: str) -> PeerUrl:
    url = parse(text)
    if url.engine in {"ookla", "mlab"}:
        raise UsageError(f"latency cannot be measured to {text!r}, which has no reflector; give stamp://HOST:PORT")
    return url


def _key(name: str) -> bytes:
    try:
        key = Path(name).read_bytes().strip()
    except OSError as error:
        raise UsageError(f"latency option hmac_key: cannot read {name}: {error.strerror}") from error
    if not key:
        raise UsageError(f"latency option hmac_key: {name} is empty; put the reflector's key in it")
    return key
