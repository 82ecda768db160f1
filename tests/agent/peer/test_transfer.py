"""Both protocols in both directions on real sockets, and every way a stream can end."""

import asyncio
import json
import time
from dataclasses import replace
from itertools import pairwise

import pytest

from agent.peer.limits import Limits
from tests.agent.peer.running import BRIEF, LOOPBACK, SLOW, Addresses, outcome, path, running
from tests.agent.peer.websocket import (
    BINARY,
    CLOSE,
    MSAK,
    NDT7,
    PING,
    PONG,
    TEXT,
    Client,
    Heard,
    encode,
    load,
    stream,
)


def download(at: Addresses, target: str, subprotocol: str = MSAK) -> tuple[Heard, float]:
    with stream(at["plain"], target, subprotocol) as client:
        started = time.monotonic()
        return client.listen(), time.monotonic() - started


def upload(at: Addresses, target: str, subprotocol: str = MSAK, *, seconds: float) -> tuple[Heard, int]:
    """Send for a while, close, and hear what the peer counted."""
    with stream(at["plain"], target, subprotocol) as client:
        data, sent, until = load(1 << 14), 0, time.monotonic() + seconds
        while time.monotonic() < until:
            client.sock.sendall(data)
            sent += 1 << 14
        client.send(CLOSE, b"\x03\xe8")
        return client.listen(), sent


async def test_msak_download_to_the_letter() -> None:
    async with running(SLOW) as at:
        heard, took = await asyncio.to_thread(download, at, path("download", duration=1000, cc="cubic"))
    assert 0.95 < took < 1.9
    assert heard.close == (1000, "Done sending")
    assert heard.clean
    assert heard.binary[:16] == [1024] * 16
    assert all(later in {earlier, 2 * earlier} for earlier, later in pairwise(heard.binary))
    assert not heard.pings
    first, *others = heard.texts
    assert {"UUID", "LocalAddr", "RemoteAddr"} <= first.keys()
    assert first["CC"] in {"cubic", "reno", "bbr"}
    assert 2 <= len(others) <= 11
    assert not any({"UUID", "LocalAddr", "RemoteAddr", "CC"} & message.keys() for message in others)
    for message in heard.texts:
        assert {"Application", "Network", "ElapsedTime", "TCPInfo", "Peer"} <= message.keys()
        assert message["Peer"].items() >= {"Tests": 1, "MaxTests": 4, "Paced": True, "PaceMbps": 80}.items()
        assert message["TCPInfo"]["ElapsedTime"] >= message["ElapsedTime"] > 0
    assert 0 <= heard.texts[-1]["Peer"]["CPURatio"] <= 1
    texts_before = heard.text_bytes - len_of_last(heard)
    assert heard.texts[-1]["Application"]["BytesSent"] == sum(heard.binary) + texts_before
    gaps = [later["ElapsedTime"] - earlier["ElapsedTime"] for earlier, later in pairwise(heard.texts[:-1])]
    assert all(gap >= 100_000 for gap in gaps)


def len_of_last(heard: Heard) -> int:
    """Bytes of the last text message: its compact JSON."""
    return len(json.dumps(heard.texts[-1], separators=(",", ":")))


async def test_msak_upload_to_the_letter() -> None:
    async with running(SLOW) as at:
        heard, sent = await asyncio.to_thread(upload, at, path("upload", duration=3000), seconds=0.8)
    assert heard.clean
    assert heard.close is not None
    assert heard.close[0] == 1000
    assert "UUID" in heard.texts[0]
    assert len(heard.texts) >= 3
    last = heard.texts[-1]
    assert last["Application"]["BytesReceived"] == sent, "a last measurement precedes the peer's Close"
    assert last["TCPInfo"]["BytesReceived"] > sent
    assert not heard.pings


async def test_the_peer_ends_an_upload_at_its_duration_and_takes_what_is_still_on_the_way() -> None:
    def measure(at: Addresses) -> tuple[Heard, float]:
        with stream(at["plain"], path("upload", duration=500)) as client:
            started, heard, data = time.monotonic(), Heard(), load(1 << 12)
            client.sock.settimeout(0.001)
            while heard.close is None:
                client.sock.settimeout(5)
                client.sock.sendall(data)
                client.sock.settimeout(0.001)
                try:
                    frame = client.frame()
                except TimeoutError:
                    continue
                if frame is not None and frame[0] == CLOSE:
                    heard.close = (int.from_bytes(frame[1][:2]), frame[1][2:].decode())
            ended = time.monotonic() - started
            client.sock.settimeout(5)
            client.send(CLOSE, b"\x03\xe8")
            assert client.frame() is None, "the peer closes the connection once both have said Close"
            return heard, ended

    async with running(SLOW) as at:
        heard, took = await asyncio.to_thread(measure, at)
    assert heard.close == (1000, "Done sending")
    assert 0.45 < took < 1.5


