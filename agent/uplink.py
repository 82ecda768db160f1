"""The uplink: spool ⇄ broker, for as long as the agent runs. What to send next is decided in agent/outbox.py.

It survives everything: no broker, a broker that dies in mid-message, one that forgets, one that talks nonsense, a disk
that refuses. Each is told once, and tried again. Everything here happens in the loop's own thread but the spool's work.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from random import SystemRandom
from typing import Final, Literal

import aiomqtt
import msgspec

from agent.broker_connection import Connect, Session, connection, heeding
from agent.clock import Clock, is_set
from agent.config import BrokerSettings
from agent.errors import Failed, SpoolError
from agent.outbox import Outbox, Parcel, Rules
from agent.spool import Spool
from agent.wire.codec import Rejection, decode, encode, join
from agent.wire.control import Boot, Profile, Receipt, Request, Status
from agent.wire.results import Range
from agent.wire.topics import COLLECTOR, topic

_CLIENT_ID: Final = "linkgauge-"
_RETRY_S: Final = 5.0
_IDLE: Final = 2
_TROUBLES: Final = 10  # different ones that are told in one outage
_SEEN: Final = 200  # requests whose names are remembered
_RESENDS: Final = 20  # that may be asked for at once; then one each time a silent report would be sent again
_UNSPECIFIED: Final = 128  # all that paho says of a connection that simply ended
_TAKEN: Final = "conflict"  # the collector holds another report of this epoch and seq
_LOG = logging.getLogger("linkgauge.uplink")


@dataclass(frozen=True, slots=True)
class LinkState:
    """How the connection is, and why it was last lost or did not come about.

    `garbage` counts what arrived and could not be read, since the start.
    """

    connected: bool
    since: datetime
    last_error: str | None = None
    garbage: int = 0


class Uplink:
    """Delivers what the spool holds, until cancelled; then says `stopped` and leaves."""

    def __init__(  # noqa: PLR0913 - a composition of parts, each named
        self,
        settings: BrokerSettings,
        *,
        agent: str,
        spool: Spool,
        status: Callable[[], Status],
        clock: Clock,
        on_request: Callable[[Request], None] = lambda _: None,
        on_profile: Callable[[Profile], None] = lambda _: None,
        connect: Connect = connection,
    ) -> None:
        self._settings = settings
        self._agent = agent
        self._spool = spool
        self._status = status
        self._clock = clock
        self._on_request = on_request
        self._on_profile = on_profile
        self._connect = connect
        self._random = SystemRandom()
        self._outbox = Outbox(_rules(settings), self._random.random)
        self._wake = asyncio.Event()
        self._spool_trouble = False
        self._hearing = False
        self._told: set[str] = set()
        self._moved: set[str] = set()
        self._seen: deque[str] = deque(maxlen=_SEEN)
        self._resends = float(_RESENDS)
        self._resends_at = clock.monotonic()
        self.on_change: Callable[[], None] = lambda: None
        self.unregistered = False
        """Whether the collector said that it does not know this agent; only a stored report says otherwise."""
        self.state = LinkState(connected=False, since=clock.now())

    async def run(self) -> None:
        """Keep a session with the broker until cancelled."""
        loop = asyncio.get_running_loop()

        def listener() -> None:
            loop.call_soon_threadsafe(self._put)

        self._spool.listen(listener)
        failures = 0
        try:
            while True:
                began = self._clock.monotonic()
                # A task of its own for each session: in Python 3.11 a TaskGroup whose child fails leaves its own task
                # marked as cancelled, and forgets a cancellation that comes together with the failure.
                async with asyncio.TaskGroup() as group:
                    session = group.create_task(self._try_session(), name="uplink-session")
                lasted = self._clock.monotonic() - began
                failures = 0 if self.state.connected and lasted > self._settings.keepalive_s else failures + 1
                self._tell(session.result())
                await asyncio.sleep(self._pause_s(failures))
        finally:
            self._spool.listen(None)

    def _pause_s(self, failures: int) -> float:
        """Exponential, capped, full jitter: a broker that comes back is not met by all agents at once."""
        first, most = self._settings.reconnect_first_s, self._settings.reconnect_max_s
        return self._random.uniform(0, min(most, first * 2.0 ** min(failures, 64)))

    def _tell(self, trouble: str) -> None:
        if self.state.connected:
            self._told.clear()
        if trouble not in self._told and len(self._told) < _TROUBLES:
            self._told.add(trouble)
            _LOG.warning("event=broker_unreachable url=%s why=%s", self._settings.url, trouble)
        since = self._clock.now() if self.state.connected else self.state.since
        self._change(replace(self.state, connected=False, since=since, last_error=trouble))

    def _change(self, state: LinkState) -> None:
        before, self.state = self.state, state
        if state != before:
            self.on_change()

    async def _try_session(self) -> str:
        """Hold one session; gives the reason for its end in words, and never raises for what the world did."""
        trouble = ""
        try:
            await self._session()
        except* (aiomqtt.MqttError, Failed, OSError, SpoolError) as group:
            trouble = _words(group)
        finally:
            self._outbox.disconnected()
        return trouble

    async def _session(self) -> None:
        will = aiomqtt.Will(self._topic_of_status, encode(self._own("offline")), qos=1, retain=True)
        client_id = self._settings.client_id or _CLIENT_ID + self._agent
        async with self._connect(self._settings, client_id=client_id, will=will) as client:
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._listen(client), name="uplink-listen")
                    await self._greet(client)
                    tasks.create_task(self._beat(client), name="uplink-status")
                    tasks.create_task(self._deliver(client, tasks), name="uplink-deliver")
            except asyncio.CancelledError:
                await self._part(client)
                raise

    def look_again(self, places: Sequence[Range]) -> None:
        """Send these places too, although others beyond them were sent already; to be called in the loop's thread."""
        self._outbox.resend(places, self._clock.monotonic())
        self._wake.set()

    # --- beginning and end

    @property
    def _topic_of_status(self) -> str:
        return topic(self._agent, "status")

    def _own(self, state: str) -> Status:
        """A status that says little but the newest place: whoever keeps it can tell a rolled-back disk."""
        return Status(state=state, epoch=self._spool.epoch or None, seq=self._spool.newest_seq)

    async def _greet(self, client: Session) -> None:
        """Subscribe, and say that this agent is there; before any report, hear what the broker remembers.

        The agent's own last status is retained there. It was written by the same disk, unless that was put back.
        """
        with suppress(aiomqtt.MqttCodeError):  # a broker that does not let the agent read its status
            await heeding(client.subscribe(self._topic_of_status, qos=1))
        topics = [(topic(self._agent, "receipt"), 0), (COLLECTOR, 1)]
        topics += [(topic(self._agent, "profile"), 1), (topic(self._agent, "request"), 1)]
        granted = await heeding(client.subscribe(topics))
        if any(getattr(code, "is_failure", False) for code in granted):
            raise aiomqtt.MqttError("the broker refuses a subscription; check the rights of this agent there")
        await self._beat_once(client)
        await self._hear_out(client)
        await heeding(client.unsubscribe(self._topic_of_status))
        _LOG.info("event=broker_connected url=%s", self._settings.url)
        self._change(replace(self.state, connected=True, since=self._clock.now()))
        self._outbox.connected(self._clock.monotonic())

    async def _hear_out(self, client: Session) -> None:
        """Wait until what came is dealt with: twice idle, since a message between two hands shows nowhere."""
        idle = 0
        while idle < _IDLE:
            await asyncio.sleep(0.005)
            idle = 0 if len(client.messages) or self._hearing else idle + 1

    async def _part(self, client: Session) -> None:
        stopped = msgspec.structs.replace(self._status(), state="stopped", next=None)
        with suppress(aiomqtt.MqttError, TimeoutError):
            async with asyncio.timeout(self._settings.stop_s):
                await client.publish(self._topic_of_status, encode(stopped), qos=1, retain=True)

    async def _beat(self, client: Session) -> None:
        while True:
            await asyncio.sleep(self._settings.status_s)
            await self._beat_once(client)

    async def _beat_once(self, client: Session) -> None:
        status = msgspec.structs.replace(self._status(), state="online")
        await self._send(client, "status", encode(status))

    async def _send(self, client: Session, leaf: Literal["status", "report"], payload: bytes) -> None:
        """Publish, and wait for the PUBACK; one that takes too long means that the connection is dead."""
        patience_s = self._settings.keepalive_s + self._settings.connect_timeout_s
        name = topic(self._agent, leaf)
        await heeding(client.publish(name, payload, qos=1, retain=leaf == "status", timeout=patience_s))

    # --- sending

    def _put(self) -> None:
        self._outbox.put()
        self._wake.set()

    async def _deliver(self, client: Session, tasks: asyncio.TaskGroup) -> None:
        """Publish what the outbox says, as many at once as it allows; then wait for news or for a timer."""
        while True:
            self._wake.clear()
            try:
                await self._fill()
                while parcel := self._outbox.next(self._clock.monotonic()):
                    await self._hand_over(client, parcel, tasks)
                    await self._fill()
            except SpoolError as error:
                self._tell_of_spool(error)
                await asyncio.sleep(_RETRY_S)
                continue
            self._spool_trouble = False
            await self._rest()

    async def _rest(self) -> None:
        now = self._clock.monotonic()
        due = self._outbox.due(now)
        with suppress(TimeoutError):
            async with asyncio.timeout(None if due == math.inf else due - now):
                await self._wake.wait()

    async def _fill(self) -> None:
        """Show the outbox the next page of the spool, if it has room."""
        while wanted := self._outbox.wanted(self._clock.monotonic()):
            page = await asyncio.to_thread(self._spool.waiting, self._outbox.cursor, wanted, agent=self._agent)
            self._outbox.offer(page, wanted, self._clock.monotonic())

    async def _hand_over(self, client: Session, parcel: Parcel, tasks: asyncio.TaskGroup) -> None:
        places = [slip.place for slip in parcel.slips]
        try:
            bodies = await asyncio.to_thread(self._spool.bodies, places)
        except SpoolError:
            self._outbox.kept_back(parcel, self._clock.monotonic() + _RETRY_S)
            raise
        self._outbox.gone(set(places) - set(bodies))
        if bodies:
            payload = join([bodies[place] for place in places if place in bodies])
            name = f"uplink-publish-{parcel.slips[0].seq}"
            tasks.create_task(self._publish(client, parcel, payload), name=name)

    async def _publish(self, client: Session, parcel: Parcel, payload: bytes) -> None:
        await self._send(client, "report", payload)
        self._outbox.acked(parcel, self._clock.monotonic())
        self._wake.set()

    # --- hearing

    async def _listen(self, client: Session) -> None:
        async for message in client.messages:
            self._hearing = True
            try:
                await self._hear(message)
            except SpoolError as error:  # then the collector's word is not kept, and will come again
                self._tell_of_spool(error)
            finally:
                self._hearing = False
            self._wake.set()

    async def _hear(self, message: aiomqtt.Message) -> None:
        payload = message.payload
        match message.topic.value.rpartition("/")[2]:
            case "receipt":
                await self._on_receipt(decode(payload, Receipt))
            case "request":
                await self._on_any_request(decode(payload, Request))
            case "profile" if payload:  # an empty one takes the retained message back
                self._pass(decode(payload, Profile), self._on_profile)
            case "collector" if payload:
                self._pass(decode(payload, Boot), self._on_boot)
            case "status" if payload:
                await self._on_status(decode(payload, Status))
            case _:
                self._count_garbage("topic or empty message", message.topic.value)

    def _pass(self, message: msgspec.Struct | Rejection, take: Callable[..., None]) -> None:
        if isinstance(message, Rejection):
            self._count_garbage(message.reason, message.detail)
        else:
            take(message)

    def _on_boot(self, notice: Boot) -> None:
        self._outbox.collector_boot(notice.boot, self._clock.monotonic())

    async def _on_status(self, status: Status | Rejection) -> None:
        """Hear the own last words, as the broker remembers them."""
        if isinstance(status, Rejection):
            self._count_garbage(status.reason, status.detail)
        elif status.epoch is not None and status.seq is not None:
            await asyncio.to_thread(self._spool.heard_of, status.epoch, status.seq)

    async def _on_receipt(self, receipt: Receipt | Rejection) -> None:
        if isinstance(receipt, Rejection):
            self._count_garbage(receipt.reason, receipt.detail)
            return
        if receipt.stored:
            await asyncio.to_thread(self._note, receipt, self._clock.now())
            self._outbox.stored(receipt.epoch, receipt.stored)
            self._set_unregistered(value=False)
            self.on_change()  # the queue is shorter
        if receipt.rejected:
            await self._on_rejected(receipt)
        if receipt.deferred:
            reasons = {refused.seq: refused.reason for refused in receipt.deferred}
            self._outbox.deferred(receipt.epoch, reasons, self._clock.monotonic())
            if "unknown_agent" in reasons.values():
                self._set_unregistered(value=True)

    def _note(self, receipt: Receipt, now: datetime) -> None:
        self._spool.heard_of(receipt.epoch, max(last for _, last in receipt.stored))
        self._spool.stored(receipt.epoch, receipt.stored, now)

    def _set_unregistered(self, *, value: bool) -> None:
        if value != self.unregistered:
            self.unregistered = value
            self.on_change()

    async def _on_rejected(self, receipt: Receipt) -> None:
        _LOG.warning("event=rejected epoch=%r reports=%s", receipt.epoch, receipt.rejected[:5])
        taken = [refused.seq for refused in receipt.rejected if refused.reason == _TAKEN]
        unfit = [refused.seq for refused in receipt.rejected if refused.reason != _TAKEN]
        await asyncio.to_thread(self._spool.forget, receipt.epoch, unfit)
        if receipt.epoch in self._moved:
            # Nobody can have had a place in an epoch that began here and now: a collector that says so is broken, and
            # would be sent the same for ever.
            self._outbox.deferred(receipt.epoch, dict.fromkeys(taken, _TAKEN), self._clock.monotonic())
            taken = []
        elif taken:
            moved = await asyncio.to_thread(self._spool.move, receipt.epoch, taken)
            self._moved |= {self._spool.epoch} if moved else set()
        self._outbox.rejected(receipt.epoch, taken + unfit)

    async def _on_any_request(self, request: Request | Rejection) -> None:
        if isinstance(request, Rejection):
            self._count_garbage(request.reason, request.detail)
            return
        now = self._clock.now()
        if request.expires is not None and is_set(now) and request.expires < now:
            _LOG.info("event=request_expired request=%r", request.request)
            return
        if request.resend is not None and self._may_resend(request.request):
            _LOG.info("event=resend_asked request=%r epoch=%r", request.request, request.resend.epoch)
            places = await asyncio.to_thread(self._spool.unreceipt, request.resend.epoch, request.resend.ranges)
            self._outbox.resend(places, self._clock.monotonic())
        if request.kind is not None:
            self._on_request(request)

    def _may_resend(self, request: str) -> bool:
        """Once a request, and not without end: what has its receipt costs a line that may be paid by the byte."""
        now = self._clock.monotonic()
        earned = (now - self._resends_at) / self._settings.resend_first_s
        self._resends, self._resends_at = min(_RESENDS, self._resends + earned), now
        if request in self._seen or self._resends < 1:
            return False
        self._seen.append(request)
        self._resends -= 1
        return True

    def _count_garbage(self, reason: str, detail: str) -> None:
        self.state = replace(self.state, garbage=self.state.garbage + 1)
        _LOG.debug("event=garbage reason=%s detail=%s", reason, detail)

    def _tell_of_spool(self, error: SpoolError) -> None:
        if not self._spool_trouble:
            _LOG.error("event=spool_trouble why=%s", error)
        self._spool_trouble = True


def _rules(settings: BrokerSettings) -> Rules:
    return Rules(**{name: getattr(settings, name) for name in Rules.__slots__})


def _words(group: BaseExceptionGroup[BaseException]) -> str:
    """The first cause, in words."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    cause = (error.__cause__ if isinstance(error, aiomqtt.MqttError) else None) or error
    if isinstance(cause, aiomqtt.MqttCodeError) and getattr(cause.rc, "value", None) == _UNSPECIFIED:
        return "the connection to the broker was lost"
    return str(cause) or type(error).__name__
