"""A name server inside a lab, from a zone that a test writes down."""

import contextlib
import select
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import Final

from dns import exception, flags, message, rcode, rdatatype, rrset

from tests.netlab.namespace import Namespace
from tests.netlab.traffic import FAMILIES

PORT: Final = 53
TTL: Final = 60

# name (without the last dot) -> type -> address: {"www.example": {"A": "192.0.2.1", "AAAA": "2001:db8::1"}}
Zone = Mapping[str, Mapping[str, str]]


@contextlib.contextmanager
def naming(place: Namespace, zone: Zone) -> Iterator[None]:
    """Answer DNS over UDP at both addresses of a host until the block ends.

    A name that is not in the zone does not exist; a type that is not there is no data. Ask a client to use it with
    `net.client.resolver(net.server.address("ipv6"))`.
    """
    with contextlib.ExitStack() as stack:
        ends = []
        for family, number in FAMILIES.items():
            with place.entered():
                end = stack.enter_context(socket.socket(number, socket.SOCK_DGRAM))
            end.bind((place.address(family), PORT))
            ends.append(end)
        ours, theirs = socket.socketpair()
        stack.enter_context(ours)
        stack.enter_context(theirs)
        thread = threading.Thread(target=_serve, args=(ends, theirs, zone), name="names")
        thread.start()
        stack.callback(thread.join)
        stack.callback(ours.shutdown, socket.SHUT_WR)
        yield


def _serve(ends: list[socket.socket], stop: socket.socket, zone: Zone) -> None:
    while True:
        ready = select.select([*ends, stop], [], [])[0]
        if stop in ready:
            return
        for end in ready:
            question, address = end.recvfrom(4096)
            with contextlib.suppress(exception.DNSException):
                end.sendto(answer(question, zone), address)


def answer(question: bytes, zone: Zone) -> bytes:
    """Answer one query; DNSException if it is none."""
    asked = message.from_wire(question)
    response = message.make_response(asked)
    response.flags |= flags.RA
    name, kind = asked.question[0].name, asked.question[0].rdtype
    records = zone.get(name.to_text(omit_final_dot=True).lower())
    if records is None:
        response.set_rcode(rcode.NXDOMAIN)
    elif address := records.get(rdatatype.to_text(kind)):
        response.answer.append(rrset.from_text(name, TTL, "IN", kind, address))
    return response.to_wire()
