"""The HTTP side of the peer: pages, refusals, places, and clients that take their time."""

import asyncio
import random
import socket
import ssl
import struct
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.errors import UsageError
from agent.peer.limits import Limits
from agent.peer.listeners import endpoint
from tests.agent.peer.running import LOOPBACK, running
from tests.agent.peer.websocket import CLOSE, MSAK, NDT7, Answer, Client, get, stream

DOWNLOAD = "/throughput/v1/download?mid=m1&streams=1&duration=20000"


def ask(address: tuple[str, int], target: str, subprotocol: str | None) -> Answer:
    with Client.to(address) as client:
        return client.upgrade(target, subprotocol)


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/healthz", 200),
        ("HEAD", "/healthz", 200),
        ("POST", "/healthz", 405),
        ("GET", "/", 404),
        ("GET", "/ndt/v7/download/", 404),
        ("POST", "/ndt/v7/download", 405),
        ("GET", "/ndt/v7/download", 400),
        ("GET", "/throughput/v1/upload?mid=1&streams=1", 400),
    ],
)
async def test_plain_requests(method: str, target: str, status: int) -> None:
    async with running() as at:
        answer = await asyncio.to_thread(get, at["plain"], target, method=method)
    assert answer.status == status
    assert answer.headers["connection"] == "close"
    if status == 405:
        assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize(
    ("target", "subprotocol"),
    [
        ("/ndt/v7/download", MSAK),
        ("/ndt/v7/download", None),
        ("/ndt/v7/download", f"{NDT7}, {MSAK}"),
        ("/ndt/v7/download?a=1&a=2", NDT7),
        ("/ndt/v7/download?early_exit=100", NDT7),
        (DOWNLOAD, NDT7),
        (DOWNLOAD + "&mid=m2", MSAK),
        ("/throughput/v1/download?streams=1", MSAK),
    ],
)
async def test_wrong_subprotocols_and_queries_are_400_before_any_upgrade(target: str, subprotocol: str | None) -> None:
    async with running() as at:
        assert (await asyncio.to_thread(ask, at["plain"], target, subprotocol)).status == 400


async def test_a_busy_peer_says_when_to_come_back() -> None:
    def measure(address: tuple[str, int]) -> tuple[Answer, Answer, Answer]:
        with stream(address, DOWNLOAD) as first:
            other = ask(address, DOWNLOAD.replace("m1", "m2"), MSAK)
            single = ask(address, "/ndt/v7/upload", NDT7)
            with stream(address, DOWNLOAD):
                pass
            first.send(CLOSE, b"\x03\xe8")
            first.listen()
        deadline = time.monotonic() + 5
        while (later := ask(address, "/ndt/v7/upload", NDT7)).status == 503 and time.monotonic() < deadline:
            time.sleep(0.05)
        return other, single, later

    async with running(replace(LOOPBACK, max_tests=1, pace_mbps=50)) as at:
        other, single, later = await asyncio.to_thread(measure, at["plain"])
    assert (other.status, single.status, later.status) == (503, 503, 101)
    assert 1 <= int(other.headers["retry-after"]) <= 25


async def test_streams_of_one_test_are_limited_too() -> None:
    def measure(address: tuple[str, int]) -> int:
        with stream(address, DOWNLOAD), stream(address, DOWNLOAD):
            return ask(address, DOWNLOAD, MSAK).status

    async with running(replace(LOOPBACK, pace_mbps=50), Limits(streams_per_test=2)) as at:
        assert await asyncio.to_thread(measure, at["plain"]) == 503


async def test_slow_loris_is_cut_off() -> None:
    def drip(address: tuple[str, int]) -> tuple[int, float]:
        started = time.monotonic()
        with Client.to(address) as client:
            client.sock.sendall(b"GET /healthz HTTP/1.1\r\n")
            return client.answer().status, time.monotonic() - started

    async with running(limits=Limits(handshake_s=0.3)) as at:
        status, took = await asyncio.to_thread(drip, at["plain"])
        assert (await asyncio.to_thread(get, at["plain"], "/healthz")).status == 200
    assert status == 408
    assert 0.25 < took < 3


async def test_silent_tls_clients_are_cut_off(certificate: tuple[Path, Path]) -> None:
    def wait(address: tuple[str, int]) -> bytes:
        with socket.create_connection(address, timeout=5) as sock:
            try:
                return sock.recv(1)
            except ConnectionResetError:
                return b""

    cert, key = certificate
    settings = replace(LOOPBACK, listen_tls=("127.0.0.1:0",), cert=cert, key=key)
    async with running(settings, Limits(handshake_s=0.3)) as at:
        assert await asyncio.to_thread(wait, at["tls"]) == b""


