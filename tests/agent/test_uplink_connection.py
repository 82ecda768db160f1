"""The uplink's connection: every transport, dead and lying servers, last words, and a stop at any moment."""

import asyncio
import logging
import signal
from contextlib import suppress
from pathlib import Path

import aiomqtt
import pytest

from agent.clock import SystemClock
from agent.spool import Spool
from agent.uplink import Uplink
from agent.wire.codec import encode
from agent.wire.control import Status
from agent.wire.topics import topic
from tests.agent.delivery import (
    AGENT,
    HERE,
    MOSQUITTO,
    Collector,
    Mosquitto,
    certificates,
    measurement,
    mosquitto,
    settings,
    until,
)
from tests.agent.uplinks import agent, drained, running, say
from tests.ports import free_port

pytestmark = [pytest.mark.program("mosquitto"), pytest.mark.timeout(60)]


async def retained(port: int, name: str) -> bytes:
    """What the broker remembers under a name."""
    async with aiomqtt.Client("127.0.0.1", port) as client, asyncio.timeout(5):
        await client.subscribe(name)
        return bytes((await anext(client.messages)).payload)


async def test_the_last_words_are_right_in_life_death_and_after_a_clean_stop(tmp_path: Path, broker: Mosquitto) -> None:
    name = topic(AGENT, "status")
    async with agent(tmp_path, settings(broker.port, status_s=0.1)) as one:
        await until(lambda: one.uplink.state.connected, "connected")
        epoch, said = one.spool.epoch, await retained(broker.port, name)
        assert b'"state":"online"' in said
        one.put(1)
        async with asyncio.timeout(10):  # the heartbeat keeps it fresh
            while b'"seq":1' not in said:
                said = await retained(broker.port, name)
        assert b'"state":"online"' in said
    assert await retained(broker.port, name) == encode(Status(state="stopped", epoch=epoch, seq=1, spooled=1))


async def test_the_broker_says_offline_when_the_connection_breaks(tmp_path: Path, broker: Mosquitto) -> None:
    freezer = Freezer(broker.port)
    server = await asyncio.start_server(freezer.serve, "127.0.0.1", 0)
    there = settings(server.sockets[0].getsockname()[1], reconnect_first_s=60, reconnect_max_s=60)
    async with server, agent(tmp_path, there) as one:
        one.put(1)
        await until(lambda: one.uplink.state.connected, "connected")
        freezer.cut()
        await until(lambda: not one.uplink.state.connected, "noticed")
        last = encode(Status(state="offline", epoch=one.spool.epoch, seq=1))
        assert await retained(broker.port, topic(AGENT, "status")) == last


async def test_a_stop_is_heard_at_any_moment(tmp_path: Path, broker: Mosquitto) -> None:
    spool = Spool(tmp_path / "spool.db", identity=HERE)
    for number in range(1, 200):
        spool.put(measurement(number))
    loop = asyncio.get_running_loop()
    for step in range(60):
        uplink = Uplink(
            settings(broker.port), agent=AGENT, spool=spool, status=lambda: Status(state="online"), clock=SystemClock()
        )
        async with asyncio.timeout(3):  # so often that one meets each answer of the broker
            async with running(uplink.run()):
                await asyncio.sleep(step * 0.0007)
            assert not loop.is_closed()
    spool.close()


@pytest.mark.parametrize("client_id", [None, "box-7"])
async def test_the_client_id_is_the_agents(tmp_path: Path, broker: Mosquitto, client_id: str | None) -> None:
    usurper = aiomqtt.Client("127.0.0.1", broker.port, identifier=client_id or f"linkgauge-{AGENT}")
    async with usurper, agent(tmp_path, settings(broker.port, client_id=client_id)):
        with pytest.raises(aiomqtt.MqttError):
            await anext(usurper.messages)  # taken over


async def test_an_unreachable_broker_is_told_once_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "linkgauge")
    late = Mosquitto(tmp_path)
    async with agent(tmp_path, settings(late.port)) as one:
        one.put(1)
        await until(lambda: one.uplink.state.last_error, "the refusal is known")
        await asyncio.sleep(1)
        assert caplog.text.count("event=broker_unreachable") == 1
        assert "refused" in str(one.uplink.state.last_error)
        late.start()
        try:
            collector = Collector(late.port)
            async with running(collector.run()):
                await until(drained(one), "delivered after all")
                assert one.uplink.state.connected
        finally:
            late.end()


