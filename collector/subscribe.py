"""The connection to the broker: messages in, receipts and requests out, made again for ever.

Nothing here waits for the disk or the store: what comes in goes to the bounded inbox or is dropped and counted.
"""

import asyncio
import logging
import random
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Final

from agent.wire.codec import encode
from agent.wire.control import Boot, Profile
from agent.wire.topics import COLLECTOR, ROOT, parse, topic
from collector.config import BROKER_PORTS, BrokerSettings, CollectorConfig, broker_url, secret
from collector.errors import UsageError
from collector.inbox import Inbox, Letter
from collector.ingest import Arrival, unpack
from collector.metrics import Metrics, Readiness
from collector.mqtt.connection import Connection, Endpoint
from collector.mqtt.packets import BrokerError, Login, Message, Outgoing, Skipped

LOG: Final = logging.getLogger(__name__)
_UNDER_WAY: Final = 3  # batches: one is decided, one written, one archived
_LOOK_S: Final = 0.02
EVENTS: Final = f"{COLLECTOR}/events"
_AT_ONCE: Final = 200  # messages in one write, reports read in one turn of the loop
_SHORT_S: Final = 60.0
_SUSPICIOUS: Final = 3  # sessions in a row that were as short

Receive = Callable[[str, bytes, bool], None]
OnStatus = Callable[[str, bytes, bool], None]
Process = Callable[[Sequence[Arrival]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """One topic filter, and who gets its messages: topic, payload, and whether it was a retained one.

    `receive` is called as messages come in and must not block; what it raises is logged, counted and forgotten.
    The filter's last level tells its messages from those of the others: no wildcard, and no two alike.
    With `group` the broker gives each message to one of the processes that name the same group.
    """

    filter: str
    receive: Receive
    qos: int = 1
    group: str | None = None

    @property
    def leaf(self) -> str:
        """The last level of its topics, also the label of its metrics."""
        return self.filter.rpartition("/")[2]

    @property
    def wish(self) -> tuple[str, int]:
        """What the broker is asked for."""
        return (f"$share/{self.group}/{self.filter}" if self.group else self.filter), self.qos


def reports(inbox: Inbox, group: str | None = None) -> Subscription:
    """Every agent's reports into the inbox, which says itself what it drops; in a group, a share of them."""

    def receive(name: str, payload: bytes, _: bool) -> None:  # noqa: FBT001 - a Receive
        inbox.offer(Letter(name, payload, monotonic()))

    return Subscription(f"{ROOT}/+/report", receive, group=group)


def statuses(inbox: Inbox, on_status: OnStatus) -> Subscription:
    """Every agent's statuses: `on_status` takes the agent, its payload and whether it was a retained one.

    The inbox keeps each agent to its rate, and says what it drops; the status of no agent is dropped without a word.
    """

    def receive(name: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001 - a Receive
        parsed = parse(name)
        if parsed is not None and inbox.admits(name, len(payload)):
            on_status(parsed[0], payload, retained)

    return Subscription(f"{ROOT}/+/status", receive)


def events(receive: Receive) -> Subscription:
    """What ingest processes tell each other and the rest of the collector; QoS 0, so some may be lost."""
    return Subscription(EVENTS, receive, qos=0)


def greeting(boot: Boot, profiles: Mapping[str, Profile] | None = None) -> Iterator[Outgoing]:
    """What an ingest process says first on each connection, so that the broker may have forgotten everything."""
    for agent, profile in (profiles or {}).items():
        yield Outgoing(topic(agent, "profile"), encode(profile), qos=1, retain=True)
    yield Outgoing(COLLECTOR, encode(boot), qos=1, retain=True)


class Subscriber:
    """One connection at a time, made again for ever, for any role: it listens, greets and sends.

    - `subscriptions`: what it listens to; see `reports`, `statuses`, `events`. All in place before it greets.
    - `observers`: `messages_received` by leaf, the outbox's drops, the connections; readiness of the part "broker".
    - `now`: the clock; `connected_since` says from when agents could be heard, None without a connection.
    - `greet`: called at each connection, for what is published before anything else; see `greeting`. Taken from step
      by step, so it may be long. A process that only listens leaves it out.
    - `suffix`: what is appended to `broker.client_id`, asked at each connection: the writer slot. Two processes with
      one client id throw each other out for ever.

    It may be created before the loop runs, and `send` works at any time.
    """

    def __init__(
        self,
        settings: Callable[[], CollectorConfig],
        subscriptions: Sequence[Subscription],
        *,
        observers: tuple[Metrics, Readiness],
        now: Callable[[], datetime],
        greet: Callable[[], Iterable[Outgoing]] = tuple,
        suffix: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._wishes = [subscription.wish for subscription in subscriptions]
        self._receivers = {subscription.leaf: subscription.receive for subscription in subscriptions}
        if len(self._receivers) < len(subscriptions) or not self._receivers.keys().isdisjoint("+#"):
            raise ValueError("subscriptions are told apart by their last level")
        self._metrics, self._readiness = observers
        self._now, self._greet, self._suffix = now, greet, suffix
        self._outbox: deque[Outgoing] = deque()
        self._greeting: Iterator[Outgoing] = iter(())
        self._connection: Connection | None = None
        self._pumping = False
        self._emptied = asyncio.Event()
        self._emptied.set()
        self._agreed_at: float | None = None
        self._cut_short = 0
        self.connected_since: datetime | None = None

    def send(self, name: str, payload: bytes, qos: int, retain: bool = False) -> None:  # noqa: FBT001, FBT002 - parts.Send with one more
        """Send soon and in order; dropped and counted when too much is waiting: agents ask again by sending again.

        What is not retained and of QoS 1 is sent again on the next connection until a broker has confirmed it; what
        is retained belongs into the greeting too.
        """
        if len(self._outbox) >= self._settings().broker.outbox_messages:
            self._metrics.overflow.labels("out").inc()
            return
        self._outbox.append(Outgoing(name, payload, qos, retain))
        self._emptied.clear()
        if self._connection is not None and not self._pumping:
            self._pumping = True  # all that is sent in this turn of the loop goes out in one write
            asyncio.get_running_loop().call_soon(self._pump)

    async def flush(self) -> None:
        """Wait until nothing is left to send, and the broker has confirmed what it confirms, the greeting too."""
        await self._emptied.wait()

    async def run(self) -> None:
        """Until cancelled: connect, listen, greet; after a loss wait with backoff and full jitter."""
        wait = 0.0
        while True:
            self._agreed_at = None
            await self._try_session()
            self.connected_since = None
            self._metrics.connected.set(0)
            broker = self._settings().broker
            # A broker that lets us in only to throw us out is no reason to hurry.
            wait = 0.0 if self._lasted_s() > wait else wait * 2
            wait = min(max(wait, broker.reconnect_first_s), broker.reconnect_max_s)
            await asyncio.sleep(random.uniform(0, wait))  # noqa: S311 - jitter, not a secret

    async def _try_session(self) -> None:
        broker = self._settings().broker
        try:
            self._connection = Connection(_endpoint(broker), self._login(broker), self._wishes, self)
            await self._connection.run()
        except (BrokerError, UsageError) as error:
            self._readiness.fails("broker", f"{broker.url}: {error}{self._guess(broker)}; trying again")
        finally:
            self._put_back()

    def _lasted_s(self) -> float:
        """How long we have been let in."""
        return asyncio.get_running_loop().time() - self._agreed_at if self._agreed_at is not None else 0.0

    def _guess(self, broker: BrokerSettings) -> str:
        """Say what may be the matter when one session after another ends soon: a broker does not say it."""
        self._cut_short = self._cut_short + 1 if self._agreed_at is not None and self._lasted_s() < _SHORT_S else 0
        if self._cut_short < _SUSPICIOUS or not broker.client_id:
            return ""
        return f", {self._cut_short} times soon after it let us in; is another process using broker.client_id too?"

    def _login(self, broker: BrokerSettings) -> Login:
        password = secret(broker.password, broker.password_file, "broker.password_file")
        suffix = self._suffix()
        name = broker.client_id or ""
        if name and suffix:
            name = f"{name}-{suffix}"
        return Login(name, broker.username, password, broker.keepalive_s)

    def _put_back(self) -> None:
        """Keep what no broker has confirmed for the next connection; the greeting is made anew."""
        connection, self._connection = self._connection, None
        self._greeting = iter(())
        if connection is not None:
            self._outbox.extendleft(one for one in reversed(connection.unconfirmed) if not one.retain)
        if self._outbox:
            self._emptied.clear()
        else:
            self._emptied.set()

    def agreed(self) -> None:
        """As mqtt.conversation.Listener: everything is subscribed to."""
        self._agreed_at = asyncio.get_running_loop().time()
        self._emptied.clear()
        self._greeting = iter(self._greet())
        self.connected_since = self._now()
        self._metrics.connected.set(1)
        self._metrics.reconnects.inc()
        self._readiness.works("broker")
        self._pump()

    def room(self) -> None:
        """As mqtt.conversation.Listener: more can be sent."""
        self._pump()

    def heard(self, messages: Sequence[Message], skipped: Sequence[Skipped]) -> None:
        """As mqtt.conversation.Listener: pass each message on to who asked for it."""
        counts: dict[str, int] = {}
        sizes: dict[str, int] = {}
        for message in messages:
            leaf = message.topic.rpartition("/")[2]
            receive = self._receivers.get(leaf)
            if receive is None:
                continue
            counts[leaf] = counts.get(leaf, 0) + 1
            sizes[leaf] = sizes.get(leaf, 0) + len(message.payload)
            try:
                receive(message.topic, message.payload, message.retained)
            except Exception:
                LOG.exception("intake.fault leaf=%s bytes=%d: forgotten", leaf, len(message.payload))
                self._metrics.faults.labels("intake").inc()
        for leaf, count in counts.items():
            self._metrics.messages.labels(leaf).inc(count)
            self._metrics.flow.bytes.labels(leaf).inc(sizes[leaf])
        for one in skipped:
            self._metrics.dropped("too_large")
            LOG.warning("intake.too_large topic=%.100r bytes=%d", one.topic, one.size)

    def _pump(self) -> None:
        """Send as much as can be sent now, in few writes."""
        self._pumping = False
        connection = self._connection
        if connection is None:
            return
        while connection.ready and (batch := self._batch()):
            connection.publish(batch)
        if not self._outbox and not connection.unconfirmed:
            self._emptied.set()

    def _batch(self) -> list[Outgoing]:
        batch: list[Outgoing] = []
        for message in self._greeting:
            batch.append(message)
            if len(batch) >= _AT_ONCE:
                return batch
        while self._outbox and len(batch) < _AT_ONCE:
            batch.append(self._outbox.popleft())
        return batch


async def feed(inbox: Inbox, process: Process, settings: Callable[[], CollectorConfig], metrics: Metrics) -> None:
    """Gather letters into batches by size and age and have them processed, until the inbox is closed and empty.

    A few batches are under way at once, so that reading goes on while another one waits for the store; what is beyond
    them stays in the inbox, which is bounded and fair.
    """
    room = asyncio.Semaphore(_UNDER_WAY)

    async def work(batch: _Batch) -> None:
        try:
            await _process(batch, process, metrics)
        finally:
            room.release()

    async with asyncio.TaskGroup() as group:
        while True:
            await room.acquire()
            await inbox.filled()
            batch = await _gather(inbox, settings())
            if not batch.letters and inbox.closed:
                return
            group.create_task(work(batch), name="batch")


@dataclass(frozen=True, slots=True)
class _Batch:
    """What stood in some letters, and when each of them came."""

    letters: list[list[Arrival]] = field(default_factory=list)
    came: list[float] = field(default_factory=list)


async def _process(batch: _Batch, process: Process, metrics: Metrics) -> None:
    arrivals = [arrival for letter in batch.letters for arrival in letter]
    metrics.flow.batch.take([len(arrivals)])
    if await _guarded(process, arrivals, metrics):
        now = monotonic()
        metrics.flow.latency.take([now - came for came in batch.came])
    elif len(batch.letters) > 1:
        # One letter must not take the others down with it.
        for letter in batch.letters:
            await _guarded(process, letter, metrics)


async def _gather(inbox: Inbox, config: CollectorConfig) -> _Batch:
    """Read letters until there are enough, or the first one is so old; looks seldom: waking up costs more than that."""
    batch = _Batch()
    count = size = read = 0
    loop = asyncio.get_running_loop()
    deadline = loop.time() + config.store.batch_s
    while count < config.store.batch_reports and size < config.store.batch_bytes:
        letter = inbox.take()
        if letter is not None:
            arrivals = unpack(letter.topic, letter.payload)
            if len(arrivals) > 1:
                inbox.charge(letter, len(arrivals))
            batch.letters.append(arrivals)
            batch.came.append(letter.at)
            count += len(arrivals)
            size += len(letter.payload)
            read += max(1, len(arrivals))
            if read >= _AT_ONCE:
                read = 0
                await asyncio.sleep(0)
            continue
        left = deadline - loop.time()
        if left <= 0 or await inbox.stopping(min(left, _LOOK_S)):
            break
    return batch


async def _guarded(process: Process, arrivals: Sequence[Arrival], metrics: Metrics) -> bool:
    """Process arrivals; False after an error that nobody foresaw, which then leaves them without receipt."""
    try:
        await process(arrivals)
    except Exception:
        LOG.exception("pipeline.fault reports=%d: left without receipt, agents send them again", len(arrivals))
        metrics.faults.labels("pipeline").inc()
        metrics.abandoned.inc(len(arrivals))
        return False
    return True


def _endpoint(broker: BrokerSettings) -> Endpoint:
    url = broker_url(broker)
    return Endpoint(
        host=url.hostname or "",
        port=url.port or BROKER_PORTS[url.scheme],
        tls=_tls(broker) if url.scheme in ("mqtts", "wss") else None,
        path=(url.path or "/mqtt") if url.scheme in ("ws", "wss") else None,
        timeout_s=broker.connect_timeout_s,
    )


def _tls(broker: BrokerSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=broker.ca)
        if broker.cert is not None:
            context.load_cert_chain(broker.cert, broker.key)
    except OSError as error:
        raise UsageError(f"broker.ca, broker.cert or broker.key cannot be used: {error}") from error
    return context
