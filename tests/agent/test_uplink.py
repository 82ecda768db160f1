import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from agent.clock import SystemClock
from agent.config import BrokerSettings
from agent.spool import Spool
from agent.uplink import Uplink
from agent.wire.codec import encode
from agent.wire.control import Boot, Profile, Receipt, Request, Resend, Slot, Status
from agent.wire.topics import COLLECTOR, topic
from tests.agent.delivery import (
    AGENT,
    HERE,
    MOSQUITTO,
    START,
    Collector,
    Mosquitto,
    certificates,
    free_port,
    measurement,
    mosquitto,
    settings,
    until,
)

pytestmark = [pytest.mark.program("mosquitto"), pytest.mark.timeout(60)]


@dataclass
class Agent:
    """A spool and an uplink, as the service puts them together."""

    spool: Spool
    uplink: Uplink
    requests: list[Request] = field(default_factory=list)
    profiles: list[Profile] = field(default_factory=list)

    def put(self, first: int, count: int = 1) -> None:
        for number in range(first, first + count):
            self.spool.put(measurement(number))


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    async with mosquitto(tmp_path) as running:
        yield running


@asynccontextmanager
async def running(*coroutines: Any) -> AsyncIterator[list[asyncio.Task[Any]]]:  # noqa: ANN401 - of any result
    """Run in the background until the end of the block; a fault in one ends the test."""
    async with asyncio.TaskGroup() as tasks:
        started = [tasks.create_task(coroutine, name=f"test-{at}") for at, coroutine in enumerate(coroutines)]
        try:
            yield started
        finally:
            for task in started:
                task.cancel()


@asynccontextmanager
async def agent(folder: Path, broker: BrokerSettings) -> AsyncIterator[Agent]:
    """An agent whose uplink runs until the end of the block."""
    spool = Spool(folder / "spool.db", identity=HERE)
    spool.open()

    def status() -> Status:
        return Status(state="online", epoch=spool.epoch, seq=spool.newest_seq, spooled=spool.spooled)

    requests: list[Request] = []
    profiles: list[Profile] = []
    uplink = Uplink(
        broker,
        agent=AGENT,
        spool=spool,
        status=status,
        clock=SystemClock(),
        on_request=requests.append,
        on_profile=profiles.append,
    )
    try:
        async with running(uplink.run()):
            yield Agent(spool, uplink, requests, profiles)
    finally:
        spool.close()


def drained(one: Agent) -> Callable[[], bool]:
    return lambda: one.spool.spooled == 0


async def say(port: int, leaf: Any, message: Any, *, retain: bool = False) -> None:  # noqa: ANN401 - also garbage
    """Publish as the collector does."""
    payload = message if isinstance(message, bytes) else encode(message)
    name = COLLECTOR if leaf == "collector" else topic(AGENT, leaf)
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.publish(name, payload, qos=1, retain=retain)


async def retained(port: int, name: str) -> bytes:
    """What the broker remembers under a name."""
    async with aiomqtt.Client("127.0.0.1", port) as client, asyncio.timeout(5):
        await client.subscribe(name)
        return bytes((await anext(client.messages)).payload)


async def test_a_report_is_delivered_alone_and_its_bytes_are_the_spools(tmp_path: Path, broker: Mosquitto) -> None:
    collector = Collector(broker.port)
    async with agent(tmp_path, settings(broker.port)) as one, running(collector.run()):
        await until(lambda: one.uplink.state.connected and collector.client, "both are connected")
        one.put(1)
        (body,) = one.spool.bodies(slip.place for slip in one.spool.waiting(0, 1, agent=AGENT)).values()
        await until(drained(one), "the receipt")
        assert collector.kept == {(one.spool.epoch, 1): body}
        assert collector.messages == [1]
        assert collector.statuses[0].state == "online"


@pytest.mark.slow
async def test_a_backlog_of_5000_drains_in_arrays_and_each_is_sent_once(tmp_path: Path, broker: Mosquitto) -> None:
    collector = Collector(broker.port)
    with_backlog = Spool(tmp_path / "spool.db", identity=HERE)
    for number in range(1, 5001):
        with_backlog.put(measurement(number))
    with_backlog.close()
    async with running(collector.run()):
        await until(lambda: collector.client, "the collector is connected")
        async with agent(tmp_path, settings(broker.port)) as one:
            await until(drained(one), "the backlog is receipted", within_s=50)
            assert len(collector.kept) == 5000
            assert max(collector.seen.values()) == 1
            assert collector.messages == [50] * 100
            assert [seq for _, seq in collector.arrived] == [*range(1, 5001)], "oldest first"


async def test_a_broker_killed_in_mid_stream_costs_nothing(tmp_path: Path, broker: Mosquitto) -> None:
    collector = Collector(broker.port)
    async with running(collector.run()), agent(tmp_path, settings(broker.port)) as one:
        for round_ in range(3):
            await asyncio.to_thread(one.put, round_ * 400 + 1, 400)
            await until(lambda at=round_: len(collector.kept) > at * 400 + 50, "some arrived")  # type: ignore[misc]
            broker.end(signal.SIGKILL)
            broker.start()
        await until(drained(one), "everything is receipted", within_s=30)
        assert len(collector.kept) == 1200


