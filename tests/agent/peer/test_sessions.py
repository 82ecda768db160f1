"""Counts per sender, bounded."""

from agent.peer.sessions import Sessions


def test_every_sender_has_a_count_of_its_own() -> None:
    sessions = Sessions()
    assert [sessions.count("a", 0), sessions.count("a", 1), sessions.count("b", 1), sessions.count("a", 2)] == [
        0,
        1,
        0,
        2,
    ]


def test_silence_ends_a_session() -> None:
    sessions = Sessions(expiry_s=10)
    sessions.count("a", 0)
    sessions.count("b", 5)
    assert sessions.count("a", 9) == 1
    assert sessions.count("b", 15) == 0
    assert len(sessions) == 2
    sessions.expire(30)
    assert len(sessions) == 0


def test_a_flood_of_new_senders_does_not_push_the_living_out() -> None:
    sessions = Sessions(limit=3, expiry_s=10)
    for key in "abc":
        sessions.count(key, 0)
    assert sessions.count("d", 1) is None
    assert sessions.count("a", 2) == 1
    assert len(sessions) == 3
    assert sessions.count("d", 11) == 0


def test_the_count_wraps_like_the_field_it_goes_into() -> None:
    sessions = Sessions()
    sessions.count("a", 0)
    sessions._sessions["a"].next_seq = 0xFFFFFFFF  # noqa: SLF001 - 2^32 calls are too many for a test
    assert [sessions.count("a", 0), sessions.count("a", 0)] == [0xFFFFFFFF, 0]


def test_a_packet_that_comes_again_is_known() -> None:
    sessions = Sessions()
    sessions.count("a", 0)
    sessions.count("b", 0)
    heard = [(1, 10), (2, 20), (4, 40), (2, 20), (3, 30), (3, 30), (4, 40), (5, 50)]
    assert [sessions.repeats("a", seq=seq, sent_ns=at) for seq, at in heard] == [
        *(False, False, False),
        True,
        False,  # only late
        *(True, True),
        False,
    ]
    assert not sessions.repeats("b", seq=2, sent_ns=20)
    assert not sessions.repeats("nobody", seq=2, sent_ns=20)


def test_a_sender_that_begins_anew_repeats_nothing() -> None:
    sessions = Sessions()
    sessions.count("a", 0)
    assert not any(sessions.repeats("a", seq=seq, sent_ns=seq) for seq in range(1, 6))
    assert [sessions.repeats("a", seq=seq, sent_ns=100 + seq) for seq in (1, 2, 2)] == [False, False, True]


def test_what_is_remembered_is_bounded() -> None:
    sessions = Sessions()
    sessions.count("a", 0)
    for seq in (*range(300), 2**32 - 1):
        assert not sessions.repeats("a", seq=seq, sent_ns=seq)
    assert not sessions.repeats("a", seq=299, sent_ns=299)
    assert sessions.repeats("a", seq=2**32 - 1, sent_ns=2**32 - 1)
    assert sessions._sessions["a"].heard.bits < 2**256  # noqa: SLF001 - the memory of one sender
