"""iperf3, the program: it moves the load; what arrived is read from the kernel, of the program's own sockets.

That gives 3.12 and later the same count, early stop, budget and silence rules as every other engine. Where the kernel
does not tell (no `tcp_diag`), the program runs its full length and its own JSON is the result: `end.sum_received`, what
the receiver counted. Source: esnet/iperf, src/iperf_api.c (facts/protocols.md, 5).
"""

import asyncio
import functools
import json
import logging
import math
import re
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from agent.errors import Failed
from agent.net import socket_diag, tcp_info
from agent.net.socket_diag import Socket
from agent.net.tcp_info import TcpInfo
from agent.speed.arrivals import Arrivals, Count
from agent.speed.engine import Engine, Leg, Target, Transfer, Wanted, named
from agent.speed.estimate import Sample
from agent.speed.known import median
from agent.speed.limits import Stop
from agent.speed.program import Bounds, Program, finished, running
from agent.speed.run import Ended, until_stop
from agent.speed.summary import BRIEF_S
from agent.wire.failure import Failure, Reason, Stage

COMMAND: Final = ("iperf3",)
CONGESTION: Final = "bbr"
LEAST: Final = (3, 12)
SAFE: Final = (3, 19, 1)
LATE_S: Final = 0.5
STREAMS: Final = 4
_OUTPUT_BYTES: Final = 4 * 2**20
_POLL_S: Final = 0.01
_GRACE_S: Final = 0.2
_VERSION_S: Final = 5.0
_NOT_SET: Final = "congestion"
# What its words mean, in our vocabulary.
_SIGNS: Final = {
    "server is busy": (Stage.PEER, Reason.BUSY),
    "authorization failed": (Stage.PEER, Reason.REFUSED),
    "Connection refused": (Stage.CONNECT, Reason.REFUSED),
    "Connection timed out": (Stage.CONNECT, Reason.TIMEOUT),
    "Operation now in progress": (Stage.CONNECT, Reason.TIMEOUT),
    "Network is unreachable": (Stage.ROUTE, Reason.NO_ROUTE),
    "No route to host": (Stage.CONNECT, Reason.UNREACHABLE),
    "reset by peer": (Stage.TRANSFER, Reason.RESET),
    "Broken pipe": (Stage.TRANSFER, Reason.RESET),
    "closed unexpectedly": (Stage.TRANSFER, Reason.CLOSED),
    "server has terminated": (Stage.TRANSFER, Reason.CLOSED),
}
_log: Final = logging.getLogger(__name__)

Established = Callable[[int, socket.AddressFamily], Sequence[Socket]]


def versioned(text: str) -> tuple[int, ...] | None:
    """The version in what `iperf3 --version` says; None if it says something else."""
    found = re.match(r"iperf (\d+)\.(\d+)(?:\.(\d+))?", text)
    return None if found is None else tuple(int(part) for part in found.groups() if part is not None)


def warning(*, command: Sequence[str] = COMMAND) -> str | None:
    """One line if the installed iperf3 should be replaced, for `check-config`; None if it is fine, or not there."""
    try:
        done = subprocess.run([*command, "--version"], capture_output=True, timeout=_VERSION_S, check=False)  # noqa: S603 - no shell, our own words
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = versioned(done.stdout.decode(errors="replace"))
    return None if version is None else _advice(version)


def _advice(version: tuple[int, ...]) -> str | None:
    text = ".".join(str(part) for part in version)
    if version < LEAST:
        return f"iperf3 {text} is too old to measure with: install 3.12 or later, 3.19.1 if you can"
    if version < SAFE:
        where = "newer than Debian 12's and 13's: from its makers, ESnet, as source"
        return f"iperf3 {text} has known security faults: install 3.19.1 or later ({where})"
    return None


@functools.cache
def _warn_once(text: str) -> None:
    _log.warning("iperf3_version %s", text)


async def find(wanted: Wanted, *, command: Sequence[str] = COMMAND) -> Sequence[Target]:
    """The server of the URL. Raises Failed (`device:no_hardware`) if there is no iperf3 that can measure."""
    told = await finished([*command, "--version"], bounds=Bounds(_VERSION_S, _OUTPUT_BYTES))
    version = versioned(bytes(told.out).decode(errors="replace"))
    if version is None:
        raise Failed(Stage.DEVICE, Reason.NO_HARDWARE, "iperf3 does not say its version: install iperf3 3.12 or later")
    advice = _advice(version)
    if version < LEAST:
        raise Failed(Stage.DEVICE, Reason.NO_HARDWARE, advice)
    if advice is not None:
        _warn_once(advice)
    return await named(wanted)


