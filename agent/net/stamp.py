"""STAMP packets (RFC 8762, SSID of RFC 8972): bytes to facts and back, for the sender and the reflector.

Sans I/O and without a clock: times are integers, nanoseconds since the Unix epoch. With a key the packets are the
authenticated ones (112 bytes, HMAC-SHA-256 cut to 16 bytes over the first 96), without one the plain ones (44 bytes).

    plain sender:     seq 0, T1 4, error 12, ssid 14, zero 16..43
    plain reflector:  seq 0, T3 4, error 12, ssid 14, T2 16, sender seq 24, T1 28, sender error 36, sender TTL 40
    keyed sender:     seq 0, T1 16, error 24, ssid 26, HMAC 96
    keyed reflector:  seq 0, T3 16, error 24, ssid 26, T2 32, sender seq 48, T1 64, sender error 72, TTL 80, HMAC 96
"""

import hmac
import math
import struct
from dataclasses import dataclass
from typing import Final

PORT: Final = 8862
PLAIN_SIZE: Final = 44
KEYED_SIZE: Final = 112
UNSYNCHRONIZED: Final = 0x0001  # error estimate of a clock that nothing disciplines: multiplier 1, scale 0

_SYNCHRONIZED: Final = 0x8000
_PTP: Final = 0x4000
_NTP_OFFSET_S: Final = 2_208_988_800  # 1900 to 1970
_ERA_S: Final = 2**32
_SECOND_NS: Final = 1_000_000_000
_MULTIPLIERS: Final = 0xFF
_SIGNED: Final = 96
_TLV: Final = struct.Struct("!BBH")
_UNRECOGNIZED: Final = 0x80
_EXTRA_PADDING: Final = 1
_TWAMP_SENDER_SIZE: Final = 14
_TWAMP_REFLECTOR_SIZE: Final = 41
_PLAIN_SENDER: Final = struct.Struct("!IQHH28x")
_PLAIN_REFLECTOR: Final = struct.Struct("!IQHHQIQHxxB3x")
_KEYED_SENDER: Final = struct.Struct("!I12xQHH68x")
_KEYED_REFLECTOR: Final = struct.Struct("!I12xQHH4xQ8xI12xQH6xB15x")


class BadPacketError(ValueError):
    """Bytes that are not a packet of this kind, or not signed with this key."""


@dataclass(frozen=True, slots=True)
class SenderPacket:
    """What a sender says: its sequence number and time T1. `error` is the 16-bit error estimate as on the wire."""

    seq: int
    sent_ns: int
    error: int = UNSYNCHRONIZED
    ssid: int = 0


@dataclass(frozen=True, slots=True)
class ReflectorPacket:
    """What a reflector answers: its own count and times T2 (`received_ns`) and T3 (`sent_ns`), and the sender's own."""

    seq: int
    received_ns: int
    sent_ns: int
    sender_seq: int
    sender_sent_ns: int
    error: int = UNSYNCHRONIZED
    sender_error: int = 0
    sender_ttl: int = 0
    ssid: int = 0


def base_size(key: bytes | None) -> int:
    """Give the size of a packet without extensions: 44 bytes, or 112 with a key."""
    return PLAIN_SIZE if key is None else KEYED_SIZE


def padding(size: int) -> bytes:
    """Give `size` bytes that make a packet larger: an Extra Padding TLV (RFC 8972, 4.1), its value zeros.

    Fewer than the four bytes of a TLV's head cannot be said in that form and are plain zeros, as in TWAMP Light. The
    U flag is set, as a sender must; a reflector that knows the type clears it.
    """
    if size < _TLV.size:
        return bytes(max(0, size))
    return _TLV.pack(_UNRECOGNIZED, _EXTRA_PADDING, size - _TLV.size) + bytes(size - _TLV.size)


def reflected(extra: bytes) -> bytes:
    """Give back what a question had beyond its base, as large as it came, with the flags of a reflector (RFC 8972, 4).

    Padding is understood (U cleared); other extensions come back as they came, marked by the sender as not understood.
    What is no whole chain of extensions, as the padding of TWAMP Light, comes back as it is.
    """
    heads: list[tuple[int, int]] = []
    at = 0
    while at + _TLV.size <= len(extra):
        _, kind, length = _TLV.unpack_from(extra, at)
        heads.append((at, kind))
        at += _TLV.size + length
    if at != len(extra):
        return extra
    answer = bytearray(extra)
    for place, kind in heads:
        if kind == _EXTRA_PADDING:
            answer[place] &= ~_UNRECOGNIZED & 0xFF
    return bytes(answer)


