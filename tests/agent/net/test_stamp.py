import contextlib
import hashlib
import hmac
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.net import stamp
from agent.net.stamp import BadPacketError, ReflectorPacket, SenderPacket

KEYS = st.none() | st.binary(min_size=1, max_size=80)
U32 = st.integers(0, 2**32 - 1)
U16 = st.integers(0, 2**16 - 1)
ESTIMATES = U16.map(lambda estimate: estimate & ~0x4000)
# from the Unix epoch to the end of NTP's era 1
TIMES = st.integers(0, (2**32 + 2**31 - 2_208_988_800) * 10**9 - 1)
SENDERS = st.builds(SenderPacket, seq=U32, sent_ns=TIMES, error=ESTIMATES, ssid=U16)
REFLECTORS = st.builds(
    ReflectorPacket,
    seq=U32,
    received_ns=TIMES,
    sent_ns=TIMES,
    sender_seq=U32,
    sender_sent_ns=TIMES,
    error=ESTIMATES,
    sender_error=ESTIMATES,
    sender_ttl=st.integers(0, 255),
    ssid=U16,
)
PACKET = ReflectorPacket(
    seq=0x01020304,
    received_ns=1_700_000_000_500_000_000,
    sent_ns=1_700_000_001_250_000_000,
    sender_seq=0x0A0B0C0D,
    sender_sent_ns=1_600_000_000_000_000_000,
    error=0x8A0F,
    sender_error=0x0001,
    sender_ttl=63,
    ssid=0xBEEF,
)


@given(SENDERS, KEYS)
def test_sender_packets_survive_the_wire(packet: SenderPacket, key: bytes | None) -> None:
    wire = stamp.encode_sender(packet, key=key)
    assert len(wire) == (44 if key is None else 112)
    assert stamp.decode_sender(wire, key=key) == packet


@given(REFLECTORS, KEYS, st.binary(max_size=40))
def test_reflector_packets_survive_the_wire_with_what_follows_them(
    packet: ReflectorPacket, key: bytes | None, extra: bytes
) -> None:
    wire = stamp.encode_reflector(packet, key=key, extra=extra)
    assert len(wire) == (44 if key is None else 112) + len(extra)
    assert wire.endswith(extra)
    assert stamp.decode_reflector(wire, key=key) == packet


@given(TIMES)
def test_ntp_times_keep_every_nanosecond(unix_ns: int) -> None:
    assert stamp.unix_ns(stamp.ntp(unix_ns)) == unix_ns


@given(st.binary(max_size=200), KEYS)
def test_any_bytes_are_a_packet_or_a_bad_packet(payload: bytes, key: bytes | None) -> None:
    for decode in (stamp.decode_sender, stamp.decode_reflector):
        with contextlib.suppress(BadPacketError):
            decode(payload, key=key)


def test_the_ntp_epoch_and_the_turn_of_its_era() -> None:
    assert stamp.ntp(0) == 2_208_988_800 << 32
    assert stamp.ntp(500_000_000) == 2_208_988_800 << 32 | 0x80000000
    era_1_ns = (2**32 - 2_208_988_800) * 10**9  # 2036-02-07T06:28:16Z
    assert stamp.ntp(era_1_ns) == 0
    assert stamp.ntp(era_1_ns - 1) == 0xFFFFFFFF_FFFFFFFC
    assert stamp.unix_ns(0) == era_1_ns


def test_plain_sender_offsets() -> None:
    wire = stamp.encode_sender(SenderPacket(7, 1_700_000_000_500_000_000, 0x8A0F, 0xBEEF))
    assert wire == struct.pack("!IIIHH", 7, 1_700_000_000 + 2_208_988_800, 1 << 31, 0x8A0F, 0xBEEF) + bytes(28)


def test_plain_reflector_offsets() -> None:
    wire = stamp.encode_reflector(PACKET)
    assert wire[0:4] == bytes([1, 2, 3, 4])
    assert struct.unpack("!II", wire[4:12]) == (1_700_000_001 + 2_208_988_800, 1 << 30)
    assert wire[12:14] == b"\x8a\x0f"
    assert wire[14:16] == b"\xbe\xef"
    assert struct.unpack("!II", wire[16:24]) == (1_700_000_000 + 2_208_988_800, 1 << 31)
    assert wire[24:28] == bytes([10, 11, 12, 13])
    assert struct.unpack("!II", wire[28:36]) == (1_600_000_000 + 2_208_988_800, 0)
    assert wire[36:40] == b"\x00\x01\x00\x00"
    assert wire[40:44] == bytes([63, 0, 0, 0])


