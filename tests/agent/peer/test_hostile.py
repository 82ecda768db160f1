"""Clients that harm: whatever they do, the peer lets go of them in time, keeps its memory, and serves the others."""

import asyncio
import os
import socket
import struct
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.agent.peer.running import BRIEF, LOOPBACK, SLOW, Addresses, outcome, path, running
from tests.agent.peer.websocket import BINARY, CLOSE, PING, Client, encode, get, load, stream


async def test_a_reader_that_stalls_is_shed() -> None:
    def stall(at: Addresses) -> str:
        with stream(at["plain"], path("download", duration=20000)):
            return outcome(at)

    async with running(limits=replace(BRIEF, msak_s=25)) as at:
        assert await asyncio.to_thread(stall, at) == "idle"


async def test_a_reader_that_crawls_ends_with_its_time() -> None:
    def crawl(at: Addresses) -> tuple[str, float]:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(5)
        with sock:
            sock.connect(at["plain"])
            client = Client(sock)
            assert client.upgrade(path("download", duration=500)).status == 101
            started = time.monotonic()
            try:
                while sock.recv(512):
                    time.sleep(0.02)
            except ConnectionResetError:
                pass
            return outcome(at), time.monotonic() - started

    async with running(limits=replace(BRIEF, idle_s=5)) as at:
        word, took = await asyncio.to_thread(crawl, at)
    assert word == "overtime"
    assert took < 3