async def test_garbage_and_huge_headers_get_an_answer() -> None:
    def shout(address: tuple[str, int], data: bytes) -> int:
        with Client.to(address) as client:
            client.sock.sendall(data)
            return client.answer().status

    async with running() as at:
        assert await asyncio.to_thread(shout, at["plain"], b"\x16\x03\x01 hello\r\n\r\n") == 400
        huge = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"
        assert await asyncio.to_thread(shout, at["plain"], huge) == 431


async def test_more_connections_than_places_are_turned_away() -> None:
    def crowd(address: tuple[str, int]) -> tuple[bytes, int]:
        socks = [socket.create_connection(address, timeout=5) for _ in range(3)]
        try:
            socks[2].settimeout(5)
            turned_away = socks[2].recv(1)
        finally:
            for sock in socks:
                sock.close()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                return turned_away, get(address, "/healthz").status
            except (EOFError, ConnectionError):
                time.sleep(0.02)
        return turned_away, 0

    limits = Limits(streams_per_test=1, spare_connections=1)
    async with running(replace(LOOPBACK, max_tests=1), limits) as at:
        assert await asyncio.to_thread(crowd, at["plain"]) == (b"", 200)


async def test_a_crowd_from_one_address_leaves_room_for_others() -> None:
    def crowd(address: tuple[str, int]) -> tuple[bytes, int]:
        socks = [socket.create_connection(address, timeout=5) for _ in range(5)]
        try:
            socks[4].settimeout(5)
            turned_away = socks[4].recv(1)
            other = socket.create_connection(address, timeout=5, source_address=("127.0.0.2", 0))
            with Client(other) as client:
                return turned_away, client.request("/healthz").status
        finally:
            for sock in socks:
                sock.close()

    limits = Limits(streams_per_test=4, spare_connections=4)
    async with running(replace(LOOPBACK, max_tests=1), limits) as at:
        assert await asyncio.to_thread(crowd, at["plain"]) == (b"", 200)


async def test_the_upload_of_a_test_that_was_let_in_is_let_in_too() -> None:
    def measure(address: tuple[str, int]) -> tuple[list[int], str]:
        with stream(address, DOWNLOAD + "&bytes=50000") as client:
            client.listen()
        while 'streams_total{protocol="msak",direction="download"' not in get(address, "/metrics").body.decode():
            time.sleep(0.01)
        statuses = [ask(address, DOWNLOAD.replace("m1", "m2"), MSAK).status]
        with stream(address, DOWNLOAD.replace("download", "upload")) as client:
            statuses.append(ask(address, DOWNLOAD.replace("m1", "m2"), MSAK).status)
            client.send(CLOSE, b"\x03\xe8")
            client.listen()
        while "linkgauge_peer_streams 0" not in (text := get(address, "/metrics").body.decode()):
            time.sleep(0.01)
        statuses.append(ask(address, DOWNLOAD.replace("m1", "m2"), MSAK).status)
        return statuses, text

    async with running(replace(LOOPBACK, max_tests=1, pace_mbps=50)) as at:
        statuses, text = await asyncio.to_thread(measure, at["plain"])
    assert statuses == [503, 503, 101]
    assert "linkgauge_peer_places 0" in text


async def test_a_place_without_an_upload_is_given_away() -> None:
    def measure(address: tuple[str, int]) -> Answer:
        with stream(address, DOWNLOAD + "&bytes=50000") as client:
            client.listen()
        deadline = time.monotonic() + 5
        while (answer := ask(address, "/ndt/v7/upload", NDT7)).status == 503 and time.monotonic() < deadline:
            time.sleep(0.02)
        return answer

    async with running(replace(LOOPBACK, max_tests=1, pace_mbps=50), Limits(between_s=0.2)) as at:
        assert (await asyncio.to_thread(measure, at["plain"])).status == 101


class BrokenClock(SystemClock):
    """A fault that no client may use to end the peer."""

    def now(self) -> datetime:
        """Fail."""
        raise RuntimeError("the clock is broken")


async def test_a_fault_of_ours_ends_one_connection_and_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    def measure(address: tuple[str, int]) -> str:
        for _ in range(2):
            with Client.to(address) as client:
                assert client.upgrade(DOWNLOAD).status == 101
                assert not client.listen().texts
        return get(address, "/metrics").body.decode()

    async with running(LOOPBACK, clock=BrokenClock()) as at:
        text = await asyncio.to_thread(measure, at["plain"])
    assert "linkgauge_peer_faults_total 2" in text
    assert "linkgauge_peer_streams 0" in text
    assert "linkgauge_peer_places 0" in text
    faults = [record for record in caplog.records if record.getMessage() == "event=connection_fault"]
    assert len(faults) == 2
    assert all(record.exc_info for record in faults)


