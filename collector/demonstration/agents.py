"""The made-up agents while a demonstration is looked at: all of them over one connection, as cheap as it goes.

They say each minute that they are there, send a few reports a second in turn, send again what has no receipt, and
answer when somebody asks for a test. They measure oftener than their past says: a page to look at should move.
"""

import asyncio
import heapq
import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from agent.wire.codec import decode, encode
from agent.wire.control import Receipt, Request, Status
from agent.wire.report import Measurement
from agent.wire.results import RESULTS
from agent.wire.topics import ROOT, parse, topic
from collector.demonstration.reports import one_report, placed
from collector.demonstration.sites import DemoSite
from collector.demonstration.statuses import status_of
from collector.demonstration.world import World
from collector.mqtt.connection import Connection, Endpoint
from collector.mqtt.packets import BrokerError, Login, Message, Outgoing, Skipped

EVERY_S: Final = 0.4
STATUS_S: Final = 60.0
_AGAIN_S: Final = 20.0
_RETRY_S: Final = 1.0
_KEPT: Final = 5000
_AFTER_CUT: Final = 0.3
_TAKES_S: Final = {"throughput": 4.0, "latency": 2.5}
"""How long a test takes that somebody asked for; others take a second."""
_MIX: Final = {"latency": 62, "throughput": 8, "dns": 8, "web": 7, "radio": 9, "path": 3, "ipv6": 3}


@dataclass(slots=True)
class Agents:
    """For one event loop; `run` until cancelled. `told` is called each minute, with the time."""

    world: World
    port: int
    told: Callable[[datetime], None] = lambda _: None
    every_s: float = EVERY_S
    status_s: float = STATUS_S
    receipted: int = field(init=False, default=0)
    _epoch: str = field(init=False, default_factory=lambda: str(uuid.uuid4()))
    _numbers: dict[str, int] = field(init=False, default_factory=dict)
    _pending: dict[tuple[str, int], tuple[float, bytes]] = field(init=False, default_factory=dict)
    _asked: list[tuple[float, str, str, str]] = field(init=False, default_factory=list)
    _link: Connection | None = field(init=False, default=None)
    _gone: set[str] = field(init=False, default_factory=set)
    _by_id: dict[str, DemoSite] = field(init=False)
    _chance: random.Random = field(init=False, default_factory=random.Random)

    def __post_init__(self) -> None:
        """Know each other by name."""
        self._by_id = {one.site.id: one for one in self.world.sites}

    async def run(self) -> None:
        """Be there until cancelled; a broker that goes away is looked for again."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._connect(), name="demonstration: connection")
            group.create_task(self._live(), name="demonstration: agents")

    # --- what the connection tells (mqtt.conversation.Listener)

    def agreed(self) -> None:
        """Everything is subscribed to: say who is there."""
        now = datetime.now(UTC)
        self._gone.clear()
        for one in self.world.sites:
            self._status(one, now)

    def room(self) -> None:
        """Nothing waits for room: what has no receipt is sent again."""

    def heard(self, messages: Sequence[Message], skipped: Sequence[Skipped]) -> None:
        """Receipts and requests."""
        del skipped
        for message in messages:
            parsed = parse(message.topic)
            if parsed is None or parsed[0] not in self._by_id:
                continue
            if parsed[1] == "receipt":
                self._receipt(parsed[0], message.payload)
            elif parsed[1] == "request":
                self._request(parsed[0], message.payload)

    def _receipt(self, agent: str, payload: bytes) -> None:
        receipt = decode(payload, Receipt)
        if not isinstance(receipt, Receipt) or receipt.epoch != self._epoch:
            return
        for first, last in receipt.stored:
            for seq in range(first, min(last, first + _KEPT) + 1):
                self.receipted += self._pending.pop((agent, seq), None) is not None
        for refused in receipt.rejected:
            self._pending.pop((agent, refused.seq), None)

    def _request(self, agent: str, payload: bytes) -> None:
        request = decode(payload, Request)
        if not isinstance(request, Request) or request.kind not in RESULTS or request.kind == "ledger":
            return
        now = datetime.now(UTC)
        if (request.expires is not None and request.expires < now) or len(self._asked) >= _KEPT:
            return
        due = asyncio.get_running_loop().time() + _TAKES_S.get(request.kind, 1.0)
        heapq.heappush(self._asked, (due, agent, request.kind, request.request))

    # --- what they do

    async def _connect(self) -> None:
        wishes = ((f"{ROOT}/+/receipt", 0), (f"{ROOT}/+/request", 1))
        while True:
            link = self._link = Connection(Endpoint("127.0.0.1", self.port), Login("demonstration"), wishes, self)
            try:
                await link.run()
            except BrokerError:
                self._link = None
            await asyncio.sleep(_RETRY_S)

    async def _live(self) -> None:
        loop = asyncio.get_running_loop()
        turn, beat, looked = 0, loop.time(), loop.time()
        while True:
            await asyncio.sleep(self.every_s)
            if self._link is None or not self._link.ready:
                continue
            now = datetime.now(UTC)
            while self._asked and self._asked[0][0] <= loop.time():
                _, agent, kind, request = heapq.heappop(self._asked)
                self._measure(self._by_id[agent], kind, now, request)
            self._measure(self._chance.choice(self.world.sites), None, now, None)
            while loop.time() - beat >= self.status_s / len(self.world.sites):
                beat += self.status_s / len(self.world.sites)
                self._status(self.world.sites[turn % len(self.world.sites)], now)
                turn += 1
            if loop.time() - looked >= _AGAIN_S:
                looked = loop.time()
                self._send_again(looked)
                self.told(now)

    def _measure(self, one: DemoSite, kind: str | None, now: datetime, request: str | None) -> None:
        if not self.world.is_heard(one, now):
            return
        if kind is None:
            kind = self._chance.choices(tuple(_MIX), tuple(_MIX.values()))[0]
            kind = "latency" if kind == "radio" and not one.cellular else kind
        self._send(one, one_report(self._chance, one, now, kind, self.world.spells[one.number]), request)

    def _send(self, one: DemoSite, measured: Measurement[Any], request: str | None) -> None:
        seq = self._numbers[one.site.id] = self._numbers.get(one.site.id, 0) + 1
        raw = placed(measured, self._epoch, seq, request)
        if len(self._pending) < _KEPT:
            self._pending[one.site.id, seq] = (asyncio.get_running_loop().time(), raw)
        self._publish([Outgoing(topic(one.site.id, "report"), raw, qos=1)])

    def _send_again(self, now_s: float) -> None:
        for (agent, seq), (at, raw) in list(self._pending.items()):
            if now_s - at >= _AGAIN_S:
                self._pending[agent, seq] = (now_s, raw)
                self._publish([Outgoing(topic(agent, "report"), raw, qos=1)])

    def _status(self, one: DemoSite, now: datetime) -> None:
        heard = self.world.is_heard(one, now)
        if not heard and one.site.id in self._gone:
            return
        (self._gone.discard if heard else self._gone.add)(one.site.id)  # a broker tells a will once
        seq = self._numbers.get(one.site.id)
        epoch = self._epoch if seq else None
        status = status_of(one, now, epoch=epoch, seq=seq) if heard else Status(state="offline")
        self._publish([Outgoing(topic(one.site.id, "status"), encode(status), qos=1, retain=True)])

    def _publish(self, messages: Sequence[Outgoing]) -> None:
        if self._link is not None and self._link.ready:
            self._link.publish(messages)
