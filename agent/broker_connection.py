"""One connection to a broker, from its URL to a clean end. Which messages go over it is not known here.

Five things that aiomqtt 2.5 on paho-mqtt 2.2 does not do, and that a box on a bad line needs (read in their source):

* connecting blocks a thread that cannot be cancelled and, once through, joins the event loop by itself. So name and
  TCP connection are made here, where a stop ends them at once, and paho is handed the connected socket;
* leaving a dead connection waits for it. So the end has a limit, and then the socket is shut and taken off the loop;
* a TLS socket whose handshake failed is not closed;
* a message of any size is taken into memory. So one that is far too large ends the connection;
* at most 20 messages are under way, and more than 10 are worth a warning. The window is ours, so both are lifted.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol, TypeVar
from urllib.parse import urlsplit

import aiomqtt

from agent.config import BrokerSettings
from agent.errors import Failed
from agent.net.connect import connect
from agent.net.interfaces import has_global_ipv6
from agent.net.resolve import Family, resolve
from agent.wire.codec import CONTROL_LIMIT

PORTS: Final = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
_THREAD_S: Final = 1.0
_PATH: Final = "/mqtt"
_UNLIMITED: Final = 65535
_INCOMING: Final = 1000
_PACKET_BYTES: Final = 4 * CONTROL_LIMIT
_QUIET: Final = logging.getLogger("linkgauge.paho")
_QUIET.setLevel(logging.CRITICAL)  # what goes wrong is told once, by the uplink


T = TypeVar("T")


class Messages(Protocol):
    """What came, one by one; ends with an MqttError when the connection does. `len`: how many wait to be heard."""

    def __len__(self) -> int: ...

    def __aiter__(self) -> AsyncIterator[aiomqtt.Message]: ...


class Session(Protocol):
    """What the uplink asks of a connection. Everything raises aiomqtt.MqttError when that has ended."""

    @property
    def messages(self) -> Messages:
        """What came."""

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 0,
        retain: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109 - aiomqtt's own
    ) -> None:
        """Publish, and wait for the PUBACK."""

    async def subscribe(self, topic: str | list[tuple[str, int]], qos: int = 0) -> Sequence[object]:
        """Subscribe, and give the broker's answers."""

    async def unsubscribe(self, topic: str) -> None:
        """Unsubscribe, and wait for the answer."""


class Connect(Protocol):
    """A way to the broker: `connection` below, or a lighter one for thousands of agents in a process."""

    def __call__(
        self, settings: BrokerSettings, *, client_id: str, will: aiomqtt.Will
    ) -> AbstractAsyncContextManager[Session]:
        """Give a connected session; its end says goodbye. Raises Failed, OSError or aiomqtt.MqttError."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What has to be read from files: TLS material and a password."""

    tls: ssl.SSLContext | None
    password: str | None


@asynccontextmanager
async def connection(settings: BrokerSettings, *, client_id: str, will: aiomqtt.Will) -> AsyncIterator[aiomqtt.Client]:
    """Give a connected client; at the end say goodbye to the broker if it listens, and leave nothing behind.

    Raises:
        Failed: name or TCP connection.
        OSError: a file of the settings, or TLS.
        aiomqtt.MqttError: the broker's answer, or the end of the connection.
    """
    secrets = await asyncio.to_thread(read_secrets, settings)
    url = urlsplit(settings.url)
    client = _client(settings, secrets, client_id, will)
    sock = await _reach(url.hostname or "", _port(settings), timeout_s=settings.connect_timeout_s)
    with sock, sock.dup() as grip:
        _tune(sock, settings.keepalive_s)
        _hand_over(sock, client, secrets.tls, url.hostname or "", settings.connect_timeout_s)
        entered = False
        try:
            await _enter(client, grip)
            entered = True
            yield client
        finally:
            if entered:
                await _leave(client, settings.stop_s)
            client._client._sock_close()  # noqa: SLF001 - takes the socket off the loop, too
            with suppress(OSError):
                grip.shutdown(socket.SHUT_RDWR)


async def heeding(call: Awaitable[T]) -> T:
    """Give the result of a call to aiomqtt, unless its caller was cancelled meanwhile.

    aiomqtt waits by `asyncio.wait_for`, which in Python 3.11 swallows a cancellation that comes together with the
    result; then a stop would never be heard.
    """
    result = await call
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    return result


def _port(settings: BrokerSettings) -> int:
    url = urlsplit(settings.url)
    return url.port or PORTS[url.scheme]


def _client(settings: BrokerSettings, secrets: Secrets, client_id: str, will: aiomqtt.Will) -> aiomqtt.Client:
    url = urlsplit(settings.url)
    web = url.scheme in {"ws", "wss"}
    client = aiomqtt.Client(
        url.hostname or "",
        _port(settings),
        identifier=client_id,
        username=settings.username,
        password=secrets.password,
        tls_context=secrets.tls,
        transport="websockets" if web else "tcp",
        websocket_path=(url.path if url.path.strip("/") else _PATH) if web else None,
        keepalive=settings.keepalive_s,
        timeout=settings.connect_timeout_s,
        clean_session=True,
        will=will,
        max_inflight_messages=_UNLIMITED,
        max_queued_incoming_messages=_INCOMING,
        logger=_QUIET,
    )
    client.pending_calls_threshold = _UNLIMITED
    return client


