"""A light connection to a broker: what the uplink asks of aiomqtt, at a fraction of its weight.

aiomqtt on paho brings a thread to connect with, a lock of each kind and a timer that wakes every second for each
client. One agent does not feel it; ten thousand do. What goes over the line is the same.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, Self
from urllib.parse import urlsplit

import aiomqtt

from agent.broker_connection import PORTS, Secrets
from agent.config import BrokerSettings
from agent.simulate import packets
from agent.wire.codec import CONTROL_LIMIT

_PACKET_BYTES: Final = 4 * CONTROL_LIMIT
_INCOMING: Final = 1000
_NUMBERS: Final = 65535
_GRANTED: Final = 2  # the highest QoS that a SUBACK may grant


class Granted:
    """One answer to a subscription, with the one thing that is asked of it."""

    def __init__(self, code: int) -> None:
        self.is_failure = code > _GRANTED


class Messages:
    """What came and was not heard yet; ends with an MqttError when the connection does."""

    def __init__(self) -> None:
        self._waiting: deque[aiomqtt.Message] = deque()
        self._news = asyncio.Event()
        self._ended: str | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> aiomqtt.Message:
        while not self._waiting:
            if self._ended is not None:
                raise aiomqtt.MqttError(self._ended)
            self._news.clear()
            await self._news.wait()
        return self._waiting.popleft()

    def put(self, message: aiomqtt.Message) -> None:
        """Keep one; past a thousand they are lost, as in paho."""
        if len(self._waiting) < _INCOMING:
            self._waiting.append(message)
            self._news.set()

    def end(self, why: str) -> None:
        """Nothing more will come."""
        self._ended = why
        self._news.set()


class Line(asyncio.Protocol):
    """One session with a broker, from CONNACK to the end of the connection."""

    def __init__(self, settings: BrokerSettings) -> None:
        self.messages = Messages()
        self._settings = settings
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._answers: dict[int, asyncio.Future[bytes]] = {}
        self._number = 0
        self._pinged = False
        self._timer: asyncio.TimerHandle | None = None
        self.closed = asyncio.Event()

    # --- what the uplink asks for

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109 - aiomqtt's own
    ) -> None:
        """Publish at QoS 1, and wait for the PUBACK."""
        if qos != 1:
            raise ValueError("only QoS 1")
        number = self._next()
        await self._ask(number, packets.publish(topic, payload, number=number, retain=retain), timeout)

    async def subscribe(self, topic: str | Sequence[tuple[str, int]], qos: int = 0) -> list[Granted]:
        """Subscribe, and say what was granted."""
        topics = [(topic, qos)] if isinstance(topic, str) else topic
        number = self._next()
        answer = await self._ask(number, packets.subscribe(topics, number=number), None)
        return [Granted(code) for code in answer]

    async def unsubscribe(self, topic: str) -> None:
        """Unsubscribe, and wait for the answer."""
        number = self._next()
        await self._ask(number, packets.unsubscribe(topic, number=number), None)

    # --- beginning and end

    async def begin(self, client_id: str, will: aiomqtt.Will, password: str | None) -> None:
        """Send CONNECT and wait for a good CONNACK."""
        payload = will.payload if isinstance(will.payload, bytes) else b""
        packet = packets.connect(
            client_id,
            keepalive_s=self._settings.keepalive_s,
            will=(will.topic, payload),
            username=self._settings.username,
            password=password,
        )
        answer = await self._ask(0, packet, None)
        if len(answer) != 2 or answer[1]:  # noqa: PLR2004 - flags and code
            raise aiomqtt.MqttError(f"the broker refuses the connection: code {answer[1:].hex()}")
        self._beat()

    def cut(self) -> None:
        """Break the connection as a fault of the network would: no goodbye."""
        if self._transport is not None:
            self._transport.abort()

    async def end(self, limit_s: float) -> None:
        """Say goodbye, and wait a moment until it has left."""
        if self._transport is None or self.closed.is_set():
            return
        self._transport.write(packets.DISCONNECT)
        self._transport.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self.closed.wait()
        self.cut()

    # --- the protocol's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """There is a connection; TLS, if any, is through."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take what came; nonsense ends the connection."""
        self._pinged = False
        self._buffer += data
        try:
            for head, body in packets.split(self._buffer, _PACKET_BYTES):
                self._take(head, body)
        except packets.BrokenPacketError as error:
            self._lose(str(error))
            self.cut()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, whoever wanted it."""
        self._lose(str(exc or "the broker closed the connection"))
        self.closed.set()

    def _take(self, head: int, body: bytes) -> None:
        kind = head & 0xF0
        if kind == packets.PUBLISH:
            topic, payload, number = packets.published(head, body)
            if number:
                self._write(packets.puback(number))
            self.messages.put(aiomqtt.Message(topic, payload, 1 if number else 0, bool(head & 1), number, None))
        elif kind == packets.CONNACK:
            self._answer(0, body)
        elif kind in {packets.PUBACK, packets.SUBACK, packets.UNSUBACK}:
            self._answer(int.from_bytes(body[:2], "big"), body[2:])

    def _answer(self, number: int, body: bytes) -> None:
        waiting = self._answers.pop(number, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(body)

    async def _ask(self, number: int, packet: bytes, timeout_s: float | None) -> bytes:
        """Send a packet and wait for its answer."""
        if self.closed.is_set() or self._transport is None:
            raise aiomqtt.MqttError("not connected")
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        self._write(packet)
        try:
            async with asyncio.timeout(timeout_s or self._settings.connect_timeout_s):
                return await answer
        except TimeoutError:
            raise aiomqtt.MqttError("Operation timed out") from None
        finally:
            self._answers.pop(number, None)

    def _next(self) -> int:
        self._number = self._number % _NUMBERS + 1
        return self._number

    def _write(self, packet: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(packet)

    def _beat(self) -> None:
        """Ask after the broker each half keepalive; one that has not answered since the last time is gone."""
        if self._pinged:
            self.cut()
            return
        self._pinged = True
        self._write(packets.PING)
        self._timer = asyncio.get_running_loop().call_later(self._settings.keepalive_s / 2, self._beat)

    def _lose(self, why: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.messages.end(why)
        waiting, self._answers = self._answers, {}
        for answer in waiting.values():
            if not answer.done():
                answer.set_exception(aiomqtt.MqttError(why))


@asynccontextmanager
async def line(
    settings: BrokerSettings, secrets: Secrets, *, client_id: str, will: aiomqtt.Will
) -> AsyncIterator[Line]:
    """Give a connected session; at the end say goodbye. Raises OSError (TLS too) or aiomqtt.MqttError."""
    url = urlsplit(settings.url)
    opened = Line(settings)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(settings.connect_timeout_s):
            await loop.create_connection(
                lambda: opened,
                url.hostname or "",
                url.port or PORTS[url.scheme],
                ssl=secrets.tls,
                ssl_handshake_timeout=None if secrets.tls is None else settings.connect_timeout_s,
            )
    except TimeoutError:
        raise OSError(f"no connection within {settings.connect_timeout_s:g} s") from None
    try:
        await opened.begin(client_id, will, secrets.password)
        yield opened
    finally:
        await opened.end(settings.stop_s)
