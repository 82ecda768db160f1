"""A real name server over UDP and TCP on one port, which says what a test tells it to."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from dns import flags, message, rcode, rdatatype, rrset

Transport = Literal["udp", "tcp"]
# name (without the last dot) -> type -> records; a name that is missing does not exist
Zone = Mapping[str, Mapping[str, str]]
SIGNATURE: Final = "{kind} 13 1 3600 20300101000000 20200101000000 1 . c2lnbmVk"
SOA: Final = "ns.example. mail.example. 1 2 3 4 5"


@dataclass(slots=True)
class Asked:
    """One question as it came."""

    query: message.Message
    transport: Transport

    @property
    def name(self) -> str:
        return self.query.question[0].name.to_text(omit_final_dot=True).lower()

    @property
    def kind(self) -> str:
        return rdatatype.to_text(self.query.question[0].rdtype)

    @property
    def dnssec(self) -> bool:
        return bool(self.query.ednsflags & flags.DO)

    def reply(self, *records: str, code: rcode.Rcode = rcode.NOERROR, set_flags: int = 0) -> bytes:
        """An answer with these records of the type that was asked for, and signatures if they were."""
        answer = message.make_response(self.query)
        answer.flags |= flags.RA | set_flags
        answer.set_rcode(code)
        name = self.query.question[0].name
        if records:
            answer.answer.append(rrset.from_text(name, 60, "IN", self.kind, *records))
        if records and self.dnssec:
            answer.answer.append(rrset.from_text(name, 60, "IN", "RRSIG", SIGNATURE.format(kind=self.kind)))
        return answer.to_wire()


Answer = Callable[[Asked], bytes | list[bytes] | None]


def from_zone(zone: Zone) -> Answer:
    """Answer as an honest resolver does that validates; the name "bogus.example" is wrongly signed."""

    def answer(asked: Asked) -> bytes:
        if asked.kind == "SOA":
            return asked.reply(SOA, set_flags=flags.AD)
        if asked.name == "bogus.example" and not asked.query.flags & flags.CD:
            return asked.reply(code=rcode.SERVFAIL)
        records = zone.get(asked.name)
        if records is None:
            return asked.reply(code=rcode.NXDOMAIN)
        return asked.reply(*records.get(asked.kind, "").split())

    return answer


@dataclass(slots=True)
class NameServer:
    """Where it is, and what it was asked."""

    port: int
    asked: list[tuple[str, str, Transport]] = field(default_factory=list)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer, answer: Answer) -> None:
        self._server = server
        self._answer = answer
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        assert self._transport is not None
        for payload in _answers(self._server, self._answer, data, "udp"):
            self._transport.sendto(payload, addr)


def _answers(server: NameServer, answer: Answer, data: bytes, transport: Transport) -> list[bytes]:
    asked = Asked(message.from_wire(data), transport)
    server.asked.append((asked.name, asked.kind, transport))
    said = answer(asked)
    return said if isinstance(said, list) else [said] if said is not None else []


@contextlib.asynccontextmanager
async def name_server(
    answer: Answer, *, host: str = "127.0.0.1", port: int = 0, tcp: bool = True
) -> AsyncIterator[NameServer]:
    """Answer over UDP, and over TCP on the same port unless told not to (then the port is closed there)."""
    found = NameServer(port)
    leaving = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            said = _answers(found, answer, await reader.readexactly(length), "tcp")
            for payload in said:
                writer.write(struct.pack("!H", len(payload)) + payload)
            if not said:
                await leaving.wait()
            await reader.read()
        writer.transport.abort()

    async with contextlib.AsyncExitStack() as stack:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        taken = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((host, port))
        found.port = taken.getsockname()[1]
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Datagrams(found, answer), local_addr=(host, found.port)
        )
        stack.callback(transport.close)
        if tcp:
            server = await asyncio.start_server(serve, sock=taken)
            stack.callback(server.close)
        stack.callback(leaving.set)
        yield found
        leaving.set()
        await asyncio.sleep(0)
