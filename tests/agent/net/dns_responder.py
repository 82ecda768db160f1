"""A real DNS server over UDP with a small zone, in which the name says how it misbehaves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final, cast

from dns import flags, message, rcode, rdatatype, rrset

IPV4: Final = "198.51.100.1"
IPV6: Final = "2001:db8:1::1"
BEYOND: Final = "2001:db8:2::1"

ZONE: Final[dict[str, dict[str, str]]] = {
    "dual.example.": {"A": IPV4, "AAAA": IPV6},
    "four.example.": {"A": IPV4},
    "six.example.": {"AAAA": IPV6},
    "beyond.example.": {"A": IPV4, "AAAA": BEYOND},
    # addresses that no peer far away can have
    "mapped.example.": {"A": IPV4, "AAAA": f"::ffff:{IPV4}"},
    "own.example.": {"A": IPV4, "AAAA": "::1"},
    "nowhere.example.": {"A": "0.0.0.0", "AAAA": IPV6},  # noqa: S104 - a blocked name's
    # how it answers for AAAA, instead of an address
    "silent.example.": {"A": IPV4, "AAAA": "silence"},
    "failing.example.": {"A": IPV4, "AAAA": "SERVFAIL"},
    "refusing.example.": {"A": IPV4, "AAAA": "REFUSED"},
    "garbling.example.": {"A": IPV4, "AAAA": "garbage, then the answer"},
}


class Responder(asyncio.DatagramProtocol):
    """Answers from ZONE; NXDOMAIN for a name that is not in it, and no records for a type that is not."""

    def __init__(self) -> None:
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        assert self._transport is not None
        for payload in answers(data):
            self._transport.sendto(payload, addr)


def answers(data: bytes) -> list[bytes]:
    question = message.from_wire(data)
    answer = message.make_response(question)
    answer.flags |= flags.RA
    name, kind = question.question[0].name, question.question[0].rdtype
    records = ZONE.get(name.to_text().lower())
    value = (records or {}).get(rdatatype.to_text(kind))
    match value:
        case None:
            answer.set_rcode(rcode.NOERROR if records else rcode.NXDOMAIN)
        case "silence":
            return []
        case "SERVFAIL" | "REFUSED":
            answer.set_rcode(rcode.from_text(value))
        case "garbage, then the answer":
            answer.answer.append(rrset.from_text(name, 60, "IN", kind, IPV6))
            stranger = message.make_response(message.make_query("other.example", "AAAA"))
            return [b"", b"garbage", stranger.to_wire(), answer.to_wire()]
        case address:
            answer.answer.append(rrset.from_text(name, 60, "IN", kind, address))
    return [answer.to_wire()]


@contextlib.asynccontextmanager
async def responding(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Responder, local_addr=(host, port))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()