def test_keyed_sender_offsets_and_signature() -> None:
    wire = stamp.encode_sender(SenderPacket(7, 1_700_000_000_500_000_000, 0x8A0F, 0xBEEF), key=b"secret")
    assert wire[0:16] == b"\0\0\0\x07" + bytes(12)
    assert struct.unpack("!IIHH", wire[16:28]) == (1_700_000_000 + 2_208_988_800, 1 << 31, 0x8A0F, 0xBEEF)
    assert wire[28:96] == bytes(68)
    assert wire[96:] == hmac.new(b"secret", wire[:96], hashlib.sha256).digest()[:16]


def test_keyed_reflector_offsets() -> None:
    wire = stamp.encode_reflector(PACKET, key=b"secret")
    assert wire[0:16] == bytes([1, 2, 3, 4]) + bytes(12)
    assert struct.unpack("!IIHH", wire[16:28]) == (1_700_000_001 + 2_208_988_800, 1 << 30, 0x8A0F, 0xBEEF)
    assert struct.unpack("!II", wire[32:40]) == (1_700_000_000 + 2_208_988_800, 1 << 31)
    assert wire[48:64] == bytes([10, 11, 12, 13]) + bytes(12)
    assert struct.unpack("!IIH", wire[64:74]) == (1_600_000_000 + 2_208_988_800, 0, 1)
    assert wire[74:96] == bytes(6) + bytes([63]) + bytes(15)


@pytest.mark.parametrize("place", [0, 20, 95, 96, 111])
def test_one_changed_bit_is_not_signed(place: int) -> None:
    wire = bytearray(stamp.encode_sender(SenderPacket(1, 2), key=b"secret"))
    wire[place] ^= 1
    with pytest.raises(BadPacketError, match="not signed"):
        stamp.decode_sender(bytes(wire), key=b"secret")
    with pytest.raises(BadPacketError, match="not signed"):
        stamp.decode_sender(stamp.encode_sender(SenderPacket(1, 2), key=b"secret"), key=b"other")


def test_a_plain_packet_is_not_taken_for_a_keyed_one() -> None:
    with pytest.raises(BadPacketError, match="44 bytes"):
        stamp.decode_sender(stamp.encode_sender(SenderPacket(1, 2)), key=b"secret")


def test_short_twamp_light_packets_are_filled_with_zeros() -> None:
    wire = stamp.encode_sender(SenderPacket(9, 10**18, 0x0001, 5))
    assert stamp.decode_sender(wire[:14]) == SenderPacket(9, 10**18, 0x0001, 0)
    with pytest.raises(BadPacketError, match="13 bytes"):
        stamp.decode_sender(wire[:13])
    assert stamp.decode_reflector(stamp.encode_reflector(PACKET)[:41]) == PACKET
    with pytest.raises(BadPacketError, match="40 bytes"):
        stamp.decode_reflector(stamp.encode_reflector(PACKET)[:40])


def test_ptp_times_are_read_when_the_z_bit_is_set() -> None:
    wire = struct.pack("!IIIHH28x", 1, 1_700_000_000, 123_456_789, 0xC001, 0)
    assert stamp.decode_sender(wire).sent_ns == 1_700_000_000_123_456_789


def test_what_is_written_is_ntp_time_and_says_so_even_for_an_estimate_read_from_ptp() -> None:
    wire = stamp.encode_sender(SenderPacket(1, 10**18, 0xC001))
    assert stamp.decode_sender(wire) == SenderPacket(1, 10**18, 0x8001)


@given(st.floats(0, 1e9), st.booleans())
def test_error_estimates_never_flatter_the_clock(seconds: float, synchronized: bool) -> None:  # noqa: FBT001 - hypothesis
    estimate = stamp.error_estimate(seconds, synchronized=synchronized)
    assert stamp.is_synchronized(estimate) is synchronized
    assert seconds <= stamp.error_s(estimate) <= seconds * 1.02 + 2**-31


def test_error_estimates_by_hand() -> None:
    assert stamp.error_estimate(0, synchronized=False) == stamp.UNSYNCHRONIZED
    assert stamp.error_estimate(1.0, synchronized=True) == 0x8000 | 25 << 8 | 128
    assert stamp.error_s(0x8000 | 25 << 8 | 128) == 1.0
    # 511 units need 9 bits, and rounding up to 8 of them carries into the next scale
    assert stamp.error_estimate(511 * 2**-32, synchronized=False) == 2 << 8 | 128
    assert not stamp.is_synchronized(0x8000)


