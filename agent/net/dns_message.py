"""One DNS message (RFC 1035, EDNS of RFC 6891): a question to bytes, bytes to an answer. Pure; trusts no byte of it.

A message is read in time that is bounded whatever it says: compression may only point backwards and 127 times a name,
names end at 255 bytes, and no more than 400 records are looked at.
"""

import ipaddress
import struct
from dataclasses import dataclass
from typing import Final

KINDS: Final[dict[str, int]] = {
    "A": 1,
    "NS": 2,
    "CNAME": 5,
    "SOA": 6,
    "PTR": 12,
    "TXT": 16,
    "AAAA": 28,
    "DS": 43,
    "RRSIG": 46,
    "DNSKEY": 48,
    "HTTPS": 65,
}
RCODES: Final[dict[int, str]] = {
    0: "noerror",
    1: "formerr",
    2: "servfail",
    3: "nxdomain",
    4: "notimp",
    5: "refused",
    9: "notauth",
    16: "badvers",
}
PAYLOAD_BYTES: Final = 1232  # what needs no fragments even on IPv6's smallest MTU (DNS flag day 2020)
NAME_BYTES: Final = 255
_LABEL_BYTES: Final = 63
_RECORDS: Final = 400
_JUMPS: Final = 127  # no name has more parts
_IN: Final = 1
_OPT: Final = 41
_HEAD: Final = struct.Struct("!HHHHHH")
_PAIR: Final = struct.Struct("!HH")
_RECORD: Final = struct.Struct("!HHIH")
_RESPONSE, _AUTHORITATIVE, _TRUNCATED, _DESIRED, _AVAILABLE, _AUTHENTIC, _UNCHECKED = (
    1 << bit for bit in (15, 10, 9, 8, 7, 5, 4)
)
_OPCODE: Final = 0x7800
_DNSSEC_OK: Final = 1 << 15
_POINTER: Final = 0xC0


class MessageError(ValueError):
    """What came is no DNS message, or the name is no DNS name; says why."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `kind` as in KINDS; `dnssec` wants signatures (DO), `unchecked` no validation (CD)."""

    name: str
    kind: str = "A"
    dnssec: bool = False
    unchecked: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """One record of an answer. `text`: the address, the name that a CNAME, NS or PTR gives, else empty."""

    name: str
    kind: int
    ttl_s: int
    data: bytes
    text: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """An answer, as far as it matters here. `rcode` is DNS's own word in lower case, `rcode_N` if it has none.

    `name` and `kind` are those of the question that it repeats, if it does; `records` those of the answer section.
    """

    number: int
    rcode: str
    name: str | None
    kind: int | None
    records: tuple[Record, ...]
    response: bool
    truncated: bool
    authentic: bool
    authoritative: bool
    recursion: bool

    def addresses(self, kind: str) -> list[str]:
        """List the addresses of one kind (A, AAAA), whatever alias led to them, each once."""
        return list(dict.fromkeys(record.text for record in self.records if record.kind == KINDS[kind]))

    @property
    def signed(self) -> bool:
        """Whether signatures came with the answer."""
        return any(record.kind == KINDS["RRSIG"] for record in self.records)


def encode(question: Question, number: int) -> bytes:
    """Give the bytes of a question with this id; raises MessageError if the name cannot be one."""
    # AD in a question asks for AD in the answer (RFC 6840, section 5.7).
    flags = _DESIRED | _AUTHENTIC | (_UNCHECKED if question.unchecked else 0)
    head = _HEAD.pack(number, flags, 1, 0, 0, 1)
    asked = _packed(question.name) + _PAIR.pack(KINDS[question.kind], _IN)
    option = b"\0" + _RECORD.pack(_OPT, PAYLOAD_BYTES, _DNSSEC_OK if question.dnssec else 0, 0)
    return head + asked + option


def decode(wire: bytes) -> Message:
    """Read a message; raises MessageError. A truncated one may end in the middle of its records."""
    if len(wire) < _HEAD.size:
        raise MessageError(f"{len(wire)} bytes are too few")
    number, flags, questions, answers, authorities, extras = _HEAD.unpack_from(wire)
    if questions > 1 or answers + authorities + extras > _RECORDS:
        raise MessageError(f"{questions} questions and {answers + authorities + extras} records")
    truncated = bool(flags & _TRUNCATED)
    name, kind, at = _asked(wire) if questions else (None, None, _HEAD.size)
    records, high = _records(wire, at, (answers, authorities + extras), lenient=truncated)
    code = (high << 4) | (flags & 0xF)
    return Message(
        number=number,
        rcode=RCODES.get(code, f"rcode_{code}"),
        name=name,
        kind=kind,
        records=tuple(records),
        response=bool(flags & _RESPONSE) and not flags & _OPCODE,
        truncated=truncated,
        authentic=bool(flags & _AUTHENTIC),
        authoritative=bool(flags & _AUTHORITATIVE),
        recursion=bool(flags & _AVAILABLE),
    )