class Sockets:
    """The program's sockets while it runs: a `Meter` by the kernel's counters."""

    def __init__(self, leg: Leg, program: Program, *, established: Established = socket_diag.established) -> None:
        self.start_s = 0.0
        self.arrivals = Arrivals(0.0)
        self.rtts_us: list[tuple[float, int]] = []
        self.sockets: dict[int, Socket] = {}
        self._leg = leg
        self._program = program
        self._established = established
        self._family = socket.AF_INET6 if ":" in leg.address else socket.AF_INET
        self._base: dict[int, TcpInfo] = {}
        self._last: dict[int, Count] = {}
        self._idle_us: list[int] = []

    def look(self) -> None:
        """Read all sockets that are open now. Raises OSError."""
        ours = socket_diag.inodes(self._program.pid)
        found = self._established(self._leg.target.port, self._family)
        self.sockets = {one.inode: one for one in found if one.inode in ours}

    async def opened(self) -> bool:
        """Wait for the load to begin: one connection to talk, and all streams. False if it has ended well by then.

        Raises Failed, OSError.
        """
        loop = asyncio.get_running_loop()
        limit_s = self._leg.limits.opening_s
        due = loop.time() + limit_s
        while len(self.sockets) <= self._leg.limits.streams:
            if self._program.is_over:
                if _is_well(self._program):
                    return False
                raise _failed(self._program, Stage.HANDSHAKE)
            if loop.time() > due:
                raise Failed(Stage.HANDSHAKE, Reason.TIMEOUT, f"not all streams open after {limit_s:g} s")
            await asyncio.sleep(_POLL_S)
            self.look()
        self.start_s = loop.time()
        self.arrivals = Arrivals(self.start_s)
        self._base = {inode: one.info for inode, one in self.sockets.items()}
        self._idle_us = [one.info.min_rtt_us for one in self.sockets.values() if one.info.min_rtt_us is not None]
        return True

    # --- the Meter

    def sample(self, now: float) -> list[Sample]:
        """Read all sockets; see `Meter`."""
        self.look()
        for inode, base in self._base.items():
            one = self.sockets.get(inode)
            if one is not None:
                self._last[inode] = _count(one.info, base, upload=self._upload)
            self._last.setdefault(inode, Count(0))
        infos = [one.info for one in self.sockets.values() if one.inode in self._base]
        rtt = median(_rtt(info, upload=self._upload) for info in infos)
        again = sum(info.bytes_retrans or 0 for info in infos) if self._upload else None
        self.arrivals.add(now, list(self._last.values()), rtt_us=rtt, retransmitted=again)
        return self.arrivals.samples

    def open_streams(self) -> int:
        """Streams that still run; the connection to talk is none."""
        return max(0, len(self.sockets) - 1)

    def failure(self) -> Failure | None:
        """What the program says went wrong, if it has ended."""
        if not self._program.is_over or _is_well(self._program):
            return None
        return _failed(self._program, Stage.TRANSFER).failure

    def idle_rtt_us(self) -> float | None:
        """The round trip before the load."""
        return median(self._idle_us)

    def sender_congestion(self) -> str | None:
        """Ours on an upload; a server's is told at the end only."""
        ours = (one.congestion for inode, one in self.sockets.items() if inode in self._base)
        return next(ours, None) if self._upload else None

    def tell(self, now: float) -> None:
        """Keep the round trips under load; the program talks for itself."""
        for one in self.sockets.values():
            rtt = _rtt(one.info, upload=self._upload)
            if rtt is not None:
                self.rtts_us.append((now, rtt))

    def grow(self, streams: int) -> bool:  # noqa: ARG002 - the Meter's signature
        """It opens all streams at its start."""
        return False

    @property
    def _upload(self) -> bool:
        return self._leg.way == "upload"

    def account(self, ended: Ended) -> Transfer:
        """Put together what the direction gave."""
        infos = [one.info for one in self.sockets.values()]
        return Transfer(
            stop=ended.stop,
            samples=ended.samples,
            received=int(ended.samples[-1].received),
            streams=len(self._base) - 1,
            saturation=ended.saturation,
            early=ended.early,
            steady_since_s=ended.steady_since_s,
            queue=ended.queue,
            idle_rtts_us=self._idle_us,
            rtts_us=self.rtts_us,
            sent_bytes=sum(info.bytes_sent or 0 for info in infos) or None if self._upload else None,
            retransmitted_bytes=sum(info.bytes_retrans or 0 for info in infos) if self._upload and infos else None,
            congestion=self.sender_congestion(),
            pmtu_bytes=min((info.pmtu for info in infos if info.pmtu), default=None),
        )


def _count(info: TcpInfo, base: TcpInfo, *, upload: bool) -> Count:
    if upload:
        arrived, before, segments, first = info.bytes_acked, base.bytes_acked, info.delivered, base.delivered
    else:
        arrived, before, segments, first = (
            info.bytes_received,
            base.bytes_received,
            info.data_segs_in,
            base.data_segs_in,
        )
    return Count(
        max(0, (arrived or 0) - (before or 0)),
        None if segments is None or first is None else (segments - first) % 2**32,
        info.snd_mss if upload else info.rcv_mss,
        info.bytes_retrans if upload else info.rcv_ooo_packets,
    )


def _rtt(info: TcpInfo, *, upload: bool) -> int | None:
    return info.rtt_us if upload else info.rcv_rtt_us or info.rtt_us


