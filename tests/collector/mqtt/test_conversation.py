"""A session as decisions: who says what when, and how it ends."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.mqtt.conversation import TICKS, WINDOW, Conversation
from collector.mqtt.packets import BrokerError, Login, Message, Outgoing, Skipped, connect, publish, subscribe

FILTERS = [("a/+", 1), ("b", 0)]
LET_IN = b"\x20\x02\x00\x00"
AGREED = b"\x90\x04\xff\xff\x01\x00"
PING = b"\xc0\x00"


@dataclass
class Ends:
    """Both ends of it: the line and the listener."""

    writable: bool = True
    sent: list[bytes] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def heard(self, messages: Sequence[Message], skipped: Sequence[Skipped]) -> None:
        self.messages += messages
        self.skipped += skipped

    def agreed(self) -> None:
        self.told.append("agreed")

    def room(self) -> None:
        self.told.append("room")


@pytest.fixture
def ends() -> Ends:
    return Ends()


@pytest.fixture
def talk(ends: Ends) -> Conversation:
    return Conversation(Login("me"), FILTERS, ends, ends)


def agreed(talk: Conversation) -> None:
    talk.begin()
    talk.feed(LET_IN)
    talk.feed(AGREED)


def ready(talk: Conversation) -> bool:
    return talk.ready


def test_the_order_of_things(talk: Conversation, ends: Ends) -> None:
    talk.begin()
    assert ends.sent == [connect(Login("me"))]
    talk.feed(LET_IN)
    assert ends.sent[1:] == [subscribe(0xFFFF, FILTERS)]
    assert not ready(talk)
    talk.feed(AGREED)
    assert ends.told == ["agreed"]
    assert ready(talk)
    talk.end()
    assert ends.sent[2:] == [b"\xe0\x00"]
    assert not ready(talk)


def test_messages_of_one_piece_are_acknowledged_in_one_write(talk: Conversation, ends: Ends) -> None:
    agreed(talk)
    del ends.sent[:]
    talk.feed(b"".join(publish(Outgoing(f"a/{number}", b"x", 1), number) for number in (1, 2, 3)))
    assert [message.topic for message in ends.messages] == ["a/1", "a/2", "a/3"]
    assert ends.sent == [b"\x40\x02\x00\x01\x40\x02\x00\x02\x40\x02\x00\x03"]


def test_messages_may_come_before_the_subscription_is_confirmed(talk: Conversation, ends: Ends) -> None:
    talk.begin()
    talk.feed(LET_IN)
    talk.feed(publish(Outgoing("b", b"early")) + AGREED)
    assert [message.payload for message in ends.messages] == [b"early"]
    assert ends.told == ["agreed"]


def test_what_is_confirmed_makes_room(talk: Conversation, ends: Ends) -> None:
    agreed(talk)
    messages = [Outgoing("t", b"%d" % number, 1) for number in range(WINDOW)]
    talk.publish(messages)
    assert not ready(talk)
    assert talk.unconfirmed == messages
    talk.feed(b"\x40\x02\x00\x01")
    assert ends.told[-1] == "room"
    assert ready(talk)
    assert talk.unconfirmed == messages[1:]
    talk.feed(b"\x40\x02\x77\x77")  # a confirmation of nothing changes nothing
    assert talk.unconfirmed == messages[1:]


def test_packet_ids_come_round_without_meeting_one_in_use(talk: Conversation, ends: Ends) -> None:
    agreed(talk)
    first = Outgoing("t", b"first", 1)
    talk.publish([first])
    for _ in range(66_000):
        talk.publish([Outgoing("t", b"", 1)])
        packet = ends.sent.pop()
        assert packet[5:7] not in (b"\x00\x00", b"\x00\x01", b"\xff\xff")
        talk.feed(b"\x40\x02" + packet[5:7])
    assert talk.unconfirmed == [first]


def test_a_message_that_no_packet_can_hold_is_left_out(talk: Conversation, ends: Ends) -> None:
    agreed(talk)
    talk.publish([Outgoing("x" * 70_000, b"", 1), Outgoing("t", b"good")])
    assert ends.sent[-1] == publish(Outgoing("t", b"good"))
    assert talk.unconfirmed == []


@pytest.mark.parametrize(
    ("code", "words"),
    [(1, "MQTT 3.1.1"), (2, "client_id"), (3, "not available"), (4, "password"), (5, "let this user in"), (99, "99")],
)
def test_a_refusal_in_words(talk: Conversation, code: int, words: str) -> None:
    talk.begin()
    with pytest.raises(BrokerError, match=words):
        talk.feed(bytes((0x20, 2, 0, code)))


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (b"\x90\x04\xff\xff\x01\x80", "does not let this user read b"),
        (b"\x90\x03\xff\xff\x01", "other subscriptions than ours"),
        (LET_IN, "out of turn"),
    ],
)
def test_a_subscription_that_fails(talk: Conversation, stream: bytes, words: str) -> None:
    talk.begin()
    talk.feed(LET_IN)
    with pytest.raises(BrokerError, match=words):
        talk.feed(stream)


@pytest.mark.parametrize("stream", [AGREED, publish(Outgoing("b", b"x")), b"\x40\x02\x00\x01", b"\xd0\x00"])
def test_nothing_comes_before_the_login(talk: Conversation, stream: bytes) -> None:
    talk.begin()
    with pytest.raises(BrokerError, match="is it a broker"):
        talk.feed(stream)


def test_a_silent_broker_is_asked_and_then_lost(talk: Conversation, ends: Ends) -> None:
    agreed(talk)
    del ends.sent[:]
    for _ in range(TICKS):
        talk.tick()
    assert ends.sent == [PING] * (TICKS // 2)
    with pytest.raises(BrokerError, match="has not answered for 30 s"):
        talk.tick()


def test_a_broker_that_answers_stays(talk: Conversation, ends: Ends) -> None:
    agreed(talk)
    del ends.sent[:]
    for _ in range(10):
        talk.tick()
        talk.feed(b"\xd0\x00")
    assert ends.sent == [PING] * 10


def test_what_does_not_fit_is_named_and_acknowledged(talk: Conversation, ends: Ends) -> None:
    agreed(talk)
    talk.feed(publish(Outgoing("a/x", b"x" * 2_000_000, 1), 9))
    assert [(one.topic, one.size) for one in ends.skipped] == [("a/x", 2_000_007)]
    assert ends.sent[-1] == b"\x40\x02\x00\x09"


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_after_the_login_are_taken_or_the_brokers_fault(stream: bytes) -> None:
    ends = Ends()
    talk = Conversation(Login(), FILTERS, ends, ends)
    agreed(talk)
    try:
        talk.feed(stream)
    except BrokerError as error:
        why = str(error)
        assert why