async def test_a_silent_collector_that_comes_back_gets_everything_again(tmp_path: Path, broker: Mosquitto) -> None:
    collector = Collector(broker.port, silent=True)
    async with agent(tmp_path, settings(broker.port)) as one:
        async with running(collector.run()):
            await until(lambda: collector.client, "the collector is connected")
            one.put(1, 130)
            await until(lambda: len(collector.seen) == 100, "the window is full")
            await asyncio.sleep(0.3)
            assert len(collector.seen) == 100, "not more than the window without a receipt"
            assert max(collector.seen.values()) == 1, "and no resend before its time"
        collector = Collector(broker.port, boot="boot-b")
        async with running(collector.run()):
            await until(drained(one), "a new boot id brings everything")
            assert len(collector.kept) == 130


async def test_silence_is_answered_by_a_resend(tmp_path: Path, broker: Mosquitto) -> None:
    collector = Collector(broker.port, silent=True)
    async with running(collector.run()), agent(tmp_path, settings(broker.port, resend_first_s=0.2)) as one:
        one.put(1)
        await until(lambda: collector.seen[one.spool.epoch, 1] >= 2, "it is sent again")
        collector.silent = False
        await until(drained(one), "the receipt")


async def test_a_resend_on_request_covers_what_had_its_receipt(tmp_path: Path, broker: Mosquitto) -> None:
    collector = Collector(broker.port)
    async with running(collector.run()), agent(tmp_path, settings(broker.port)) as one:
        one.put(1, 60)
        await until(drained(one), "the receipts")
        epoch = one.spool.epoch
        before = dict(collector.kept)
        collector.kept.clear()
        await say(broker.port, "request", Request(request="r", resend=Resend(epoch, [(3, 5), (59, 2**53)])))
        await until(lambda: len(collector.kept) == 5, "what was asked for comes again")
        assert collector.kept == {key: before[key] for key in ((epoch, seq) for seq in (3, 4, 5, 59, 60))}
        await until(drained(one), "the receipts")


async def test_deferred_ones_come_later_and_rejected_ones_never(tmp_path: Path, broker: Mosquitto) -> None:
    collector = Collector(broker.port, refuse={"deferred": {1: "unknown_agent"}, "rejected": {2: "malformed"}})
    async with running(collector.run()), agent(tmp_path, settings(broker.port, defer_s=0.3)) as one:
        one.put(1, 3)
        await until(lambda: collector.seen[one.spool.epoch, 1] >= 2, "the deferred one is tried again")
        assert one.spool.spooled == 1
        await until(lambda: one.uplink.unregistered, "the agent knows that nobody registered it")
        collector.refuse.clear()
        await until(drained(one), "the deferred one is stored")
        assert not one.uplink.unregistered
        assert [seq for _, seq in collector.kept] == [3, 1]
        assert collector.seen[one.spool.epoch, 2] == 1


async def test_a_report_whose_place_is_taken_is_delivered_in_another(tmp_path: Path, broker: Mosquitto) -> None:
    collector = Collector(broker.port, refuse={"rejected": {1: "conflict"}})
    async with running(collector.run()), agent(tmp_path, settings(broker.port)) as one:
        before = one.spool.epoch
        one.put(1, 2)
        await until(lambda: one.spool.epoch != before, "a new epoch")
        collector.refuse.clear()
        await say(broker.port, "collector", Boot(boot="b", at=START))
        await until(drained(one), "both are stored")
        assert (before, 2) in collector.kept
        assert (before, 1) not in collector.kept
        assert len(collector.kept) == 2


async def test_a_receipt_for_something_not_in_flight_counts(tmp_path: Path, broker: Mosquitto) -> None:
    collector = Collector(broker.port, silent=True)
    async with running(collector.run()), agent(tmp_path, settings(broker.port)) as one:
        one.put(1, 130)
        await until(lambda: len(collector.seen) == 100, "the window is full")
        await say(broker.port, "receipt", Receipt(epoch=one.spool.epoch, stored=[(1, 100), (120, 130)]))
        await until(lambda: len(collector.seen) == 119, "the rest")
        assert one.spool.spooled == 19