def is_answer(message: Message, question: Question, number: int) -> bool:
    """Whether a message answers this question with this id; one that repeats no question may only tell of an error."""
    if not message.response or message.number != number:
        return False
    if message.name is None:
        return message.rcode in {"formerr", "servfail", "refused", "notimp"} and not message.records
    return message.kind == KINDS[question.kind] and message.name == _plain(question.name)


def _plain(name: str) -> str:
    """Give a name as `decode` would: lower case, no last dot."""
    return _name(_packed(name), 0)[0]


def _packed(name: str) -> bytes:
    text = name.removesuffix(".")
    if not text:
        return b"\0"
    labels = [_label(part) for part in text.split(".")]
    if any(not 0 < len(label) <= _LABEL_BYTES for label in labels):
        raise MessageError(f"{name[:100]!r} is not a DNS name: a part is empty or longer than 63")
    packed = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    if len(packed) > NAME_BYTES:
        raise MessageError(f"{name[:100]!r} is not a DNS name: it is too long")
    return packed


def _label(text: str) -> bytes:
    try:
        return text.encode("ascii") if text.isascii() else text.encode("idna")
    except UnicodeError as error:
        raise MessageError(f"{text[:100]!r} cannot be part of a DNS name: {error}") from error


def _asked(wire: bytes) -> tuple[str, int, int]:
    name, at = _name(wire, _HEAD.size)
    if at + _PAIR.size > len(wire):
        raise MessageError("it ends in its question")
    kind, _ = _PAIR.unpack_from(wire, at)
    return name, kind, at + _PAIR.size


def _records(wire: bytes, at: int, counts: tuple[int, int], *, lenient: bool) -> tuple[list[Record], int]:
    """Read the answer section, and of the rest only the upper bits of the rcode."""
    answers: list[Record] = []
    high = 0
    for index in range(sum(counts)):
        try:
            record, at = _record(wire, at)
        except MessageError:
            if lenient:
                break
            raise
        if record.kind == _OPT:
            high = record.ttl_s >> 24
        elif index < counts[0]:
            answers.append(record)
    return answers, high


def _record(wire: bytes, at: int) -> tuple[Record, int]:
    name, at = _name(wire, at)
    if at + _RECORD.size > len(wire):
        raise MessageError("it ends in a record")
    kind, _, ttl_s, length = _RECORD.unpack_from(wire, at)
    begin, end = at + _RECORD.size, at + _RECORD.size + length
    if end > len(wire):
        raise MessageError("a record is longer than the message")
    return Record(name, kind, ttl_s, wire[begin:end], _text(wire, kind, begin, end)), end


def _text(wire: bytes, kind: int, begin: int, end: int) -> str:
    if kind == KINDS["A"] or kind == KINDS["AAAA"]:
        wanted = 4 if kind == KINDS["A"] else 16
        if end - begin != wanted:
            raise MessageError(f"an address of {end - begin} bytes")
        return str(ipaddress.ip_address(wire[begin:end]))
    return _name(wire, begin)[0] if kind in {KINDS["CNAME"], KINDS["NS"], KINDS["PTR"]} else ""


def _name(wire: bytes, at: int) -> tuple[str, int]:
    """Read a name in lower case, without its last dot; gives where it ends, before any jump."""
    labels: list[str] = []
    after: int | None = None
    earliest, size, jumps = at, 0, 0
    while True:
        length = _byte(wire, at)
        if length >= _POINTER:
            target = (length & ~_POINTER) << 8 | _byte(wire, at + 1)
            if after is None:
                after = at + 2
            jumps += 1
            if target >= earliest or jumps > _JUMPS:
                raise MessageError("a name points forwards, to itself, or too often")
            earliest = at = target
            continue
        if length > _LABEL_BYTES:
            raise MessageError("an unknown kind of label")
        size += length + 1
        if size > NAME_BYTES or at + 1 + length > len(wire):
            raise MessageError("a name has no end")
        if not length:
            return ".".join(labels), at + 1 if after is None else after
        labels.append(_escaped(wire[at + 1 : at + 1 + length]))
        at += 1 + length


def _byte(wire: bytes, at: int) -> int:
    if at >= len(wire):
        raise MessageError("it ends in a name")
    return wire[at]


def _escaped(label: bytes) -> str:
    """Write a label so that nothing in it can be taken for a dot, a command of a terminal, or another letter's case."""
    plain = b"abcdefghijklmnopqrstuvwxyz0123456789-_*/"
    return "".join(chr(byte) if byte in plain else f"\\{byte:03d}" for byte in label.lower())
