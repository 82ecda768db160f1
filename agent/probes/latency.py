"""Round-trip times and loss to a STAMP reflector (RFC 8762): 20 packets a second for 10 seconds.

Peer: `stamp://H:P` (8862 without a port), or any other URL of a peer of ours: then its host, at UDP port 8862 or option
`port`.
Options: `count` (200), `interval` and `timeout` (0.05 and 2 seconds), `port`, `hmac_key` (a file: authenticated mode).

Receive times are the kernel's, so a busy box does not look like a slow line; the send time is read just before the
packet is given to the kernel, and the reflector's turnaround is subtracted: RTT = (T4 - T1) - (T3 - T2).
"""

import asyncio
import contextlib
import math
import os
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from agent.clock import SystemClock
from agent.errors import Failed, UsageError
from agent.net import kernel_time, stamp
from agent.net.failures import failed
from agent.net.interfaces import link_to
from agent.net.kernel_time import ReadClocks, Timeline, read_clocks
from agent.net.peer_url import PeerUrl, parse
from agent.net.resolve import choose_family, resolve
from agent.net.round_trips import FIRST_SEQ, Answer, summarize
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
_GRACE_S: Final = 0.1  # after the last answer, for duplicates
_BURST: Final = 64
_COPIES_MAX: Final = 10  # a reflector that floods must not fill the box's memory
# What clocks that say they are synchronised may still be off by: the bound that our packets state.
_CLOCK_ERROR_S: Final = 0.1


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
    with contextlib.closing(_socket(address, plan.port)) as sock:
        session = Session(sock, plan, synchronized=SystemClock().synchronized() is True)
        await session.run(task)
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


