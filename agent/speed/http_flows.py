"""One direction over parallel HTTP flows: requests one after another on each, counted in the kernel, a `Meter`.

A flow outlives its connections: servers that close after an answer are asked again. Downloads count what the kernel
has received less heads and framing; uploads what the other kernel has acknowledged less heads. Bytes written are never
counted, they read up to 5 % high.
"""

import asyncio
import os
import secrets
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

from agent.errors import Failed
from agent.net.tcp_info import TcpInfo
from agent.speed.arrivals import Arrivals, Count
from agent.speed.engine import Held, Leg, Transfer
from agent.speed.estimate import Sample
from agent.speed.http_load import BLOCK_BYTES, Connection, Server, Space, end_all, open_connection
from agent.speed.http_message import Ask, Exchange, refusal
from agent.speed.known import median, share, total
from agent.speed.limits import Stop
from agent.speed.opening import all_open
from agent.speed.run import Ended, until_stop
from agent.wire.failure import Failure, Reason, Stage

CONGESTION: Final = "bbr"
CHUNK_BYTES: Final = 2**20
FIRST_CHUNKS: Final = 100
MOST_CHUNKS: Final = 1024
UPLOAD_BYTES: Final = 20 * 2**20
# What a server takes whose owner left the usual limit on bodies alone.
SMALL_UPLOAD_BYTES: Final = 2**20
MAX_CONNECTIONS: Final = 100
_GROWTH: Final = 4
_BLOCKS: Final = 4
_TOO_LARGE: Final = 413
# Above this share of a budget single flows have used up theirs, and the rate falls off.
_NEARLY_ALL: Final = 0.9


