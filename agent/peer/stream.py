"""One WebSocket after its handshake: frames in and out, what has moved, and why it ended."""

import asyncio
import random
import secrets
import time
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from agent.net import tcp_info
from agent.peer import kernel, measurement
from agent.peer.connection import Connection
from agent.peer.limits import Limits
from agent.peer.pace import Pace
from agent.peer.plan import Plan
from agent.peer.workload import Workload
from agent.speed.frames import FrameSkimmer, Message, Opcode, ProtocolError, close, frame
from agent.speed.unsent import Unsent

_MEAN_S = 0.25
_LEAST_S = 0.1
_MOST_S = 0.4
_BROKEN = 1002
_UNSUPPORTED = 1003
_MOST_WAITING = 16


class Outcome(StrEnum):
    """Why a stream ended."""

    DONE = "done"
    LIMIT = "limit"
    CLOSED = "closed"
    LOST = "lost"
    IDLE = "idle"
    PROTOCOL = "protocol"
    OVERTIME = "overtime"
    STOPPED = "stopped"


class EndedError(Exception):
    """The stream is over; `Stream.outcome` says why."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a stream gets from the peer around it, and when it began."""

    limits: Limits
    pace: Pace | None
    workload: Workload
    at: datetime


class Stream:
    """The state that both directions share. Payload counts are WebSocket payload, binary and text."""

    def __init__(self, connection: Connection, plan: Plan, terms: Terms) -> None:
        self.connection = connection
        self.plan = plan
        self.limits = terms.limits
        self.pace = terms.pace
        self._workload = terms.workload
        self.started = time.monotonic()
        self.ends_at = self.started + plan.duration_s
        self.outcome: Outcome | None = None
        self.over = asyncio.Event()
        self.client_closed = asyncio.Event()
        self.binary_sent = 0
        self.wire_bytes = 0
        self._text_sent = 0
        self._text_received = 0
        self._skimmer = FrameSkimmer(masked=True)
        self._moved = (-1, self.started)
        self._mid_message = False
        self._written = 0
        self._unsent = Unsent(connection.sock, self.started)
        self._waiting: list[bytes] = []
        self._close_sent = False
        self._first = True
        self._next_sample = self.started + _interval()
        self._endpoints = measurement.Endpoints(
            local=_address(connection.transport.get_extra_info("sockname")),
            remote=_address(connection.transport.get_extra_info("peername")),
            uuid=secrets.token_hex(16),
            started=terms.at.isoformat(),
            congestion=tcp_info.congestion(connection.sock),
        )

    @property
    def uuid(self) -> str:
        """The stream's own id, as the client is told it."""
        return self._endpoints.uuid

    @property
    def received(self) -> int:
        """Payload bytes that have arrived."""
        return self._skimmer.received + self._text_received

    @property
    def payload(self) -> int:
        """Payload bytes of the test's own direction."""
        return self.binary_sent if self.plan.direction == "download" else self._skimmer.received

    def begin(self, rest: bytes) -> None:
        """Take what came with the request, then everything after it."""
        if self.pace is not None:
            self.connection.read_at_most(self.pace.chunk)
        self.connection.read_into(self._take, on_lost=self._lose)
        if rest:
            self._take(memoryview(rest))

    def end(self, outcome: Outcome) -> None:
        """Give the reason for the end; the first one stands."""
        if self.outcome is None:
            self.outcome = outcome
        self.over.set()

    def check(self) -> None:
        """Raise EndedError if the stream is over."""
        if self.over.is_set():
            raise EndedError

    async def over_within(self, timeout_s: float) -> bool:
        """Wait until the stream is over; False after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self.over.wait()
        except TimeoutError:
            return False
        return True

    def sample_due(self, now: float) -> bool:
        """Whether the time of the next measurement message has come."""
        return now >= self._next_sample

    def until_sample(self, now: float) -> float:
        """Seconds until the next measurement message or the end of the test, whichever is first."""
        return max(0.0, min(self._next_sample, self.ends_at) - now)

    def sample(self, *, last: bool = False) -> kernel.Snapshot | None:
        """Send one measurement message, and after ndt7's a ping but for the last; returns the kernel's figures in it.

        It is left out while a client that does not read has a full buffer: a measurement that comes late is of no use,
        but for the last, which sums up.
        """
        now = time.monotonic()
        self._next_sample = now + _interval()
        snapshot = kernel.read(self.connection.sock)
        if (self.connection.full and not last) or self.connection.lost.is_set():
            return snapshot
        elapsed_us = int((now - self.started) * 1e6)
        connected_us = int((now - self.connection.accepted_at) * 1e6)
        sent = self.binary_sent + self._text_sent
        busy = self._workload.facts(now)
        facts = measurement.Sample(self.payload, sent, self.received, elapsed_us, connected_us, snapshot, busy)
        if self.plan.protocol == "msak":
            text = measurement.throughput1(facts, self._endpoints if self._first else None)
        else:
            text = measurement.ndt7(facts, self._endpoints, self.plan.direction)
        self._first = False
        self._text_sent += len(text)
        self._send(frame(Opcode.TEXT, text, masked=False))
        if self.plan.protocol == "ndt7" and not last:
            self._send(frame(Opcode.PING, str(elapsed_us * 1000).encode(), masked=False))
        return snapshot

    def idle(self, progress: int, now: float) -> bool:
        """Whether `progress` (any count that rises while the peer is alive) has stood still for the idle limit."""
        if progress != self._moved[0]:
            self._moved = (progress, now)
        return now - self._moved[1] >= self.limits.idle_s

    @property
    def torn(self) -> bool:
        """Whether a message was begun and given up: nothing that follows it could be read as a frame."""
        return self._mid_message

    def send_slice(self, part: memoryview, now: float) -> None:
        """Send a part of a binary message: small frames wait for its end."""
        self._mid_message = True
        self.connection.transport.write(part)
        self._written += len(part)
        self._unsent.fit(self._written, now)

    def end_message(self, size: int) -> None:
        """The message of `size` payload bytes is out: send what has waited for it."""
        self._mid_message = False
        self.binary_sent += size
        waiting, self._waiting = self._waiting, []
        for data in waiting:
            self._send(data)

    def finish(self) -> None:
        """Send the last measurement and Close."""
        if not self._close_sent:
            self.sample(last=True)
        self.send_close(1000, "Done sending")

    def send_close(self, code: int, reason: str) -> None:
        """Send a Close frame, once."""
        if not self._close_sent:
            self._close_sent = True
            self._send(close(code, reason, masked=False))

    def _send(self, data: bytes) -> None:
        """Write a small frame, after the message in progress."""
        if self._mid_message:
            self._waiting.append(data)
        elif not self.connection.lost.is_set():
            self.connection.transport.write(data)

    def _lose(self) -> None:
        """The connection is gone."""
        self.client_closed.set()
        self.end(Outcome.LOST)

    def _take(self, data: memoryview) -> None:
        """Count what arrived, act on the small frames in it, and rest if the pace says so."""
        self.wire_bytes += len(data)
        try:
            messages = self._skimmer.feed(data)
        except ProtocolError as error:
            self._refuse(_BROKEN, str(error))
            return
        for message in messages:
            self._on_message(message)
        if self.plan.direction == "download":
            if self._skimmer.received:
                self._refuse(_UNSUPPORTED, "a download takes no binary messages")
            return
        if self.wire_bytes >= (self.plan.byte_limit or self.limits.stream_bytes):
            self.end(Outcome.LIMIT)
        self._rest(len(data))

    def _rest(self, size: int) -> None:
        """Pause reading for as long as the pace wants."""
        if self.pace is None:
            return
        loop = asyncio.get_running_loop()
        delay = self.pace.book(size, time.monotonic())
        if delay > 0:
            self.connection.pause_reading()
            loop.call_later(delay, self.connection.resume_reading)

    def _on_message(self, message: Message) -> None:
        """Answer pings, count texts, honour a Close."""
        match message.opcode:
            case Opcode.PING if self._can_answer():
                self._send(frame(Opcode.PONG, message.payload, masked=False))
            case Opcode.TEXT:
                self._text_received += len(message.payload)
            case Opcode.CLOSE:
                self._obey()
            case _:
                pass

    def _obey(self) -> None:
        """The client wants no more: answer if that can go out at once, and throw away what waits if it cannot.

        Data that nobody wants is not free on a slow or metered line, and a Close cannot stand within a message.
        """
        self.client_closed.set()
        self.end(Outcome.CLOSED)
        if self.torn or self.connection.backlog():
            self.connection.cut()
        else:
            self.finish()

    def _can_answer(self) -> bool:
        """Whether a pong may go out: a client that floods pings and reads nothing must not fill our memory."""
        return not self.connection.full and not self._close_sent and len(self._waiting) < _MOST_WAITING

    def _refuse(self, code: int, reason: str) -> None:
        """The client broke the protocol: say so once, and listen no more."""
        self.send_close(code, reason)
        self.end(Outcome.PROTOCOL)
        self.connection.ignore()


def _interval() -> float:
    """Draw the time to the next measurement: exponential around 250 ms, clamped to 100..400 ms."""
    return min(max(random.expovariate(1 / _MEAN_S), _LEAST_S), _MOST_S)


def _address(name: tuple[object, ...] | None) -> str:
    """Write a socket's name as `ip:port`, IPv6 in brackets; empty if the client was gone before it could be asked."""
    if name is None:
        return ""
    host, port = str(name[0]), name[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