async def silent_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes everything and answers nothing."""
    with suppress(ConnectionError):
        while await reader.read(65536):
            pass
    writer.close()


@pytest.mark.parametrize("scheme", ["mqtt", "mqtts", "ws", "wss"])
async def test_a_stop_does_not_wait_for_a_server_that_never_answers(tmp_path: Path, scheme: str) -> None:
    server = await asyncio.start_server(silent_server, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    loop = asyncio.get_running_loop()
    async with server:
        async with agent(tmp_path, settings(port, url=f"{scheme}://127.0.0.1:{port}", connect_timeout_s=30)):
            await asyncio.sleep(0.3)
            stopping = loop.time()
        assert loop.time() - stopping < 2.5


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\n\r\nhello", b"\x20\x02\x00\x05", b"\xff" * 100, b"", b"x\n" * 9]
)
@pytest.mark.parametrize("scheme", ["mqtt", "ws"])
async def test_a_server_that_is_no_broker_is_survived(tmp_path: Path, scheme: str, answer: bytes) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.read(10)
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"{scheme}://127.0.0.1:{port}"
    async with server, agent(tmp_path, settings(port, url=url, connect_timeout_s=0.3)) as one:
        await until(lambda: one.uplink.state.last_error, "it is said")
        assert not one.uplink.state.connected


class Freezer:
    """A TCP proxy that can fall silent with its connections open: a half-open line."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.frozen = asyncio.Event()
        self.writers: list[asyncio.StreamWriter] = []

    def cut(self) -> None:
        for writer in self.writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.frozen.is_set():
            self.frozen.clear()
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers += [writer, there_writer]
        with suppress(ConnectionError, ExceptionGroup):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.pipe(reader, there_writer), name="up")
                tasks.create_task(self.pipe(there_reader, writer), name="down")
        writer.close()
        there_writer.close()

    async def pipe(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        frozen = False
        while data := await source.read(65536):
            frozen = frozen or self.frozen.is_set()
            if not frozen:
                sink.write(data)
                await sink.drain()
        sink.close()


@pytest.mark.slow
async def test_a_half_open_connection_is_noticed_and_replaced(tmp_path: Path, broker: Mosquitto) -> None:
    freezer = Freezer(broker.port)
    server = await asyncio.start_server(freezer.serve, "127.0.0.1", 0)
    there = settings(server.sockets[0].getsockname()[1], connect_timeout_s=1)
    collector = Collector(broker.port)
    async with server, running(collector.run()), agent(tmp_path, there) as one:
        one.put(1)
        await until(drained(one), "the line works")
        freezer.frozen.set()
        one.put(2)
        await until(drained(one), "over a new connection", within_s=20)
        assert len(collector.kept) == 2


def listener(folder: Path, kind: str, port: int) -> str:
    ca, cert, key = certificates(folder)
    tls = f"certfile {cert}\nkeyfile {key}\n" if kind in {"mqtts", "wss", "mutual"} else ""
    mutual = f"cafile {ca}\nrequire_certificate true\n" if kind == "mutual" else ""
    websockets = "protocol websockets\n" if kind in {"ws", "wss"} else ""
    return f"listener {port} 127.0.0.1\n{websockets}{tls}{mutual}"


@pytest.mark.parametrize("kind", ["mqtts", "mutual", "ws", "wss"])
async def test_every_transport_delivers(tmp_path: Path, kind: str) -> None:
    port = free_port()
    async with mosquitto(tmp_path, listener(tmp_path, kind, port)) as broker:
        collector = Collector(broker.port)
        scheme = "mqtts" if kind == "mutual" else kind
        own = {"cert": str(tmp_path / "cert.pem"), "key": str(tmp_path / "key.pem")} if kind == "mutual" else {}
        there = settings(port, url=f"{scheme}://localhost:{port}", ca=str(tmp_path / "ca.pem"), **own)
        async with running(collector.run()), agent(tmp_path, there) as one:
            await until(lambda: collector.client, "the collector is connected")
            one.put(1, 120)
            await until(drained(one), "delivered")
            assert len(collector.kept) == 120


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    port = free_port()
    there = settings(port, url=f"mqtts://localhost:{port}")
    async with mosquitto(tmp_path, listener(tmp_path, "mqtts", port)), agent(tmp_path, there) as one:
        await until(lambda: one.uplink.state.last_error, "it is said")
        assert "certificate verify failed" in str(one.uplink.state.last_error)


async def test_a_missing_file_is_said_in_one_line(tmp_path: Path, broker: Mosquitto) -> None:
    there = settings(broker.port, url=f"mqtts://localhost:{broker.port}", ca="/nowhere/ca.pem")
    async with agent(tmp_path, there) as one:
        await until(lambda: one.uplink.state.last_error, "it is said")
        assert "/nowhere/ca.pem" in str(one.uplink.state.last_error)


async def test_user_and_password_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("wrong\n")
    passwords = tmp_path / "passwords"
    passwords.write_text("agent:secret\n")
    tool = str(Path(MOSQUITTO).parent.parent / "bin" / "mosquitto_passwd")
    process = await asyncio.create_subprocess_exec(tool, "-U", str(passwords))
    assert await process.wait() == 0
    passwords.chmod(0o644)
    async with mosquitto(tmp_path) as broker:
        broker.end()
        config = (tmp_path / "mosquitto.conf").read_text().replace("allow_anonymous true", f"password_file {passwords}")
        (tmp_path / "mosquitto.conf").write_text(config)
        broker.launch()
        await broker.ready()
        there = settings(broker.port, username="agent", password_file=str(secret))
        async with agent(tmp_path, there) as one:
            await until(lambda: one.uplink.state.last_error, "refused")
            assert "ot authori" in str(one.uplink.state.last_error)
            secret.write_text("secret\n")
            await until(lambda: one.uplink.state.connected, "a mended file is read again")


async def test_the_embedded_broker_works_too(tmp_path: Path) -> None:
    amqtt = pytest.importorskip("amqtt.broker")
    contexts = pytest.importorskip("amqtt.contexts")
    port = free_port()
    listeners = {"default": contexts.ListenerConfig(bind=f"127.0.0.1:{port}")}
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    broker = amqtt.Broker(contexts.BrokerConfig(listeners=listeners, plugins=plugins))
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    await broker.start()
    try:
        collector = Collector(port)
        async with running(collector.run()), agent(tmp_path, settings(port)) as one:
            await until(lambda: collector.client, "the collector is connected")
            await asyncio.to_thread(one.put, 1, 300)
            await until(drained(one), "delivered", within_s=20)
            assert len(collector.kept) == 300
            one.put(301)
            await until(drained(one), "delivered")
    finally:
        await broker.shutdown()


async def test_a_month_of_different_troubles_is_not_a_line_each(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    async with agent(tmp_path, settings(port, reconnect_first_s=0.001, reconnect_max_s=0.001)) as one:
        for number in range(60):
            words = f"no broker {number}"
            one.uplink._tell(words)  # noqa: SLF001 - the world has more ways to say no than a test
    assert caplog.text.count("event=broker_unreachable") <= 20


async def test_a_change_of_the_connection_is_told_at_once_and_its_reason_remembered(
    tmp_path: Path, broker: Mosquitto
) -> None:
    changes: list[tuple[bool, str | None]] = []
    async with agent(tmp_path, settings(broker.port)) as one:
        one.uplink.on_change = lambda: changes.append((one.uplink.state.connected, one.uplink.state.last_error))
        await until(lambda: one.uplink.state.connected, "connected")
        broker.end(signal.SIGKILL)
        await until(lambda: not one.uplink.state.connected, "the loss is known")
        broker.start()
        await until(lambda: one.uplink.state.connected, "connected again")
        assert one.uplink.state.last_error is not None
    assert changes[0] == (True, None)
    lost, reason = changes[1]  # other reasons may have followed: while nobody listened it was refused
    assert not lost
    assert reason in {"the connection to the broker was lost", "[Errno 104] Connection reset by peer"}
    assert changes[-1][0]
    assert len(changes) <= 5


async def test_a_message_too_large_to_hold_ends_the_connection_and_not_the_memory(
    tmp_path: Path, broker: Mosquitto
) -> None:
    collector = Collector(broker.port)
    async with running(collector.run()), agent(tmp_path, settings(broker.port)) as one:
        await until(lambda: one.uplink.state.connected, "connected")
        await say(broker.port, "request", b"x" * 300_000)
        await until(lambda: one.uplink.state.last_error, "the connection ended")
        assert one.uplink.state.garbage == 0
        one.put(1)
        await until(drained(one), "delivery goes on")
