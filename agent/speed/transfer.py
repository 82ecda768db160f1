"""One direction over WebSocket streams, whatever they speak: open, load the line, count, leave nothing behind.

Both directions are counted by the kernel at this end, as segments that have crossed (see `arrivals`): on a download
those that came, on an upload those that the far kernel has acknowledged. Bytes written are never counted, they read up
to 5 % high. What the peer says it has received is the check: a box on the way that acknowledges for the peer shows in
it, and then the peer's own count is the result.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from agent.errors import Failed
from agent.net.tcp_info import TcpInfo
from agent.speed import timeline
from agent.speed.arrivals import Arrivals, Count
from agent.speed.dialect import USER_AGENT, Dialect, KernelFacts, Supply, Told
from agent.speed.engine import Held, Leg, Transfer
from agent.speed.estimate import Sample, at
from agent.speed.handshake import Upgrade
from agent.speed.heard import Heard
from agent.speed.known import median, share, total
from agent.speed.opening import all_open
from agent.speed.run import Ended, until_stop
from agent.speed.stream import BUFFER_BYTES, Endpoint, Patience, Stream, end_all, open_stream
from agent.wire.failure import Failure

GRACE_S: Final = 0.3
# A peer speaks of every stream each 100 to 400 ms.
HEARD_S: Final = 0.5
GRACE_ROUND_TRIPS: Final = 2
# Counters read while another process had the processor belong to no moment: 2 ms are 0.2 % of a second's window.
TORN_S: Final = 0.002
# On a box that is never faster, they are better than none.
UNREAD_S: Final = 0.1
# What the peer may lack of what was acknowledged. One that counts in its program counts whole messages, and not yet
# what waits in its kernel; a kernel's own count is exact, but for the moment in which it was taken.
UNCOUNTED_SHARE: Final = 0.03
UNCOUNTED_BYTES: Final = {"kernel": 2**16, "program": 2**20}
# A stream that the peer ends in the first half of a run does not take the rest with it.
_COUNTS_UNTIL: Final = 0.5


@dataclass(frozen=True, slots=True)
class Line:
    """One stream, what was heard over it, and the kernel's counters when the load began."""

    stream: Stream
    heard: Heard
    base: Count

    def info(self) -> TcpInfo | None:
        """The kernel's account now."""
        return self.stream.kernel()


