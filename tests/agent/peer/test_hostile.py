"""Clients that harm: whatever they do, the peer lets go of them in time, keeps its memory, and serves the others."""

import asyncio
import os
import socket
import time
from dataclasses import replace

import pytest

from tests.agent.peer.running import BRIEF, SLOW, Addresses, outcome, path, running
from tests.agent.peer.websocket import CLOSE, PING, Client, encode, load, stream


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
