"""A simulated agent: its road can be cut and mended, its spool counts, its name can be its user name."""

import asyncio
from pathlib import Path

import pytest

from agent.broker_connection import Secrets
from agent.clock import SystemClock
from agent.config import BrokerSettings
from agent.simulate.device import Counts, Device, Gate, own_settings
from agent.simulate.plan import Plan
from agent.simulate.tally import quantile
from tests.agent.delivery import Mosquitto, settings, until
from tests.agent.simulate.receipts import Receipts
from tests.agent.uplinks import running


def device(folder: Path, broker: BrokerSettings, *, prefill: int = 0, reports: int = 0) -> tuple[Device, Counts]:
    counts = Counts()
    plan = Plan(agents=3, rate=1.0, broker=broker, folder=str(folder), prefill=prefill, reports=reports)
    return Device(plan, 2, secrets=Secrets(None, None), clock=SystemClock(), counts=counts), counts


def test_an_agents_id_can_be_its_user_name() -> None:
    plain = BrokerSettings(url="mqtt://h:1")
    assert own_settings(plain, "sim-00003") is plain
    each = BrokerSettings(url="mqtt://h:1", username="%a")
    assert own_settings(each, "sim-00003").username == "sim-00003"


def test_an_empty_spool_is_given_its_first_reports_once(tmp_path: Path) -> None:
    for made in (7, 0):
        one, counts = device(tmp_path, BrokerSettings(url="mqtt://h:1"), prefill=5, reports=7)
        one.open()
        for _ in range(9):
            one.produce()
        assert (one.agent, one.spool.newest_seq, one.spool.spooled, one.done) == ("sim-00003", 7, 7, False)
        one.spool.close()
        assert counts.tally.produced == made


async def test_the_later_end_of_two_cuts_counts() -> None:
    gate, loop = Gate(), asyncio.get_running_loop()
    began = loop.time()
    gate.cut(0.3)
    gate.cut(0.05)
    await gate.passed()
    assert loop.time() - began >= 0.3
    await gate.passed()


@pytest.mark.program("mosquitto")
async def test_receipts_are_timed_but_not_over_a_cut(broker: Mosquitto, tmp_path: Path) -> None:
    receipts = Receipts(broker.port)
    one, counts = device(tmp_path, settings(broker.port))
    one.open()
    async with running(receipts.run(), one.uplink.run()):
        await receipts.ready.wait()
        await until(lambda: one.uplink.state.connected, "connected")
        one.produce()
        await until(lambda: one.done, "its receipt")
        late = quantile(counts.tally.latency, 1.0)
        assert late is not None
        assert 0 < late < 5
        one.gate.cut(0.4)
        await until(lambda: not one.uplink.state.connected, "cut")
        one.produce()
        await until(lambda: one.done, "its receipt after the cut")
    one.spool.close()
    assert counts.tally.receipted == 2
    assert sum(counts.tally.latency.values()) == 1
    assert counts.tally.connects == 2
    assert [report.seq for report in receipts.reports["sim-00003"]] == [1, 2]
