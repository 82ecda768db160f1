"""The messages as JSON; what a real stream fills in is tested with the transfer."""

import json
from dataclasses import replace

from agent.peer.kernel import Snapshot, tcp_fields
from agent.peer.measurement import Endpoints, Sample, ndt7, throughput1

WHO = Endpoints("192.0.2.1:8080", "192.0.2.2:5000", "u1", "2026-11-22T01:02:03+00:00", None)
BARE = Sample(load=10, sent=11, received=12, elapsed_us=13, connected_us=14, kernel=None)
FULL = Sample(10, 11, 12, 13, 14, Snapshot(tcp_fields(b""), {"BW": 5, "MinRTT": 6, "PacingGain": 7, "CwndGain": 8}))


def test_msak_without_the_kernels_word() -> None:
    assert json.loads(throughput1(BARE, WHO)) == {
        "UUID": "u1",
        "LocalAddr": "192.0.2.1:8080",
        "RemoteAddr": "192.0.2.2:5000",
        "Application": {"BytesSent": 11, "BytesReceived": 12},
        "Network": {},
        "ElapsedTime": 13,
    }


def test_msak_with_it() -> None:
    message = json.loads(throughput1(FULL, None))
    assert message.keys() == {"Application", "Network", "ElapsedTime", "TCPInfo", "BBRInfo"}
    assert message["TCPInfo"]["ElapsedTime"] == 14
    assert message["BBRInfo"] == {"BW": 5, "MinRTT": 6, "PacingGain": 7, "CwndGain": 8}


def test_both_tell_how_busy_we_are() -> None:
    busy = replace(BARE, peer={"Tests": 1})
    assert json.loads(throughput1(busy, None))["Peer"] == {"Tests": 1}
    assert json.loads(ndt7(busy, WHO, "upload"))["Peer"] == {"Tests": 1}


def test_ndt7() -> None:
    assert json.loads(ndt7(BARE, WHO, "upload")) == {
        "AppInfo": {"ElapsedTime": 13, "NumBytes": 10},
        "ConnectionInfo": {
            "Client": "192.0.2.2:5000",
            "Server": "192.0.2.1:8080",
            "UUID": "u1",
            "StartTime": "2026-11-22T01:02:03+00:00",
        },
        "Origin": "server",
        "Test": "upload",
    }
    message = json.loads(ndt7(FULL, WHO, "download"))
    assert message["TCPInfo"]["ElapsedTime"] == message["BBRInfo"]["ElapsedTime"] == 13
