"""Both protocols over an emulated line that loses packets: what crosses is counted as it crosses, holes or not."""

import asyncio
import itertools
import json
import statistics
import subprocess
from collections.abc import Iterator

import pytest

from agent.speed import msak, ndt7
from agent.speed.dialect import Dialect
from agent.speed.engine import Transfer, Way
from agent.speed.estimate import rates
from agent.speed.limits import Limits
from agent.speed.summary import direction
from agent.speed.transfer import transfer
from tests.agent.speed.peers import leg
from tests.netlab.topology import Lab, LinkSpec, lab, payload_ceiling

RATE_MBPS = 60
LOSS = 0.01
TRUTH_MBPS = payload_ceiling(RATE_MBPS) * (1 - LOSS)

pytestmark = [pytest.mark.root, pytest.mark.alone, pytest.mark.timeout(60)]


@pytest.fixture(scope="module")
def line() -> Iterator[Lab]:
    """The line, and our peer at its far end."""
    spec = LinkSpec(rate_mbps=RATE_MBPS, loss=LOSS, queue_ms=60)
    with lab(down=spec, up=spec, rtt_ms=30) as net:
        serving = net.server.python(
            "-m", "agent", "peer", "--listen", "*:8080", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            assert serving.stdout is not None
            assert any("plain" in said for said in serving.stdout), "the peer does not listen"
            yield net
        finally:
            serving.terminate()
            serving.wait(10)
            if serving.stdout is not None:
                serving.stdout.close()


def measure(net: Lab, way: Way, dialect: Dialect, limits: Limits) -> Transfer:
    with net.client.entered():
        return asyncio.run(transfer(leg(net.address(), 8080, way, limits), dialect))


@pytest.mark.parametrize("way", ["download", "upload"])
@pytest.mark.parametrize(("dialect", "streams"), [(msak.DIALECT, 4), (ndt7.DIALECT, 1)], ids=["msak", "ndt7"])
def test_a_line_with_holes(line: Lab, way: Way, dialect: Dialect, streams: int) -> None:
    limits = Limits(seconds=4, streams=streams, early=False, may_grow=False)
    before = line.link.counters()
    given = measure(line, way, dialect, limits)
    after = line.link.counters()
    found = direction(given, limits)
    assert found.failure is None, json.dumps(str(found.failure))
    assert found.mbps is not None
    assert 0.85 * TRUTH_MBPS < found.mbps < 1.02 * TRUTH_MBPS
    crossed = getattr(after, "down" if way == "download" else "up").total.tcp_payload_bytes
    crossed -= getattr(before, "down" if way == "download" else "up").total.tcp_payload_bytes
    assert given.samples[-1].received < 1.01 * crossed, "nothing is counted that did not cross"
    full = rates(given.samples)[10:]
    assert min(full) > 0.3 * statistics.median(full), "a hole is no stall"
    assert all(later.received >= early.received for early, later in itertools.pairwise(given.samples))


def test_a_budget_is_what_the_line_carries(line: Lab) -> None:
    limits = Limits(seconds=8, max_bytes=4_000_000, early=False, may_grow=False)
    for way, name in (("download", "down"), ("upload", "up")):
        before = getattr(line.link.counters(), name).total.tcp_payload_bytes
        given = measure(line, way, msak.DIALECT, limits)  # type: ignore[arg-type] # one of two
        crossed = getattr(line.link.counters(), name).total.tcp_payload_bytes - before
        assert given.stop.word == "budget"
        assert 3_600_000 < crossed < 1.15 * 4_000_000, name
