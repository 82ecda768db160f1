"""ndt7 as its specification and its reference server have it: the words, and runs against servers that say little."""

import asyncio
import itertools
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import Failed, UsageError
from agent.net.tcp_info import TcpInfo
from agent.speed import frames
from agent.speed.dialect import Told
from agent.speed.engine import Target, Way
from agent.speed.frames import Opcode
from agent.speed.limits import Limits
from agent.speed.ndt7 import DIALECT, EARLY_EXIT_BYTES, ENGINE, capped, decode, metadata, run, target, tell
from agent.speed.summary import direction
from tests.agent.speed.peers import Visit, leg, move, ndt7_receiver, nothing, peer, receive_paced, send_paced

ONE = Limits(seconds=1.5, streams=1, early=False, may_grow=False)


@pytest.mark.parametrize("way", ["download", "upload"])
def test_the_target_keeps_the_rules_for_metadata(way: Way) -> None:
    parts = urlsplit(target(leg("::1", 1, way, ONE)))
    pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)
    assert parts.path == f"/ndt/v7/{way}"
    assert len(parts.query) <= 4096
    assert len(dict(pairs)) == len(pairs)
    assert all(value for _, value in pairs)
    assert not any(name.startswith("server_") for name, _ in pairs)
    assert "early_exit" not in dict(pairs)
    assert dict(pairs) == metadata()


def test_an_early_exit_is_asked_for_by_a_budget_of_just_that_size() -> None:
    asked = replace(ONE, max_bytes=EARLY_EXIT_BYTES)
    assert ("early_exit", "250") in parse_qsl(urlsplit(target(leg("::1", 1, "download", asked))).query)
    assert "early_exit" not in target(leg("::1", 1, "upload", asked))
    assert "early_exit" not in target(leg("::1", 1, "download", replace(ONE, max_bytes=300_000_000)))


def test_a_path_with_an_early_exit_bounds_the_download() -> None:
    assert capped(ONE, "/ndt/v7/download?access_token=x").max_bytes is None
    assert capped(ONE, "/ndt/v7/download?access_token=x&early_exit=250").max_bytes == 250_000_000
    assert capped(replace(ONE, max_bytes=1000), "/ndt/v7/download?early_exit=250").max_bytes == 1000
    assert capped(replace(ONE, max_bytes=10**9), "/ndt/v7/download?early_exit=250").max_bytes == 250_000_000
    assert capped(ONE, "").max_bytes is None


@pytest.mark.parametrize(("way", "moved"), [("download", 6), ("upload", 80)])
def test_our_message_has_the_protocols_names(way: Way, moved: int) -> None:
    info = TcpInfo(rtt_us=5, min_rtt_us=4, bytes_sent=100)
    assert msgspec.json.decode(tell(Told(way, sent=80, received=6, info=info, elapsed_us=1234))) == {
        "AppInfo": {"ElapsedTime": 1234, "NumBytes": moved},
        "Origin": "client",
        "Test": way,
        "TCPInfo": {"RTT": 5, "MinRTT": 4, "BytesSent": 100, "ElapsedTime": 1234},
    }


def test_a_servers_messages() -> None:
    # The shape of the reference server's: no AppInfo on an upload, the whole tcp_info, BBRInfo.
    upload = decode(
        b'{"ConnectionInfo":{"Client":"1.2.3.4:5","Server":"[::1]:443","UUID":"u","StartTime":"2026-01-01T00:00:00Z"},'
        b'"BBRInfo":{"BW":1,"MinRTT":2,"PacingGain":739,"CwndGain":739,"ElapsedTime":3},"Origin":"server",'
        b'"Test":"upload","TCPInfo":{"State":1,"AppLimited":1,"RTT":9,"BytesReceived":77,"ElapsedTime":250000}}'
    )
    assert upload is not None
    assert upload.kernel is not None
    assert (upload.received, upload.elapsed_s, upload.congestion) == (None, 0.25, "bbr")
    assert (upload.kernel.bytes_received, upload.kernel.app_limited, upload.kernel.rtt) == (77, 1, 9)
    other = decode(b'{"AppInfo":{"NumBytes":12,"ElapsedTime":500000},"TCPInfo":{"ElapsedTime":1}}')
    assert other is not None
    assert (other.received, other.elapsed_s, other.congestion) == (12, 0.5, None)
    empty = decode(b"{}")
    assert empty is not None
    assert (empty.received, empty.elapsed_s, empty.kernel) == (None, None, None)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_none(payload: bytes) -> None:
    decode(payload)
    assert decode(b'{"AppInfo":7}') is None