async def test_ndt7_download_to_the_letter() -> None:
    async with running(SLOW, BRIEF) as at:
        heard, took = await asyncio.to_thread(download, at, "/ndt/v7/download?client_name=t", NDT7)
    assert 1.9 < took < 3, "this test's hard limit ends it before the 10 s of the protocol"
    assert heard.close == (1000, "Done sending")
    assert heard.binary[:16] == [8192] * 16
    assert heard.pings
    assert all(ping.isdigit() for ping in heard.pings)
    for message in heard.texts:
        assert message["Origin"] == "server"
        assert message["Test"] == "download"
        info = message["ConnectionInfo"]
        assert info["Client"].startswith("127.0.0.1:")
        assert info["Server"] == f"127.0.0.1:{at['plain'][1]}"
        assert info["UUID"]
        assert info["StartTime"].endswith("+00:00")
        assert message["AppInfo"]["ElapsedTime"] == message["TCPInfo"]["ElapsedTime"]
    assert heard.texts[-1]["AppInfo"]["NumBytes"] == sum(heard.binary)
    assert {"BusyTime", "BytesAcked", "MinRTT", "RTT", "RTTVar"} <= heard.texts[-1]["TCPInfo"].keys()


async def test_ndt7_upload_to_the_letter() -> None:
    async with running(SLOW, BRIEF) as at:
        heard, sent = await asyncio.to_thread(upload, at, "/ndt/v7/upload", NDT7, seconds=0.7)
    assert heard.texts[-1]["Test"] == "upload"
    assert heard.texts[-1]["AppInfo"]["NumBytes"] == sent
    assert heard.texts[-1]["TCPInfo"]["BytesReceived"] > sent


async def test_ndt7_early_exit_ends_at_250_megabytes() -> None:
    async with running() as at:
        heard, took = await asyncio.to_thread(download, at, "/ndt/v7/download?early_exit=250", NDT7)
    assert sum(heard.binary) >= 250_000_000
    assert heard.close == (1000, "Done sending")
    assert took < 9


@pytest.mark.parametrize("limit", [1, 1024, 100_000, 3_000_001])
async def test_a_byte_limit_is_met_to_the_byte(limit: int) -> None:
    async with running() as at:
        heard, _ = await asyncio.to_thread(download, at, path("download", bytes=limit))
        assert await asyncio.to_thread(outcome, at) == "limit"
    assert sum(heard.binary) == limit
    assert heard.close == (1000, "Done sending")
    assert heard.texts, "a final measurement precedes Close"


async def test_a_client_that_never_closes_is_cut_off_after_the_grace() -> None:
    def linger(at: Addresses) -> tuple[str, float]:
        with stream(at["plain"], path("download", bytes=1000, duration=20000)):
            started = time.monotonic()
            return outcome(at), time.monotonic() - started

    async with running(limits=replace(BRIEF, grace_s=0.3, msak_s=25)) as at:
        word, took = await asyncio.to_thread(linger, at)
    assert word == "limit"
    assert took < 2


async def test_ipv6_streams_name_their_ends_in_brackets() -> None:
    async with running(replace(LOOPBACK, listen=("[::1]:0",))) as at:
        heard, _ = await asyncio.to_thread(download, at, path("download", bytes=2048))
    assert heard.texts[0]["LocalAddr"] == f"[::1]:{at['plain'][1]}"
    assert heard.texts[0]["RemoteAddr"].startswith("[::1]:")


async def test_an_upload_limit_is_counted_at_the_peer() -> None:
    def measure(at: Addresses) -> dict[str, int]:
        with stream(at["plain"], path("upload", bytes=500_000)) as client:
            client.sock.sendall(load(500_000))
            heard = client.listen()
        assert heard.close == (1000, "Done sending")
        received: dict[str, int] = heard.texts[-1]["TCPInfo"]
        return received

    async with running() as at:
        assert (await asyncio.to_thread(measure, at))["BytesReceived"] >= 500_000


async def test_every_stream_has_an_end_in_bytes() -> None:
    async with running(limits=Limits(stream_bytes=200_000)) as at:
        heard, _ = await asyncio.to_thread(download, at, path("download"))
    assert sum(heard.binary) == 200_000


@pytest.mark.parametrize("target", [path("download", duration=20000), path("upload", duration=20000)])
async def test_nobody_gets_more_than_the_hard_limit(target: str) -> None:
    def measure(at: Addresses) -> float:
        with stream(at["plain"], target) as client:
            started = time.monotonic()
            client.sock.settimeout(0.1)
            while time.monotonic() - started < 8:
                try:
                    if "upload" in target:
                        client.sock.sendall(load(100))
                    if not client.sock.recv(1 << 20):
                        break
                except TimeoutError:
                    continue
                except ConnectionError:
                    break
            return time.monotonic() - started

    async with running(SLOW, replace(BRIEF, msak_s=1.5, idle_s=5)) as at:
        assert 0.4 < await asyncio.to_thread(measure, at) < 2.5


