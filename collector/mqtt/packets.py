"""MQTT 3.1.1 packets to bytes and back. Pure: no I/O, no clock, no state beyond an unfinished packet.

What a client needs, and no more: no QoS 2, no wills, no sessions that outlive a connection. Bytes of a broker are not
to be trusted: whatever they are, they give packets or a BrokerError, in bounded memory.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

CONNACK: Final = 2
PUBLISH: Final = 3
PUBACK: Final = 4
SUBACK: Final = 9
PINGRESP: Final = 13

PINGREQ_BYTES: Final = b"\xc0\x00"
DISCONNECT_BYTES: Final = b"\xe0\x00"
REFUSED: Final = 0x80
LONGEST: Final = 268_435_455  # what four bytes of length can say

_MORE: Final = 0x80
_PUBLISH_FIRST: Final = PUBLISH << 4
_QOS_1: Final = 0x02
_QOS_2: Final = 0x04
_RETAIN: Final = 0x01
_PUBACK_HEAD: Final = b"\x40\x02"
# What else a broker may send, with the least and the greatest length of its body; we never subscribe to many at once.
_ANSWERS: Final = {CONNACK: (2, 2), PUBACK: (2, 2), SUBACK: (3, 100), PINGRESP: (0, 0)}
_STRING_LIMIT: Final = 65_535


class BrokerError(Exception):
    """The broker cannot be talked with: why, in words for an operator."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message as the broker passed it on."""

    topic: str
    payload: bytes
    retained: bool


class Skipped(msgspec.Struct, frozen=True, gc=False):
    """A message above the limit, of which nothing was kept; `size` in bytes."""

    topic: str
    size: int


class Answer(msgspec.Struct, frozen=True, gc=False):
    """Any packet but a PUBLISH: its kind and its body."""

    kind: int
    body: bytes


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """A message to be published."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


class Taken(msgspec.Struct):
    """What one piece of the stream held: messages in their order, their acknowledgements as bytes to send, the rest."""

    messages: list[Message]
    acknowledgements: bytearray
    skipped: list[Skipped]
    answers: list[Answer]


class Login(msgspec.Struct, frozen=True):
    """Who connects. An empty client id lets the broker choose one."""

    client_id: str = ""
    username: str | None = None
    password: str | None = None
    keepalive_s: int = 30


def connect(login: Login) -> bytes:
    """Open a clean session without a will."""
    flags, fields = 0x02, [_string(login.client_id, "the client id")]
    if login.username is not None:
        flags |= 0x80
        fields.append(_string(login.username, "the user name"))
        if login.password is not None:
            flags |= 0x40
            fields.append(_string(login.password, "the password"))
    head = b"\x00\x04MQTT\x04" + bytes((flags,)) + login.keepalive_s.to_bytes(2, "big")
    return _packet(0x10, head + b"".join(fields))


def subscribe(packet_id: int, filters: Sequence[tuple[str, int]]) -> bytes:
    """Ask for what matches the filters, each with its greatest QoS."""
    wishes = b"".join(_string(name, "a topic filter") + bytes((qos,)) for name, qos in filters)
    return _packet(0x82, packet_id.to_bytes(2, "big") + wishes)


def publish(message: Outgoing, packet_id: int = 0) -> bytes:
    """Write a message; `packet_id` is for QoS 1. Raises BrokerError when no packet can hold it."""
    name = message.topic.encode("utf-8", "replace")
    if len(name) > _STRING_LIMIT:
        raise BrokerError(f"the topic is longer than {_STRING_LIMIT} bytes")
    first = _PUBLISH_FIRST | message.retain
    number = b""
    if message.qos:
        first |= _QOS_1
        number = packet_id.to_bytes(2, "big")
    size = 2 + len(name) + len(number) + len(message.payload)
    return b"".join((_head(first, size), len(name).to_bytes(2, "big"), name, number, message.payload))


def puback(packet_id: int) -> bytes:
    """Confirm a message of QoS 1."""
    return _PUBACK_HEAD + packet_id.to_bytes(2, "big")


class Parser:
    """Cuts the broker's stream into packets, however it was split.

    A PUBLISH above `limit` bytes is skipped as it comes, acknowledged and named; nothing of it is kept, so that one
    sender cannot cut everybody off.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._chunks: list[bytes] = []
        self._have = 0
        self._need = 2
        self._discard = 0

    def feed(self, data: bytes) -> Taken:
        """Give what these bytes complete; raises BrokerError for what no broker may send."""
        taken = Taken([], bytearray(), [], [])
        if self._discard:
            cut = min(self._discard, len(data))
            self._discard -= cut
            data = data[cut:]
        self._have += len(data)
        if self._have < self._need:
            self._chunks.append(data)
            return taken
        if self._chunks:
            self._chunks.append(data)
            data = b"".join(self._chunks)
            self._chunks = []
        rest = data[self._cut(data, taken) :]
        self._have = len(rest)
        if rest:
            self._chunks.append(rest)
        return taken

    def _cut(self, data: bytes, taken: Taken) -> int:
        """Take all whole packets; gives where the unfinished one starts, and notes how much of it must be there."""
        at, end = 0, len(data)
        while end - at >= 2:  # noqa: PLR2004 - a first byte and a length
            size, body = _length(data, at + 1)
            if not body:
                self._need = end - at + 1
                return at
            stop, first = body + size, data[at]
            if first & 0xF0 != _PUBLISH_FIRST:
                _check(first, size)
            if size > self._limit:
                stop = self._skip(data, at, body, stop, taken)
                if not stop:
                    return at
            elif stop > end:
                self._need = stop - at
                return at
            elif first & 0xF0 == _PUBLISH_FIRST:
                _take_publish(data, at, body, stop, taken)
            else:
                taken.answers.append(Answer(first >> 4, data[body:stop]))
            at = stop
        self._need = 2
        return at

    def _skip(self, data: bytes, at: int, body: int, stop: int, taken: Taken) -> int:
        """Pass over a message that is too long: gives its end, or 0 while its head has not all come."""
        head = body + 2
        if head <= len(data):
            head += (data[body] << 8 | data[body + 1]) + (data[at] & _QOS_1)  # whose value is the length of an id
        if head > stop:
            raise BrokerError("the broker sent a message whose topic is longer than itself")
        if head > len(data):
            self._need = head - at
            return 0
        short = Taken([], taken.acknowledgements, [], [])
        _take_publish(data, at, body, head, short)
        taken.skipped.append(Skipped(short.messages[0].topic, stop - body))
        self._discard = max(0, stop - len(data))
        return stop