async def test_receipts_profile_and_requests_reach_their_places(tmp_path: Path, broker: Mosquitto) -> None:
    await say(broker.port, "profile", Profile(version="p-1", schedule={"latency": Slot(60)}), retain=True)
    async with agent(tmp_path, settings(broker.port)) as one:
        await until(lambda: one.profiles, "the retained profile")
        assert one.profiles[0].version == "p-1"
        old = datetime.now(UTC) - timedelta(seconds=1)
        await say(broker.port, "request", Request(request="late", kind="latency", expires=old))
        await say(broker.port, "request", Request(request="now", kind="latency", expires=old + timedelta(hours=1)))
        await until(lambda: one.requests, "the request")
        assert [request.request for request in one.requests] == ["now"]


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff\xfe\x00", b"[" * 60_000, b"x" * 70_000, b'{"epoch":1}', b"null"])
async def test_garbage_is_counted_and_ignored(tmp_path: Path, broker: Mosquitto, payload: bytes) -> None:
    collector = Collector(broker.port)
    async with running(collector.run()), agent(tmp_path, settings(broker.port)) as one:
        await until(lambda: one.uplink.state.connected, "connected")
        for leaf in ("receipt", "request", "profile", "collector"):
            await say(broker.port, leaf, payload)
        await until(lambda: one.uplink.state.garbage == 4, "all four are counted")
        one.put(1)
        await until(drained(one), "delivery goes on")


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


async def test_a_rolled_back_disk_is_known_by_what_the_broker_remembers(tmp_path: Path, broker: Mosquitto) -> None:
    with_past = Spool(tmp_path / "spool.db", identity=HERE)
    with_past.open()
    before = with_past.epoch
    with_past.close()
    await say(broker.port, "status", Status(state="offline", epoch=before, seq=7), retain=True)
    collector = Collector(broker.port)
    async with running(collector.run()), agent(tmp_path, settings(broker.port)) as one:
        await until(lambda: one.uplink.state.connected, "connected")
        assert one.spool.epoch != before
        epoch = one.spool.epoch
        await say(broker.port, "receipt", Receipt(epoch=epoch, stored=[(1, 3)]))
        await until(lambda: one.spool.epoch != epoch, "a receipt for what was never sent tells it too")


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


async def test_a_disk_that_refuses_is_told_and_delivery_goes_on_after_it(
    tmp_path: Path, broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    collector = Collector(broker.port)
    async with running(collector.run()), agent(tmp_path, settings(broker.port)) as one:
        await until(lambda: one.uplink.state.connected and collector.client, "connected")
        one.spool.close()
        path = tmp_path / "spool.db"
        path.rename(tmp_path / "kept")
        path.mkdir()
        await say(broker.port, "collector", Boot(boot="x", at=START))
        await say(broker.port, "receipt", Receipt(epoch="e", stored=[(1, 1)]))
        await until(lambda: "event=spool_trouble" in caplog.text, "it is told")
        path.rmdir()
        (tmp_path / "kept").rename(path)
        one.put(1)
        await until(drained(one), "delivered")


async def test_a_collector_that_finds_every_place_taken_is_not_answered_in_a_circle(
    tmp_path: Path, broker: Mosquitto
) -> None:
    collector = Collector(broker.port, refuse={"rejected": {1: "conflict", 2: "conflict"}})
    async with running(collector.run()), agent(tmp_path, settings(broker.port)) as one:
        before = one.spool.epoch
        one.put(1, 2)
        await until(lambda: one.spool.epoch != before, "a new epoch")
        await until(lambda: collector.seen[one.spool.epoch, 1] and collector.seen[one.spool.epoch, 2], "a second try")
        await asyncio.sleep(1)
        assert sum(collector.seen.values()) <= 5
        collector.refuse.clear()
        await say(broker.port, "collector", Boot(boot="b", at=START))
        await until(drained(one), "once it has come to its senses, both are stored")


async def test_a_request_that_comes_twice_resends_once(tmp_path: Path, broker: Mosquitto) -> None:
    collector = Collector(broker.port)
    async with running(collector.run()), agent(tmp_path, settings(broker.port)) as one:
        one.put(1)
        await until(drained(one), "the receipt")
        for request in ("r", "r", "last"):
            resend = Resend(one.spool.epoch, [(1, 1), (7, 3)])
            await say(broker.port, "request", Request(request=request, resend=resend))
            await until(lambda: collector.seen[one.spool.epoch, 1] >= 2, "it comes again")
            await until(drained(one), "the receipt")
        one.put(2)
        await until(lambda: (one.spool.epoch, 2) in collector.kept, "what came after")
        assert collector.seen[one.spool.epoch, 1] == 3


async def test_resends_without_end_are_bounded(
    tmp_path: Path, broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "linkgauge")
    collector = Collector(broker.port)
    async with running(collector.run()), agent(tmp_path, settings(broker.port)) as one:
        one.put(1)
        await until(drained(one), "the receipt")
        for number in range(60):
            await say(broker.port, "request", Request(request=f"r{number}", resend=Resend(one.spool.epoch, [(1, 1)])))
        one.put(2)
        await until(lambda: collector.seen[one.spool.epoch, 2], "what came after")
        await until(drained(one), "the receipts")
        assert collector.seen[one.spool.epoch, 1] >= 2
    assert 10 <= caplog.text.count("event=resend_asked") <= 25


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
        lost = one.uplink.state.last_error
        broker.start()
        await until(lambda: one.uplink.state.connected, "connected again")
        assert lost
        assert one.uplink.state.last_error is not None
    assert changes[0] == (True, None)
    assert changes[1] == (False, lost)
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