def small_reader(at: tuple[str, int]) -> socket.socket:
    """A socket that takes little before the sender must wait, as a slow line does."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 15)
    sock.settimeout(8)
    sock.connect(at)
    return sock


def take(sock: socket.socket, most: int | None = None) -> int:
    """Read raw bytes: `most` of them, or until the connection ends."""
    taken = 0
    try:
        while (most is None or taken < most) and (data := sock.recv(1 << 14)):
            taken += len(data)
    except ConnectionResetError:
        pass
    return taken


async def test_a_close_in_the_middle_of_a_message_is_obeyed_at_once() -> None:
    def stop(at: Addresses) -> tuple[str, int]:
        with small_reader(at["plain"]) as sock:
            client = Client(sock)
            assert client.upgrade(path("download", duration=20000)).status == 101
            # By now messages are of a megabyte; the read ends in the middle of one.
            assert take(sock, 20_000_000) >= 20_000_000
            client.send(CLOSE, b"\x03\xe8")
            return outcome(at), take(sock)

    async with running() as at:
        word, after = await asyncio.to_thread(stop, at)
    assert word == "closed"
    assert after < 150_000, "what was on the wire or in our own buffer, and nothing else"


async def test_a_writer_that_stalls_is_shed() -> None:
    def stall(at: Addresses) -> str:
        with stream(at["plain"], path("upload", duration=20000)) as client:
            client.sock.sendall(load(1 << 16)[:1000])
            return outcome(at)

    async with running(limits=replace(BRIEF, msak_s=25)) as at:
        assert await asyncio.to_thread(stall, at) == "idle"


@pytest.mark.parametrize("direction", ["download", "upload"])
async def test_a_client_that_vanishes_frees_its_place_at_once(direction: str) -> None:
    def vanish(at: Addresses) -> float:
        with stream(at["plain"], path(direction, duration=20000)):
            pass
        started = time.monotonic()
        assert outcome(at) == "lost"
        return time.monotonic() - started

    async with running(SLOW) as at:
        assert await asyncio.to_thread(vanish, at) < 1.5


async def test_a_flood_of_pings_that_nobody_reads_answers_for_fills_no_memory() -> None:
    def flood(at: Addresses) -> str:
        with stream(at["plain"], path("upload", duration=1000)) as client:
            client.sock.settimeout(0.2)
            pings = encode(PING, b"x" * 125) * 500
            until = time.monotonic() + 1.0
            while time.monotonic() < until:
                try:
                    client.sock.sendall(pings)
                except (TimeoutError, ConnectionError):
                    break
            return outcome(at)

    before = rss_mb()
    async with running(limits=BRIEF) as at:
        assert await asyncio.to_thread(flood, at) in {"overtime", "done", "lost", "protocol"}
    assert rss_mb() - before < 20


def rss_mb() -> float:
    with open("/proc/self/statm") as file:  # noqa: PTH123 - a special file, read at once
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def test_a_flood_of_tiny_frames_is_refused() -> None:
    def flood(at: Addresses) -> str:
        with stream(at["plain"], path("upload", duration=20000)) as client:
            tiny = encode(BINARY, b"") * 20_000
            try:
                while True:
                    client.sock.sendall(tiny)
            except OSError:
                return outcome(at)

    async with running(limits=replace(BRIEF, msak_s=25)) as at:
        assert await asyncio.to_thread(flood, at) == "protocol"


async def test_a_writer_that_dribbles_gets_no_more_than_its_time() -> None:
    def dribble(at: Addresses) -> tuple[str, float]:
        with stream(at["plain"], path("upload", duration=600)) as client:
            started = time.monotonic()
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                for byte in load(1 << 16):
                    client.sock.sendall(bytes([byte]))
                    time.sleep(0.002)
            except OSError:
                pass
            return outcome(at), time.monotonic() - started

    async with running(limits=replace(BRIEF, idle_s=5)) as at:
        word, took = await asyncio.to_thread(dribble, at)
    assert word == "done"
    assert took < 3


async def test_a_request_that_dribbles_is_cut_off() -> None:
    def dribble(at: Addresses) -> float:
        started = time.monotonic()
        with Client.to(at["plain"]) as client:
            try:
                for byte in b"GET " + path("upload").encode() + b" HTTP/1.1\r\nX: " + b"x" * 4000:
                    client.sock.sendall(bytes([byte]))
                    time.sleep(0.002)
            except OSError:
                pass
        return time.monotonic() - started

    async with running(limits=replace(BRIEF, handshake_s=0.3)) as at:
        assert await asyncio.to_thread(dribble, at) < 3


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("direction", ["download", "upload"])
async def test_sixty_streams_at_once_leave_nothing_behind(direction: str) -> None:
    """A third of them close well, a third reset in the middle of a message, a third stall until they are shed."""
    streams = 60

    def measure(at: Addresses) -> None:
        with ExitStack() as stack:
            clients = [
                stack.enter_context(stream(at["plain"], path(direction, mid=f"m{number // 4}", duration=20000)))
                for number in range(streams)
            ]
            for number, client in enumerate(clients):
                if direction == "upload":
                    client.sock.sendall(load(1 << 15) + (b"" if number % 3 == 0 else load(1 << 15)[:99]))
                if number % 3 == 0:
                    client.send(CLOSE, b"\x03\xe8")
                elif number % 3 == 1:
                    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    client.sock.close()
            until = time.monotonic() + 8
            while "linkgauge_peer_streams 0" not in get(at["plain"], "/metrics").body.decode():
                assert time.monotonic() < until, "streams are left"
                time.sleep(0.05)

    limits = replace(BRIEF, msak_s=25, spare_connections=200)
    async with running(replace(LOOPBACK, max_tests=15), limits) as at:
        before = open_files()
        await asyncio.to_thread(measure, at)
        while open_files() > before:  # noqa: ASYNC110 - the test's own limit of time ends it
            await asyncio.sleep(0.02)
        text = (await asyncio.to_thread(get, at["plain"], "/metrics")).body.decode()
    assert "linkgauge_peer_tests 0" in text
    assert "linkgauge_peer_faults_total 0" in text


async def test_a_peer_that_is_full_says_so_in_its_measurements() -> None:
    def measure(at: Addresses) -> list[dict[str, object]]:
        with stream(at["plain"], path("download", mid="other", duration=5000)) as other:
            with stream(at["plain"], path("download", duration=400)) as client:
                texts = client.listen().texts
            other.sock.close()
        return [text["Peer"] for text in texts]

    async with running(replace(SLOW, max_tests=2), BRIEF) as at:
        said = await asyncio.to_thread(measure, at)
    assert said
    assert all((busy["Tests"], busy["MaxTests"]) == (2, 2) for busy in said)
