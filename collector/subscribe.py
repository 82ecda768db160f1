"""The connection to the broker: reports and statuses in, receipts and requests out, made again for ever.

Nothing here waits for the disk or the store: what comes in goes to the bounded inbox or is dropped and counted.
"""

import asyncio
import logging
import random
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, cast

import aiomqtt

from agent.wire.codec import encode
from agent.wire.control import Boot, Profile
from agent.wire.topics import COLLECTOR, ROOT, parse, topic
from collector.config import BROKER_PORTS, BrokerSettings, CollectorConfig, broker_url, secret
from collector.errors import UsageError
from collector.inbox import Inbox, Letter
from collector.ingest import Arrival, unpack
from collector.metrics import Metrics, Readiness

LOG: Final = logging.getLogger(__name__)
_QUIET: Final = logging.getLogger("collector.mqtt")  # the client library's own words: every trouble is told by us
_QUIET.setLevel(logging.CRITICAL)
_STOP_S: Final = 0.5

OnStatus = Callable[[str, bytes, bool], None]
Process = Callable[[Sequence[Arrival]], Awaitable[None]]


class _Spout(asyncio.Queue[aiomqtt.Message]):
    """Passes each message on at once instead of queueing it, so there is one queue only, and that one is bounded."""

    def __init__(self, receive: Callable[[aiomqtt.Message], None]) -> None:
        super().__init__()
        self._receive = receive

    def put_nowait(self, item: aiomqtt.Message) -> None:
        """Pass it on."""
        self._receive(item)


class Subscriber:
    """One connection at a time; `connected_since` says from when agents could be heard.

    `on_status` takes an agent, its payload and whether the message was a retained one.
    """

    def __init__(
        self,
        settings: Callable[[], CollectorConfig],
        inbox: Inbox,
        on_status: OnStatus,
        *,
        observers: tuple[Metrics, Readiness],
        boot: Callable[[], Boot],
        profiles: Callable[[], Mapping[str, Profile]] = dict,
    ) -> None:
        self._settings = settings
        self._inbox = inbox
        self._on_status = on_status
        self._metrics, self._readiness = observers
        self._boot = boot
        self._profiles = profiles
        self._outbox: deque[tuple[str, bytes, int]] = deque()
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self.connected_since: datetime | None = None
        self._greeted = False

    def send(self, name: str, payload: bytes, qos: int) -> None:
        """Send soon and in order; dropped and counted when too much is waiting: agents ask again by sending again."""
        if len(self._outbox) >= self._settings().broker.outbox_messages:
            self._metrics.overflow.labels("out").inc()
            return
        self._outbox.append((name, payload, qos))
        self._filled.set()
        self._emptied.clear()

    async def flush(self) -> None:
        """Wait until nothing is left to send."""
        await self._emptied.wait()

    async def run(self) -> None:
        """Until cancelled: connect, greet, listen; after a loss wait with backoff and full jitter."""
        wait = 0.0
        while True:
            self._greeted = False
            # A task of its own for each session: in Python 3.11 a TaskGroup whose child fails leaves its own task
            # marked as cancelled, and forgets a cancellation that comes together with the failure.
            async with asyncio.TaskGroup() as group:
                group.create_task(self._try_session(), name="broker session")
            self.connected_since = None
            self._metrics.connected.set(0)
            broker = self._settings().broker
            wait = min(max(0.0 if self._greeted else wait * 2, broker.reconnect_first_s), broker.reconnect_max_s)
            await asyncio.sleep(random.uniform(0, wait))  # noqa: S311 - jitter, not a secret

    async def _try_session(self) -> None:
        broker = self._settings().broker
        try:
            await self._session(broker)
        except* (aiomqtt.MqttError, OSError, TimeoutError, UsageError) as errors:
            self._readiness.fails("broker", f"{broker.url}: {_words(errors)}; trying again")

    async def _session(self, broker: BrokerSettings) -> None:
        await _reach(broker)
        async with self._client(broker) as client:
            try:
                _heed()
                await self._greet(client, broker)
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._drain(client), name="broker outbox")
                    group.create_task(_until_lost(client), name="broker connection")
            finally:
                client.timeout = _STOP_S  # do not wait long for a farewell

    def _client(self, broker: BrokerSettings) -> aiomqtt.Client:
        url = broker_url(broker)
        web = url.scheme in ("ws", "wss")
        spout = cast("type[asyncio.Queue[aiomqtt.Message]]", lambda maxsize: _Spout(self._receive))  # noqa: ARG005 - the library's call
        return aiomqtt.Client(
            url.hostname or "",
            url.port or BROKER_PORTS[url.scheme],
            identifier=broker.client_id,
            username=broker.username,
            password=secret(broker.password, broker.password_file, "broker.password_file"),
            tls_context=_tls(broker) if url.scheme in ("mqtts", "wss") else None,
            transport="websockets" if web else "tcp",
            websocket_path=(url.path or "/mqtt") if web else None,
            keepalive=broker.keepalive_s,
            timeout=broker.connect_timeout_s,
            queue_type=spout,
            logger=_QUIET,
        )

    async def _greet(self, client: aiomqtt.Client, broker: BrokerSettings) -> None:
        """Listen first, then let agents know that somebody does."""
        share = f"$share/{broker.group}/" if broker.group else ""
        await client.subscribe([(f"{share}{ROOT}/+/report", 1), (f"{ROOT}/+/status", 1)])
        _heed()
        for agent, profile in self._profiles().items():
            await client.publish(topic(agent, "profile"), encode(profile), qos=1, retain=True)
            _heed()
        notice = self._boot()
        await client.publish(COLLECTOR, encode(notice), qos=1, retain=True)
        _heed()
        self._greeted = True
        self.connected_since = notice.at
        self._metrics.connected.set(1)
        self._metrics.reconnects.inc()
        self._readiness.works("broker")

    async def _drain(self, client: aiomqtt.Client) -> None:
        while True:
            await self._filled.wait()
            while self._outbox:
                name, payload, qos = self._outbox[0]
                await client.publish(name, payload, qos=qos)
                self._outbox.popleft()
                _heed()
            self._filled.clear()
            self._emptied.set()

    def _receive(self, message: aiomqtt.Message) -> None:
        """Take one message, in the client library's callback: never blocks, never raises."""
        name, payload = message.topic.value, message.payload
        parsed = parse(name)
        if parsed is not None and parsed[1] == "status":
            self._metrics.messages.labels("status").inc()
            self._on_status(parsed[0], payload, message.retain)
            return
        self._metrics.messages.labels("report").inc()
        if not self._inbox.offer(Letter(name, payload)):
            self._metrics.overflow.labels("in").inc()