class Lines:
    """All streams of a direction: opened together, joined by more if asked, gone together. A `Meter`."""

    def __init__(
        self,
        leg: Leg,
        dialect: Dialect,
        patience: Patience,
        *,
        stream: type[Stream] = Stream,
        torn_s: float = TORN_S,
    ) -> None:
        self.lines: list[Line] = []
        self.start_s = 0.0
        self.rtts_us: list[tuple[float, int]] = []
        self.arrivals = Arrivals(0.0)
        self._leg = leg
        self._dialect = dialect
        self._stream = stream
        self._torn_s = torn_s
        self._endpoint = Endpoint(leg.address, leg.target.port, leg.target.host, leg.tls, patience)
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self._rings: dict[int, list[bytes]] = {}
        self._joining: asyncio.TaskGroup | None = None
        self._joiners: list[asyncio.Task[None]] = []
        self._word = asyncio.Event()
        self._last: dict[int, Count] = {}
        self._app_limited = 0
        self._readings = 0

    async def open(self) -> None:
        """Open the first streams. Raises Failed if not every one could be opened within the time for it."""
        numbers = range(self._leg.limits.streams)
        openings = {f"{self._leg.way} stream {number}": self._open_one() for number in numbers}
        await all_open(openings, meanwhile=self._look, timeout_s=self._leg.limits.opening_s)

    def _look(self) -> None:
        """A download runs from its first stream on."""
        if self._leg.way == "download" and self.lines:
            self.sample(asyncio.get_running_loop().time())

    async def _open_one(self) -> Line:
        heard = Heard(self._dialect)
        target = self._leg.target.paths.get(self._leg.way) or self._dialect.target(self._leg)
        upgrade = Upgrade(self._endpoint.authority, target, subprotocol=self._dialect.subprotocol, agent=USER_AGENT)

        def hear(sent: int, came_s: float, payload: bytes) -> None:
            heard.hear(sent, came_s, payload)
            self._word.set()

        stream = await open_stream(
            self._endpoint, lambda: self._stream(upgrade, self._buffer, hear), congestion=self._leg.congestion
        )
        base = _base(stream, self._leg.way)
        heard.opened_s = stream.opened_s
        if self._leg.way == "upload":
            heard.before = max(0, base.in_order - _SYN)
        if not self.lines:
            self._begin(stream.opened_s or asyncio.get_running_loop().time())
        line = Line(stream, heard, base)
        self.lines.append(line)
        return line

    def _begin(self, start_s: float) -> None:
        self.start_s, self.arrivals = start_s, Arrivals(start_s)

    def load(self) -> None:
        """Begin to send, on an upload: its time begins now, a download's began when the first stream was open."""
        if self._leg.way == "upload":
            self._begin(asyncio.get_running_loop().time())
        for line in self.lines:
            self._feed(line)

    def _feed(self, line: Line) -> None:
        if self._leg.way == "upload":
            line.stream.load(Supply(self._dialect, self._rings, self._leg.limits.share))

    async def measure(self) -> Ended:
        """Watch over the loaded line until a rule ends the run."""
        async with asyncio.TaskGroup() as joining:
            self._joining = joining
            try:
                ended = await until_stop(self, self._leg.limits, self._leg.watch)
                if ended.stop.word == "converged" and self._is_overstated():
                    # What has settled is the rate into somebody's buffer: only time brings out the line behind it.
                    full = replace(self._leg.limits, early=False, may_grow=False)
                    ended = replace(await until_stop(self, full, self._leg.watch), early=None)
                return ended
            finally:
                for task in self._joiners:
                    task.cancel()

    async def be_heard(self) -> None:
        """Wait a moment for the peer's first word on an upload that was over before it came."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HEARD_S):
                while self._leg.way == "upload" and not self._is_counted() and self.open_streams():
                    self._word.clear()
                    await self._word.wait()

    # --- the Meter

    def sample(self, now: float) -> Sequence[Sample]:
        """Read all streams; see `Meter`. One that was interrupted has no moment: left out while it can be."""
        clock = asyncio.get_running_loop().time
        begun = clock()
        infos = [line.info() for line in self.lines]
        ended = clock()
        if ended - begun > self._torn_s and ended - self.arrivals.samples[-1].at_s < UNREAD_S:
            return self.arrivals.samples
        counts = [self._count(place, info) for place, info in enumerate(infos)]
        known = [info for info in infos if info is not None]
        upload = self._leg.way == "upload"
        rtts = [info.rtt_us for info in known] if upload else self._downstream_rtts(known)
        again = [info.bytes_retrans for info in known] if upload else self._said_again()
        self._readings += len(known)
        self._app_limited += sum(bool(info.app_limited) for info in known)
        self.arrivals.add(max(now, (begun + ended) / 2), counts, rtt_us=median(rtts), retransmitted=total(again))
        return self.arrivals.samples

    def _count(self, place: int, info: TcpInfo | None) -> Count:
        line = self.lines[place]
        if info is None or info.bytes_received is None or info.bytes_acked is None:
            return self._last.get(place, Count(0))
        upload = self._leg.way == "upload"
        in_order = info.bytes_acked if upload else info.bytes_received
        segments = info.delivered if upload else info.data_segs_in
        count = Count(
            max(0, in_order - line.base.in_order),
            None if segments is None or line.base.segments is None else (segments - line.base.segments) % 2**32,
            info.snd_mss if upload else info.rcv_mss,
            info.bytes_retrans if upload else info.rcv_ooo_packets,
            _unique(info, line.base.most or 0) if upload else None,
        )
        self._last[place] = count
        return count

    def _downstream_rtts(self, known: list[TcpInfo]) -> list[int | None]:
        """The receiver's own measure, which is fresh; else what the peer said last, up to 400 ms ago."""
        own = [info.rcv_rtt_us for info in known if info.rcv_rtt_us]
        return [*own] or [line.heard.rtts_us[-1][1] for line in self.lines if line.heard.rtts_us]

    def _said_again(self) -> list[int | None]:
        return [line.heard.kernel.bytes_retrans for line in self.lines if line.heard.kernel is not None]

    def open_streams(self) -> int:
        """Streams that still run."""
        return sum(line.stream.ended_s is None for line in self.lines)

    def failure(self) -> Failure | None:
        """Why the first stream ended that ended badly."""
        return next((line.stream.failure for line in self.lines if line.stream.failure is not None), None)

    def idle_rtt_us(self) -> float | None:
        """The round trip before the load: the median of what the streams met when they opened."""
        return median(self.idle_rtts_us())

    def sender_congestion(self) -> str | None:
        """Ours on an upload, what the peer says on a download."""
        if self._leg.way == "upload":
            return self.lines[0].stream.congestion
        return next((line.heard.congestion for line in self.lines if line.heard.congestion), None)

    def idle_rtts_us(self) -> list[int]:
        """One round trip per stream, from before the load."""
        return [line.stream.idle_rtt_us for line in self.lines if line.stream.idle_rtt_us is not None]

    def tell(self, now: float) -> None:
        """Tell the peer how far we are, and keep the round trips under load."""
        for line in self.lines:
            info = line.info()
            if info is None:
                continue
            rtt_us = info.rtt_us if self._leg.way == "upload" else info.rcv_rtt_us or info.rtt_us
            if rtt_us is not None:
                self.rtts_us.append((now, rtt_us))
            stream = line.stream
            elapsed_us = round((now - (stream.opened_s or now)) * 1e6)
            stream.send_text(self._dialect.tell(Told(self._leg.way, stream.sent, stream.received, info, elapsed_us)))

    def grow(self, streams: int) -> bool:
        """Open more streams beside those that run."""
        if self._joining is None:
            return False
        for _ in range(streams):
            name = f"{self._leg.way} stream {len(self.lines) + len(self._joiners)}"
            self._joiners.append(self._joining.create_task(self._join(), name=name))
        return True

    async def _join(self) -> None:
        with contextlib.suppress(Failed):  # the run goes on with those it has
            self._feed(await self._open_one())

    # --- the account

    def held(self) -> Held:
        """What held the sender back."""
        if self._leg.way == "upload":
            facts = [(info.rwnd_limited_us, info.sndbuf_limited_us, info.busy_time_us) for info in self._infos()]
            app = self._app_limited / self._readings if self._readings else None
        else:
            said = [line.heard.kernel for line in self.lines if line.heard.kernel is not None]
            facts = [(fact.rwnd_limited_us, fact.sndbuf_limited_us, fact.busy_us) for fact in said]
            texts = sum(len(line.heard.rtts_us) for line in self.lines)
            app = sum(line.heard.app_limited for line in self.lines) / texts if texts else None
        return Held(_share(facts, 0), _share(facts, 1), app)

    def _infos(self) -> list[TcpInfo]:
        return [info for line in self.lines if (info := line.info()) is not None]

    def account(self, ended: Ended) -> Transfer:
        """Put together what the direction gave."""
        upload = self._leg.way == "upload"
        heard = [line.heard for line in self.lines]
        infos = self._infos()
        said = [one.kernel for one in heard if one.kernel is not None]
        facts: list[TcpInfo] | list[KernelFacts] = infos if upload else said
        theirs = next((one.congestion for one in heard if one.congestion), None)
        samples, received = self._uploaded(ended) if upload else self._downloaded(ended)
        return Transfer(
            stop=ended.stop,
            samples=samples,
            received=received,
            streams=len(self.lines),
            saturation=ended.saturation,
            early=ended.early,
            steady_since_s=ended.steady_since_s,
            queue=ended.queue,
            idle_rtts_us=self.idle_rtts_us(),
            rtts_us=([] if upload else [rtt for one in heard for rtt in one.rtts_us]) or self.rtts_us,
            sent_bytes=total(fact.bytes_sent for fact in facts),
            retransmitted_bytes=total(fact.bytes_retrans for fact in facts),
            held=self.held(),
            cipher=self.lines[0].stream.cipher,
            tls=self.lines[0].stream.tls_version,
            congestion=self.lines[0].stream.congestion if upload else theirs,
            pmtu_bytes=min((info.pmtu for info in infos if info.pmtu), default=None),
            peer_load=next((one.load for one in reversed(heard) if one.load is not None), None),
            reference_only=upload and not self._is_counted(),
        )

    def _downloaded(self, ended: Ended) -> tuple[Sequence[Sample], int]:
        """The samples of the window in which all streams ran, if that is most of the run; and all payload that came."""
        received = sum(line.stream.received for line in self.lines)
        ends = [line.stream.ended_s for line in self.lines if line.stream.ended_s is not None]
        last = ended.samples[-1].at_s
        end = min(ends, default=last)
        if end - self.start_s < _COUNTS_UNTIL * (last - self.start_s):
            return ended.samples, received
        kept = [sample for sample in ended.samples if sample.at_s < end]
        return [*kept, Sample(end, at(ended.samples, end))], received

    def _uploaded(self, ended: Ended) -> tuple[Sequence[Sample], int]:
        """Our kernel's count where the peer's agrees with it, else the peer's; nothing if a stream was never heard of.

        A byte budget stops the writing of a stream before the run is over: its time ends where its share was through.
        """
        if not self._is_counted() and (self._dialect.receiver_must_count or any(one.refused for one in self._first())):
            return [], 0
        if self._is_overstated():
            heard = [line.heard.readings for line in self.lines if line.heard.readings]
            return timeline.joined([timeline.placed(one) for one in heard]), sum(one[-1].received for one in heard)
        limits = self._leg.limits
        if limits.share is None:
            return ended.samples, int(ended.samples[-1].received)
        most = limits.share * limits.streams * _NEARLY_ALL
        kept = [sample for sample in ended.samples if sample.received < most]
        return (kept if len(kept) > 1 else ended.samples), int(ended.samples[-1].received)

    def _first(self) -> list[Heard]:
        """What was heard over the streams of the start: one that joined may end before it is heard of."""
        return [line.heard for line in self.lines[: self._leg.limits.streams]]

    def _is_counted(self) -> bool:
        return all(one.readings for one in self._first())

    def _is_overstated(self) -> bool:
        """Whether far less has come to the peer of an upload than was acknowledged to us."""
        if self._leg.way == "download" or not self._is_counted():
            return False
        theirs = timeline.joined([timeline.placed(one.readings) for one in self._first()])
        ours = self.arrivals.in_order(self._leg.limits.streams)
        by = "kernel" if all(one.by_kernel for one in self._first()) else "program"
        most = max(UNCOUNTED_BYTES[by], UNCOUNTED_SHARE * ours[-1].received)
        return timeline.lacking(ours, theirs) > most


