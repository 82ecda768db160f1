"""One DNS question to one server, without the system's resolver in between, so that each server can be blamed.

`exchange` asks once over one transport and gives all that was answered; `query` wants the addresses and nothing else.
"""

import asyncio
import contextlib
import ipaddress
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from agent.errors import Failed
from agent.net.connect import connect
from agent.net.dns_message import Message, MessageError, Question, decode, encode, is_answer
from agent.net.failures import failed
from agent.wire.failure import Reason, Stage

RecordKind = Literal["A", "AAAA"]
Transport = Literal["udp", "tcp"]

RESOLV_CONF: Final = Path("/etc/resolv.conf")
# Where systemd-resolved names the real servers behind its stub on loopback.
UPSTREAM_CONF: Final = Path("/run/systemd/resolve/resolv.conf")
PORT: Final = 53
_SERVERS_MAX: Final = 3  # MAXNS: the C library asks no more either
_DATAGRAM_BYTES: Final = 65_535
_LENGTH: Final = struct.Struct("!H")
_REASONS: Final = {"nxdomain": Reason.NXDOMAIN, "servfail": Reason.SERVFAIL, "refused": Reason.REFUSED}


@dataclass(frozen=True, slots=True)
class Server:
    """A name server: its address (of link-local ones with %interface), and how to ask it."""

    address: str
    port: int = PORT
    transport: Transport = "udp"

    @property
    def family(self) -> Literal["ipv4", "ipv6"]:
        """The family of its own address."""
        return "ipv6" if ":" in self.address else "ipv4"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered: the message, and the milliseconds from asking (TCP: from connecting) until it was here.

    `strays`: messages that came on the same way before and do not answer the question.
    """

    message: Message
    ms: float
    strays: int = 0


def configured(path: Path = RESOLV_CONF, *, upstream: Path = UPSTREAM_CONF) -> list[str]:
    """List the addresses of the configured resolvers; those behind a local stub, if it names them. Empty if none."""
    servers = _servers(path)
    if servers and all(_is_loopback(server) for server in servers):
        return _servers(upstream) or servers
    return servers


async def exchange(server: Server, question: Question, *, timeout_s: float) -> Reply:
    """Ask once; any rcode is an answer, and one cut short (TC) too.

    Raises:
        Failed: stage `resolve`: timeout, refused or unreachable (nobody there), no_route; protocol: the name is none,
            or nothing came but what answers another question.
    """
    number = int.from_bytes(os.urandom(2), "big")
    try:
        asked = encode(question, number)
    except MessageError as error:
        raise Failed(Stage.RESOLVE, Reason.PROTOCOL, str(error)) from error
    loop = asyncio.get_running_loop()
    begun = loop.time()
    strays = 0
    try:
        async with asyncio.timeout(timeout_s), _opened(server, asked, timeout_s) as receive:
            while True:
                message = _read(await receive())
                if message is not None and is_answer(message, question, number):
                    return Reply(message, round((loop.time() - begun) * 1000, 3), strays)
                strays += 1
                # Reading from a full socket never waits: without this a flood would hold the loop, and its own timeout.
                await asyncio.sleep(0)
    except TimeoutError as error:
        raise _silence(error, strays, timeout_s) from error
    except (OSError, EOFError) as error:
        raise _at_resolve(failed(Stage.RESOLVE, error)) from error


async def query(
    server: str, name: str, kind: RecordKind, *, timeout_s: float, port: int = PORT, transport: Transport = "udp"
) -> list[str]:
    """Ask `server` for the addresses of `name`; never empty. An answer that UDP cut short is asked for again over TCP.

    Raises:
        Failed: stage `resolve`: nxdomain, nodata, servfail, refused, timeout, protocol, or why nothing could be sent.
    """
    question = Question(name, kind)
    reply = await exchange(Server(server, port, transport), question, timeout_s=timeout_s)
    if reply.message.truncated and transport == "udp":
        reply = await exchange(Server(server, port, "tcp"), question, timeout_s=timeout_s)
    return addresses(reply.message, question)


def addresses(message: Message, question: Question) -> list[str]:
    """Give the addresses in an answer, never none; raises Failed that names the rcode, or nodata."""
    if message.rcode != "noerror":
        reason = _REASONS.get(message.rcode, Reason.PROTOCOL)
        raise Failed(Stage.RESOLVE, reason, f"{question.name} {question.kind}: {message.rcode.upper()}")
    found = message.addresses(question.kind)
    if not found:
        raise Failed(Stage.RESOLVE, Reason.NODATA, f"{question.name} has no {question.kind} record")
    return found


Receive = Callable[[], Awaitable[bytes]]


@contextlib.asynccontextmanager
async def _opened(server: Server, asked: bytes, timeout_s: float) -> AsyncIterator[Receive]:
    """Send the question; gives a function that waits for the next message."""
    if server.transport == "tcp":
        sock = await _connected(server, timeout_s)
        asked = _LENGTH.pack(len(asked)) + asked
    else:
        family = socket.AF_INET6 if server.family == "ipv6" else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    loop = asyncio.get_running_loop()
    with sock:
        if server.transport == "udp":
            # Connected, so that "port unreachable" comes back as an error, and another address is not heard.
            await loop.sock_connect(sock, (server.address, server.port))
        await loop.sock_sendall(sock, asked)

        async def receive() -> bytes:
            if server.transport == "udp":
                return await loop.sock_recv(sock, _DATAGRAM_BYTES)
            (length,) = _LENGTH.unpack(await _exactly(sock, _LENGTH.size))
            return await _exactly(sock, length)

        yield receive


async def _connected(server: Server, timeout_s: float) -> socket.socket:
    try:
        return await connect(server.address, server.port, timeout_s=timeout_s)
    except Failed as error:
        raise _at_resolve(error) from error


def _at_resolve(error: Failed) -> Failed:
    """Say of a step below that it was the resolver's; whoever asks for a name cares for the whole."""
    return Failed(Stage.RESOLVE, Reason(error.failure.reason), error.failure.detail)


async def _exactly(sock: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        part = await asyncio.get_running_loop().sock_recv(sock, count - len(data))
        if not part:
            raise EOFError("it closed the connection without a whole answer")
        data += part
    return bytes(data)


def _read(wire: bytes) -> Message | None:
    try:
        return decode(wire)
    except MessageError:
        return None


def _silence(error: TimeoutError, strays: int, timeout_s: float) -> Failed:
    if error.errno is not None:  # the kernel's own, of TCP
        return failed(Stage.RESOLVE, error)
    if strays:
        return Failed(Stage.RESOLVE, Reason.PROTOCOL, f"{strays} packets in {timeout_s:g} s, none answers the question")
    return Failed(Stage.RESOLVE, Reason.TIMEOUT, f"no answer in {timeout_s:g} s")


def _servers(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    words = [line.split() for line in lines]
    named = [word[1] for word in words if len(word) > 1 and word[0] == "nameserver" and _is_address(word[1])]
    return list(dict.fromkeys(named))[:_SERVERS_MAX]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_loopback(text: str) -> bool:
    return ipaddress.ip_address(text).is_loopback
