"""Reports as boxes in the field send them: about 850 bytes each, a third throughput, the rest small packets."""

import random
from datetime import UTC, datetime
from typing import Any

from agent.wire.report import Clock, Link, Peer, Report
from agent.wire.results import Direction, Latency, Result, Spread, Throughput


def believable(report_id: str, agent: str, chance: random.Random, number: int, *, epoch: str) -> Report[Any]:
    """One report; `started` and `seq` are placeholders."""
    kind, result = ("throughput", _throughput(chance)) if number % 3 == 0 else ("latency", _latency(chance))
    return Report(
        id=report_id,
        agent=agent,
        kind=kind,
        started=datetime(2026, 1, 1, tzinfo=UTC),
        duration_s=round(chance.uniform(3, 12), 3),
        family="ipv6" if number % 4 == 0 else "ipv4",
        peer=Peer(name="dc-ha-noi", url="wss://peer.example.vn", address="203.0.113.7"),
        link=Link(interface="eth0", medium="ethernet", speed_mbps=1000, mtu=1500),
        clock=Clock(synchronized=True),
        software="linkgauge-agent/0.5.0",
        profile="province-2026",
        result=result,
        epoch=epoch,
        seq=1,
    )


def _throughput(chance: random.Random) -> Result:
    return Throughput(
        download=_direction(chance, chance.uniform(20, 300)),
        upload=_direction(chance, chance.uniform(10, 150)),
        idle_rtt_ms=Spread(min=round(chance.uniform(2, 9), 3), median=round(chance.uniform(9, 20), 3)),
        engine="msak",
        cpu_ratio=round(chance.random(), 3),
    )


def _direction(chance: random.Random, mbps: float) -> Direction:
    return Direction(
        mbps=round(mbps, 2),
        mean_mbps=round(mbps * 0.96, 2),
        bytes=int(mbps * 1e6),
        duration_s=round(chance.uniform(2, 10), 2),
        streams=4,
        stop="converged",
        retransmit_ratio=round(chance.uniform(0, 0.01), 5),
    )


def _latency(chance: random.Random) -> Result:
    rtt = chance.uniform(4, 60)
    spread = [round(rtt * factor, 3) for factor in (0.9, 1.0, 1.03, 1.4, 2.0, 2.6)]
    return Latency(
        method="stamp",
        sent=200,
        received=199,
        lost=1,
        duplicate=0,
        reordered=0,
        late=0,
        rtt_ms=Spread(*spread),
        jitter_ms=round(chance.uniform(0.1, 3), 3),
        loss_ratio=0.005,
        forward_loss_ratio=0.005,
        backward_loss_ratio=0.0,
        forward_jitter_ms=round(chance.uniform(0.1, 3), 3),
        backward_jitter_ms=round(chance.uniform(0.1, 3), 3),
        variation_ms=round(chance.uniform(0.1, 9), 3),
        stamps="kernel",
        reflector="stateful",
        packet_bytes=172,
    )
