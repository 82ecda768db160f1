"""The client against real brokers, and against things that are none."""

import asyncio
import os
import signal
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvloop
from aiohttp import web

from collector.mqtt.connection import Connection, Endpoint
from collector.mqtt.packets import BrokerError, Login, Message, Outgoing, Skipped
from tests.agent.net.authority import authority
from tests.collector.mosquitto import UNLIMITED, mosquitto
from tests.collector.rig import until
from tests.ports import free_port

FILTERS = [("t/+", 1), ("u", 0)]
LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop, uvloop.new_event_loop]


@dataclass
class Ear:
    """A listener, and how its connection ended."""

    messages: list[Message] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    is_agreed: bool = False
    rooms: int = 0
    why: str = ""

    def heard(self, messages: Sequence[Message], skipped: Sequence[Skipped]) -> None:
        self.messages += messages
        self.skipped += skipped

    def agreed(self) -> None:
        self.is_agreed = True

    def room(self) -> None:
        self.rooms += 1

    async def run(self, connection: Connection) -> None:
        try:
            await connection.run()
        except BrokerError as error:
            self.why = str(error)


def connection(
    port: int, ear: Ear, *, login: Login | None = None, keepalive_s: float | None = None, **where: object
) -> Connection:
    endpoint = Endpoint("127.0.0.1", port, **where)  # type: ignore[arg-type]  # a test's own words
    return Connection(endpoint, login or Login(), FILTERS, ear, keepalive_s=keepalive_s)


