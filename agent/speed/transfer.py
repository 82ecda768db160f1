"""One direction of an msak run: open the streams, load the line, count at the receiver, leave nothing behind.

Download is counted here as it arrives. Upload is what the peer says it has received, per stream; bytes written are
never counted, they read up to 5 % high.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from agent.errors import Failed
from agent.speed import msak, timeline
from agent.speed.estimate import Sample, at
from agent.speed.handshake import Upgrade
from agent.speed.limits import Limits, Progress, Stop, stop
from agent.speed.stream import BUFFER_BYTES, Endpoint, Stream, end_all, open_stream
from agent.speed.timeline import Reading

TICK_S: Final = 0.05
GRACE_S: Final = 0.3
MAX_MESSAGES: Final = 2000
_LIVE_S: Final = 1.0

Watch = Callable[[float, float], None]


@dataclass(frozen=True, slots=True)
class Transfer:
    """What one direction gave.

    `samples`: the receiver's count over all streams, from the first one's start until the first one's end;
    `received`: all bytes, later ones too. `rtts_us`: (moment, round trip) under load. `congestion`: the sender's.
    """

    stop: Stop
    samples: list[Sample]
    received: int
    streams: int
    rtts_us: list[tuple[float, int]]
    sent_bytes: int | None
    retransmitted_bytes: int | None
    idle_rtts_us: list[int]
    cipher: str | None
    congestion: str | None
    cpu_ratio: float


@dataclass(slots=True)
class _Heard:
    """What the peer said over one stream."""

    readings: list[Reading] = field(default_factory=list)
    rtts_us: list[tuple[float, int]] = field(default_factory=list)
    congestion: str | None = None
    kernel: msak.KernelFacts | None = None
    messages: int = 0

    def hear(self, sent: int, came_s: float, payload: bytes) -> None:
        """Keep what a text message says; one that is not a measurement is advice that we do not take."""
        said = msak.decode(payload)
        self.messages += 1
        if said is None or self.messages > MAX_MESSAGES:
            return
        self.congestion = self.congestion or said.congestion
        if said.kernel is not None:
            self.kernel = said.kernel
            if said.kernel.rtt is not None and said.kernel.rtt > 0:
                self.rtts_us.append((came_s, said.kernel.rtt))
        counted = said.application.bytes_received if said.application is not None else -1
        # A receiver cannot have more than was sent; one that says so is not counting our bytes.
        if said.elapsed_us is not None and said.elapsed_us > 0 and 0 <= counted <= sent:
            self.readings.append(Reading(came_s, said.elapsed_us / 1e6, counted))

    @property
    def counted(self) -> int:
        """The peer's latest count of bytes received."""
        return self.readings[-1].received if self.readings else 0


@dataclass(frozen=True, slots=True)
class _Line:
    stream: Stream
    heard: _Heard


async def download(endpoint: Endpoint, limits: Limits, *, mid: str, watch: Watch) -> Transfer:
    """Receive for `limits.seconds` and give what came. `watch` gets the seconds gone and the live rate in Mbit/s.

    Raises Failed if not every stream could be opened; a failure in mid-run is in `Transfer.stop`.
    """
    async with _open("download", endpoint, limits, mid) as lines:
        run = _Run(lines, limits, watch)
        ended = await run.until_stop(lambda: sum(line.stream.received for line in lines))
        facts = [line.heard.kernel for line in lines if line.heard.kernel is not None]
        return Transfer(
            stop=ended,
            samples=_until(run.samples, [line.stream.ended_s for line in lines]),
            received=int(run.samples[-1].received),
            streams=len(lines),
            rtts_us=[rtt for line in lines for rtt in line.heard.rtts_us],
            sent_bytes=_total(fact.bytes_sent for fact in facts),
            retransmitted_bytes=_total(fact.bytes_retrans for fact in facts),
            idle_rtts_us=_idle(lines),
            cipher=lines[0].stream.cipher,
            congestion=next((line.heard.congestion for line in lines if line.heard.congestion), None),
            cpu_ratio=run.cpu_ratio,
        )


async def upload(endpoint: Endpoint, limits: Limits, *, mid: str, watch: Watch) -> Transfer:
    """Send for `limits.seconds` and give what the peer received; otherwise like `download`."""
    async with _open("upload", endpoint, limits, mid) as lines:
        run = _Run(lines, limits, watch)
        rings: dict[int, list[bytes]] = {}
        for line in lines:
            line.stream.load(msak.Supply(rings, limits.share))
        ended = await run.until_stop(lambda: sum(line.heard.counted for line in lines))
        infos = [info for line in lines if (info := line.stream.kernel()) is not None]
        return Transfer(
            stop=ended,
            samples=timeline.joined([_before(limits.share, timeline.placed(line.heard.readings)) for line in lines]),
            received=int(run.samples[-1].received),
            streams=len(lines),
            rtts_us=run.rtts_us,
            sent_bytes=_total(info.bytes_sent for info in infos),
            retransmitted_bytes=_total(info.bytes_retrans for info in infos),
            idle_rtts_us=_idle(lines),
            cipher=lines[0].stream.cipher,
            congestion=lines[0].stream.congestion,
            cpu_ratio=run.cpu_ratio,
        )