async def test_a_fault_in_a_callback_is_counted_and_the_networks_are_not(caplog: pytest.LogCaptureFixture) -> None:
    async with running() as at:
        for error in (UsageError("raised by nobody"), OSError("the network's")):
            asyncio.get_running_loop().call_exception_handler({"message": "outside", "exception": error})
        try:
            endpoint("nonsense", option="--listen")
        except UsageError as error:
            asyncio.get_running_loop().call_exception_handler({"message": "inside", "exception": error})
        text = (await asyncio.to_thread(get, at["plain"], "/metrics")).body.decode()
    assert "linkgauge_peer_faults_total 1" in text
    assert [record.getMessage() for record in caplog.records if record.exc_info] == [
        "event=callback_fault message='inside'"
    ]


async def test_a_deeply_nested_token_is_no_token() -> None:
    token = f"a.{'W1tb' * 1200}.c"  # base64 of thousands of opening brackets

    async with running() as at:
        answer = await asyncio.to_thread(ask, at["plain"], f"{DOWNLOAD}&access_token={token}", MSAK)
    assert answer.status == 101


async def test_tls_serves_the_same(certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    context = ssl.create_default_context(cafile=str(cert))

    def measure(address: tuple[str, int]) -> int:
        with stream(address, "/throughput/v1/download?mid=1&streams=1&bytes=300000", tls=context) as client:
            heard = client.listen()
        assert heard.close == (1000, "Done sending")
        return sum(heard.binary)

    settings = replace(LOOPBACK, listen=(), listen_tls=("127.0.0.1:0",), cert=cert, key=key)
    async with running(settings) as at:
        assert await asyncio.to_thread(measure, at["tls"]) == 300_000


async def test_metrics_count_what_happened() -> None:
    def measure(address: tuple[str, int]) -> str:
        get(address, "/nowhere")
        with stream(address, "/throughput/v1/download?mid=1&streams=1&bytes=50000") as client:
            client.listen()
        return get(address, "/metrics").body.decode()

    async with running() as at:
        text = await asyncio.to_thread(measure, at["plain"])
    assert 'linkgauge_peer_http_responses_total{status="404"} 1' in text
    assert 'linkgauge_peer_streams_total{protocol="msak",direction="download",outcome="limit"} 1' in text
    assert 'linkgauge_peer_payload_bytes_total{direction="download"} 50000' in text
    assert "linkgauge_peer_tests 0" in text


@pytest.mark.parametrize("kind", ["plain", "tls"])
async def test_clients_that_reset_in_the_middle_do_no_harm(kind: str, certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    context = ssl.create_default_context(cafile=str(cert)) if kind == "tls" else None

    def reset(address: tuple[str, int], number: int) -> None:
        with stream(address, DOWNLOAD, tls=context) as client:
            for _ in range(number % 5):
                client.sock.recv(1 << 18)
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    settings = replace(LOOPBACK, listen_tls=("127.0.0.1:0",), cert=cert, key=key, max_tests=50)
    async with running(settings, Limits(streams_per_test=50)) as at:
        for number in range(25):
            await asyncio.to_thread(reset, at[kind], number)
        assert (await asyncio.to_thread(get, at["plain"], "/healthz")).status == 200


@pytest.mark.parametrize("upgraded", [False, True])
async def test_random_bytes_do_no_harm(upgraded: bool) -> None:  # noqa: FBT001 - a parameter of the test
    chance = random.Random(20261122)  # noqa: S311 - repeatable, not secret

    def babble(address: tuple[str, int]) -> None:
        with Client.to(address) as client:
            if upgraded:
                assert client.upgrade(DOWNLOAD.replace("download", "upload")).status == 101
            start = b"" if upgraded else chance.choice([b"", b"GET ", b"GET / HTTP/1.1\r\nHost: x\r\n"])
            client.sock.sendall(start + chance.randbytes(chance.randrange(1, 400)))
            client.sock.shutdown(socket.SHUT_WR)
            try:
                while client.sock.recv(1 << 16):
                    pass
            except ConnectionError:
                pass

    async with running(replace(LOOPBACK, max_tests=200), Limits(handshake_s=1, streams_per_test=200)) as at:
        for _ in range(60):
            await asyncio.to_thread(babble, at["plain"])
        assert (await asyncio.to_thread(get, at["plain"], "/healthz")).status == 200
