"""The client's msak words, as the protocol has them."""

from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.net.tcp_info import TcpInfo
from agent.speed.dialect import Told
from agent.speed.engine import PeerLoad, Way
from agent.speed.limits import Limits
from agent.speed.msak import DIALECT, decode, target, tell
from tests.agent.speed.peers import leg


@pytest.mark.parametrize(("way", "limit"), [("download", ["2500"]), ("upload", None)])
def test_the_target(way: Way, limit: list[str] | None) -> None:
    parts = urlsplit(target(leg("::1", 1, way, Limits(seconds=4.5, max_bytes=10_000), mid="a b", congestion="cubic")))
    query = parse_qs(parts.query, strict_parsing=True)
    assert parts.path == f"/throughput/v1/{way}"
    assert (query["mid"], query["streams"], query["cc"]) == (["a b"], ["4"], ["cubic"])
    assert 4500 <= int(query["duration"][0]) <= 6000
    assert query.get("bytes") == limit
    assert all(len(values) == 1 for values in query.values()), "a reference server refuses what comes twice"


def test_the_protocols_numbers() -> None:
    assert DIALECT.subprotocol == "net.measurementlab.throughput.v1"
    assert DIALECT.first_bytes == 2**10
    assert DIALECT.largest_bytes <= 2**20
    assert DIALECT.receiver_must_count


def test_our_message_has_the_protocols_names() -> None:
    info = TcpInfo(rtt_us=5, min_rtt_us=4, bytes_sent=100, bytes_acked=90, bytes_received=7)
    assert msgspec.json.decode(tell(Told("download", sent=80, received=6, info=info, elapsed_us=1234))) == {
        "Application": {"BytesSent": 80, "BytesReceived": 6},
        "Network": {"BytesSent": 100, "BytesReceived": 7},
        "ElapsedTime": 1234,
        "TCPInfo": {
            "RTT": 5,
            "MinRTT": 4,
            "BytesSent": 100,
            "BytesAcked": 90,
            "BytesReceived": 7,
            "ElapsedTime": 1234,
        },
    }


def test_a_servers_message_is_read_and_missing_parts_are_no_error() -> None:
    full = decode(
        b'{"CC":"bbr","UUID":"u","Application":{"BytesSent":5,"BytesReceived":6},"ElapsedTime":7,"BBRInfo":{"BW":1},'
        b'"Network":{},"TCPInfo":{"RTT":8,"State":1,"BytesRetrans":9,"BytesReceived":400},'
        b'"Peer":{"Tests":1,"MaxTests":4,"CPURatio":0.25,"Paced":true}}'
    )
    assert full is not None
    assert full.kernel is not None
    assert (full.congestion, full.elapsed_s, full.received) == ("bbr", 7e-6, 6)
    assert (full.kernel.rtt, full.kernel.bytes_retrans, full.kernel.bytes_received) == (8, 9, 400)
    assert (full.kernel.min_rtt, full.kernel.app_limited) == (None, None)
    assert full.load == PeerLoad(1, 4, 0.25, paced=True)
    empty = decode(b"{}")
    assert empty is not None
    assert (empty.elapsed_s, empty.received, empty.kernel, empty.load) == (None, None, None, None)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_none(payload: bytes) -> None:
    decode(payload)


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b'{"Application":7}', b'{"ElapsedTime":"x"}', b"\xff\xfe", b'{"CC":"\xff"}']
)
def test_what_is_no_message_is_none(payload: bytes) -> None:
    assert decode(payload) is None