@contextlib.asynccontextmanager
async def _open(direction: str, endpoint: Endpoint, limits: Limits, mid: str) -> AsyncIterator[list[_Line]]:
    """All streams of a direction, opened together and gone together."""
    buffer = memoryview(bytearray(BUFFER_BYTES))
    lines: list[_Line] = []

    async def open_line() -> None:
        heard = _Heard()
        target = msak.target(direction, limits, mid=mid)
        upgrade = Upgrade(endpoint.authority, target, subprotocol=msak.SUBPROTOCOL, agent=msak.USER_AGENT)
        stream = await open_stream(endpoint, lambda: Stream(upgrade, buffer, heard.hear), congestion=msak.CONGESTION)
        lines.append(_Line(stream, heard))

    try:
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(limits.streams):
                    group.create_task(open_line(), name=f"{direction} stream {number}")
        except BaseExceptionGroup as errors:
            refused = next((error for error in errors.exceptions if isinstance(error, Failed)), None)
            if refused is None:
                raise
            raise refused from errors
        yield lines
    finally:
        await end_all([line.stream for line in lines], grace_s=GRACE_S)


class _Run:
    """The watch over a loaded line: samples, our own text messages, and the rules that end it."""

    def __init__(self, lines: list[_Line], limits: Limits, watch: Watch) -> None:
        self.start_s = min(line.stream.opened_s or 0.0 for line in lines)
        self.samples = [Sample(self.start_s, 0)]
        self.rtts_us: list[tuple[float, int]] = []
        self.cpu_ratio = 0.0
        self._lines = lines
        self._limits = limits
        self._watch = watch
        self._rose_s = self.start_s

    async def until_stop(self, count: Callable[[], int]) -> Stop:
        """Sample the receiver's `count` every 50 ms until a rule ends the run."""
        loop = asyncio.get_running_loop()
        cpu_s, begun_s = time.process_time(), loop.time()
        spoken_s = begun_s
        while True:
            now = loop.time()
            self._sample(now, count())
            found = stop(self._progress(now), self._limits)
            if found is not None:
                self.cpu_ratio = (time.process_time() - cpu_s) / max(now - begun_s, TICK_S)
                return found
            if now - spoken_s >= msak.MESSAGE_PERIOD_S:
                spoken_s = now
                self._speak(now)
            tick = self.start_s + TICK_S * (int((now - self.start_s) / TICK_S) + 1)
            await asyncio.sleep(max(0.0, min(tick, self.start_s + self._limits.seconds) - now))

    def _sample(self, now: float, count: int) -> None:
        if count > self.samples[-1].received:
            self._rose_s = now
        self.samples.append(Sample(now, max(count, self.samples[-1].received)))

    def _progress(self, now: float) -> Progress:
        failures = [line.stream.failure for line in self._lines if line.stream.failure is not None]
        return Progress(
            elapsed_s=now - self.start_s,
            received=int(self.samples[-1].received),
            silent_s=now - self._rose_s,
            open=sum(line.stream.ended_s is None for line in self._lines),
            failure=failures[0] if failures else None,
        )

    def _speak(self, now: float) -> None:
        """Tell the watcher and the peer how far we are, and keep the round trips under load."""
        since = max(self.start_s, now - _LIVE_S)
        grown = self.samples[-1].received - at(self.samples, since)
        self._watch(now - self.start_s, grown * 8 / 1e6 / (now - since))
        for line in self._lines:
            info = line.stream.kernel()
            if info is None:
                continue
            if info.rtt_us is not None:
                self.rtts_us.append((now, info.rtt_us))
            elapsed_us = round((now - (line.stream.opened_s or now)) * 1e6)
            sent, received = line.stream.sent, line.stream.received
            line.stream.send_text(msak.measurement(sent=sent, received=received, info=info, elapsed_us=elapsed_us))


def _until(samples: list[Sample], ends: list[float | None]) -> list[Sample]:
    """The samples up to the first end of a stream: the window in which all of them ran."""
    end = min((moment for moment in ends if moment is not None), default=samples[-1].at_s)
    kept = [sample for sample in samples if sample.at_s < end]
    return [*kept, Sample(end, at(samples, end))]


def _before(share: int | None, samples: list[Sample]) -> list[Sample]:
    """A stream's samples before its share was used up: while it was still being loaded."""
    kept = [sample for sample in samples if share is None or sample.received < share]
    return kept if len(kept) > 1 else samples


def _total(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _idle(lines: list[_Line]) -> list[int]:
    return [line.stream.idle_rtt_us for line in lines if line.stream.idle_rtt_us is not None]
