"""Cutting super-packets: whatever is cut, the wire carries the same packets, with headers that are right."""

import ipaddress
import itertools
import random
import struct
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.netlab.packets import CWR, FIN, NEEDS_CHECKSUM, PSH, TCP, UDP, VIRTIO, Frame, ip_checksum

GSO = {(4, TCP): 1, (6, TCP): 4, (4, UDP): 5, (6, UDP): 5}
ACK = 0x10


def ones(*parts: bytes) -> int:
    """The one's complement sum, in its own words."""
    total = 0
    for part in parts:
        padded = part + b"\0" * (len(part) % 2)
        total += sum(int.from_bytes(padded[i : i + 2], "big") for i in range(0, len(padded), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@dataclass(frozen=True)
class Super:
    version: int
    protocol: int
    payload: bytes
    segment: int
    options: int
    flags: int
    sequence: int
    identity: int

    @property
    def frame(self) -> bytes:
        transport = self._tcp() if self.protocol == TCP else struct.pack("!HHHH", 5000, 6000, 8 + len(self.payload), 0)
        at = 16 if self.protocol == TCP else 6
        pseudo = pseudo_sum(self.version, self.protocol, len(transport) + len(self.payload))
        transport = transport[:at] + struct.pack("!H", pseudo) + transport[at + 2 :]
        ip = ip_header(self.version, self.protocol, len(transport) + len(self.payload), self.identity)
        more = len(self.payload) > self.segment
        gso = (GSO[self.version, self.protocol], self.segment) if more else (0, 0)
        virtio = struct.pack("=BBHHHH", NEEDS_CHECKSUM, gso[0], len(ip) + len(transport), gso[1], len(ip), at)
        return virtio + ip + transport + self.payload

    def _tcp(self) -> bytes:
        words = (20 + self.options) // 4
        fields = (5000, 6000, self.sequence, 77, words << 4, self.flags, 1000, 0, 0)
        return struct.pack("!HHIIBBHHH", *fields) + bytes(range(1, self.options + 1))


def pseudo_sum(version: int, protocol: int, length: int) -> int:
    source, target = addresses(version)
    return ones(source, target, struct.pack("!II", length, protocol))


def addresses(version: int) -> tuple[bytes, bytes]:
    names = ("192.0.2.1", "198.51.100.200") if version == 4 else ("2001:db8::1", "2001:db8:ffff::2")
    first, second = (ipaddress.ip_address(name).packed for name in names)
    return first, second


def ip_header(version: int, protocol: int, length: int, identity: int) -> bytes:
    source, target = addresses(version)
    if version == 6:
        return struct.pack("!IHBB", 6 << 28, length, protocol, 64) + source + target
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, identity, 0x4000, 64, protocol, 0) + source + target
    return head[:10] + struct.pack("!H", ones(head) ^ 0xFFFF) + head[12:]


def wire(frame: bytes) -> list[bytes]:
    """The IP packets that a network card makes of a frame, with their checksums complete (as Linux does)."""
    flags, gso, _, size, start, offset = struct.unpack_from("=BBHHHH", frame)
    assert flags & NEEDS_CHECKSUM
    packet = frame[VIRTIO:]
    version, protocol = packet[0] >> 4, TCP if offset == 16 else UDP
    head = start + (8 if protocol == UDP else 4 * (packet[start + 12] >> 4))
    payload = packet[head:]
    size = size if gso else len(payload) or 1
    chunks = [payload[i : i + size] for i in range(0, len(payload), size)] or [b""]
    stored = struct.unpack_from("!H", packet, start + offset)[0]
    right = pseudo_sum(version, protocol, len(packet) - start)
    assert stored % 0xFFFF == right % 0xFFFF, "the sum over the pseudo header"
    return [
        _segment(packet[:head], start, protocol, i * size, chunk, (i, len(chunks) - 1))
        for i, chunk in enumerate(chunks)
    ]


def _segment(head: bytes, start: int, protocol: int, skipped: int, chunk: bytes, place: tuple[int, int]) -> bytes:
    version, (index, last) = head[0] >> 4, place
    transport = bytearray(head[start:])
    if protocol == TCP:
        sequence = struct.unpack_from("!I", transport, 4)[0] + skipped
        struct.pack_into("!I", transport, 4, sequence & 0xFFFFFFFF)
        transport[13] &= 0xFF if index == last else ~(FIN | PSH) & 0xFF
        transport[13] &= 0xFF if index == 0 else ~CWR & 0xFF
    else:
        struct.pack_into("!H", transport, 4, 8 + len(chunk))
    at = 16 if protocol == TCP else 6
    struct.pack_into("!H", transport, at, 0)
    pseudo = struct.pack("!H", pseudo_sum(version, protocol, len(transport) + len(chunk)))
    struct.pack_into("!H", transport, at, ones(pseudo, bytes(transport), chunk) ^ 0xFFFF)
    identity = 0 if version == 6 else (struct.unpack_from("!H", head, 4)[0] + index) & 0xFFFF
    return ip_header(version, protocol, len(transport) + len(chunk), identity) + bytes(transport) + chunk


@st.composite
def supers(draw: st.DrawFn) -> Super:
    segment = draw(st.integers(1, 1448))
    count = draw(st.integers(1, 20))
    tail = draw(st.integers(1, segment))
    protocol = draw(st.sampled_from([TCP, UDP]))
    return Super(
        version=draw(st.sampled_from([4, 6])),
        protocol=protocol,
        payload=random.Random(segment).randbytes(segment * (count - 1) + tail),  # noqa: S311 - any bytes do
        segment=segment,
        options=draw(st.sampled_from([0, 12, 40])) if protocol == TCP else 0,
        flags=draw(st.sampled_from([ACK, ACK | PSH, ACK | FIN, ACK | PSH | FIN | CWR])),
        sequence=draw(st.integers(0, 2**32 - 1)),
        identity=draw(st.integers(0, 65535)),
    )


@given(supers(), st.randoms(use_true_random=False))
def test_pieces_carry_what_the_whole_would_have_carried(whole: Super, dice: random.Random) -> None:
    frame = Frame(whole.frame)
    packets = wire(whole.frame)
    assert frame.count == len(packets)
    assert frame.ip_bytes == sum(map(len, packets))
    assert frame.payload == (len(whole.payload) if whole.protocol == TCP else 0)
    cuts = sorted({0, frame.count, *(dice.randint(0, frame.count) for _ in range(4))})
    rebuilt, sizes, payload = [], 0, 0
    for first, last in itertools.pairwise(cuts):
        rebuilt += wire(frame.cut(first, last))
        sizes += frame.size(first, last)
        payload += frame.payload_of(first, last)
        assert frame.size(first, last) == sum(map(len, packets[first:last]))
    assert rebuilt == packets
    assert (sizes, payload) == (frame.ip_bytes, frame.payload)


@given(supers())
def test_a_piece_is_a_frame_again(whole: Super) -> None:
    frame = Frame(whole.frame)
    for first in range(frame.count):
        again = Frame(frame.cut(first, frame.count))
        assert (again.count, again.ip_bytes) == (frame.count - first, frame.size(first, frame.count))
        assert again.payload == frame.payload_of(first, frame.count)


@given(supers(), st.integers(0, 40_000))
def test_as_many_fit_as_their_sizes_say(whole: Super, room: int) -> None:
    frame = Frame(whole.frame)
    fitting = frame.fitting(room)
    assert frame.size(0, fitting) <= room or fitting == 0
    assert fitting == frame.count or frame.size(0, fitting + 1) > room


def test_all_fit_into_an_endless_queue() -> None:
    whole = Super(4, TCP, bytes(5000), 1448, 12, ACK, 0, 0)
    assert Frame(whole.frame).fitting(float("inf")) == 4


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(bytes(VIRTIO), id="nothing"),
        pytest.param(bytes(VIRTIO) + b"\x45", id="one byte"),
        pytest.param(bytes(VIRTIO) + b"\x60" + bytes(38), id="short IPv6"),
        pytest.param(bytes(VIRTIO) + b"\x4f" + bytes(8) + b"\x06" + bytes(14), id="options that are not there"),
        pytest.param(bytes(VIRTIO) + b"\x45" + bytes(8) + b"\x06" + bytes(12), id="TCP cut off"),
        pytest.param(b"\x01\x01" + bytes(2) + b"\x08\x00" + bytes(4) + b"\x45" + bytes(39), id="GSO of no protocol"),
        pytest.param(
            b"\x01\x04" + bytes(2) + b"\xa8\x05" + b"\x38\0\x10\0" + b"\x60" + bytes(99), id="extension header"
        ),
    ],
)
def test_what_is_not_understood_is_one_packet_of_its_size(raw: bytes) -> None:
    frame = Frame(raw)
    assert (frame.count, frame.ip_bytes, frame.payload) == (1, len(raw) - VIRTIO, 0)
    assert frame.cut(0, 1) is raw


def test_a_later_fragment_holds_no_tcp_header() -> None:
    whole = bytearray(Super(4, TCP, bytes(100), 1448, 12, ACK, 0, 0).frame)
    assert Frame(bytes(whole)).payload == 100
    whole[VIRTIO + 7] = 1
    assert Frame(bytes(whole)).payload == 0


def test_the_checksum_of_a_header_is_the_one_it_came_with() -> None:
    header = ip_header(4, TCP, 100, 4711)
    assert ip_checksum(header[:10] + bytes(2) + header[12:], 0, 20) == int.from_bytes(header[10:12], "big")
