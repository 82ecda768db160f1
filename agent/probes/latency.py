"""Round-trip times and loss: by default STAMP (RFC 8762, 8972), 20 packets a second for 10 seconds.

Peer: `stamp://H:P` (8862 without a port), or any other URL of a peer of ours: then its host, at UDP port 8862 or option
`port`. A host that is no peer of ours (librespeed, iperf3) is pinged, or where the device may not ping, connected to;
that is decided before the run, and the result names the method.

Options:
`method`: auto (as above), stamp, icmp (ping, RFC 792 and 4443) or tcp (time to connect to the URL's port, or `port`).
`count`, `interval`, `timeout`: packets (200; of tcp 20), seconds between them (0.05; of tcp 0.5, at least 0.05),
seconds to wait for each (2). `size`: bytes of payload of each packet and its answer (stamp: at least 44, 112 with a
key; icmp: 56).
`port`: the reflector's UDP port, of tcp the TCP port. `hmac_key`: a file with the reflector's key (authenticated mode).
`profile`: call = as a voice or video call sends: 50 packets of 160 bytes a second for 20 s, rated by the E-model (ITU-T
G.107, 2015): R (0 to 93) and MOS (1 to 4.5), for `codec`: g711_plc (default: G.711 with concealment), g711, g729a or
gsm_efr, by their figures in G.113. Echo is taken to be cancelled.

Results, times in milliseconds: round trips (min, median, mean, p95, p99, max), jitter (RFC 3550, also by direction),
variation (p95 - min), loss of packets sent (by direction if the reflector counts for itself), duplicates, reordered
(RFC 4737), late (after the timeout: lost, too). Receive times are the kernel's (`stamps`), so a busy box does not look
like a slow line; the reflector's turnaround is subtracted: RTT = (T4 - T1) - (T3 - T2).
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, cast

from agent.errors import UsageError
from agent.latency import icmp_echo
from agent.latency.e_model import CODECS
from agent.latency.exchange import exchange
from agent.latency.plan import Method, Plan, within
from agent.net import stamp
from agent.net.interfaces import link_to
from agent.net.peer_url import PeerUrl, parse
from agent.net.resolve import choose_family, resolve
from agent.probes import options
from agent.probes.probe import Outcome, Progress, Task, reaching
from agent.wire.failure import Doubt
from agent.wire.report import Peer

RESOLVE_S: Final = 5.0
_KIND: Final = "latency"
_OPTIONS: Final = ("codec", "count", "hmac_key", "interval", "method", "port", "profile", "size", "timeout")
_COUNT_MAX: Final = 10_000
_INTERVALS_S: Final = (0.005, 60.0)
_TIMEOUTS_S: Final = (0.05, 60.0)
# By tcp: no more connections at a time than any device has files for, and no flood of them on somebody's server.
_CONNECT_INTERVALS_S: Final = (0.05, 60.0)
_CONNECT_TIMEOUTS_S: Final = (0.05, 10.0)
_SIZE_MAX: Final = 1452  # of UDP over IPv6 in 1500 bytes
_METHODS: Final = ("auto", "stamp", "icmp", "tcp")
_REFLECTING: Final = frozenset({"stamp", "msak", "ndt7"})
_CALL: Final = Plan(count=1000, interval_s=0.02, size=160)
_CONNECTS: Final = Plan(method="tcp", count=20, interval_s=0.5)
# An option, and the method or profile that has no use for it: said, rather than ignored.
_USELESS: Final[dict[str, tuple[str, ...]]] = {
    "hmac_key": ("icmp", "tcp"),
    "port": ("icmp",),
    "profile": ("tcp",),
    "size": ("tcp", "call"),
    "interval": ("call",),
}


async def probe(task: Task) -> Outcome:
    """Measure round trips and loss to the peer.

    Raises:
        UsageError: a wrong option, or a peer that has no address to measure to.
        Failed: no name, no route, no right, refused, or not a single answer in time.
    """
    url = parse(task.peer)
    plan = within(planned(task.options, url), max_bytes=task.max_bytes, max_seconds=task.max_seconds)
    family = task.family or await choose_family(url.host, timeout_s=RESOLVE_S)
    name = _name(url, plan)
    with reaching(Peer(url=name), family):
        address = (await resolve(url.host, family, timeout_s=RESOLVE_S))[0]
    peer = Peer(url=name, address=address)

    def watch(share: float, latest_ms: float | None) -> None:
        task.progress(Progress(share, _KIND, latest_ms, "ms"))

    with reaching(peer, family):
        result = await exchange(address, plan, watch)
    doubts = (Doubt.BUDGET_CUT,) if plan.cut else ()
    return Outcome(result=result, family=family, peer=peer, link=link_to(address), doubts=doubts)


def planned(given: dict[str, str], url: PeerUrl, *, may_ping: Callable[[], bool] = icmp_echo.allowed) -> Plan:
    """Read the options of this kind, and choose the method once and for all; raises UsageError in one plain line."""
    options.check_names(_KIND, given, _OPTIONS)
    if url.engine in {"ookla", "mlab"}:
        raise UsageError(f"latency cannot be measured to {url.text!r}, which has no reflector; give stamp://HOST:PORT")
    profile = _word(given, "profile", ("call",))
    method = _method(given, url, may_ping)
    _refuse_useless(given, {method, profile})
    connects = method == "tcp"
    plan = _rhythm(given, _CALL if profile else _CONNECTS if connects else Plan(), connects=connects)
    least = icmp_echo.SIZE_MIN if method == "icmp" else stamp.PLAIN_SIZE
    return replace(
        plan,
        method=method,
        port=_port(given, url, method),
        key=_key(given["hmac_key"]) if "hmac_key" in given else None,
        size=options.whole_number(_KIND, given, "size", bounds=(least, _SIZE_MAX), default=plan.size),
        codec=_word(given, "codec", tuple(CODECS)) or "g711_plc" if profile else None,
    )


def _refuse_useless(given: dict[str, str], words: set[str | None]) -> None:
    for name, unfit in _USELESS.items():
        for word in words & set(unfit):
            if name in given:
                raise UsageError(f"latency option {name}: {word} has no use for it")
    if "codec" in given and "call" not in words:
        raise UsageError("latency option codec: only with profile=call")


def _rhythm(given: dict[str, str], usual: Plan, *, connects: bool) -> Plan:
    """Read how many packets, how far apart and for how long to wait, where they differ from the usual."""
    intervals_s = _CONNECT_INTERVALS_S if connects else _INTERVALS_S
    timeouts_s = _CONNECT_TIMEOUTS_S if connects else _TIMEOUTS_S
    return replace(
        usual,
        count=options.whole_number(_KIND, given, "count", bounds=(1, _COUNT_MAX), default=usual.count),
        interval_s=options.number(_KIND, given, "interval", bounds=intervals_s, default=usual.interval_s),
        timeout_s=options.number(_KIND, given, "timeout", bounds=timeouts_s, default=usual.timeout_s),
    )


def _method(given: dict[str, str], url: PeerUrl, may_ping: Callable[[], bool]) -> Method:
    asked = _word(given, "method", _METHODS) or "auto"
    if asked != "auto":
        return cast("Method", asked)
    if url.engine in _REFLECTING:
        return "stamp"
    return "icmp" if may_ping() else "tcp"


def _port(given: dict[str, str], url: PeerUrl, method: Method) -> int:
    at_peer = url.engine == "stamp"
    if method == "tcp" and at_peer and "port" not in given:
        raise UsageError("latency by tcp needs a TCP port of the peer: give option port")
    own = at_peer if method == "stamp" else method == "tcp"
    default = url.port if own else stamp.PORT
    return options.whole_number(_KIND, given, "port", bounds=(1, 65535), default=default)


def _name(url: PeerUrl, plan: Plan) -> str:
    """Say what was really asked, in the form of a URL."""
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{plan.method}://{host}" + ("" if plan.method == "icmp" else f":{plan.port}")


def _word(given: dict[str, str], name: str, known: tuple[str, ...]) -> str | None:
    value = given.get(name)
    if value is not None and value not in known:
        raise UsageError(f"latency option {name}: expected {' or '.join(known)}, not {value!r}")
    return value


def _key(name: str) -> bytes:
    try:
        key = Path(name).read_bytes().strip()
    except OSError as error:
        raise UsageError(f"latency option hmac_key: cannot read {name}: {error.strerror}") from error
    if not key:
        raise UsageError(f"latency option hmac_key: {name} is empty; put the reflector's key in it")
    return key