async def test_a_download_from_a_server_that_only_sends() -> None:
    async def minimal(visit: Visit) -> None:
        await visit.upgrade()
        assert visit.headers["sec-websocket-protocol"] == "net.measurementlab.ndt.v7"
        assert visit.headers["user-agent"]
        await send_paced(visit, 30, 5, nothing)

    async with peer(minimal) as (host, port, visits):
        transfer = await run(leg(host, port, "download", ONE))
    found = direction(transfer, ONE)
    assert found.mbps == pytest.approx(30, rel=0.05)
    assert (found.stop, found.streams, len(visits)) == ("time", 1, 1)
    assert found.loaded_rtt_ms is not None, "nobody says the round trip, so it is the receiver's own"
    assert (transfer.sent_bytes, transfer.congestion, transfer.reference_only) == (None, None, False)
    assert visits[0].closed
    said = [msgspec.json.decode(text) for text in visits[0].texts]
    assert {(one["Origin"], one["Test"]) for one in said} == {("client", "download")}
    assert said[-1]["AppInfo"]["NumBytes"] > 0
    assert len(said) <= 10 * ONE.seconds


async def test_an_upload_to_a_server_that_says_nothing_is_for_reference_only() -> None:
    async def minimal(visit: Visit) -> None:
        await visit.upgrade()
        await receive_paced(visit, 30, 5, nothing)

    async with peer(minimal) as (host, port, _):
        transfer = await run(leg(host, port, "upload", ONE))
    assert transfer.reference_only
    assert direction(transfer, ONE).mbps == pytest.approx(30, rel=0.08)


async def test_an_upload_is_checked_against_the_servers_kernel() -> None:
    async def reference(visit: Visit) -> None:
        await visit.upgrade()
        await receive_paced(visit, 30, 5, ndt7_receiver)

    async with peer(reference) as (host, port, _):
        transfer = await run(leg(host, port, "upload", ONE))
    found = direction(transfer, ONE)
    assert not transfer.reference_only
    assert found.failure is None
    assert found.mbps == pytest.approx(30, rel=0.08)


async def test_a_lie_about_an_upload_is_no_number() -> None:
    def lie(_visit: Visit, _received: int, gone_s: float) -> dict[str, object]:
        return {"TCPInfo": {"BytesReceived": 10**15, "ElapsedTime": round(gone_s * 1e6)}}

    async def lying(visit: Visit) -> None:
        await visit.upgrade()
        await receive_paced(visit, 30, 5, lie)

    async with peer(lying) as (host, port, _):
        found = direction(await run(leg(host, port, "upload", ONE)), ONE)
    assert str(found.failure) == "peer:protocol"


async def test_text_first_messages_of_16_mib_and_pings_with_their_payload() -> None:
    pongs: list[bytes] = []

    async def large(visit: Visit) -> None:
        await visit.request()
        first = b'{"Origin":"server","Test":"download","ConnectionInfo":{"UUID":"u"}}'
        await visit.accept()
        visit.writer.write(frames.frame(Opcode.TEXT, first, masked=False))
        message = frames.frame(Opcode.BINARY, bytes(2**24), masked=False)
        for number in itertools.count():
            visit.writer.write(frames.frame(Opcode.PING, str(number * 10**9).encode(), masked=False))
            visit.writer.write(message)
            await visit.writer.drain()
            async with asyncio.timeout(3):
                while len(pongs) <= number:
                    data = await visit.reader.read(2**16)
                    if not data:
                        return
                    pongs.extend(m.payload for m in visit.skimmer.feed(data) if m.opcode is Opcode.PONG)

    async with peer(large) as (host, port, _):
        transfer = await move(leg(host, port, "download", replace(ONE, seconds=1)), DIALECT)
    assert transfer.stop.failure is None
    assert len(pongs) > 2
    assert pongs == [str(number * 10**9).encode() for number in range(len(pongs))]
    assert transfer.received > 2 * 2**24


async def test_the_server_of_a_capped_test_ends_it() -> None:
    async def early(visit: Visit) -> None:
        await visit.upgrade()
        await send_paced(visit, 16, 1.0)

    capped_early = replace(ONE, seconds=5, max_bytes=2_000_000)
    async with peer(early) as (host, port, _):
        transfer = await run(leg(host, port, "download", capped_early))
    assert transfer.stop.word == "budget"
    assert transfer.received <= 2_100_000


async def test_a_path_from_a_service_is_asked_for_as_it_is() -> None:
    paths = {"download": "/ndt/v7/download?access_token=a.b-c_d&client_name=x", "upload": "/ndt/v7/upload?t=2"}

    async def busy(visit: Visit) -> None:
        await visit.request()
        visit.writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
        await visit.writer.drain()

    async with peer(busy) as (host, port, visits):
        for way in ("download", "upload"):
            one = replace(leg(host, port, way, ONE), target=Target("localhost", port, secure=False, paths=paths))
            with pytest.raises(Failed) as caught:
                await run(one)
            assert str(caught.value.failure) == "peer:busy"
    assert [visit.target for visit in visits] == [paths["download"], paths["upload"]]


async def test_more_streams_than_the_protocol_has_are_wrong_use() -> None:
    assert ENGINE.streams == 1
    with pytest.raises(UsageError, match="one stream"):
        await run(leg("127.0.0.1", 1, "download", Limits(streams=4)))
