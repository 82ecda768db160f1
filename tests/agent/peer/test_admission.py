"""Places: tests, not streams, are counted."""

from agent.peer.admission import Admission


def test_the_streams_of_a_test_share_its_place() -> None:
    admission = Admission(1, streams_per_test=4)
    assert all(admission.enter("a", ends_at=10) for _ in range(4))
    assert (admission.tests, admission.streams) == (1, 4)
    assert not admission.enter("b", ends_at=10)


def test_one_test_cannot_have_streams_without_end() -> None:
    admission = Admission(2, streams_per_test=2)
    assert admission.enter("a", ends_at=10)
    assert admission.enter("a", ends_at=10)
    assert not admission.enter("a", ends_at=10)


def test_the_place_is_free_when_the_last_stream_has_left() -> None:
    admission = Admission(1, streams_per_test=4)
    admission.enter("a", ends_at=10)
    admission.enter("a", ends_at=10)
    admission.leave("a")
    assert not admission.enter("b", ends_at=10)
    admission.leave("a")
    assert admission.enter("b", ends_at=10)


def test_retry_after_is_when_the_first_test_must_be_over() -> None:
    admission = Admission(2, streams_per_test=4)
    admission.enter("a", ends_at=30)
    admission.enter("b", ends_at=12.1)
    assert admission.retry_after_s(10) == 3
    assert admission.retry_after_s(12.05) == 1
    assert Admission(1, streams_per_test=1).retry_after_s(5) == 1
