"""Small packets sent at a steady pace to something that answers each: what came back, and when it really came.

The session paces what goes out and notes what comes in; a `Wire` says what the packets look like (STAMP, ICMP echo).
Memory is bounded by the number of packets planned. It knows nothing of probes: who runs it may watch every answer
(`heard`) and end it early (`stop`), for example when the load beside it has ended.
"""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from agent.errors import Failed
from agent.net import kernel_time
from agent.net.failures import failed
from agent.net.kernel_time import ReadClocks, Reading, Timeline, read_clocks
from agent.net.round_trips import FIRST_SEQ, Answer
from agent.wire.failure import Reason, Stage

_GRACE_S: Final = 0.1  # after the last answer, for duplicates
_BURST: Final = 64
_COPIES_MAX: Final = 10  # of each packet, on average: a reflector that floods must not fill the box's memory
_LARGEST: Final = 2048
_AT_ARRIVAL: Final = 0.9


@dataclass(frozen=True, slots=True)
class Pace:
    """How many packets, how far apart, and how long each may take to come back."""

    count: int
    interval_s: float
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Echo:
    """What an answer says: which packet it answers, the time that packet carried, and what the reflector adds.

    `count` is the reflector's own, None if it keeps none; `received_ns` and `returned_ns` (its T2 and T3) are None if
    the protocol has no such times; `synchronized`: its clock follows UTC.
    """

    seq: int
    sent_ns: int
    count: int | None = None
    received_ns: int | None = None
    returned_ns: int | None = None
    synchronized: bool = False


class Wire(Protocol):
    """What the packets of a protocol look like."""

    def question(self, seq: int, wall_ns: int) -> bytes:
        """Give the packet with this number and time."""

    def meant(self, payload: bytes) -> bool:
        """Whether it came for this session; False for what the kernel shows to every session of the device."""

    def answer(self, payload: bytes) -> Echo | None:
        """Read an answer; None if these bytes are none to a packet of ours."""


Watch = Callable[[float, float | None], None]
"""Told at each packet: the share that is sent (0 to 1), and the latest round trip in milliseconds."""