async def test_an_idle_line_gets_its_close_and_its_last_measurement() -> None:
    def stop(at: Addresses) -> Heard:
        with stream(at["plain"], path("download", duration=20000)) as client:
            client.send(CLOSE, b"\x03\xe8")
            return client.listen()

    async with running(replace(LOOPBACK, pace_mbps=0.5)) as at:
        heard = await asyncio.to_thread(stop, at)
    assert heard.close == (1000, "Done sending")
    assert heard.texts


@pytest.mark.parametrize(
    ("target", "subprotocol", "data", "code"),
    [
        ("/ndt/v7/download", NDT7, encode(BINARY, b"no"), 1003),
        (path("download"), MSAK, encode(BINARY, b"no"), 1003),
        (path("upload"), MSAK, encode(BINARY, b"no", masked=False), 1002),
        (path("upload"), MSAK, b"\xc2\x80\0\0\0\0", 1002),
        (path("upload"), MSAK, b"\x82\xff" + (1 << 25).to_bytes(8) + b"\0\0\0\0", 1002),
        (path("upload"), MSAK, encode(PING, b"x" * 126), 1002),
    ],
)
async def test_clients_that_break_the_protocol_are_told_and_dropped(
    target: str, subprotocol: str, data: bytes, code: int
) -> None:
    def misbehave(at: Addresses) -> tuple[Heard, str]:
        with stream(at["plain"], target, subprotocol) as client:
            client.sock.sendall(data)
            return client.listen(), outcome(at)

    async with running(SLOW) as at:
        heard, word = await asyncio.to_thread(misbehave, at)
    assert heard.close is not None
    assert heard.close[0] == code
    assert word == "protocol"


@pytest.mark.parametrize("direction", ["download", "upload"])
async def test_pings_are_answered_between_messages(direction: str) -> None:
    def ping(at: Addresses) -> list[bytes]:
        pongs = []
        with stream(at["plain"], path(direction, duration=900)) as client:
            client.send(PING, b"first")
            client.send(PING, b"second")
            while (frame := client.frame()) is not None:
                if frame[0] == PONG:
                    pongs.append(frame[1])
                if frame[0] == CLOSE:
                    client.send(CLOSE, frame[1][:2])
        return pongs

    async with running(SLOW) as at:
        assert await asyncio.to_thread(ping, at) == [b"first", b"second"]


async def test_client_measurements_are_taken_and_counted() -> None:
    def report(at: Addresses) -> int:
        with stream(at["plain"], path("upload", duration=2000)) as client:
            client.send(TEXT, b'{"Application":{"BytesSent":1}}')
            client.send(CLOSE, b"\x03\xe8")
            received: int = client.listen().texts[-1]["Application"]["BytesReceived"]
            return received

    async with running() as at:
        assert await asyncio.to_thread(report, at) == 31


async def test_bytes_right_behind_the_request_are_not_lost() -> None:
    def hurry(at: Addresses) -> int:
        with Client.to(at["plain"]) as client:
            head = (
                f"GET {path('upload')} HTTP/1.1\r\nHost: p\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                f"Sec-WebSocket-Protocol: {MSAK}\r\n\r\n"
            )
            client.sock.sendall(head.encode() + load(5000) + encode(CLOSE, b"\x03\xe8"))
            assert client.answer().status == 101
            received: int = client.listen().texts[-1]["Application"]["BytesReceived"]
            return received

    async with running() as at:
        assert await asyncio.to_thread(hurry, at) == 5000


@pytest.mark.alone
@pytest.mark.parametrize("streams", [1, 4])
async def test_the_pace_holds_for_all_streams_of_a_download_together(streams: int) -> None:
    target = path("download", duration=1500)
    async with running(replace(LOOPBACK, pace_mbps=300)) as at:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.to_thread(download, at, target)) for _ in range(streams)]
        total = sum(sum(task.result()[0].binary) for task in tasks)
    # The last message of each stream was begun within the time and may end after it.
    assert 0.98 * 300 < total * 8 / 1.5e6 < 1.03 * 300 + streams * 6


@pytest.mark.alone
@pytest.mark.parametrize("streams", [1, 4])
async def test_the_pace_holds_for_all_streams_of_an_upload_together(streams: int) -> None:
    async with running(replace(LOOPBACK, pace_mbps=300)) as at, asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(asyncio.to_thread(upload, at, path("upload", duration=9000), seconds=1.3))
            for _ in range(streams)
        ]
        for task in tasks:
            await asyncio.wait_for(asyncio.shield(task), 15)
    counted = [
        [(m["ElapsedTime"], m["Application"]["BytesReceived"]) for m in task.result()[0].texts] for task in tasks
    ]
    rates = []
    for samples in counted:
        (t0, b0), (t1, b1) = samples[0], max(s for s in samples if s[0] < 1_250_000)
        rates.append((b1 - b0) * 8 / (t1 - t0))
    assert sum(rates) == pytest.approx(300, rel=0.03 if streams == 1 else 0.08)
