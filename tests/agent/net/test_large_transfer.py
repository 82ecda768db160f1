"""Exchanges with real servers on loopback; lines on which full-size packets vanish are in the IPv6 scenarios."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from agent.errors import Failed
from agent.net.large_transfer import DOWN_BYTES, UP_BYTES, Exchange, Page, Stalled, exchange

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: Text/Plain\r\nContent-Length: %d\r\n\r\n"


@contextlib.asynccontextmanager
async def serving(serve: Serve, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    running = 0
    over = asyncio.Event()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal running
        running += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await serve(reader, writer)
            await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        running -= 1
        over.set()

    server = await asyncio.start_server(one, host, 0, ssl=tls, limit=1 << 16)
    async with server:
        yield server.sockets[0].getsockname()[1]
        async with asyncio.timeout(5):
            while running:
                over.clear()
                await over.wait()


def saying(data: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)

    return serve


async def ask(port: int, host: str = "127.0.0.1", *, stall_s: float = 0.3, tls: bool = False) -> Exchange:
    async with asyncio.timeout(10):
        return await exchange(host, Page("h", port, stall_s=stall_s, connect_s=1, tls=tls))


async def test_a_large_request_and_a_large_answer() -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(HEAD % DOWN_BYTES + b"x" * DOWN_BYTES)

    async with serving(serve) as port:
        answer = await ask(port, stall_s=3)
    assert heard[0].startswith(f"GET /large?bytes={DOWN_BYTES} HTTP/1.1\r\n".encode())
    assert len(heard[0]) > UP_BYTES
    assert (answer.status, answer.content_type, answer.whole) == (200, "text/plain", True)
    assert answer.received_bytes >= DOWN_BYTES
    assert answer.pmtu_bytes is None


async def test_the_path_mtu_over_ipv6() -> None:
    async with serving(saying(HEAD % 3 + b"abc"), "::1") as port:
        answer = await ask(port, "::1", stall_s=3)
    assert answer.pmtu_bytes is not None
    assert answer.pmtu_bytes >= 1280


async def test_a_small_answer_proves_nothing_of_the_way_down() -> None:
    async with serving(saying(b"HTTP/1.1 302 Found\r\nLocation: http://portal/\r\nContent-Length: 0\r\n\r\n")) as port:
        answer = await ask(port, stall_s=3)
    assert (answer.status, answer.location, answer.whole) == (302, "http://portal/", False)


async def test_an_answer_without_an_end_is_enough_at_some_point() -> None:
    async with serving(saying(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (3 << 20))) as port:
        assert (await ask(port, stall_s=3)).whole


async def test_an_answer_that_ends_with_the_connection() -> None:
    async with serving(saying(b"HTTP/1.0 404 Not Found\r\n\r\n" + b"x" * 5000)) as port:
        answer = await ask(port, stall_s=3)
    assert (answer.status, answer.whole) == (404, True)


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + b"x" * 50])
async def test_a_stall_says_how_far_it_came(begun: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await saying(begun)(reader, writer)
        await reader.read()

    async with serving(serve) as port:
        with pytest.raises(Stalled, match="transfer:timeout") as stalled:
            await ask(port)
    assert stalled.value.delivered is True
    assert stalled.value.failure.detail is not None
    assert f"{len(begun)} bytes came" in stalled.value.failure.detail
    assert "of our bytes acknowledged" in stalled.value.failure.detail


async def test_a_drip_does_not_hold_it_for_ever() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await saying(HEAD % DOWN_BYTES)(reader, writer)
        while not reader.at_eof():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with serving(serve) as port:
        with pytest.raises(Failed, match="transfer:timeout"):
            await ask(port, stall_s=0.2)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"", "transfer:closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "transfer:closed"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "handshake:protocol"),
    ],
)
async def test_what_is_no_answer(said: bytes, words: str) -> None:
    async with serving(saying(said)) as port:
        with pytest.raises(Failed, match=words):
            await ask(port, stall_s=3)


async def test_a_server_that_takes_nothing_has_not_been_delivered_to() -> None:
    with socket.socket() as server:
        # Before it listens, so that the window is as small as the kernel makes them.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        with pytest.raises(Stalled) as stalled:
            await ask(server.getsockname()[1])
    assert stalled.value.delivered is False


async def test_heads_without_an_end_are_no_answer() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        while not reader.at_eof():
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)
            await writer.drain()

    async with serving(serve) as port:
        with pytest.raises(Failed, match=r"handshake:protocol \(no answer in 2\d+ bytes\)"):
            await ask(port, stall_s=3)


async def test_nobody_listens() -> None:
    async with serving(saying(b"")) as port:
        pass
    with pytest.raises(Failed, match="connect:refused"):
        await ask(port)


async def test_tls_that_never_begins_is_a_stall_too() -> None:
    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(serve) as port:
        with pytest.raises(Failed, match="transfer:timeout"):
            await ask(port, tls=True)


async def test_no_tls_there() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()

    async with serving(serve) as port:
        with pytest.raises(Failed, match="tls:protocol"):
            await ask(port, tls=True, stall_s=3)