class Flow:
    """One stream of load: its turns, its share of the budget, and the connections it has had (`Turns`)."""

    def __init__(self, leg: Leg, upload_bytes: int = UPLOAD_BYTES) -> None:
        self.connections: list[Connection] = []
        self.failure: Failure | None = None
        self.is_over = False
        self._way = leg.way
        self._path = leg.target.paths[leg.way]
        self._share = leg.limits.share
        self._asked = 0
        self._chunks = FIRST_CHUNKS
        self._body = upload_bytes

    @property
    def received(self) -> int:
        """Payload that came, of all connections."""
        return sum(connection.payload for connection in self.connections)

    def next(self, before: Exchange | None) -> Ask | None:
        """The next request; see `Turns`."""
        return self._download(before) if self._way == "download" else self._upload(before)

    def _download(self, before: Exchange | None) -> Ask | None:
        if before is not None:
            came = 0 if before.body is None else before.body.received
            if came < CHUNK_BYTES:
                raise Failed(Stage.PEER, Reason.PROTOCOL, f"{came} bytes instead of {self._chunks} MiB")
            self._chunks = min(MOST_CHUNKS, self._chunks * _GROWTH)
        if self._share is not None:
            self._chunks = min(self._chunks, -(-(self._share - self.received) // CHUNK_BYTES))
        query = urlencode({"ckSize": self._chunks, "r": secrets.token_hex(8)})
        return Ask(f"{self._path}{'&' if '?' in self._path else '?'}{query}")

    def _upload(self, before: Exchange | None) -> Ask | None:
        if before is None:
            self._asked = sum(connection.delivered for connection in self.connections)
        elif before.is_page and before.body is not None and before.body.received:
            raise Failed(Stage.HANDSHAKE, Reason.CAPTIVE_PORTAL, "a page instead of an empty answer")
        size = self._body if self._share is None else min(self._body, self._share - self._asked)
        self._asked += size
        query = urlencode({"r": secrets.token_hex(8)})
        return Ask(f"{self._path}{'&' if '?' in self._path else '?'}{query}", size) if size > 0 else None

    def admit(self, exchange: Exchange) -> None:
        """Refuse what is not load; see `Turns`. A body that is too large is tried once more, smaller."""
        # PHP calls its empty answer HTML, and may not say beforehand that it is empty.
        unknown = exchange.body is not None and exchange.body.length is None
        refused = refusal(exchange, page_allowed=self._way == "upload" and unknown)
        if refused is not None:
            raise refused

    def counted(self) -> bool:
        """Whether the share of the budget is not used up; see `Turns`."""
        return self._share is None or self.received < self._share

    def may_shrink(self, connection: Connection) -> bool:
        """Whether an upload was refused as too large and may be tried with small bodies; then it will be."""
        if connection.status != _TOO_LARGE or self._body == SMALL_UPLOAD_BYTES:
            return False
        self._body = SMALL_UPLOAD_BYTES
        return True

    def done(self, connection: Connection) -> bool:
        """Take the end of a connection; whether it is the flow's end too."""
        again = connection.reusable or self.may_shrink(connection)
        if again and len(self.connections) < MAX_CONNECTIONS:
            return False
        self.is_over = True
        if again:
            self.failure = Failure(Stage.PEER, Reason.CLOSED, f"the server closed {MAX_CONNECTIONS} connections")
        elif connection.refused is not None:
            self.failure = connection.refused.failure
        return True


class Flows:
    """All flows of a direction: opened together, joined by more if asked, reset together. A `Meter`."""

    def __init__(
        self,
        leg: Leg,
        server: Server,
        *,
        upload_bytes: int = UPLOAD_BYTES,
        connection: type[Connection] = Connection,
    ) -> None:
        self.flows: list[Flow] = []
        self.start_s = 0.0
        self.rtts_us: list[tuple[float, int]] = []
        self.arrivals = Arrivals(0.0)
        self._leg = leg
        self._server = server
        self._upload_bytes = upload_bytes
        self._connection = connection
        upload = leg.way == "upload"
        self._space = Space(blocks=[os.urandom(BLOCK_BYTES) for _ in range(_BLOCKS)] if upload else ())
        self._all: list[Connection] = []
        self._last: list[Count] = []
        self._idle_us: list[int] = []
        self._group: asyncio.TaskGroup | None = None
        self._tasks: list[asyncio.Task[None]] = []

    # --- the run

    async def run(self) -> Transfer:
        """Open, load, watch, reset. Raises Failed if not every flow could be opened."""
        try:
            await self._open()
            async with asyncio.TaskGroup() as group:
                self._group = group
                for flow in list(self.flows):
                    self._keep(flow)
                try:
                    ended = await until_stop(self, self._leg.limits, self._leg.watch)
                finally:
                    for task in self._tasks:
                        task.cancel()
            return self._account(ended)
        finally:
            await end_all(self._all)

    async def _open(self) -> None:
        upload = self._leg.way == "upload"
        numbers = range(self._leg.limits.streams)
        openings = {f"{self._leg.way} flow {number}": self._open_flow() for number in numbers}
        await all_open(openings, meanwhile=self._look, timeout_s=self._leg.limits.opening_s)
        if upload:
            self._begin()
            for connection in self._all:
                connection.begin()

    def _begin(self) -> None:
        self.start_s = asyncio.get_running_loop().time()
        self.arrivals = Arrivals(self.start_s)

    def _look(self) -> None:
        """A download runs from its first flow on."""
        if self._leg.way == "download" and self.flows:
            self.sample(asyncio.get_running_loop().time())

    async def _open_flow(self) -> Flow:
        """Connect a new flow; a download is open when its first answer begins."""
        flow = Flow(self._leg, self._upload_bytes)
        connection = await self._connect(flow)
        if self._leg.way == "download":
            connection.begin()
            await connection.admitted.wait()
            if connection.refused is not None:
                raise connection.refused
        if not self.flows:
            self._begin()
        self.flows.append(flow)
        return flow

    async def _connect(self, flow: Flow) -> Connection:
        connection = await open_connection(
            self._server, flow, self._space, congestion=CONGESTION, kind=self._connection
        )
        flow.connections.append(connection)
        self._all.append(connection)
        self._last.append(Count(0))
        info = connection.kernel()
        if info is not None and info.min_rtt_us is not None:
            self._idle_us.append(info.min_rtt_us)
        return connection

    def _keep(self, flow: Flow) -> None:
        if self._group is not None:
            name = f"{self._leg.way} flow {len(self._tasks)}"
            self._tasks.append(self._group.create_task(self._work(flow), name=name))

    async def _work(self, flow: Flow) -> None:
        """Give a flow a new connection whenever the server has closed one that may be replaced."""
        while True:
            await flow.connections[-1].over.wait()
            if flow.done(flow.connections[-1]):
                return
            try:
                (await self._connect(flow)).begin()
            except Failed as failed:
                flow.failure, flow.is_over = failed.failure, True
                return

    async def _join(self) -> None:
        try:
            flow = await self._open_flow()
        except Failed:
            return  # the run goes on with those it has
        if self._leg.way == "upload":
            flow.connections[-1].begin()
        self._keep(flow)

    # --- the Meter

    def sample(self, now: float) -> list[Sample]:
        """Read all connections; see `Meter`."""
        infos = [None if connection.over.is_set() else connection.kernel() for connection in self._all]
        for place, info in enumerate(infos):
            self._last[place] = self._count(place, info)
        known = [info for info in infos if info is not None]
        upload = self._leg.way == "upload"
        rtt = median(info.rtt_us if upload else info.rcv_rtt_us for info in known)
        again = total(info.bytes_retrans for info in known) if upload else None
        self.arrivals.add(now, self._last, rtt_us=rtt, retransmitted=again)
        return self.arrivals.samples

    def _count(self, place: int, info: TcpInfo | None) -> Count:
        """One connection's counters; those of an ended one stay, but for what it is known to have carried."""
        connection, last = self._all[place], self._last[place]
        upload = self._leg.way == "upload"
        least = connection.delivered if upload else connection.payload
        base = connection.base
        now, before = (None, None) if info is None or base is None else _bytes(info, base, upload=upload)
        if info is None or base is None or now is None or before is None:
            return last if least <= last.in_order else last._replace(in_order=least)
        other = connection.heads if upload else connection.overhead
        segments = _since(info.delivered, base.delivered) if upload else _since(info.data_segs_in, base.data_segs_in)
        return Count(
            max(last.in_order, least, now - before - other),
            segments,
            info.snd_mss if upload else info.rcv_mss,
            info.bytes_retrans if upload else info.rcv_ooo_packets,
        )

    def open_streams(self) -> int:
        """Flows that still run."""
        return sum(not flow.is_over for flow in self.flows)

    def failure(self) -> Failure | None:
        """Why the first flow ended that ended badly."""
        return next((flow.failure for flow in self.flows if flow.failure is not None), None)

    def idle_rtt_us(self) -> float | None:
        """The round trip before the load."""
        return median(self._idle_us)

    def sender_congestion(self) -> str | None:
        """Ours on an upload; a server of this kind does not say."""
        ours = (one.congestion for flow in self.flows for one in flow.connections)
        return next(ours, None) if self._leg.way == "upload" else None

    def tell(self, now: float) -> None:
        """Keep the round trips under load; the protocol has nothing to tell."""
        for info in self._infos():
            rtt = info.rtt_us if self._leg.way == "upload" else info.rcv_rtt_us
            if rtt is not None:
                self.rtts_us.append((now, rtt))

    def grow(self, streams: int) -> bool:
        """Open more flows beside those that run."""
        if self._group is None:
            return False
        for _ in range(streams):
            name = f"{self._leg.way} flow {len(self._tasks)}"
            self._tasks.append(self._group.create_task(self._join(), name=name))
        return True

    # --- the account

    def _infos(self) -> list[TcpInfo]:
        found = [connection.kernel() for connection in self._all if not connection.over.is_set()]
        return [info for info in found if info is not None]

    def _account(self, ended: Ended) -> Transfer:
        upload = self._leg.way == "upload"
        infos = self._infos()
        first = self._all[0]
        return Transfer(
            stop=ended.stop,
            samples=self._samples(ended.samples, ended.stop),
            received=int(ended.samples[-1].received),
            streams=len(self.flows),
            saturation=ended.saturation,
            early=ended.early,
            steady_since_s=ended.steady_since_s,
            queue=ended.queue,
            idle_rtts_us=self._idle_us,
            rtts_us=self.rtts_us,
            sent_bytes=total(info.bytes_sent for info in infos) if upload else None,
            retransmitted_bytes=total(info.bytes_retrans for info in infos) if upload else None,
            held=_held(infos) if upload else Held(),
            cipher=first.cipher,
            tls=first.tls_version,
            congestion=first.congestion if upload else None,
            pmtu_bytes=min((info.pmtu for info in infos if info.pmtu), default=None),
        )

    def _samples(self, samples: Sequence[Sample], stop: Stop) -> Sequence[Sample]:
        """Those of the time in which all flows ran: a budget ends one before the other."""
        limits = self._leg.limits
        if limits.share is None or stop.word != "budget":
            return samples
        kept = [sample for sample in samples if sample.received < limits.share * limits.streams * _NEARLY_ALL]
        return kept if len(kept) > 1 else samples


def _bytes(info: TcpInfo, base: TcpInfo, *, upload: bool) -> tuple[int | None, int | None]:
    """Bytes that have arrived, and of these the ones before the first request: the end of a TLS handshake."""
    if not upload:
        return info.bytes_received, base.bytes_received
    sent, again = base.bytes_sent, base.bytes_retrans
    # Before Linux 4.19 what was on its way then is not known, and counts: a kilobyte of TLS at the most.
    return info.bytes_acked, base.bytes_acked if sent is None or again is None else sent - again


def _since(now: int | None, before: int | None) -> int | None:
    return None if now is None or before is None else (now - before) % 2**32


def _held(infos: Sequence[TcpInfo]) -> Held:
    """What held our own sockets back."""
    busy = total(info.busy_time_us for info in infos)
    rwnd, sndbuf = total(info.rwnd_limited_us for info in infos), total(info.sndbuf_limited_us for info in infos)
    return Held(share(rwnd, busy), share(sndbuf, busy))