async def feed(inbox: Inbox, process: Process, settings: Callable[[], CollectorConfig], metrics: Metrics) -> None:
    """Gather letters into batches by size and age and have them processed, until the inbox is closed and empty."""
    while True:
        await inbox.filled()
        batch = await _gather(inbox, settings())
        if not batch and inbox.closed:
            return
        arrivals = [arrival for letter in batch for arrival in letter]
        if not await _guarded(process, arrivals, metrics) and len(batch) > 1:
            # One letter must not take the others down with it.
            for letter in batch:
                await _guarded(process, letter, metrics)


async def _gather(inbox: Inbox, config: CollectorConfig) -> list[list[Arrival]]:
    batch: list[list[Arrival]] = []
    count = size = 0
    deadline = asyncio.get_running_loop().time() + config.store.batch_s
    while count < config.store.batch_reports and size < config.store.batch_bytes:
        letter = inbox.take()
        if letter is not None:
            batch.append(unpack(letter.topic, letter.payload))
            count += len(batch[-1])
            size += len(letter.payload)
            continue
        if inbox.closed:
            break
        try:
            async with asyncio.timeout_at(deadline):
                await inbox.filled()
        except TimeoutError:
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


def _heed() -> None:
    """End here if this task was cancelled meanwhile.

    aiomqtt waits by `asyncio.wait_for`, which in Python 3.11 swallows a cancellation that comes together with the
    result; then a stop would never be heard.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _until_lost(client: aiomqtt.Client) -> None:
    async for _ in client.messages:  # nothing ever comes here: see _Spout
        pass


async def _reach(broker: BrokerSettings) -> None:
    """See that somebody listens: the client library's own connecting blocks a thread and cannot be cancelled."""
    url = broker_url(broker)
    async with asyncio.timeout(broker.connect_timeout_s):
        _, writer = await asyncio.open_connection(url.hostname, url.port or BROKER_PORTS[url.scheme])
    writer.close()


def _tls(broker: BrokerSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=broker.ca)
        if broker.cert is not None:
            context.load_cert_chain(broker.cert, broker.key)
    except OSError as error:
        raise UsageError(f"broker.ca, broker.cert or broker.key cannot be used: {error}") from error
    return context


def _words(errors: BaseExceptionGroup[BaseException]) -> str:
    first: BaseException = errors
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return str(first) or type(first).__name__