class Session:
    """One STAMP session on a connected, non-blocking UDP socket: paces what goes out, notes what comes in."""

    def __init__(
        self, sock: socket.socket, plan: Plan, *, synchronized: bool = False, clocks: ReadClocks = read_clocks
    ) -> None:
        self.sent = 0
        self._answers: list[Answer] = []
        self._sock = sock
        self._plan = plan
        self._clocks = clocks
        self._timeline = Timeline()
        self._synchronized = synchronized
        self._error_estimate = stamp.error_estimate(_CLOCK_ERROR_S, synchronized=True) if synchronized else 1
        self._ssid = int.from_bytes(os.urandom(2), "big")
        self._sent: dict[int, kernel_time.Reading] = {}
        self._open: set[int] = set()
        self._foreign = 0
        self._error: OSError | None = None
        self._over = asyncio.Event()
        kernel_time.enable(sock)

    @property
    def answers(self) -> list[Answer]:
        """What came back, in order of arrival; without one-way times if the clock was set in mid-run."""
        if not self._timeline.steps:
            return self._answers
        return [replace(answer, forward_ns=None, backward_ns=None) for answer in self._answers]

    async def run(self, task: Task) -> None:
        """Send all packets at their times, then wait for what is still open; ends at once when refused from the start.

        A tick at which the kernel's buffer is full sends nothing and is not made up for.
        """
        loop = asyncio.get_running_loop()
        loop.add_reader(self._sock, self._receive)
        try:
            due = loop.time()
            for number in range(self._plan.count):
                self._send(FIRST_SEQ + self.sent)
                task.progress(Progress((number + 1) / self._plan.count, "latency", self._latest_ms(), "ms"))
                due = max(due + self._plan.interval_s, loop.time())
                if number + 1 < self._plan.count and await self._ended(due - loop.time()):
                    return
            await self._drain()
        finally:
            loop.remove_reader(self._sock)

    def why_no_answer(self) -> Failed:
        """Name the failure of a run without a single answer."""
        if self._foreign:
            return Failed(
                Stage.HANDSHAKE, Reason.PROTOCOL, f"{self._foreign} datagrams came, none a valid answer to ours"
            )
        if self._error is not None:
            return failed(Stage.CONNECT, self._error)
        if not self.sent:
            return Failed(Stage.DEVICE, Reason.DROPPED, "the device's send buffer took no packet")
        return Failed(Stage.CONNECT, Reason.TIMEOUT, f"no answer to {self.sent} packets")

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._plan.timeout_s
        while self._open and (left := until - loop.time()) > 0:
            if await self._ended(min(left, _GRACE_S)):
                return
        await self._ended(min(_GRACE_S, max(0.0, until - loop.time())))

    async def _ended(self, after_s: float) -> bool:
        """Wait; True as soon as going on is pointless."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), max(0.0, after_s))
        return self._over.is_set()

    def _send(self, seq: int) -> None:
        now = self._clocks()
        self._timeline.note(now)
        packet = stamp.SenderPacket(seq, now.wall_ns, self._error_estimate, self._ssid)
        try:
            self._sock.send(stamp.encode_sender(packet, key=self._plan.key))
        except BlockingIOError:
            return
        except OSError as error:
            self._stumble(error)
        self.sent += 1
        self._sent[seq] = now
        self._open.add(seq)

    def _receive(self) -> None:
        for _ in range(_BURST):
            try:
                payload, ancillary, _, _ = self._sock.recvmsg(2048, kernel_time.CONTROL_SIZE)
            except BlockingIOError:
                return
            except OSError as error:
                self._stumble(error)
                return
            self._take(payload, kernel_time.stamp_of(ancillary))

    def _take(self, payload: bytes, stamp_ns: int | None) -> None:
        now = self._clocks()
        try:
            packet = stamp.decode_reflector(payload, key=self._plan.key)
        except stamp.BadPacketError:
            self._foreign += 1
            return
        out = self._sent.get(packet.sender_seq)
        if out is None or packet.sender_sent_ns != out.wall_ns:
            self._foreign += 1  # an answer to somebody else, or made up
            return
        if len(self._answers) >= self._plan.count * _COPIES_MAX:
            return
        came_ns = self._timeline.arrival_ns(now, stamp_ns, after_ns=out.monotonic_ns)
        self._open.discard(packet.sender_seq)
        self._answers.append(self._answer(packet, out, came_ns))

    def _answer(self, packet: stamp.ReflectorPacket, out: kernel_time.Reading, came_ns: int) -> Answer:
        whole_ns = came_ns - out.monotonic_ns
        turnaround_ns = packet.sent_ns - packet.received_ns
        if not 0 <= turnaround_ns <= whole_ns:
            turnaround_ns = 0  # the reflector's clock was set in between: its times say nothing
        if not (self._synchronized and stamp.is_synchronized(packet.error)):
            return Answer(packet.sender_seq, packet.seq, whole_ns - turnaround_ns)
        forward_ns = packet.received_ns - out.wall_ns
        backward_ns = out.wall_ns + whole_ns - packet.sent_ns
        return Answer(packet.sender_seq, packet.seq, whole_ns - turnaround_ns, forward_ns, backward_ns)

    def _stumble(self, error: OSError) -> None:
        """Note an ICMP error or a lost route: before the first answer it is the outcome, later it is loss."""
        if not self._answers:
            self._error = error
            self._over.set()

    def _latest_ms(self) -> float | None:
        return self._answers[-1].rtt_ns / 1_000_000 if self._answers else None


def _peer(text: str) -> PeerUrl:
    url = parse(text)
    if url.engine in {"ookla", "mlab"}:
        raise UsageError(f"latency cannot be measured to {text!r}, which has no reflector; give stamp://HOST:PORT")
    return url


def _socket(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    except OSError as error:
        raise failed(Stage.CONNECT, error) from error
    try:
        sock.connect((address, port))
    except OSError as error:
        sock.close()
        raise failed(Stage.CONNECT, error) from error
    return sock


def _key(name: str) -> bytes:
    try:
        key = Path(name).read_bytes().strip()
    except OSError as error:
        raise UsageError(f"latency option hmac_key: cannot read {name}: {error.strerror}") from error
    if not key:
        raise UsageError(f"latency option hmac_key: {name} is empty; put the reflector's key in it")
    return key