def ntp(unix_ns: int) -> int:
    """Write nanoseconds since 1970 as a 64-bit NTP timestamp, in whichever era they fall (to the nearest 2^-32 s)."""
    seconds, rest = divmod(unix_ns, _SECOND_NS)
    fraction = ((rest << 32) + _SECOND_NS // 2) // _SECOND_NS
    return ((seconds + _NTP_OFFSET_S) % _ERA_S) << 32 | fraction


def unix_ns(ntp_time: int) -> int:
    """Read a 64-bit NTP timestamp as nanoseconds since 1970; of the eras, the one between 1968 and 2104."""
    seconds, fraction = ntp_time >> 32, ntp_time & 0xFFFFFFFF
    era = 0 if seconds & 0x80000000 else _ERA_S
    return (seconds + era - _NTP_OFFSET_S) * _SECOND_NS + ((fraction * _SECOND_NS + 2**31) >> 32)


def error_estimate(error_s: float, *, synchronized: bool) -> int:
    """Write how wrong a clock may be: multiplier (8 bits) x 2^(scale - 32) seconds, rounded up, at most 2^39 s."""
    units = max(1, math.ceil(min(max(error_s, 0.0), 2.0**38) * 2**32))
    scale = max(0, units.bit_length() - 8)
    multiplier = -(-units >> scale)
    if multiplier > _MULTIPLIERS:
        scale, multiplier = scale + 1, (multiplier + 1) >> 1
    return (_SYNCHRONIZED if synchronized else 0) | scale << 8 | multiplier


def error_s(estimate: int) -> float:
    """Read an error estimate in seconds."""
    return float((estimate & 0xFF) * 2.0 ** ((estimate >> 8 & 0x3F) - 32))


def is_synchronized(estimate: int) -> bool:
    """Whether the clock behind this error estimate says that it follows UTC; a zero multiplier makes it invalid."""
    return bool(estimate & _SYNCHRONIZED and estimate & 0xFF)


def encode_sender(packet: SenderPacket, *, key: bytes | None = None) -> bytes:
    """Give 44 bytes, or 112 with a key."""
    form = _KEYED_SENDER if key is not None else _PLAIN_SENDER
    return _signed(form.pack(packet.seq, ntp(packet.sent_ns), packet.error & ~_PTP, packet.ssid), key)


def encode_reflector(packet: ReflectorPacket, *, key: bytes | None = None, extra: bytes = b"") -> bytes:
    """Give 44 bytes, or 112 with a key, and then `extra`: what the request had beyond its base, so that sizes match."""
    times = ntp(packet.sent_ns), packet.error & ~_PTP, packet.ssid, ntp(packet.received_ns)
    sender = packet.sender_seq, ntp(packet.sender_sent_ns), packet.sender_error & ~_PTP, packet.sender_ttl
    form = _KEYED_REFLECTOR if key is not None else _PLAIN_REFLECTOR
    return _signed(form.pack(packet.seq, *times, *sender), key) + extra


def decode_sender(payload: bytes, *, key: bytes | None = None) -> SenderPacket:
    """Read a sender's packet; a shorter one of TWAMP Light (14 bytes or more) is read as if filled with zeros.

    Raises:
        BadPacketError: too short, or with a key, not signed with it.
    """
    base = _base(payload, key, _TWAMP_SENDER_SIZE)
    form = _KEYED_SENDER if key is not None else _PLAIN_SENDER
    seq, sent, error, ssid = form.unpack(base[: form.size])
    return SenderPacket(seq, _time(sent, error), error, ssid)


def decode_reflector(payload: bytes, *, key: bytes | None = None) -> ReflectorPacket:
    """Read a reflector's packet; TWAMP Light's 41 bytes will do.

    Raises:
        BadPacketError: too short, or with a key, not signed with it.
    """
    base = _base(payload, key, _TWAMP_REFLECTOR_SIZE)
    form = _KEYED_REFLECTOR if key is not None else _PLAIN_REFLECTOR
    seq, sent, error, ssid, received, sender_seq, sender_sent, sender_error, ttl = form.unpack(base[: form.size])
    return ReflectorPacket(
        seq=seq,
        received_ns=_time(received, error),
        sent_ns=_time(sent, error),
        sender_seq=sender_seq,
        sender_sent_ns=_time(sender_sent, sender_error),
        error=error,
        sender_error=sender_error,
        sender_ttl=ttl,
        ssid=ssid,
    )


def _time(stamp: int, error: int) -> int:
    # With Z set the two halves are seconds and nanoseconds (PTP, RFC 8186) instead of seconds and a fraction.
    if error & _PTP:
        return (stamp >> 32) * _SECOND_NS + (stamp & 0xFFFFFFFF)
    return unix_ns(stamp)


def _signature(first: bytes, key: bytes) -> bytes:
    return hmac.digest(key, first, "sha256")[:16]


def _signed(body: bytes, key: bytes | None) -> bytes:
    return body if key is None else body + _signature(body, key)


def _base(payload: bytes, key: bytes | None, least: int) -> bytes:
    if key is None:
        if len(payload) < least:
            raise BadPacketError(f"{len(payload)} bytes, at least {least}")
        return payload[:PLAIN_SIZE].ljust(PLAIN_SIZE, b"\0")
    if len(payload) < KEYED_SIZE:
        raise BadPacketError(f"{len(payload)} bytes, at least {KEYED_SIZE} when keyed")
    if not hmac.compare_digest(payload[_SIGNED:KEYED_SIZE], _signature(payload[:_SIGNED], key)):
        raise BadPacketError("not signed with this key")
    return payload[:KEYED_SIZE]
