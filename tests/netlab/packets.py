"""Frames of a TUN device with a virtio header: what is in them, and cutting super-packets into smaller ones. Pure.

A frame is the 10 bytes of `struct virtio_net_hdr` (this machine's byte order) and an IP packet:

    0 flags | 1 gso_type | 2-3 hdr_len | 4-5 gso_size | 6-7 csum_start | 8-9 csum_offset | 10... IP
"""

import struct
from typing import Final

VIRTIO: Final = 10
NEEDS_CHECKSUM: Final = 1
GSO_NONE: Final = 0
GSO_UDP: Final = 5
TCP: Final = 6
UDP: Final = 17
FIN: Final = 0x01
PSH: Final = 0x08
CWR: Final = 0x80

_HEADER: Final = struct.Struct("=BBHHHH")
_SHORT: Final = struct.Struct("!H")
_LONG: Final = struct.Struct("!I")
_WORDS: Final = {length: struct.Struct(f"!{length // 2}H") for length in range(20, 64, 4)}


class Frame:
    """One frame as read from a TUN device, and the sizes that matter for the link.

    `count` segments of `headers` IP, TCP or UDP header bytes and up to `segment` payload bytes each; `ip_bytes` is what
    they take on the link together. `payload` is the TCP payload in all (0 for anything else).
    """

    __slots__ = ("count", "family", "headers", "ip_bytes", "payload", "protocol", "raw", "segment", "transport")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        flags, gso, _, size, start, _ = _HEADER.unpack_from(raw)
        length = len(raw) - VIRTIO
        self.count, self.ip_bytes, self.segment = 1, length, 0
        self._read_ip(length)
        plain = self.protocol in (TCP, UDP) and start == self.transport - VIRTIO
        if gso != GSO_NONE and size and plain and flags & NEEDS_CHECKSUM:
            self._read_gso(length, size)

    def _read_ip(self, length: int) -> None:
        raw = self.raw
        if length >= 20 and raw[VIRTIO] >> 4 == 4:
            self.family = 0
            self.protocol = raw[VIRTIO + 9]
            self.transport = VIRTIO + 4 * (raw[VIRTIO] & 15)
            # a later fragment has no header of its own
            whole = not (raw[VIRTIO + 6] & 0x1F or raw[VIRTIO + 7])
        else:
            self.family = 1
            whole = length >= 40
            self.protocol = raw[VIRTIO + 6] if whole else 0
            self.transport = VIRTIO + 40
        self.headers = self.transport - VIRTIO
        self.payload = 0
        if self.protocol == TCP and whole and len(raw) >= self.transport + 20:
            self.headers += 4 * (raw[self.transport + 12] >> 4)
            self.payload = max(0, length - self.headers)

    def _read_gso(self, length: int, size: int) -> None:
        if self.protocol == UDP:
            self.headers += 8
        payload = length - self.headers
        self.segment = size
        self.count = max(1, -(-payload // size))
        self.ip_bytes = payload + self.count * self.headers

    def size(self, first: int, last: int) -> int:
        """Give the IP bytes of the segments first..last (half-open)."""
        if first == 0 and last == self.count:
            return self.ip_bytes
        if last < self.count:
            return (last - first) * (self.headers + self.segment)
        before = first * (self.headers + self.segment)
        return self.ip_bytes - before

    def payload_of(self, first: int, last: int) -> int:
        """Give the TCP payload bytes of the segments first..last."""
        if not self.payload:
            return 0
        return self.size(first, last) - (last - first) * self.headers

    def fitting(self, room: float) -> int:
        """How many segments from the first on fit into so many bytes."""
        if self.ip_bytes <= room:
            return self.count
        return max(0, min(self.count - 1, int(room // (self.headers + self.segment)))) if self.segment else 0

    def cut(self, first: int, last: int) -> bytes:
        """Give a frame that holds only the segments first..last, with the headers they would have had on the wire."""
        if first == 0 and last == self.count:
            return self.raw
        raw, head, size = self.raw, VIRTIO + self.headers, self.segment
        payload = raw[head + first * size : head + last * size]
        header = bytearray(raw[:head])
        self._cut_virtio(header, last - first)
        self._cut_ip(header, first, len(payload))
        if self.protocol == TCP:
            _cut_tcp(header, self.transport, first * size, last_one=last == self.count)
        else:
            _SHORT.pack_into(header, self.transport + 4, 8 + len(payload))
        self._cut_checksum(header, len(payload))
        return bytes(header) + payload

    def _cut_virtio(self, header: bytearray, count: int) -> None:
        flags, gso, _, size, start, offset = _HEADER.unpack_from(header)
        gso, size = (gso, size) if count > 1 else (GSO_NONE, 0)
        _HEADER.pack_into(header, 0, flags, gso, self.headers, size, start, offset)

    def _cut_ip(self, header: bytearray, first: int, payload: int) -> None:
        if self.family:
            _SHORT.pack_into(header, VIRTIO + 4, self.headers - 40 + payload)
            return
        _SHORT.pack_into(header, VIRTIO + 2, self.headers + payload)
        identity = _SHORT.unpack_from(header, VIRTIO + 4)[0] + first
        _SHORT.pack_into(header, VIRTIO + 4, identity & 0xFFFF)
        _SHORT.pack_into(header, VIRTIO + 10, 0)
        _SHORT.pack_into(header, VIRTIO + 10, ip_checksum(header, VIRTIO, self.transport - VIRTIO))

    def _cut_checksum(self, header: bytearray, payload: int) -> None:
        """Keep the sum over the pseudo header, which holds the length, true (RFC 1624)."""
        at = self.transport + (16 if self.protocol == TCP else 6)
        less = len(self.raw) - VIRTIO - self.headers - payload
        total = _SHORT.unpack_from(header, at)[0] + (~less & 0xFFFF)
        _SHORT.pack_into(header, at, (total & 0xFFFF) + (total >> 16))


def _cut_tcp(header: bytearray, at: int, skipped: int, *, last_one: bool) -> None:
    sequence = _LONG.unpack_from(header, at + 4)[0] + skipped
    _LONG.pack_into(header, at + 4, sequence & 0xFFFFFFFF)
    if not last_one:
        header[at + 13] &= ~(FIN | PSH) & 0xFF
    if skipped:
        header[at + 13] &= ~CWR & 0xFF


def ip_checksum(packet: bytes | bytearray, start: int, length: int) -> int:
    """Give the checksum of an IPv4 header whose checksum field is 0."""
    total: int = sum(_WORDS[length].unpack_from(packet, start))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF
