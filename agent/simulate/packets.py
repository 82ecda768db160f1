"""MQTT 3.1.1 in bytes, as far as an agent's uplink speaks it: QoS 0 and 1, clean sessions. Pure."""

import struct
from collections.abc import Iterator, Sequence
from typing import Final

CONNACK: Final = 0x20
PUBLISH: Final = 0x30
PUBACK: Final = 0x40
SUBACK: Final = 0x90
UNSUBACK: Final = 0xB0
PINGRESP: Final = 0xD0
PING: Final = b"\xc0\x00"
DISCONNECT: Final = b"\xe0\x00"
REFUSED: Final = 0x80
_PROTOCOL: Final = b"\x00\x04MQTT\x04"
_MORE: Final = 0x80
_LENGTH_BYTES: Final = 4


class BrokenPacketError(Exception):
    """What came is not MQTT."""


def connect(
    client_id: str, *, keepalive_s: int, will: tuple[str, bytes], username: str | None, password: str | None
) -> bytes:
    """Write a CONNECT with a clean session and a retained will of QoS 1."""
    flags = 0x02 | 0x04 | 0x08 | 0x20
    parts = [_text(client_id), _text(will[0]), _binary(will[1])]
    if username is not None:
        flags |= 0x80
        parts.append(_text(username))
    if username is not None and password is not None:
        flags |= 0x40
        parts.append(_text(password))
    return _packet(0x10, _PROTOCOL + bytes([flags]) + struct.pack("!H", keepalive_s) + b"".join(parts))


def publish(topic: str, payload: bytes, *, number: int, retain: bool) -> bytes:
    """Write a PUBLISH of QoS 1."""
    head = 0x32 | 0x01 if retain else 0x32
    return _packet(head, _text(topic) + struct.pack("!H", number) + payload)


def puback(number: int) -> bytes:
    """Write a PUBACK."""
    return struct.pack("!BBH", 0x40, 2, number)


def subscribe(topics: Sequence[tuple[str, int]], *, number: int) -> bytes:
    """Write a SUBSCRIBE."""
    return _packet(0x82, struct.pack("!H", number) + b"".join(_text(topic) + bytes([qos]) for topic, qos in topics))


def unsubscribe(topic: str, *, number: int) -> bytes:
    """Write an UNSUBSCRIBE."""
    return _packet(0xA2, struct.pack("!H", number) + _text(topic))


def published(flags: int, body: bytes) -> tuple[str, bytes, int]:
    """Read a PUBLISH: topic, payload, and its number, 0 for QoS 0; raises BrokenPacketError."""
    try:
        (length,) = struct.unpack_from("!H", body)
        topic, at, number = body[2 : 2 + length].decode(), 2 + length, 0
        if flags & 0x06:
            (number,) = struct.unpack_from("!H", body, at)
            at += 2
    except (struct.error, UnicodeDecodeError) as error:
        raise BrokenPacketError(f"a message that cannot be read: {error}") from error
    return topic, body[at:], number


def split(buffer: bytearray, limit: int) -> Iterator[tuple[int, bytes]]:
    """Take whole packets off the front of a buffer: first byte and body; raises BrokenPacketError."""
    while (found := _length(buffer)) is not None:
        length, at = found
        if length > limit:
            raise BrokenPacketError(f"a message of {length} bytes")
        if len(buffer) < at + length:
            return
        head, body = buffer[0], bytes(buffer[at : at + length])
        del buffer[: at + length]
        yield head, body


def _length(buffer: bytearray) -> tuple[int, int] | None:
    """Read the remaining length and where the body begins; None while it is not here."""
    length = 0
    for place, byte in enumerate(buffer[1 : 1 + _LENGTH_BYTES]):
        length |= (byte & 0x7F) << 7 * place
        if not byte & _MORE:
            return length, 2 + place
    if len(buffer) > _LENGTH_BYTES:
        raise BrokenPacketError("a length of five bytes")
    return None


def _packet(head: int, body: bytes) -> bytes:
    left, length = len(body), bytearray()
    while True:
        left, byte = left >> 7, left & 0x7F
        length.append(byte | (_MORE if left else 0))
        if not left:
            return bytes([head]) + bytes(length) + body


def _text(text: str) -> bytes:
    return _binary(text.encode())


def _binary(data: bytes) -> bytes:
    return struct.pack("!H", len(data)) + data