@asynccontextmanager
async def running(one: Connection, ear: Ear) -> AsyncIterator[None]:
    """Connected and agreed until the end of the context."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(ear.run(one), name="connection")
        await until(lambda: ear.is_agreed or bool(ear.why))
        assert not ear.why
        try:
            yield
        finally:
            task.cancel()


async def ended(one: Connection, ear: Ear) -> str:
    async with asyncio.timeout(10):
        await ear.run(one)
    return ear.why


def in_loop(factory: Callable[[], asyncio.AbstractEventLoop], main: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await main()

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(run())


@pytest.mark.program("mosquitto")
@pytest.mark.parametrize("factory", LOOPS)
def test_to_and_fro_with_mosquitto(tmp_path: Path, factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    with mosquitto(tmp_path) as broker:
        in_loop(factory, lambda: _to_and_fro({"port": broker.port}))


@pytest.mark.parametrize("kind", ["tcp", "ws"])
@pytest.mark.parametrize("factory", LOOPS)
def test_to_and_fro_with_amqtt(kind: str, factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """The broker of `collector up`; over WebSocket too, which not every Mosquitto was built with."""

    async def main() -> None:
        async with _amqtt(kind) as port:
            await _to_and_fro({"port": port, "path": "/" if kind == "ws" else None})

    in_loop(factory, main)


@asynccontextmanager
async def _amqtt(kind: str) -> AsyncIterator[int]:
    from amqtt.broker import Broker  # type: ignore[import-untyped]  # ships no types
    from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType  # type: ignore[import-untyped]  # as above

    port = free_port()
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    listener = ListenerConfig(type=ListenerType(kind), bind=f"127.0.0.1:{port}")
    broker = Broker(BrokerConfig(listeners={"default": listener}, plugins=plugins))
    await broker.start()
    try:
        yield port
    finally:
        await broker.shutdown()


async def _to_and_fro(where: dict[str, object]) -> None:
    big = os.urandom(200_000)
    ear, other = Ear(), Ear()
    one, two = connection(ear=ear, **where), connection(ear=other, **where)  # type: ignore[arg-type]  # as above
    async with running(one, ear), running(two, other):
        one.publish([Outgoing("t/a", b"first", 1), Outgoing("u", b"second"), Outgoing("t/b", big, 1, retain=True)])
        await until(lambda: len(other.messages) == 3 and not one.unconfirmed)
        assert {(message.topic, message.payload) for message in other.messages} == {
            ("t/a", b"first"), ("u", b"second"), ("t/b", big),
        }  # fmt: skip
        two.publish([Outgoing("t/c", b"%d" % number, 1) for number in range(300)])
        await until(lambda: sum(message.topic == "t/c" for message in ear.messages) == 300)
    late = Ear()
    async with running(connection(ear=late, **where), late):  # type: ignore[arg-type]  # as above
        await until(lambda: bool(late.messages))
        assert set(late.messages) == {Message("t/b", big, retained=True)}  # amqtt sends it twice


@pytest.mark.program("mosquitto")
async def test_a_password_that_is_wrong_and_one_that_is_right(tmp_path: Path) -> None:
    users = tmp_path / "users"
    subprocess.run(["mosquitto_passwd", "-b", "-c", users, "me", "right"], check=True)  # noqa: S603, S607, ASYNC221 - our own words
    with mosquitto(tmp_path, limits=f"user root\nallow_anonymous false\npassword_file {users}") as broker:
        why = await ended(connection(broker.port, Ear(), login=Login("c", "me", "wrong")), Ear())
        assert "broker.username" in why
        ear = Ear()
        async with running(connection(broker.port, ear, login=Login("c", "me", "right")), ear):
            pass


@pytest.mark.program("mosquitto")
@pytest.mark.program("openssl")
@pytest.mark.parametrize("factory", LOOPS)
def test_tls(tmp_path: Path, factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    own = authority(tmp_path)
    cert, key = own.issue("localhost")

    async def main(port: int) -> None:
        ear = Ear()
        async with running(Connection(Endpoint("localhost", port, own.client()), Login(), FILTERS, ear), ear):
            pass
        stranger = Connection(Endpoint("localhost", port, ssl.create_default_context()), Login(), FILTERS, Ear())
        assert "certificate" in (await ended(stranger, Ear())).lower()
        assert await ended(connection(port, Ear(), timeout_s=1), Ear())  # plain words to a TLS port

    with mosquitto(tmp_path, limits=f"user root\n{UNLIMITED}\ncertfile {cert}\nkeyfile {key}") as broker:
        in_loop(factory, lambda: main(broker.port))


@pytest.mark.program("mosquitto")
@pytest.mark.parametrize("factory", LOOPS)
def test_a_broker_that_dies(tmp_path: Path, factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def main() -> None:
        with mosquitto(tmp_path) as broker:
            ear = Ear()
            async with running(one := connection(broker.port, ear), ear):
                broker.kill()
                await until(lambda: bool(ear.why))
                assert not one.ready
                assert await ended(connection(broker.port, Ear()), Ear())

    in_loop(factory, main)


@pytest.mark.program("mosquitto")
async def test_a_broker_that_stops_answering(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        assert broker.process is not None
        ear = Ear()
        async with running(connection(broker.port, ear, keepalive_s=0.4), ear):
            await asyncio.sleep(1)  # pings keep a quiet line alive for longer than it may be silent
            assert not ear.why
            broker.process.send_signal(signal.SIGSTOP)
            try:
                await until(lambda: "has not answered" in ear.why)
            finally:
                broker.process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def no_broker(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """Something that listens; each connection is closed when it has been served."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00" * 1000, b"\xff" * 1000, b"SSH-2.0-x\r\n"]
)
async def test_what_is_no_broker_is_said(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(answer)
        await reader.read()

    async with no_broker(serve) as port:
        assert "is it a broker?" in await ended(connection(port, Ear()), Ear())


async def test_one_that_says_nothing_is_given_up() -> None:
    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with no_broker(serve) as port:
        began = time.monotonic()
        assert await ended(connection(port, Ear(), timeout_s=0.2), Ear()) == "no answer within 0.2 s"
        assert await ended(connection(port, Ear(), timeout_s=0.2, path="/mqtt"), Ear()) == "no answer within 0.2 s"
        assert time.monotonic() - began < 5


async def test_one_that_hangs_up_is_said() -> None:
    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(10)

    async with no_broker(serve) as port:
        assert await ended(connection(port, Ear()), Ear())
        assert await ended(connection(port, Ear(), path="/mqtt"), Ear())


@pytest.mark.parametrize("text", [True, False])
async def test_a_websocket_that_is_no_brokers(text: bool) -> None:  # noqa: FBT001 - a parameter of the test
    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=("mqtt",))
        await socket.prepare(request)
        await socket.receive()
        await (socket.send_str("hello") if text else socket.send_bytes(b"SSH-2.0-x"))
        await socket.receive()
        return socket

    app = web.Application()
    app.add_routes([web.get("/mqtt", serve)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        assert "is it a broker?" in await ended(connection(runner.addresses[0][1], Ear(), path="/mqtt"), Ear())
    finally:
        await runner.cleanup()


async def _agree(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Play a broker up to the subscription."""
    await reader.readexactly(14)
    writer.write(b"\x20\x02\x00\x00")
    await reader.readexactly(14)
    writer.write(b"\x90\x04\xff\xff\x01\x00")


async def test_a_broker_that_does_not_read_is_not_written_to_for_ever() -> None:
    reads = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _agree(reader, writer)
        await reads.wait()
        while await reader.read(1 << 20):
            pass

    ear = Ear()
    async with no_broker(serve) as port, running(one := connection(port, ear), ear):
        written = 0
        while one.ready:
            one.publish([Outgoing("x", bytes(10_000))] * 10)
            written += 1
            assert written < 1000
            await asyncio.sleep(0)
        rooms = ear.rooms
        reads.set()
        await until(lambda: one.ready and ear.rooms > rooms)


async def test_a_broker_that_reads_nothing_is_left_before_memory_is() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _agree(reader, writer)
        await asyncio.Event().wait()

    ear = Ear()
    async with no_broker(serve) as port, running(one := connection(port, ear), ear):
        for _ in range(40):
            one.publish([Outgoing("x", bytes(1_000_000))])  # without asking whether it is ready
        await until(lambda: "does not read" in ear.why)


async def test_who_is_cancelled_says_goodbye() -> None:
    said: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _agree(reader, writer)
        said.append(await reader.read())

    ear = Ear()
    async with no_broker(serve) as port:
        async with running(one := connection(port, ear), ear):
            one.publish([Outgoing("u", b"last")])
        await until(lambda: said == [b"\x30\x07\x00\x01ulast\xe0\x00"])
    assert not ear.why
