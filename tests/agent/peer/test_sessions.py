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
