"""One question to servers that answer well, cut short, late, wrongly, or from elsewhere."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from dns import flags, rcode

from agent.errors import Failed
from agent.net.dns_message import Question
from agent.net.dns_query import Server, Transport, exchange, query
from tests.agent.net.name_server import Answer, Asked, from_zone, name_server

ZONE = {"www.example": {"A": "192.0.2.1 192.0.2.2", "AAAA": "2001:db8::1"}, "bogus.example": {"A": "192.0.2.9"}}
HONEST = from_zone(ZONE)
BOTH: tuple[Transport, ...] = ("udp", "tcp")


@pytest.mark.parametrize("transport", BOTH)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_what_came_and_how_long_it_took(transport: Transport, host: str) -> None:
    async with name_server(HONEST, host=host) as found:
        reply = await exchange(Server(host, found.port, transport), Question("www.example", "A"), timeout_s=5)
        assert found.asked == [("www.example", "A", transport)]
    assert sorted(reply.message.addresses("A")) == ["192.0.2.1", "192.0.2.2"]
    assert (reply.message.rcode, reply.strays) == ("noerror", 0)
    assert 0 < reply.ms < 5000


async def test_signatures_and_the_mark_of_validation() -> None:
    async with name_server(HONEST) as found:
        server = Server("127.0.0.1", found.port)
        plain = await exchange(server, Question(".", "SOA"), timeout_s=5)
        signed = await exchange(server, Question(".", "SOA", dnssec=True), timeout_s=5)
        refused = await exchange(server, Question("bogus.example", dnssec=True), timeout_s=5)
        unchecked = await exchange(server, Question("bogus.example", dnssec=True, unchecked=True), timeout_s=5)
    assert (plain.message.signed, signed.message.signed, signed.message.authentic) == (False, True, True)
    assert (refused.message.rcode, unchecked.message.addresses("A")) == ("servfail", ["192.0.2.9"])


def cut_short(asked: Asked) -> bytes:
    return asked.reply(set_flags=flags.TC) if asked.transport == "udp" else asked.reply("192.0.2.1")


async def test_what_udp_cuts_short_comes_by_tcp() -> None:
    async with name_server(cut_short) as found:
        assert await query("127.0.0.1", "www.example", "A", timeout_s=5, port=found.port) == ["192.0.2.1"]
    async with name_server(cut_short, tcp=False) as found:
        with pytest.raises(Failed, match="resolve:refused"):
            await query("127.0.0.1", "www.example", "A", timeout_s=5, port=found.port)


def strangers(asked: Asked) -> list[bytes]:
    """A wrong id, another question, a question, garbage; and no answer."""
    answer = asked.reply("192.0.2.66")
    other = answer.replace(b"\3www", b"\3ftp")
    return [b"\0" * 11, struct.pack("!H", asked.query.id ^ 1) + answer[2:], other, asked.query.to_wire()]


@pytest.mark.parametrize("transport", BOTH)
async def test_nothing_but_strangers_is_no_answer(transport: Transport) -> None:
    async with name_server(strangers) as found:
        with pytest.raises(Failed, match=r"resolve:(protocol|closed)"):
            await exchange(Server("127.0.0.1", found.port, transport), Question("www.example"), timeout_s=0.3)


@pytest.mark.parametrize("transport", BOTH)
async def test_strangers_before_the_answer_are_counted(transport: Transport) -> None:
    async with name_server(lambda asked: [*strangers(asked), asked.reply("192.0.2.1")]) as found:
        reply = await exchange(Server("127.0.0.1", found.port, transport), Question("www.example"), timeout_s=5)
    assert (reply.message.addresses("A"), reply.strays) == (["192.0.2.1"], 4)


@contextlib.contextmanager
def flooding() -> Iterator[int]:
    """A server that never stops sending empty messages, as fast as they are read: in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def flood() -> None:
            with contextlib.suppress(OSError):
                there, _ = listening.accept()
                with there:
                    while True:
                        there.sendall(bytes(65_536))

        thread = threading.Thread(target=flood, name="flood")
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


async def test_a_flood_of_strangers_ends_in_time_and_holds_nobody_up() -> None:
    """Reading from a socket that is always full never waits by itself."""
    looked = 0

    async def look() -> None:
        nonlocal looked
        while True:
            await asyncio.sleep(0.01)
            looked += 1

    with flooding() as port:
        async with asyncio.TaskGroup() as group:
            looking = group.create_task(look(), name="another")
            with pytest.raises(Failed, match="resolve:protocol"):
                await exchange(Server("127.0.0.1", port, "tcp"), Question("www.example"), timeout_s=0.5)
            looking.cancel()
    assert looked >= 5


@pytest.mark.parametrize(
    ("raw", "failure"),
    [
        (b"", "resolve:closed"),
        (b"\0", "resolve:closed"),
        (b"\x01\x00" + b"half", "resolve:closed"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "resolve:closed"),
    ],
)
async def test_what_comes_over_tcp_is_no_dns(raw: bytes, failure: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(raw)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Failed, match=failure):
            await exchange(Server("127.0.0.1", port, "tcp"), Question("www.example"), timeout_s=5)


async def test_an_answer_from_another_address_is_not_heard() -> None:
    loop = asyncio.get_running_loop()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        for sock, address in ((there, "127.0.0.1"), (other, "127.0.0.2")):
            sock.bind((address, 0))
            sock.settimeout(0)

        async def answer() -> None:
            data, whom = await loop.sock_recvfrom(there, 512)
            await loop.sock_sendto(other, data[:2] + b"\x81\x80" + data[4:], whom)

        async with asyncio.TaskGroup() as group:
            group.create_task(answer(), name="the other")
            server = Server("127.0.0.1", there.getsockname()[1])
            with pytest.raises(Failed, match="resolve:timeout"):
                await exchange(server, Question("www.example"), timeout_s=0.3)


@pytest.mark.parametrize(("transport", "failure"), [("udp", "resolve:timeout"), ("tcp", "resolve:timeout")])
async def test_silence(transport: Transport, failure: str) -> None:
    silent: Answer = lambda _: None  # noqa: E731 - one word
    async with name_server(silent) as found:
        with pytest.raises(Failed, match=failure):
            await exchange(Server("127.0.0.1", found.port, transport), Question("www.example"), timeout_s=0.2)


async def test_an_error_is_an_answer() -> None:
    async with name_server(lambda asked: asked.reply(code=rcode.REFUSED)) as found:
        reply = await exchange(Server("127.0.0.1", found.port), Question("www.example"), timeout_s=5)
    assert reply.message.rcode == "refused"
