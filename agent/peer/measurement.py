"""The text messages that throughput clients read: one JSON object per sample. Pure.

Names, units and which parts come once are the protocols' (ndt7 specification, msak `model`): times in microseconds,
counters in bytes. Absent parts are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from agent.peer.kernel import Snapshot
from agent.peer.plan import Direction


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What identifies one stream: addresses as `ip:port`, a unique id, RFC 3339 start time, congestion control."""

    local: str
    remote: str
    uuid: str
    started: str
    congestion: str | None


@dataclass(frozen=True, slots=True)
class Sample:
    """The state of a stream at one moment: all payload bytes both ways, the test's own binary `load`, and two times.

    `elapsed_us` counts from the end of the handshake, `connected_us` from the accept. `peer` is how busy we are, an
    addition of ours.
    """

    load: int
    sent: int
    received: int
    elapsed_us: int
    connected_us: int
    kernel: Snapshot | None
    peer: Mapping[str, object] = field(default_factory=dict)


def throughput1(sample: Sample, endpoints: Endpoints | None) -> bytes:
    """Return msak's measurement; `endpoints` goes with the first one of a stream only."""
    message: dict[str, object] = {}
    if endpoints is not None:
        message = {"UUID": endpoints.uuid, "LocalAddr": endpoints.local, "RemoteAddr": endpoints.remote}
        if endpoints.congestion:
            message["CC"] = endpoints.congestion
    message["Application"] = {"BytesSent": sample.sent, "BytesReceived": sample.received}
    message["ElapsedTime"] = sample.elapsed_us
    if sample.peer:
        message["Peer"] = sample.peer
    if sample.kernel is None:
        message["Network"] = {}
        return msgspec.json.encode(message)
    tcp = sample.kernel.tcp
    first_time_sent = tcp["BytesSent"] - tcp["BytesRetrans"]
    message["Network"] = {"BytesSent": first_time_sent, "BytesReceived": tcp["BytesReceived"]}
    message["TCPInfo"] = {**tcp, "ElapsedTime": sample.connected_us}
    if sample.kernel.bbr is not None:
        message["BBRInfo"] = sample.kernel.bbr
    return msgspec.json.encode(message)


def ndt7(sample: Sample, endpoints: Endpoints, direction: Direction) -> bytes:
    """Return ndt7's measurement; ConnectionInfo goes with every one, as the present reference server does it."""
    message: dict[str, object] = {
        "AppInfo": {"ElapsedTime": sample.elapsed_us, "NumBytes": sample.load},
        "ConnectionInfo": {
            "Client": endpoints.remote,
            "Server": endpoints.local,
            "UUID": endpoints.uuid,
            "StartTime": endpoints.started,
        },
        "Origin": "server",
        "Test": direction,
    }
    if sample.peer:
        message["Peer"] = sample.peer
    if sample.kernel is not None:
        message["TCPInfo"] = {**sample.kernel.tcp, "ElapsedTime": sample.elapsed_us}
        if sample.kernel.bbr is not None:
            message["BBRInfo"] = {**sample.kernel.bbr, "ElapsedTime": sample.elapsed_us}
    return msgspec.json.encode(message)