def _take_publish(data: bytes, at: int, body: int, stop: int, taken: Taken) -> None:
    """Read the message whose body lies between `body` and `stop`."""
    first = data[at]
    start = body + 2
    name_end = start + (data[body] << 8 | data[body + 1]) if start <= stop else stop + 1
    payload = name_end + 2 if first & _QOS_1 else name_end
    if payload > stop or first & _QOS_2:
        raise BrokerError("the broker sent a message that is cut short, or of a QoS nobody asked for")
    if payload > name_end:
        taken.acknowledgements += _PUBACK_HEAD
        taken.acknowledgements += data[name_end:payload]
    # A topic that is no UTF-8 is its sender's fault: nobody else is cut off for it.
    taken.messages.append(
        Message(str(data[start:name_end], "utf-8", "replace"), data[payload:stop], bool(first & _RETAIN))
    )


def _check(first: int, size: int) -> None:
    """Refuse what no broker sends, before waiting for the rest of it."""
    least, most = _ANSWERS.get(first >> 4, (1, 0))
    if first & 0x0F or not least <= size <= most:
        raise BrokerError(
            f"the broker sent something that is not MQTT 3.1.1 (first byte {first:#04x}); is it a broker?"
        )


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Read a length of up to four bytes: it and where the body starts, 0 while bytes are missing."""
    size = shift = 0
    for byte in data[at : at + 4]:
        at += 1
        if byte < _MORE:
            return size | byte << shift, at
        size |= (byte & 0x7F) << shift
        shift += 7
    if shift > 21:  # noqa: PLR2004 - a length has no fifth byte
        raise BrokerError("the broker sent a length that is not MQTT; is it a broker?")
    return 0, 0


def _head(first: int, size: int) -> bytes:
    if size < _MORE:
        return bytes((first, size))
    if size > LONGEST:
        raise BrokerError(f"a message of {size} bytes is longer than MQTT allows")
    head = bytearray((first,))
    while size >= _MORE:
        head.append(size & 0x7F | _MORE)
        size >>= 7
    head.append(size)
    return bytes(head)


def _packet(first: int, body: bytes) -> bytes:
    return _head(first, len(body)) + body


def _string(text: str, what: str) -> bytes:
    data = text.encode("utf-8", "replace")
    if len(data) > _STRING_LIMIT:
        raise BrokerError(f"{what} is longer than {_STRING_LIMIT} bytes")
    return len(data).to_bytes(2, "big") + data
