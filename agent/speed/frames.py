"""WebSocket framing (RFC 6455) for load: headers are read, binary payload is counted and never copied.

Sans-I/O and clock-free, for both ends: the throughput client reads unmasked and writes masked frames, the peer the
other way round. Extensions are never negotiated, so reserved bits are errors.
"""

import os
import secrets
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

NORMAL: Final = 1000
MAX_TEXT_BYTES: Final = 64 * 1024
MAX_BINARY_BYTES: Final = 2**24
MAX_CONTROL_BYTES: Final = 125
# Reading a header costs the time of a kilobyte of payload: whoever sends next to nothing else holds up all others.
FRAMES_AT_ONCE: Final = 64
BYTES_A_FRAME: Final = 512

_FIN = 0x80
_MASK = 0x80
_LENGTH_16 = 126
_LENGTH_64 = 127


class ProtocolError(Exception):
    """The other side broke RFC 6455 or a limit of ours; the connection is of no more use."""


class Opcode(IntEnum):
    """What a frame carries."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10

    @property
    def control(self) -> bool:
        """True for frames that may stand between the fragments of a message."""
        return self >= Opcode.CLOSE


_OPCODES: Final = {int(opcode): opcode for opcode in Opcode}


@dataclass(frozen=True, slots=True)
class Message:
    """A text message, whole, or a control frame; its payload unmasked."""

    opcode: Opcode
    payload: bytes

    @property
    def close_code(self) -> int | None:
        """The status code of a Close frame, if it has one."""
        if self.opcode is not Opcode.CLOSE or len(self.payload) < struct.calcsize("!H"):
            return None
        return int.from_bytes(self.payload[:2])


@dataclass(frozen=True, slots=True)
class _Header:
    """The fields of a frame header, checked one by one; `key` is None for an unmasked frame."""

    final: bool
    opcode: Opcode
    length: int
    key: bytes | None


class FrameSkimmer:
    """Counts the binary payload in a byte stream cut anywhere, and gives back the few small messages in it.

    `masked` says what the other side's frames must be: True at a server, False at a client. `received` is the
    binary payload so far, in bytes, partial frames included. After a Close frame (`closed`) the rest is ignored,
    as the RFC asks.
    """

    __slots__ = (
        "_fragment",
        "_head",
        "_header",
        "_left",
        "_masked",
        "_message_bytes",
        "_payload",
        "_text",
        "binary_messages",
        "closed",
        "received",
    )

    def __init__(self, *, masked: bool) -> None:
        self.received = 0
        self.binary_messages = 0
        self.closed = False
        self._masked = masked
        self._head = bytearray()
        self._header: _Header | None = None
        self._left = 0
        self._payload = bytearray()
        self._fragment: Opcode | None = None
        self._message_bytes = 0
        self._text = bytearray()

    def feed(self, data: bytes | bytearray | memoryview) -> list[Message]:
        """Take the next bytes; return the text messages and control frames completed by them.

        `data` is not kept. Raises ProtocolError at the first broken rule or limit.
        """
        messages: list[Message] = []
        position, end = 0, len(data)
        left = FRAMES_AT_ONCE + end // BYTES_A_FRAME
        while position < end and not self.closed:
            position = self._skim_header(data, position) if self._header is None else self._take(data, position)
            if self._header is not None and self._left == 0:
                self._finish(messages)
                left -= 1
                if left < 0:
                    raise ProtocolError("flood of small frames")
        return messages

    def _skim_header(self, data: bytes | bytearray | memoryview, position: int) -> int:
        """Read header bytes from `position` on; return where they end. Sets `_header` once it is complete."""
        missing = _header_size(self._head) - len(self._head)
        while missing > 0:
            part = data[position : position + missing]
            self._head += part
            position += len(part)
            if len(part) < missing:
                return position
            missing = _header_size(self._head) - len(self._head)
        self._header = header = _parse(self._head, masked=self._masked)
        self._head.clear()
        self._left = header.length
        self._admit(header)
        return position

    def _admit(self, header: _Header) -> None:
        """Check the frame against the message it belongs to, and the message against its limit."""
        if header.opcode.control:
            if header.length > MAX_CONTROL_BYTES or not header.final:
                raise ProtocolError("control frame too long or fragmented")
            return
        if header.opcode is Opcode.CONTINUATION:
            if self._fragment is None:
                raise ProtocolError("continuation of nothing")
        elif self._fragment is not None:
            raise ProtocolError("new message inside a fragmented one")
        else:
            self._fragment = header.opcode
            self._message_bytes = 0
        self._message_bytes += header.length
        if self._message_bytes > (MAX_TEXT_BYTES if self._fragment is Opcode.TEXT else MAX_BINARY_BYTES):
            raise ProtocolError(f"{self._fragment.name.lower()} message too long")

    def _take(self, data: bytes | bytearray | memoryview, position: int) -> int:
        """Consume payload of the current frame; return where it ends in `data`."""
        taken = min(self._left, len(data) - position)
        if self._carries_binary():
            self.received += taken
        else:
            self._payload += data[position : position + taken]
        self._left -= taken
        return position + taken

    def _carries_binary(self) -> bool:
        header = self._header
        return header is not None and not header.opcode.control and self._fragment is Opcode.BINARY

    def _finish(self, messages: list[Message]) -> None:
        """The current frame is complete: end its message if it is the last, and get ready for the next header."""
        header = self._header
        if header is None:
            return
        self._header = None
        payload = _xor(bytes(self._payload), header.key)
        self._payload.clear()
        if header.opcode.control:
            self.closed = header.opcode is Opcode.CLOSE
            messages.append(Message(header.opcode, payload))
        elif self._fragment is Opcode.TEXT:
            self._text += payload
            if header.final:
                messages.append(Message(Opcode.TEXT, bytes(self._text)))
                self._text.clear()
        elif header.final:
            self.binary_messages += 1
        if header.final and not header.opcode.control:
            self._fragment = None


def _header_size(head: bytearray) -> int:
    """How long the header that begins with `head` is, as far as its bytes tell: at least 2."""
    if len(head) < struct.calcsize("!BB"):
        return 2
    length = head[1] & ~_MASK
    return 2 + {_LENGTH_16: 2, _LENGTH_64: 8}.get(length, 0) + (4 if head[1] & _MASK else 0)


def _parse(head: bytearray, *, masked: bool) -> _Header:
    """The fields of a complete header. Raises ProtocolError on reserved bits, an unknown opcode, wrong masking."""
    first, second = head[0], head[1]
    opcode = _OPCODES.get(first & 0x0F)
    if first & 0x70 or opcode is None:
        raise ProtocolError(f"frame begins with 0x{first:02x}: reserved bits or unknown opcode")
    has_key = bool(second & _MASK)
    if has_key is not masked:
        raise ProtocolError("unmasked frame from a client" if masked else "masked frame from a server")
    length = second & ~_MASK
    key_at = len(head) - 4 if has_key else len(head)
    if length >= _LENGTH_16:
        length = int.from_bytes(head[2:key_at])
    return _Header(bool(first & _FIN), opcode, length, bytes(head[key_at:]) if has_key else None)


def _xor(payload: bytes, key: bytes | None) -> bytes:
    """The payload masked or unmasked with `key` (the same operation)."""
    if key is None or not payload:
        return payload
    size = len(payload)
    stream = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(stream)).to_bytes(size)


def _encode_header(opcode: Opcode, size: int, *, masked: bool) -> bytes:
    """A final frame's header up to, not including, the masking key."""
    bit = _MASK if masked else 0
    first = _FIN | opcode
    if size < _LENGTH_16:
        return struct.pack("!BB", first, bit | size)
    if size < 2**16:
        return struct.pack("!BBH", first, bit | _LENGTH_16, size)
    return struct.pack("!BBQ", first, bit | _LENGTH_64, size)


def frame(opcode: Opcode, payload: bytes = b"", *, masked: bool) -> bytes:
    """One unfragmented frame; masked with a fresh key if `masked` (a client's)."""
    key = secrets.token_bytes(4) if masked else None
    return _encode_header(opcode, len(payload), masked=masked) + (key or b"") + _xor(payload, key)


def close(code: int = NORMAL, reason: str = "", *, masked: bool) -> bytes:
    """A Close frame with its status code; the reason is cut to fit."""
    text = reason.encode()[: MAX_CONTROL_BYTES - 2].decode(errors="ignore").encode()
    return frame(Opcode.CLOSE, struct.pack("!H", code) + text, masked=masked)


def binary_frames(size: int, count: int, *, masked: bool) -> list[bytes]:
    """`count` whole binary frames of `size` random payload bytes each, to be sent in turn for as long as needed.

    Random bytes masked with a random key are random bytes: a masked frame needs no masking, only a fresh key.
    """
    header = _encode_header(Opcode.BINARY, size, masked=masked)
    return [header + os.urandom(size + (4 if masked else 0)) for _ in range(count)]