async def run(
    leg: Leg, *, command: Sequence[str] = COMMAND, established: Established = socket_diag.established
) -> Transfer:
    """Let it load the line and watch; see `Engine`. `established`: who tells of its sockets, or raises OSError."""
    if leg.way == "upload" and _may_set(CONGESTION):
        try:
            return await _attempt(leg, [*command, "-C", CONGESTION], established)
        except Failed as failed:
            # The server sets it on its own sockets too, and gives up where it cannot.
            if _NOT_SET not in (failed.failure.detail or ""):
                raise
    return await _attempt(leg, command, established)


async def _attempt(leg: Leg, command: Sequence[str], established: Established) -> Transfer:
    bounds = Bounds(2 * leg.limits.opening_s + leg.limits.seconds + LATE_S, _OUTPUT_BYTES)
    async with running(words(leg, command), bounds=bounds) as program:
        meter = Sockets(leg, program, established=established)
        try:
            meter.look()
        except OSError:
            return await _told(leg, program)
        try:
            if not await meter.opened():
                return await _told(leg, program)
            ended = await until_stop(meter, leg.limits, leg.watch)
            if ended.stop.failure is not None and program.is_over and _is_well(program):
                return await _told(leg, program)  # its bytes were all through between two looks
        except OSError as error:
            raise Failed(Stage.DEVICE, Reason.INTERNAL, f"sockets cannot be read: {error.strerror}") from error
        transfer = meter.account(ended)
        await program.stop(grace_s=_GRACE_S)
        return transfer


def words(leg: Leg, command: Sequence[str]) -> list[str]:
    """The command line, with its time rounded up: the run's own rules end it, or at the very end it ends itself."""
    limits = leg.limits
    # It takes whole seconds, and either a time or an amount.
    much = ["-t", str(math.ceil(limits.seconds))] if limits.max_bytes is None else ["-n", str(limits.max_bytes)]
    return [
        *command,
        "-6" if ":" in leg.address else "-4",
        *("-c", leg.address, "-p", str(leg.target.port)),
        *("-J", "-i", "0.1", "-P", str(limits.streams), *much),
        *("--connect-timeout", str(round(limits.opening_s * 1000))),
        *(("-R", "--rcv-timeout", str(round(limits.silence_s * 1000))) if leg.way == "download" else ()),
    ]


def _may_set(name: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        return tcp_info.set_congestion(sock, name)


# --- without the kernel's help


async def _told(leg: Leg, program: Program) -> Transfer:
    """Let it run its length, and take its own account."""
    await program.ended()
    said = _said(program)
    end = said.get("end", {})
    total = end.get("sum_received", {})
    received, seconds = total.get("bytes"), total.get("seconds")
    known = isinstance(received, int) and isinstance(seconds, float) and received > 0 and seconds > 0
    if not known and leg.limits.max_bytes is not None and "end" in said and "error" not in said:
        # A budget that was through before its first tenth of a second leaves no figure at all.
        return Transfer(stop=Stop("budget"), samples=(), received=0, streams=leg.limits.streams)
    if "error" in said or not known:
        raise _failed(program, Stage.TRANSFER)
    upload = leg.way == "upload"
    # A budget that was gone at once went into buffers: divided by next to no time it would be any rate.
    is_figure = upload and (leg.limits.max_bytes is None or seconds >= BRIEF_S)
    return Transfer(
        stop=Stop("budget" if leg.limits.max_bytes is not None else "time"),
        samples=() if upload else _intervals(said),
        received=received,
        streams=leg.limits.streams,
        figure_mbps=received * 8 / 1e6 / seconds if is_figure else None,
        retransmitted_bytes=None,
        congestion=end.get("sender_tcp_congestion"),
    )


def _intervals(said: Mapping[str, Any]) -> list[Sample]:
    """What the receiver, this end, counted every tenth of a second."""
    samples = [Sample(0.0, 0)]
    for row in said.get("intervals", []):
        total = row.get("sum", {})
        if isinstance(total.get("bytes"), int) and isinstance(total.get("end"), float):
            samples.append(Sample(total["end"], samples[-1].received + total["bytes"]))
    return samples


def _said(program: Program) -> dict[str, Any]:
    """Its JSON; nothing if it was cut off in the middle."""
    try:
        said = json.loads(bytes(program.out))
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _is_well(program: Program) -> bool:
    """Whether it ended as it should."""
    return program.code == 0 and "error" not in _said(program)


def _failed(program: Program, stage: Stage) -> Failed:
    """Name what it says went wrong."""
    if program.cut is not None:
        return Failed(stage, Reason.TIMEOUT, "iperf3 did not finish in time")
    text = str(_said(program).get("error", "")) or bytes(program.err).decode(errors="replace").strip()
    if not text:
        return Failed(stage, Reason.CLOSED, f"iperf3 ended with {program.code}")
    stage, reason = next((known for sign, known in _SIGNS.items() if sign in text), (stage, Reason.PROTOCOL))
    return Failed(stage, reason, text)


ENGINE: Final = Engine(find=find, run=run, streams=STREAMS)
