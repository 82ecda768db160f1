"""One small request against servers of every manner: timed by the kernel, bounded, and nothing left behind."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from agent.net.small_request import MOST_BYTES, Place, Timed, ask
from tests.agent.speed.one_direction import no_socket_left

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n1"
Manner = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def server(manner: Manner, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that treats each connection so; gives its port."""
    left: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left.append(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await manner(reader, writer)

    serving = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield int(serving.sockets[0].getsockname()[1])
    finally:
        serving.close()
        for writer in left:
            writer.transport.abort()
        await asyncio.sleep(0.02)


def saying(*pieces: bytes, after_s: float = 0.0) -> Manner:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            await asyncio.sleep(after_s)
            writer.write(piece)
        writer.close()

    return say


async def silence(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read(-1)


def place(port: int, tls: ssl.SSLContext | None = None, path: str | None = "/small") -> Place:
    return Place("127.0.0.1", port, "localhost", tls, path)


async def test_the_parts_come_in_order_and_in_their_time() -> None:
    parts: list[Timed] = []
    async with server(saying(OK[:30], OK[30:], after_s=0.03)) as port:
        reply = await ask(place(port), parts.append)
    assert (reply.status, reply.body) == (200, b"1")
    assert [part.name for part in parts] == ["tcp", "http"]
    assert 60 <= parts[1].ms < 1000
    assert parts[0].begun_s <= parts[1].begun_s <= time.monotonic()
    assert reply.received > len(OK)


async def test_tls_is_timed_by_the_round_trip(certificate: tuple[Path, Path]) -> None:
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(*certificate)
    ours = ssl.create_default_context(cafile=str(certificate[0]))
    for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
        ours.maximum_version = version
        parts: list[Timed] = []
        async with server(saying(OK), theirs) as port:
            assert (await ask(place(port, ours), parts.append)).status == 200
        assert [part.name for part in parts] == ["tcp", "tls", "http"]
        assert all(part.ms > 0 for part in parts)


async def test_a_stranger_in_tls_is_refused(certificate: tuple[Path, Path]) -> None:
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(*certificate)
    async with server(saying(OK), theirs) as port:
        with pytest.raises(ssl.SSLError):
            await ask(place(port, ssl.create_default_context()), lambda _: None)


async def test_without_a_path_it_only_connects() -> None:
    parts: list[Timed] = []
    async with server(silence) as port:
        reply = await ask(place(port, path=None), parts.append)
    assert ([part.name for part in parts], reply.status) == (["tcp"], 0)


async def test_a_busy_event_loop_is_not_the_networks_delay() -> None:
    parts: list[Timed] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await writer.drain()
        time.sleep(0.2)  # noqa: ASYNC251 - the loop is to stand still, with the answer in our kernel already

    async with server(serve) as port:
        # The kernel begins to stamp a moment after it was asked to for the first time.
        for _ in range(2):
            parts.clear()
            await ask(place(port), parts.append)
    assert parts[1].ms < 150


@pytest.mark.parametrize(
    "manner",
    [
        saying(b"SSH-2.0-OpenSSH_9\r\n"),
        saying(),
        saying(OK[:20]),
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1"),
        saying(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MOST_BYTES + 1)),
        saying(b"HTTP/1.1 200 OK\r\nX: " + b"x" * (MOST_BYTES + 1)),
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n1"),
    ],
    ids=["not http", "silent end", "half a head", "half a body", "a flood", "an endless head", "a lie"],
)
async def test_what_is_no_answer_is_an_error_of_the_network(manner: Manner) -> None:
    with no_socket_left():
        async with server(manner) as port:
            with pytest.raises(ConnectionError):
                await ask(place(port), lambda _: None)


async def test_a_closed_port_is_refused() -> None:
    async with server(silence) as port:
        pass
    with pytest.raises(ConnectionRefusedError):
        await ask(place(port), lambda _: None)


@pytest.mark.parametrize("secure", [False, True])
async def test_a_hung_server_is_left_at_once_and_without_a_trace(secure: bool) -> None:  # noqa: FBT001 - a case
    loop = asyncio.get_running_loop()
    with no_socket_left():
        async with server(silence) as port:
            begun = loop.time()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await ask(place(port, ssl.create_default_context() if secure else None), lambda _: None)
            assert loop.time() - begun < 1


async def test_a_path_or_name_that_cannot_be_asked_for_is_no_crash() -> None:
    async with server(saying(OK)) as port:
        for odd in ("/a b", "/a\r\nX: y"):
            with pytest.raises(ConnectionError):
                await ask(place(port, path=odd), lambda _: None)
        with pytest.raises(ConnectionError):
            await ask(Place("127.0.0.1", port, "", ssl.create_default_context(), "/"), lambda _: None)
