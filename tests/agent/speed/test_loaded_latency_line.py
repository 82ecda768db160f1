"""Loaded latency and responsiveness on a 100 Mbit/s link whose queue a cubic sender fills, against its own counters."""

import asyncio
import contextlib
import statistics
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from agent.evidence.gathering import gather
from agent.speed import circumstances, msak
from agent.speed.engine import Transfer
from agent.speed.limits import Limits
from agent.speed.loaded_latency import Rules
from agent.speed.probing import look
from agent.speed.summary import direction, full_span
from agent.wire.results import Direction
from tests.agent.speed.peers import leg
from tests.netlab.topology import Lab, LinkSpec, lab
from tests.netlab.traffic import settled, streaming

RATE_MBPS = 100
RTT_MS = 20
BYTES_PER_MS = RATE_MBPS * 125
QUEUES_MS = (20, 60, 200)
LIMITS = Limits(seconds=4, early=False, may_grow=False)

Others = Callable[[], contextlib.AbstractContextManager[object]]

pytestmark = [pytest.mark.root, pytest.mark.alone, pytest.mark.timeout(90)]


@dataclass(frozen=True, slots=True)
class Met:
    """What a direction tells, and the round trip that the link's own counters give for the same seconds."""

    part: Direction
    truth_ms: float

    @property
    def ms(self) -> float:
        assert self.part.loaded_latency_ms is not None
        assert self.part.loaded_latency_ms.mean is not None
        return self.part.loaded_latency_ms.mean

    @property
    def rpm(self) -> float:
        assert self.part.responsiveness is not None
        assert self.part.responsiveness.rpm is not None
        return self.part.responsiveness.rpm


@pytest.fixture(scope="module")
def line() -> Iterator[Lab]:
    """The link, and our peer at its far end; everybody there sends with cubic."""
    cubic = {"net.ipv4.tcp_congestion_control": "cubic"}
    with lab(rtt_ms=RTT_MS, extra=("rival", "rival_server"), sysctls={"rival_server": cubic}) as net:
        told = ["--listen", "*:8080", "--stamp", "*:8862"]
        serving = net.server.python("-m", "agent", "peer", *told, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert serving.stdout is not None
        assert any("stamp-2" in said for said in serving.stdout), "the peer does not listen"
        yield net


def spec(queue_ms: float) -> LinkSpec:
    return LinkSpec(rate_mbps=RATE_MBPS, rtt_ms=RTT_MS, queue_ms=queue_ms)


async def download(net: Lab, others: Others) -> tuple[Transfer, Direction]:
    """Load the line with cubic senders, with the probes beside it, as the probe does it; others at the same time."""
    asked = leg(net.address(), 8080, "download", LIMITS, congestion="cubic")
    asking = await look(asked, Rules())
    assert asking is not None
    assert asking.reach.stamp_port is not None
    asked, probing = asking.beside(asked)
    with others():
        async with gather(before_s=0) as gathering:
            async with gathering.during("download", beside=probing.run):
                transfer = await msak.run(asked)
            part = direction(transfer, LIMITS)
            return transfer, circumstances.answering(part, transfer, probing.beside())


def measure(net: Lab, queue_ms: float, others: Others = contextlib.nullcontext) -> Met:
    net.link.change(down=spec(queue_ms), up=spec(queue_ms))
    settled(net.link)  # a first packet that a full queue drops comes again after a second
    with net.client.entered():
        transfer, part = asyncio.run(download(net, others))
    assert part.failure is None
    since_s, until_s = full_span(transfer)
    stood = [moment.queue_bytes for moment in net.link.history("down") if since_s <= moment.time <= until_s]
    assert len(stood) > 100
    return Met(part, RTT_MS + statistics.fmean(stood) / BYTES_PER_MS)


def test_the_delay_is_the_queues_and_answers_come_slower_as_it_grows(line: Lab) -> None:
    found = {queue_ms: measure(line, queue_ms) for queue_ms in QUEUES_MS}
    for queue_ms, met in found.items():
        assert met.truth_ms > RTT_MS + queue_ms / 3, "the queue was not filled"
        assert met.ms == pytest.approx(met.truth_ms, rel=0.1), queue_ms
        assert met.part.loaded_latency_method == "stamp"
        assert met.part.mbps is not None
        assert met.part.mbps > 0.9 * RATE_MBPS * 1448 / 1500
    rpms = [found[queue_ms].rpm for queue_ms in QUEUES_MS]
    assert rpms[0] > 1.3 * rpms[1] > 1.3**2 * rpms[2]


def test_a_queue_that_somebody_else_fills_is_met_as_well(line: Lab) -> None:
    met = measure(line, 200, lambda: streaming(line.rival_server, line.rival, 2))
    assert met.truth_ms > RTT_MS + 200 / 3
    assert met.ms == pytest.approx(met.truth_ms, rel=0.1)
