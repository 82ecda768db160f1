"""MQTT in bytes, in whatever pieces they come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.simulate import packets


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(1, 50))
def test_packets_come_whole_in_any_pieces(payloads: list[bytes], piece: int) -> None:
    stream = b"".join(packets.publish("a/b", payload, number=9, retain=False) for payload in payloads)
    buffer, found = bytearray(), []
    for at in range(0, len(stream), piece):
        buffer += stream[at : at + piece]
        found += list(packets.split(buffer, 10_000))
    assert [packets.published(head, body) for head, body in found] == [("a/b", payload, 9) for payload in payloads]
    assert not buffer


@given(st.binary(max_size=64))
def test_nonsense_is_said_to_be_nonsense(data: bytes) -> None:
    try:
        for head, body in packets.split(bytearray(data), 32):
            packets.published(head, body)
    except packets.BrokenPacketError:
        pass


def test_a_message_that_is_too_large_is_not_waited_for() -> None:
    large = packets.publish("a", bytes(500), number=1, retain=False)
    with pytest.raises(packets.BrokenPacketError, match="bytes"):
        list(packets.split(bytearray(large[:5]), 400))
