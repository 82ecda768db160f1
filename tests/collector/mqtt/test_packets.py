"""The codec against the standard's bytes, against itself, and against any bytes at all."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.mqtt.packets import (
    PUBACK,
    SUBACK,
    Answer,
    BrokerError,
    Login,
    Message,
    Outgoing,
    Parser,
    Skipped,
    connect,
    puback,
    publish,
    subscribe,
)

LIMIT = 1000
TOPICS = st.text(max_size=40)
MESSAGES = st.builds(
    Outgoing,
    topic=st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    payload=st.binary(max_size=300),
    qos=st.sampled_from([0, 1]),
    retain=st.booleans(),
)


def pieces(stream: bytes, cuts: Sequence[int]) -> list[bytes]:
    """The stream in pieces, cut at these places."""
    places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[start:end] for start, end in itertools.pairwise(places)]


def parsed(chunks: Sequence[bytes], limit: int = LIMIT) -> tuple[list[Message], bytes, list[Skipped], list[Answer]]:
    parser = Parser(limit)
    messages: list[Message] = []
    acknowledgements = b""
    skipped: list[Skipped] = []
    answers: list[Answer] = []
    for chunk in chunks:
        taken = parser.feed(chunk)
        messages += taken.messages
        acknowledgements += taken.acknowledgements
        skipped += taken.skipped
        answers += taken.answers
    return messages, acknowledgements, skipped, answers


def test_connect_as_in_the_standard() -> None:
    assert connect(Login()) == b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x1e\x00\x00"
    told = connect(Login("me", "user", "pass", 60))
    assert told == b"\x10\x1a\x00\x04MQTT\x04\xc2\x00\x3c\x00\x02me\x00\x04user\x00\x04pass"
    assert connect(Login("", "user"))[9] == 0x82


def test_subscribe_as_in_the_standard() -> None:
    assert subscribe(10, [("a/b", 1), ("c/d", 0)]) == b"\x82\x0e\x00\x0a\x00\x03a/b\x01\x00\x03c/d\x00"


def test_publish_as_in_the_standard() -> None:
    assert publish(Outgoing("a/b", b"hi", 1, retain=True), 10) == b"\x33\x09\x00\x03a/b\x00\x0ahi"
    assert publish(Outgoing("a", b"x" * 200))[:3] == b"\x30\xcb\x01"


@settings(deadline=None)
@given(st.lists(MESSAGES, max_size=8), st.lists(st.integers(min_value=0), max_size=12))
def test_what_was_written_is_read_however_it_was_split(messages: list[Outgoing], cuts: list[int]) -> None:
    stream = b"".join(publish(message, number + 1) for number, message in enumerate(messages))
    read, acknowledgements, skipped, answers = parsed(pieces(stream, cuts))
    assert read == [Message(message.topic, message.payload, message.retain) for message in messages]
    assert acknowledgements == b"".join(puback(number + 1) for number, message in enumerate(messages) if message.qos)
    assert not skipped
    assert not answers


@settings(deadline=None)
@given(st.lists(st.tuples(MESSAGES, st.booleans()), max_size=6), st.lists(st.integers(min_value=0), max_size=12))
def test_messages_above_the_limit_are_named_and_the_others_are_read(
    wished: list[tuple[Outgoing, bool]], cuts: list[int]
) -> None:
    messages = [Outgoing(one.topic, one.payload * (1 + LIMIT * long), one.qos, one.retain) for one, long in wished]
    stream = b"".join(publish(message, 7) for message in messages)
    read, acknowledgements, skipped, _ = parsed(pieces(stream, cuts))
    kept = [message for message in messages if _size(message) <= LIMIT]
    gone = [message for message in messages if _size(message) > LIMIT]
    assert [message.payload for message in read] == [message.payload for message in kept]
    assert [(one.topic, one.size) for one in skipped] == [(message.topic, _size(message)) for message in gone]
    assert len(acknowledgements) == 4 * sum(message.qos for message in messages)


def _size(message: Outgoing) -> int:
    return 2 + len(message.topic.encode()) + 2 * message.qos + len(message.payload)


@settings(deadline=None)
@given(st.binary(max_size=600), st.lists(st.integers(min_value=0), max_size=8))
def test_any_bytes_are_packets_or_the_brokers_fault(stream: bytes, cuts: list[int]) -> None:
    results: list[object] = []
    for chunks in ([stream], pieces(stream, cuts), [stream[at : at + 1] for at in range(len(stream))]):
        try:
            results.append(parsed(chunks, limit=100))
        except BrokerError as error:
            results.append(str(error))
    assert results[0] == results[1] == results[2]


@settings(deadline=None)
@given(st.lists(st.one_of(MESSAGES.map(publish), st.binary(max_size=20)), max_size=8).map(b"".join))
def test_damaged_streams_too(stream: bytes) -> None:
    """As above, with more that is nearly right."""
    try:
        one = parsed([stream], limit=100)
    except BrokerError:
        with pytest.raises(BrokerError):
            parsed([stream[at : at + 1] for at in range(len(stream))], limit=100)
    else:
        assert one == parsed([stream[at : at + 1] for at in range(len(stream))], limit=100)


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "not MQTT"),
        (b"\x30\xff\xff\xff\xff\x01", "a length that is not MQTT"),
        (b"\x34\x05\x00\x01a\x00\x01", "a QoS nobody asked for"),
        (b"\x32\x03\x00\x01a", "cut short"),
        (b"\x30\x01\x00", "cut short"),
        (b"\x30\x03\x00\x09a", "cut short"),
        (b"\x40\x01\x00", "not MQTT"),
        (b"\x90\xff\xff\x03", "not MQTT"),
        (b"\x62\x02", "not MQTT"),
    ],
)
def test_what_no_broker_may_send(stream: bytes, words: str) -> None:
    with pytest.raises(BrokerError, match=words):
        parsed([stream])


def test_what_is_too_long_byte_by_byte() -> None:
    long, short = publish(Outgoing("a" * 200, bytes(2000), 1), 9), publish(Outgoing("b", b"x"))
    read, acknowledgements, skipped, _ = parsed([bytes((byte,)) for byte in long + short + long])
    assert read == [Message("b", b"x", retained=False)]
    assert acknowledgements == puback(9) * 2
    assert skipped == [Skipped("a" * 200, 2204)] * 2


def test_a_topic_longer_than_its_message() -> None:
    with pytest.raises(BrokerError, match="longer than itself"):
        parsed([b"\x30\x80\x08\xff\xff"], limit=1000)


def test_a_message_longer_than_mqtt_allows() -> None:
    class Long(bytes):
        def __len__(self) -> int:
            return 2**28

    with pytest.raises(BrokerError, match="longer than MQTT allows"):
        publish(Outgoing("a", Long()))


def test_a_topic_that_is_no_text_cuts_nobody_off() -> None:
    assert parsed([b"\x30\x05\x00\x02\xff\xfehi"[:-1]])[0] == [Message("��", b"h", retained=False)]


def test_answers() -> None:
    assert parsed([b"\x90\x03\x00\x0a\x01\x40\x02\x00\x05"])[3] == [
        Answer(SUBACK, b"\x00\x0a\x01"),
        Answer(PUBACK, b"\x00\x05"),
    ]


@pytest.mark.parametrize("make", [lambda: connect(Login("x" * 65_536)), lambda: publish(Outgoing("x" * 65_536, b""))])
def test_what_no_packet_can_hold(make: object) -> None:
    assert callable(make)
    with pytest.raises(BrokerError, match="longer than 65535 bytes"):
        make()


@settings(deadline=None)
@given(TOPICS)
def test_any_text_can_be_a_topic_on_its_way_out(name: str) -> None:
    assert publish(Outgoing(name, b"x")).endswith(b"x")