# ---- byte for byte, written by hand from RFC 8762, figures 2 to 5, and RFC 8972, figures 1 to 4
#
# 2023-11-14 22:13:20.5 UTC is 1 700 000 000.5 s since 1970, and 3 908 988 800.5 s since 1900: e8fe6f80 80000000.
T1_BYTES = "e8fe6f80 80000000"  # 1 700 000 000.5
T2_BYTES = "e8fe6f80 c0000000"  # + 0.25 s
T3_BYTES = "e8fe6f81 20000000"  # + 0.625 s
S = 1_000_000_000
GOLDEN_SENDER = SenderPacket(seq=0x2A, sent_ns=1_700_000_000 * S + S // 2, error=0x8A0F, ssid=0xBEEF)
GOLDEN_REFLECTOR = ReflectorPacket(
    seq=0x07,
    received_ns=1_700_000_000 * S + 3 * S // 4,
    sent_ns=1_700_000_001 * S + S // 8,
    sender_seq=0x2A,
    sender_sent_ns=1_700_000_000 * S + S // 2,
    error=0x0001,
    sender_error=0x8A0F,
    sender_ttl=0xFF,
    ssid=0xBEEF,
)
ZEROS = "00000000 "
PLAIN_SENDER = bytes.fromhex(
    "0000002a"  # sequence number
    + T1_BYTES
    + "8a0f beef"  # error estimate, SSID
    + 7 * ZEROS
)
PLAIN_REFLECTOR = bytes.fromhex(
    "00000007"  # sequence number
    + T3_BYTES
    + "0001 beef"  # error estimate, SSID
    + T2_BYTES
    + "0000002a"  # sender's sequence number
    + T1_BYTES
    + "8a0f 0000"  # sender's error estimate, MBZ
    + "ff 000000"  # sender's TTL, MBZ
)
KEYED_SENDER = bytes.fromhex("0000002a" + 3 * ZEROS + T1_BYTES + "8a0f beef" + 17 * ZEROS)
KEYED_REFLECTOR = bytes.fromhex(
    "00000007"
    + 3 * ZEROS
    + T3_BYTES
    + "0001 beef"
    + ZEROS
    + T2_BYTES
    + 2 * ZEROS
    + "0000002a"
    + 3 * ZEROS
    + T1_BYTES
    + "8a0f 0000"
    + ZEROS
    + "ff 000000"
    + 3 * ZEROS
)
KEY = b"a key of the reflector and the sender"


def sealed(first: bytes) -> bytes:
    """HMAC-SHA-256 over the first 96 bytes, its first 16 bytes appended (RFC 8762, 4.4)."""
    assert len(first) == 96
    return first + hmac.new(KEY, first, hashlib.sha256).digest()[:16]


def test_the_plain_packets_byte_for_byte() -> None:
    assert (len(PLAIN_SENDER), len(PLAIN_REFLECTOR)) == (44, 44)
    assert stamp.encode_sender(GOLDEN_SENDER) == PLAIN_SENDER
    assert stamp.decode_sender(PLAIN_SENDER) == GOLDEN_SENDER
    assert stamp.encode_reflector(GOLDEN_REFLECTOR) == PLAIN_REFLECTOR
    assert stamp.decode_reflector(PLAIN_REFLECTOR) == GOLDEN_REFLECTOR


def test_the_keyed_packets_byte_for_byte() -> None:
    sender, reflector = sealed(KEYED_SENDER), sealed(KEYED_REFLECTOR)
    assert (len(sender), len(reflector)) == (112, 112)
    assert stamp.encode_sender(GOLDEN_SENDER, key=KEY) == sender
    assert stamp.decode_sender(sender, key=KEY) == GOLDEN_SENDER
    assert stamp.encode_reflector(GOLDEN_REFLECTOR, key=KEY) == reflector
    assert stamp.decode_reflector(reflector, key=KEY) == GOLDEN_REFLECTOR


# ---- extensions (RFC 8972)


def test_padding_is_an_extension_with_the_flag_that_a_sender_sets() -> None:
    assert stamp.padding(10) == bytes.fromhex("80 01 0006") + bytes(6)
    assert stamp.padding(4) == bytes.fromhex("80 01 0000")
    assert (stamp.padding(3), stamp.padding(0), stamp.padding(-5)) == (bytes(3), b"", b"")


@given(st.integers(0, 2000))
def test_padding_is_as_large_as_asked_and_comes_back_understood(size: int) -> None:
    sent = stamp.padding(size)
    assert len(sent) == size
    assert stamp.reflected(sent) == (b"\0" + sent[1:] if size >= 4 else sent)


@given(st.binary(max_size=300))
def test_whatever_came_goes_back_as_large(extra: bytes) -> None:
    assert len(stamp.reflected(extra)) == len(extra)


def test_extensions_that_are_not_known_stay_marked() -> None:
    location = bytes.fromhex("80 02 0004 00000000")
    assert stamp.reflected(location) == location
    assert stamp.reflected(location + stamp.padding(6)) == location + bytes.fromhex("00 01 0002 0000")
    too_long = bytes.fromhex("80 01 0005 00000000")
    assert stamp.reflected(too_long) == too_long
