"""The client's words and frames, as the protocol has them."""

from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.net.tcp_info import TcpInfo
from agent.speed.frames import FrameSkimmer
from agent.speed.limits import Limits
from agent.speed.msak import MAX_MESSAGE, MIN_MESSAGE, Supply, decode, measurement, next_size, target


@pytest.mark.parametrize(("direction", "bytes_"), [("download", ["2500"]), ("upload", None)])
def test_the_target(direction: str, bytes_: list[str] | None) -> None:
    parts = urlsplit(target(direction, Limits(seconds=4.5, max_bytes=10_000), mid="a b"))
    query = parse_qs(parts.query)
    assert parts.path == f"/throughput/v1/{direction}"
    assert (query["mid"], query["streams"], query["cc"]) == (["a b"], ["4"], ["bbr"])
    assert 4500 <= int(query["duration"][0]) <= 6000
    assert query.get("bytes") == bytes_


def test_messages_grow_as_the_protocol_says() -> None:
    assert next_size(MIN_MESSAGE, 0) == MIN_MESSAGE
    assert next_size(MIN_MESSAGE, 16 * MIN_MESSAGE - 1) == MIN_MESSAGE
    assert next_size(MIN_MESSAGE, 16 * MIN_MESSAGE) == 2 * MIN_MESSAGE
    assert next_size(MAX_MESSAGE, 2**40) == MAX_MESSAGE


@settings(deadline=None)
@given(st.integers(0, 3_000_000))
def test_a_supply_gives_its_share_exactly(share: int) -> None:
    supply, skimmer, written = Supply(RINGS, share), FrameSkimmer(masked=True), 0
    while (item := supply(written)) is not None:
        frame, size = item
        skimmer.feed(frame)
        written += size
        assert size <= MAX_MESSAGE
    assert written == skimmer.received == share
    assert supply(written) is None


RINGS: dict[int, list[bytes]] = {}


def test_a_supply_without_share_never_ends_and_stops_growing() -> None:
    supply, written = Supply(RINGS, None), 0
    sizes = []
    for _ in range(400):
        item = supply(written)
        assert item is not None
        sizes.append(item[1])
        written += item[1]
    assert sizes == sorted(sizes)
    assert sizes[0] == MIN_MESSAGE
    assert sizes[-1] == MAX_MESSAGE
    assert len({bytes(frame[:14]) for frame in RINGS[MAX_MESSAGE]}) == len(RINGS[MAX_MESSAGE])


def test_our_message_has_the_protocols_names() -> None:
    info = TcpInfo(rtt_us=5, min_rtt_us=4, bytes_sent=100, bytes_acked=90, bytes_received=7)
    assert msgspec.json.decode(measurement(sent=80, received=6, info=info, elapsed_us=1234)) == {
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
        b'"Network":{},"TCPInfo":{"RTT":8,"State":1,"BytesRetrans":9}}'
    )
    assert full is not None
    assert full.application is not None
    assert full.kernel is not None
    assert (full.congestion, full.elapsed_us, full.application.bytes_received) == ("bbr", 7, 6)
    assert (full.kernel.rtt, full.kernel.bytes_retrans, full.kernel.min_rtt) == (8, 9, None)
    empty = decode(b"{}")
    assert empty is not None
    assert empty.application is None


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_none(payload: bytes) -> None:
    decode(payload)


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b'{"Application":7}', b'{"ElapsedTime":"x"}', b"\xff\xfe", b'{"CC":"\xff"}']
)
def test_what_is_no_message_is_none(payload: bytes) -> None:
    assert decode(payload) is None