class Session:
    """One run on a connected, non-blocking datagram socket, which stays the caller's to close.

    `heard` is told each valid answer as it comes, duplicates included. `synchronized`: our own clock follows UTC.
    """

    def __init__(
        self,
        sock: socket.socket,
        pace: Pace,
        wire: Wire,
        *,
        synchronized: bool = False,
        clocks: ReadClocks = read_clocks,
        heard: Callable[[Answer], None] | None = None,
    ) -> None:
        self.sent = 0
        self.foreign = 0
        self._answers: list[Answer] = []
        self._sock = sock
        self._pace = pace
        self._wire = wire
        self._clocks = clocks
        self._heard = heard
        self._timeline = Timeline()
        self._synchronized = synchronized
        self._sent: dict[int, Reading] = {}
        self._open: set[int] = set()
        self._at_arrival = 0
        self._error: OSError | None = None
        self._over = asyncio.Event()
        self._stopped = asyncio.Event()
        kernel_time.enable(sock)

    @property
    def answers(self) -> list[Answer]:
        """What came back, in order of arrival; without one-way times if our clock was set in mid-run."""
        if not self._timeline.steps:
            return self._answers
        return [replace(answer, forward_ns=None, backward_ns=None) for answer in self._answers]

    @property
    def stamps(self) -> str:
        """Where the times of arrival come from: `kernel`, or `program` where most packets were stamped when read.

        A kernel in which nobody else wants stamps may begin with them too late, and then stamps a packet as it is read.
        """
        known = self._answers and self._at_arrival >= _AT_ARRIVAL * len(self._answers)
        return "kernel" if known else "program"

    def stop(self) -> None:
        """Send no more; `run` still waits for what is on the way."""
        self._stopped.set()

    async def run(self, watch: Watch | None = None) -> None:
        """Send all packets at their times, then wait for what is still open; ends at once when refused from the start.

        A tick at which the kernel's buffer is full sends nothing and is not made up for.
        """
        loop = asyncio.get_running_loop()
        loop.add_reader(self._sock, self._receive)
        try:
            due = loop.time()
            for number in range(self._pace.count):
                self._send(FIRST_SEQ + self.sent)
                if watch is not None:
                    watch((number + 1) / self._pace.count, self._latest_ms())
                due = max(due + self._pace.interval_s, loop.time())
                if number + 1 < self._pace.count and await self._happened(self._stopped, due - loop.time()):
                    break
            await self._drain()
        finally:
            loop.remove_reader(self._sock)

    def why_no_answer(self) -> Failed:
        """Name the failure of a run without a single answer."""
        if self.foreign:
            return Failed(
                Stage.HANDSHAKE, Reason.PROTOCOL, f"{self.foreign} datagrams came, none a valid answer to ours"
            )
        if self._error is not None:
            return failed(Stage.CONNECT, self._error)
        if not self.sent:
            return Failed(Stage.DEVICE, Reason.DROPPED, "the device's send buffer took no packet")
        return Failed(Stage.CONNECT, Reason.TIMEOUT, f"no answer to {self.sent} packets")

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._pace.timeout_s
        while self._open and (left := until - loop.time()) > 0:
            if await self._happened(self._over, min(left, _GRACE_S)):
                return
        await self._happened(self._over, min(_GRACE_S, max(0.0, until - loop.time())))

    async def _happened(self, event: asyncio.Event, within_s: float) -> bool:
        """Wait; True as soon as going on is pointless."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), max(0.0, within_s))
        return event.is_set()

    def _send(self, seq: int) -> None:
        now = self._clocks()
        self._timeline.note(now)
        try:
            self._sock.send(self._wire.question(seq, now.wall_ns))
        except BlockingIOError:
            return
        except OSError as error:
            self._stumble(error)
        self.sent += 1
        self._sent[seq] = now
        self._open.add(seq)

    def _receive(self) -> None:
        for _ in range(_BURST):
            begin = self._clocks()
            try:
                payload, ancillary, _, _ = self._sock.recvmsg(_LARGEST, kernel_time.CONTROL_SIZE)
            except BlockingIOError:
                return
            except OSError as error:
                self._stumble(error)
                return
            self._take(payload, kernel_time.stamp_of(ancillary), begin)

    def _take(self, payload: bytes, stamp_ns: int | None, begin: Reading) -> None:
        now = self._clocks()
        if not self._wire.meant(payload):
            return
        echo = self._wire.answer(payload)
        out = None if echo is None else self._sent.get(echo.seq)
        if echo is None or out is None or echo.sent_ns != out.wall_ns:
            self.foreign += 1  # garbage, an answer to somebody else, or made up
            return
        if echo.seq not in self._open and len(self._answers) >= self._pace.count * _COPIES_MAX:
            return
        came_ns = self._timeline.arrival_ns(now, stamp_ns, after_ns=out.monotonic_ns)
        self._at_arrival += stamp_ns is not None and stamp_ns < begin.wall_ns
        self._open.discard(echo.seq)
        answer = self._timed(echo, out, came_ns)
        self._answers.append(answer)
        if self._heard is not None:
            self._heard(answer)

    def _timed(self, echo: Echo, out: Reading, came_ns: int) -> Answer:
        whole_ns = came_ns - out.monotonic_ns
        if echo.received_ns is None or echo.returned_ns is None:
            return Answer(echo.seq, echo.count, whole_ns, at_ns=out.monotonic_ns)
        turnaround_ns = echo.returned_ns - echo.received_ns
        if not 0 <= turnaround_ns <= whole_ns:
            turnaround_ns = 0  # the reflector's clock was set in between: its times say nothing
        return Answer(
            echo.seq,
            echo.count,
            whole_ns - turnaround_ns,
            forward_ns=echo.received_ns - out.wall_ns,
            backward_ns=out.wall_ns + whole_ns - echo.returned_ns,
            synchronized=self._synchronized and echo.synchronized,
            at_ns=out.monotonic_ns,
        )

    def _stumble(self, error: OSError) -> None:
        """Note an ICMP error or a lost route: before the first answer it is the outcome, later it is loss.

        That a packet was too large for the path is neither: the kernel sends the next ones in parts.
        """
        if not self._answers and error.errno != errno.EMSGSIZE:
            self._error = error
            self._over.set()
            self._stopped.set()

    def _latest_ms(self) -> float | None:
        return self._answers[-1].rtt_ns / 1_000_000 if self._answers else None
