"""ICMP errors that a program writes: who says what about which packet, and how much is quoted, is the test's choice."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Final

from tests.netlab.namespace import Namespace

ALL: Final = 3
SHORT: Final = 28


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data[: len(data) // 2 * 2]))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def error(kind: int, code: int, quoted: bytes) -> bytes:
    """An ICMP error about a quoted IPv4 packet."""
    body = struct.pack("!BBHI", kind, code, 0, 0) + quoted
    return struct.pack("!BBHI", kind, code, checksum(body), 0) + quoted


def udp_packet(ends: tuple[str, str], ports: tuple[int, int], payload: bytes) -> bytes:
    """An IPv4 packet with UDP, as a router may quote it."""
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 0, 0, 1, 17, 0, *(socket.inet_aton(end) for end in ends)
    )
    return head + struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload


def send(place: Namespace, to: str, *errors: bytes) -> None:
    """Send errors from a place; its address is theirs."""
    with place.entered(), socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        for said in errors:
            raw.sendto(said, (to, 0))


@contextlib.contextmanager
def short_quotes(place: Namespace, device: str) -> Iterator[None]:
    """Let a router answer packets that end there with the shortest quote that RFC 792 allows, while the block lasts."""
    with contextlib.ExitStack() as stack:
        with place.entered():
            heard = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800)))
            heard.bind((device, 0x0800))
            raw = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
        heard.settimeout(0.1)
        over = threading.Event()
        thread = threading.Thread(target=_answer, args=(heard, raw, over))
        thread.start()
        stack.callback(thread.join)
        stack.callback(over.set)
        yield


def _answer(heard: socket.socket, raw: socket.socket, over: threading.Event) -> None:
    while not over.is_set():
        with contextlib.suppress(TimeoutError):
            packet = heard.recv(2048)
            if packet[8] == 1 and packet[9] == socket.IPPROTO_UDP:
                raw.sendto(error(11, 0, packet[:SHORT]), (socket.inet_ntoa(packet[12:16]), 0))
