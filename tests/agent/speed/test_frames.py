"""Framing: whatever the cuts, the same counts and messages; whatever the bytes, messages or ProtocolError."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.speed.frames import (
    MAX_BINARY_BYTES,
    MAX_TEXT_BYTES,
    FrameSkimmer,
    Message,
    Opcode,
    ProtocolError,
    binary_frames,
    close,
    frame,
)

KINDS = st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.PING, Opcode.PONG])


@st.composite
def sent_frames(draw: st.DrawFn) -> list[tuple[Opcode, bytes]]:
    found = []
    for _ in range(draw(st.integers(0, 8))):
        opcode = draw(KINDS)
        most = 125 if opcode.control else 70_000 if opcode is Opcode.BINARY else 3000
        found.append((opcode, bytes(draw(st.integers(0, most)))))
    return found


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    parts, at = [], 0
    for size in sizes:
        parts.append(data[at : at + size])
        at += size
    return [*parts, data[at:]]


@settings(deadline=None)
@given(sent=sent_frames(), sizes=st.lists(st.integers(1, 5000)), masked=st.booleans())
def test_any_cut_gives_the_same_counts_and_messages(
    *, sent: list[tuple[Opcode, bytes]], sizes: list[int], masked: bool
) -> None:
    skimmer = FrameSkimmer(masked=masked)
    stream = b"".join(frame(opcode, payload, masked=masked) for opcode, payload in sent)
    got = [message for part in cut(stream, sizes) for message in skimmer.feed(memoryview(part))]
    assert got == [Message(opcode, payload) for opcode, payload in sent if opcode is not Opcode.BINARY]
    assert skimmer.received == sum(len(payload) for opcode, payload in sent if opcode is Opcode.BINARY)
    assert skimmer.binary_messages == sum(opcode is Opcode.BINARY for opcode, _ in sent)


@settings(deadline=None)
@given(data=st.binary(max_size=300), sizes=st.lists(st.integers(1, 20)), masked=st.booleans())
def test_any_bytes_give_messages_or_a_protocol_error(*, data: bytes, sizes: list[int], masked: bool) -> None:
    skimmer = FrameSkimmer(masked=masked)
    try:
        for part in cut(data, sizes):
            skimmer.feed(part)
    except ProtocolError:
        return
    assert skimmer.received <= len(data)


@settings(deadline=None)
@given(st.binary(max_size=2000))
def test_masked_text_comes_back(payload: bytes) -> None:
    sent = frame(Opcode.TEXT, payload, masked=True)
    assert FrameSkimmer(masked=True).feed(sent) == [Message(Opcode.TEXT, payload)]


def test_the_example_of_the_rfc() -> None:
    masked_hello = bytes.fromhex("818537fa213d7f9f4d5158")
    assert FrameSkimmer(masked=True).feed(masked_hello) == [Message(Opcode.TEXT, b"Hello")]
    assert frame(Opcode.TEXT, b"Hello", masked=False) == bytes.fromhex("810548656c6c6f")


def test_partial_binary_frames_are_counted_as_they_arrive() -> None:
    skimmer = FrameSkimmer(masked=False)
    data = frame(Opcode.BINARY, bytes(100_000), masked=False)
    skimmer.feed(data[:60_010])
    assert skimmer.received == 60_000
    skimmer.feed(data[60_010:])
    assert (skimmer.received, skimmer.binary_messages) == (100_000, 1)


def test_fragments_join_and_control_frames_may_stand_between() -> None:
    skimmer = FrameSkimmer(masked=False)
    text = b"\x01\x03abc" + b"\x89\x01!" + b"\x00\x01d" + b"\x80\x02ef"
    assert skimmer.feed(text) == [Message(Opcode.PING, b"!"), Message(Opcode.TEXT, b"abcdef")]
    skimmer.feed(b"\x02\x03abc" + b"\x89\x00" + b"\x80\x02de")
    assert (skimmer.received, skimmer.binary_messages) == (5, 1)


def test_nothing_counts_after_close() -> None:
    skimmer = FrameSkimmer(masked=False)
    got = skimmer.feed(close(1000, "Done sending", masked=False) + frame(Opcode.BINARY, b"late", masked=False))
    assert [(message.opcode, message.close_code) for message in got] == [(Opcode.CLOSE, 1000)]
    assert skimmer.closed
    assert skimmer.received == 0
    assert skimmer.feed(b"anything") == []


def test_a_close_without_code_and_a_long_reason() -> None:
    assert Message(Opcode.CLOSE, b"").close_code is None
    assert Message(Opcode.TEXT, b"\x03\xe8").close_code is None
    (message,) = FrameSkimmer(masked=True).feed(close(1001, "ệ" * 100, masked=True))
    assert message.close_code == 1001
    assert len(message.payload) <= 125
    message.payload[2:].decode()


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"\xc2\x00", "reserved"),
        (b"\x83\x00", "opcode"),
        (b"\x8b\x00", "opcode"),
        (b"\x82\x80\x00\x00\x00\x00", "masked"),
        (b"\x89\x7e\x00\x7e", "control"),
        (b"\x09\x00", "control"),
        (b"\x80\x00", "continuation"),
        (b"\x02\x00\x82\x00", "inside"),
        (b"\x81\x7f" + struct.pack("!Q", MAX_TEXT_BYTES + 1), "text message too long"),
        (b"\x82\x7f" + struct.pack("!Q", MAX_BINARY_BYTES + 1), "binary message too long"),
        (b"\x82\x7f" + b"\xff" * 8, "too long"),
        (b"\x89\x00" * 100, "flood"),
        (b"\x82\x00" * 100, "flood"),
        (b"\x82\x01x" * 1000, "flood"),
        (b"\x02\x00" + b"\x00\x00" * 100, "flood"),
    ],
)
def test_broken_rules_and_limits_are_named(data: bytes, word: str) -> None:
    with pytest.raises(ProtocolError, match=word):
        FrameSkimmer(masked=False).feed(data)


def test_the_smallest_messages_of_the_protocols_are_no_flood() -> None:
    skimmer = FrameSkimmer(masked=False)
    skimmer.feed(frame(Opcode.BINARY, bytes(1024), masked=False) * 1000)
    skimmer.feed(frame(Opcode.PING, b"1", masked=False) * 60)
    assert skimmer.received == 1_024_000


def test_a_server_refuses_unmasked_frames() -> None:
    with pytest.raises(ProtocolError, match="unmasked"):
        FrameSkimmer(masked=True).feed(b"\x82\x00")


def test_limits_hold_over_fragments_too() -> None:
    skimmer = FrameSkimmer(masked=False)
    part = struct.pack("!BBQ", 0x01, 127, MAX_TEXT_BYTES) + bytes(MAX_TEXT_BYTES)
    assert skimmer.feed(part) == []
    with pytest.raises(ProtocolError, match="too long"):
        skimmer.feed(b"\x00\x01x")


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536, 2**20])
def test_prebuilt_frames_are_valid_and_differ(*, size: int, masked: bool) -> None:
    ring = binary_frames(size, 3, masked=masked)
    skimmer = FrameSkimmer(masked=masked)
    for one in ring:
        skimmer.feed(one)
    assert (skimmer.received, skimmer.binary_messages) == (3 * size, 3)
    assert size == 0 or len(set(ring)) == 3
