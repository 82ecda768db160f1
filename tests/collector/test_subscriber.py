"""The subscriber by itself, in whatever role: what it listens to, how it greets, and what outlives a connection."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.wire.control import Boot, Profile
from collector.config import parse
from collector.inbox import Inbox
from collector.metrics import Metrics, Readiness
from collector.mqtt.packets import Outgoing, publish
from collector.subscribe import EVENTS, Subscriber, Subscription, events, greeting, reports, statuses
from tests.collector.mosquitto import Mosquitto, mosquitto
from tests.collector.rig import NOW, until

Heard = list[tuple[str, bytes, bool]]
BOOT = Boot(boot="b1", at=NOW)


class Party:
    """A subscriber with its metrics."""

    def __init__(self, port: int, subscriptions: Sequence[Subscription], *, keys: str = "", **more: Any) -> None:  # noqa: ANN401 - a Subscriber's
        waits = "" if "reconnect" in keys else "reconnect_first_s = 0.05\nreconnect_max_s = 0.1\n"
        text = f'[broker]\nurl = "mqtt://127.0.0.1:{port}"\n{waits}{keys}'
        self.config = parse(text, {}, name="test")
        self.metrics = Metrics()
        self.said: list[str] = []
        self.readiness = Readiness(self.metrics, lambda _, why: self.said.append(why or ""))
        self.subscriber = Subscriber(
            lambda: self.config, subscriptions, observers=(self.metrics, self.readiness), now=lambda: NOW, **more
        )

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"linkgauge_{name}", labels) or 0.0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Subscriber]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.subscriber.run(), name="subscriber")
            try:
                await until(lambda: self.subscriber.connected_since is not None)
                yield self.subscriber
            finally:
                task.cancel()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path) as one:
        yield one


def inbox() -> Inbox:
    return Inbox(limit_messages=100, limit_bytes=10**8)


def listener(heard: Heard, name: str = "x/+/y", qos: int = 1) -> Subscription:
    return Subscription(name, lambda *one: heard.append(one), qos)


@pytest.mark.program("mosquitto")
async def test_each_subscription_gets_its_own(broker: Mosquitto) -> None:
    told: Heard = []
    states: list[tuple[str, bytes, bool]] = []
    queue = inbox()
    party = Party(
        broker.port,
        [
            reports(queue),
            statuses(queue, lambda *one: states.append(one)),
            events(lambda *one: told.append(one)),
        ],
    )
    async with party.running() as own:
        for name in ("linkgauge/v1/a1/report", "linkgauge/v1/a1/status", "linkgauge/v1/A B/status", EVENTS):
            own.send(name, name.encode(), 1)
        await until(lambda: party.count("messages_received_total", leaf="events") == 1 and len(queue) == 1)
        await own.flush()
    assert told == [(EVENTS, EVENTS.encode(), False)]
    assert states == [("a1", b"linkgauge/v1/a1/status", False)]
    assert party.count("messages_received_total", leaf="status") == 2


async def test_subscriptions_that_cannot_be_told_apart() -> None:
    for wrong in ([listener([]), listener([], "z/y")], [listener([], "x/#")], [listener([], "x/+")]):
        with pytest.raises(ValueError, match="told apart"):
            Party(1, wrong)


@pytest.mark.program("mosquitto")
async def test_a_group_shares_and_two_of_one_client_id_live_together(broker: Mosquitto) -> None:
    queues = [inbox(), inbox()]
    parties = [
        Party(broker.port, [reports(queue, "g")], keys='client_id = "c"', suffix=lambda slot=slot: slot)
        for queue, slot in zip(queues, ("1", "2"), strict=True)
    ]
    async with parties[0].running() as one, parties[1].running():
        for number in range(40):
            one.send("linkgauge/v1/a1/report", b"%d" % number, 1)
        await until(lambda: sum(map(len, queues)) == 40)
    assert all(map(len, queues))
    assert [party.count("broker_connections_total") for party in parties] == [1, 1]


@pytest.mark.program("mosquitto")
async def test_a_broker_that_forgot_everything_is_told_again(broker: Mosquitto) -> None:
    profiles = {f"a{number}": Profile(version="p1") for number in range(500)}
    party = Party(broker.port, [listener([])], greet=lambda: greeting(BOOT, profiles))
    async with party.running() as own:
        await own.flush()
        broker.kill()
        await until(lambda: own.connected_since is None)
        broker.start()
        await until(lambda: own.connected_since is not None)
        await own.flush()
        heard: Heard = []
        late = Party(
            broker.port, [listener(heard, "linkgauge/v1/+/profile"), listener(heard, "linkgauge/v1/collector")]
        )
        async with late.running():
            await until(lambda: len(heard) == 501)
    assert all(retained for _, _, retained in heard)


@pytest.mark.program("mosquitto")
async def test_a_receiver_that_fails_harms_nobody(broker: Mosquitto, caplog: pytest.LogCaptureFixture) -> None:
    heard: Heard = []

    def bad(*_: object) -> None:
        raise ZeroDivisionError

    party = Party(broker.port, [Subscription("x/bad", bad), listener(heard)])
    with caplog.at_level(logging.CRITICAL, "collector.subscribe"):
        async with party.running() as own:
            own.send("x/bad", b"", 1)
            own.send("x/1/y", b"good", 1)
            await until(lambda: len(heard) == 1)
    assert party.count("faults_total", part="intake") == 1
    assert party.count("broker_connections_total") == 1


@pytest.mark.program("mosquitto")
async def test_what_is_beyond_all_measure_is_passed_over(broker: Mosquitto) -> None:
    queue = inbox()
    party = Party(broker.port, [reports(queue)])
    async with party.running() as own:
        own.send("linkgauge/v1/a1/report", bytes(3_000_000), 1)
        own.send("linkgauge/v1/a1/report", b"small", 1)
        await until(lambda: len(queue) == 1)
        await own.flush()
    assert party.count("messages_refused_total", reason="too_large") == 1
    assert party.count("broker_connections_total") == 1


async def test_who_is_let_in_only_to_be_thrown_out_waits_longer_and_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    held = asyncio.Event()

    def at_once(_: float, most: float) -> float:
        waits.append(most)
        return 0.0

    monkeypatch.setattr("collector.subscribe.random.uniform", at_once)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(16)
        writer.write(b"\x20\x02\x00\x00")
        await reader.readexactly(13)
        writer.write(b"\x90\x03\xff\xff\x01")
        await writer.drain()
        if len(waits) == 5:
            await held.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        keys = 'client_id = "c1"\nreconnect_first_s = 10\nreconnect_max_s = 60'
        party = Party(server.sockets[0].getsockname()[1], [listener([], "x/+/yy")], keys=keys)
        async with party.running():
            await until(lambda: len(waits) == 5 and party.subscriber.connected_since is not None)
            clock = asyncio.get_running_loop()
            monkeypatch.setattr(party.subscriber, "_agreed_at", clock.time() - 1000)
            held.set()
            await until(lambda: len(waits) >= 6)
    assert waits[:6] == [10, 20, 40, 60, 60, 10]
    assert any("broker.client_id" in why for why in party.said)


async def test_what_no_broker_confirmed_is_sent_again_and_receipts_are_not() -> None:
    """The first connection confirms nothing and ends; the second gets the request once more, before what is newer."""
    sessions: list[bytes] = []
    request, later, notice = Outgoing("q", b"1", 1), Outgoing("q", b"2", 1), Outgoing("boot", b"!", 1, retain=True)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(14)
        writer.write(b"\x20\x02\x00\x00")
        await reader.readexactly(13)
        writer.write(b"\x90\x03\xff\xff\x01")
        said = b""
        wanted = [publish(notice, 1), publish(request, 2)] + [publish(later, 3)] * len(sessions)
        while not all(packet in said for packet in wanted):
            said += await reader.read(1000)
        sessions.append(said)
        if len(sessions) == 2:
            writer.write(b"\x40\x02\x00\x01\x40\x02\x00\x02\x40\x02\x00\x03")
            await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        party = Party(server.sockets[0].getsockname()[1], [listener([], "x/+/yy")], greet=lambda: [notice])
        own = party.subscriber
        async with party.running():
            own.send("q", b"1", 1)
            own.send("receipt", b"r", 0)
            await until(lambda: len(sessions) == 1 and own.connected_since is None)
            own.send("q", b"2", 1)
            async with asyncio.timeout(10):
                await own.flush()
    assert b"receipt" in sessions[0]
    assert b"receipt" not in sessions[1]
