"""What becomes of a walk at its end, with and without a service, a network and a collector that knows the agent."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.config import AgentConfig, AgentSettings, PeerSettings
from agent.handover import raise_flag, survey_spool, take_over
from agent.spool import Spool
from agent.survey.delivery import Delivery, Sender, hand_in
from agent.wire.control import Request, Resend
from tests.agent.delivery import AGENT, HERE, Collector, Mosquitto, measurement, settings, until
from tests.agent.uplinks import agent, drained, running, say
from tests.ports import free_port

pytestmark = pytest.mark.program("mosquitto")


def sender(folder: Path, port: int, connect_s: float = 10) -> Sender:
    config = AgentConfig(
        agent=AgentSettings(id=AGENT, data=str(folder)), broker=settings(port), peer=PeerSettings(urls=["h:1"])
    )
    return Sender(config, SystemClock(), HERE, connect_s)


def record(folder: Path, count: int) -> None:
    spool = survey_spool(folder, identity=HERE)
    spool.open()
    raise_flag(folder)
    for number in range(1, count + 1):
        spool.put(measurement(number))
    spool.close()


async def handed_in(of: Sender, stop: asyncio.Event | None = None) -> tuple[Delivery, list[int]]:
    left: list[int] = []
    return await hand_in(of, left=left.append, stop=stop or asyncio.Event()), left


@pytest.fixture
async def collector(broker: Mosquitto) -> AsyncIterator[Collector]:
    found = Collector(broker.port)
    async with running(found.run()):
        yield found


async def test_everything_is_sent_and_counted_down(tmp_path: Path, broker: Mosquitto, collector: Collector) -> None:
    record(tmp_path / "data", 300)
    delivery, left = await handed_in(sender(tmp_path / "data", broker.port))
    assert delivery == Delivery("done")
    assert left[0] == 300
    assert left == sorted(left, reverse=True)
    assert [seq for _, seq in collector.arrived] == list(range(1, 301))
    assert collector.statuses[-1].state == "stopped", "no service runs, so this was the agent's own voice"


async def test_without_a_broker_it_ends_soon_and_keeps_everything(tmp_path: Path) -> None:
    record(tmp_path, 3)
    delivery, _ = await handed_in(sender(tmp_path, free_port(), connect_s=0.5))
    assert (delivery.ending, delivery.waiting) == ("later", 3)
    assert "refused" in delivery.why


async def test_a_stop_leaves_the_rest_for_later(tmp_path: Path, broker: Mosquitto) -> None:
    record(tmp_path / "data", 3)
    stop = asyncio.Event()
    stop.set()
    delivery, _ = await handed_in(sender(tmp_path / "data", broker.port), stop)
    assert (delivery.ending, delivery.waiting) == ("later", 3)


async def test_a_collector_that_does_not_know_the_agent(
    tmp_path: Path, broker: Mosquitto, collector: Collector
) -> None:
    collector.refuse = {"deferred": dict.fromkeys(range(1, 10), "unknown_agent")}
    record(tmp_path / "data", 3)
    delivery, _ = await handed_in(sender(tmp_path / "data", broker.port))
    assert (delivery.ending, delivery.waiting) == ("unregistered", 3)


async def test_where_the_spool_has_an_owner_nothing_is_touched(tmp_path: Path) -> None:
    record(tmp_path, 3)
    own = Spool(tmp_path / "spool.db", identity=HERE)
    own.open()
    delivery, left = await handed_in(sender(tmp_path, free_port()))
    assert (delivery, left) == (Delivery("service"), [])
    assert own.spooled == 0
    own.close()


async def test_nothing_to_send_needs_no_network(tmp_path: Path) -> None:
    assert await handed_in(sender(tmp_path, free_port())) == (Delivery("done"), [])


async def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    delivery, _ = await handed_in(sender(tmp_path / "file" / "data", free_port()))
    assert delivery.ending == "trouble"
    assert "cannot" in delivery.why


async def test_walks_that_were_taken_over_can_be_asked_for_again_each_by_its_own_epoch(
    tmp_path: Path, broker: Mosquitto, collector: Collector
) -> None:
    """Their places lie at and below zero, beside each other; no range that is asked for reaches into the next."""
    async with agent(tmp_path / "data", settings(broker.port)) as one:
        one.put(100, 3)
        epochs = []
        for name in ("walk", "another"):
            record(tmp_path / name, 4)
            walk = tmp_path / name
            places = take_over(walk, one.spool, agent=AGENT, clock=SystemClock(), identity=HERE)
            one.uplink.look_again(places)
            epochs.append(next(slip.epoch for slip in one.spool.waiting(places[0][0] - 1, 1, agent=AGENT)))
        await until(drained(one), "the receipts")
        assert sorted(collector.kept) == sorted(
            [(one.spool.epoch, seq) for seq in (1, 2, 3)] + [(epoch, seq) for epoch in epochs for seq in (1, 2, 3, 4)]
        )
        before = dict(collector.kept)

        async def asked_again(epoch: str, expected: tuple[int, ...]) -> None:
            collector.kept.clear()
            await say(broker.port, "request", Request(request=epoch, resend=Resend(epoch, [(3, 2**53)])))
            await until(lambda: len(collector.kept) >= len(expected), "what was asked for comes again")
            await until(drained(one), "the receipts")
            assert collector.kept == {(epoch, seq): before[epoch, seq] for seq in expected}

        await asked_again(epochs[1], (3, 4))
        await asked_again(epochs[0], (3, 4))
        await asked_again(one.spool.epoch, (3,))