def _hand_over(
    sock: socket.socket, client: aiomqtt.Client, tls: ssl.SSLContext | None, host: str, timeout_s: float
) -> None:
    """Have paho go on from a connected socket."""
    paho = client._client  # noqa: SLF001 - see the head of this file
    paho.connect_timeout = timeout_s
    paho._create_socket_connection = lambda: sock  # type: ignore[method-assign]  # noqa: SLF001
    receive = paho._sock_recv  # noqa: SLF001

    def receive_some(bufsize: int) -> bytes:
        """Read; the first read of a message asks for all of it."""
        if bufsize > _PACKET_BYTES:
            raise ConnectionAbortedError(f"a message of {bufsize} bytes")
        return receive(bufsize)

    paho._sock_recv = receive_some  # type: ignore[method-assign]  # noqa: SLF001
    if tls is not None:
        shake = partial(_shake_hands, tls, host, timeout_s)
        paho._ssl_wrap_socket = shake  # type: ignore[method-assign]  # noqa: SLF001


async def _enter(client: aiomqtt.Client, grip: socket.socket) -> None:
    """Connect; if that is cancelled, end the thread that does it before anything else is taken down."""
    loop = asyncio.get_running_loop()
    through = asyncio.Event()
    blocking = client._client_connect  # noqa: SLF001

    def connect_and_tell() -> None:
        try:
            blocking()
        finally:
            with suppress(RuntimeError):  # the loop is gone, and nobody waits
                loop.call_soon_threadsafe(through.set)

    client._client_connect = connect_and_tell  # type: ignore[method-assign]  # noqa: SLF001
    try:
        await heeding(client.__aenter__())
    except (ValueError, IndexError) as error:  # paho reads a WebSocket's answer without care
        raise aiomqtt.MqttError(f"the answer is not a broker's: {error}") from error
    except asyncio.CancelledError:
        with suppress(OSError):
            grip.shutdown(socket.SHUT_RDWR)
        with suppress(TimeoutError):  # it may never have begun
            async with asyncio.timeout(_THREAD_S):
                await through.wait()
        raise


async def _leave(client: aiomqtt.Client, limit_s: float) -> None:
    with suppress(aiomqtt.MqttError, TimeoutError):
        async with asyncio.timeout(limit_s):
            await client.__aexit__(None, None, None)
    ended = client._disconnected  # noqa: SLF001 - else asyncio complains that nobody asked how it ended
    if ended.done() and not ended.cancelled():
        ended.exception()


async def _reach(host: str, port: int, *, timeout_s: float) -> socket.socket:
    """Connect to the first address that answers: here, unlike in a measurement, any way through is welcome."""
    families: tuple[Family, Family] = ("ipv6", "ipv4") if has_global_ipv6() else ("ipv4", "ipv6")
    refusals: list[Failed] = []
    for family in families:
        try:
            addresses = await resolve(host, family, timeout_s=timeout_s)
        except Failed as error:
            refusals.append(error)
            continue
        for address in addresses:
            try:
                return await connect(address, port, timeout_s=timeout_s / len(addresses))
            except Failed as error:
                refusals.insert(0, error)  # tells more than that a name has no address of the other family
    raise refusals[0]


def _shake_hands(tls: ssl.SSLContext, host: str, timeout_s: float, sock: socket.socket) -> ssl.SSLSocket:
    """Do what paho does, but close the socket of a handshake that failed."""
    secure = tls.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    try:
        secure.settimeout(timeout_s)
        secure.do_handshake()
    except BaseException:
        secure.close()
        raise
    return secure


def _tune(sock: socket.socket, keepalive_s: int) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # A half-open connection with data under way ends after this time, not after the kernel's quarter of an hour.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, keepalive_s * 1000)


def read_secrets(settings: BrokerSettings) -> Secrets:
    """Read password and TLS material; raises OSError that names the setting."""
    password = None
    if settings.password_file is not None:
        try:
            password = Path(settings.password_file).read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise OSError(f"broker.password_file: cannot read {settings.password_file}: {error}") from error
    if urlsplit(settings.url).scheme not in {"mqtts", "wss"}:
        return Secrets(None, password)
    try:
        tls = ssl.create_default_context(cafile=settings.ca)
        if settings.cert is not None:
            tls.load_cert_chain(settings.cert, settings.key)
    except OSError as error:
        raise OSError(f"broker.ca, cert or key: cannot use {settings.ca}, {settings.cert}: {error}") from error
    return Secrets(tls, password)
