"""Points and reports that several tests of the store need."""

from dataclasses import replace
from typing import Any

import msgspec

from agent.wire.codec import Accepted, AnyReport, decode_reports
from collector.registry.site import Site
from collector.store.store import FieldValue, Point

SECOND = 1_000_000_000
NOON = 1_795_348_800 * SECOND

SITE = Site(
    id="ls-huulung-th1",
    name="Trường Tiểu học 1 Hữu Lũng",
    kind="school",
    area="rural",
    province="lang-son",
    commune="huu-lung",
    access="fibre",
    provider="vnpt",
)

DIRECTION = {
    "mbps": 118.4,
    "mean_mbps": 111.9,
    "low_mbps": 116.8,
    "high_mbps": 119.7,
    "bytes": 41233920,
    "duration_s": 2.95,
    "streams": 4,
    "stop": "converged",
    "ramp_s": 0.62,
    "retransmit_ratio": 0.0004,
    "loaded_rtt_ms": {"median": 38.1, "p95": 61.0},
    "rates_mbps": [100.0, 118.0],
}
THROUGHPUT = {
    "download": DIRECTION,
    "upload": {**DIRECTION, "mbps": 57.25},
    "idle_rtt_ms": {"min": 11.8, "median": 12.4},
    "engine": "msak",
    "cipher": "TLS_AES_128_GCM_SHA256",
    "congestion": "bbr",
    "cpu_ratio": 0.21,
    "cross_traffic_mbps": 0.3,
    "responsiveness_rpm": 812,
}


def report(kind: str = "throughput", **changes: Any) -> AnyReport:  # noqa: ANN401 - the JSON edge
    """A report as it comes off the wire; None leaves a key out."""
    tree = {
        "v": 1,
        "id": "01936f0e-0000-7000-8000-000000000001",
        "epoch": "6f1c",
        "seq": 42,
        "agent": "ls-huulung-th1",
        "kind": kind,
        "started": "2026-11-22T01:02:03.123456Z",
        "duration_s": 4.213,
        "family": "ipv4",
        "peer": {"name": "langson-dc", "url": "msak+wss://peer.example:4443", "address": "192.0.2.7"},
        "software": "linkgauge-agent/0.1.0",
        "doubts": [],
    } | changes
    (found,) = decode_reports(msgspec.json.encode({key: value for key, value in tree.items() if value is not None}))
    assert isinstance(found, Accepted), found
    return found.report


def point(number: int = 0, *, site: str = "a", measurement: str = "throughput", **fields: FieldValue) -> Point:
    """A small point: the `number`-th second after noon, conclusive unless it says otherwise."""
    values = {"download_mbps": float(number), "conclusive": True} | fields
    return Point(measurement, (("agent", f"{site}-1"), ("site", site)), values, NOON + number * SECOND)


def tagged(one: Point, **tags: str) -> Point:
    """The same point in another series."""
    return replace(one, tags=tuple(sorted((dict(one.tags) | tags).items())))