# The first octet of a connection that is acknowledged and not received.
_SYN: Final = 1
# Above this share of the budget single streams have used up theirs, and the rate falls off.
_NEARLY_ALL: Final = 0.9


async def transfer(leg: Leg, dialect: Dialect, *, patience: Patience | None = None) -> Transfer:
    """Load the line for at most `leg.limits.seconds` after opening, and give what came through.

    Raises Failed if not every stream could be opened; a failure in mid-run is in `Transfer.stop`.
    """
    lines = Lines(leg, dialect, patience or Patience())
    grace_s = GRACE_S
    try:
        await lines.open()
        lines.load()
        ended = await lines.measure()
        if ended.stop.word in {"budget", "converged"}:
            await lines.be_heard()
        grace_s = min(GRACE_S, GRACE_ROUND_TRIPS * (lines.idle_rtt_us() or 1e6) / 1e6)
        return lines.account(ended)
    finally:
        await end_all([line.stream for line in lines.lines], grace_s=grace_s)


def _base(stream: Stream, way: str) -> Count:
    """The counters of the handshakes alone: load may have come with the answer to the request, or right behind it."""
    info = stream.kernel() if way == "upload" else stream.secured
    if info is None:
        return Count(0)
    if way == "upload":
        return Count(info.bytes_acked or 0, info.delivered, most=_unique(info, 0))
    answered = None if info.data_segs_in is None else info.data_segs_in + 1
    return Count((info.bytes_received or 0) + stream.head_bytes, answered)


def _unique(info: TcpInfo, before: int) -> int | None:
    """Payload that was sent once at least, without the bytes of `before`; None if the kernel does not tell."""
    if info.bytes_sent is None or info.bytes_retrans is None:
        return None
    return info.bytes_sent - info.bytes_retrans - before


def _share(facts: list[tuple[int | None, int | None, int | None]], place: int) -> float | None:
    """The share of the senders' busy time that went into one kind of waiting."""
    busy = total(fact[2] for fact in facts)
    waited = total(fact[place] for fact in facts)
    return share(waited, busy)
