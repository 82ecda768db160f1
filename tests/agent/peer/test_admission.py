"""Places: tests, not streams, are counted."""

import pytest

from agent.peer.admission import Admission, Crowd, client_of


def test_nobody_alone_fills_the_peer() -> None:
    crowd = Crowd(5)
    assert [crowd.enter("a") for _ in range(3)] == [True, True, False]
    assert [crowd.enter("b") for _ in range(3)] == [True, True, False]
    assert [crowd.enter("c") for _ in range(2)] == [True, False]
    assert len(crowd) == 5
    crowd.leave("a")
    assert crowd.enter("c")
    assert len(crowd) == 5


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
    ],
)
def test_an_ipv6_network_is_one_client(host: str, client: str) -> None:
    assert client_of(host) == client


def test_the_streams_of_a_test_share_its_place() -> None:
    admission = Admission(1, streams_per_test=4)
    assert all(admission.enter("a", now=0, ends_at=10) for _ in range(4))
    assert (admission.tests, admission.streams) == (1, 4)
    assert not admission.enter("b", now=0, ends_at=10)


def test_one_test_cannot_have_streams_without_end() -> None:
    admission = Admission(2, streams_per_test=2)
    assert admission.enter("a", now=0, ends_at=10)
    assert admission.enter("a", now=0, ends_at=10)
    assert not admission.enter("a", now=0, ends_at=10)


def test_the_place_is_free_when_the_last_stream_has_left() -> None:
    admission = Admission(1, streams_per_test=4)
    admission.enter("a", now=0, ends_at=10)
    admission.enter("a", now=0, ends_at=10)
    admission.leave("a")
    assert not admission.enter("b", now=0, ends_at=10)
    admission.leave("a")
    assert admission.enter("b", now=0, ends_at=10)


def between_directions(keep_until: float) -> Admission:
    """One place, and a test "a" that has downloaded and may come back."""
    admission = Admission(1, streams_per_test=4)
    assert admission.enter("a", now=0, ends_at=10)
    admission.leave("a", keep_until=keep_until)
    return admission


def test_the_place_is_kept_for_the_upload() -> None:
    admission = between_directions(15)
    assert (admission.tests, admission.places, admission.streams) == (0, 1, 0)
    assert not admission.enter("b", now=14.9, ends_at=20)
    assert admission.retry_after_s(11) == 4
    assert admission.enter("a", now=14.9, ends_at=20)
    assert admission.enter("a", now=14.9, ends_at=20)
    assert not admission.enter("b", now=16, ends_at=20)
    assert admission.retry_after_s(16) == 4
    admission.leave("a")
    admission.leave("a")
    assert admission.enter("b", now=16, ends_at=20)


def test_a_place_is_kept_for_a_while_only() -> None:
    admission = between_directions(15)
    assert admission.enter("b", now=15, ends_at=20)
    assert not admission.enter("a", now=15, ends_at=20)


def test_a_place_is_kept_once_only() -> None:
    admission = between_directions(15)
    assert admission.enter("a", now=14, ends_at=20)
    admission.leave("a", keep_until=25)
    assert admission.enter("b", now=14, ends_at=20)


def test_retry_after_is_when_the_first_test_must_be_over() -> None:
    admission = Admission(2, streams_per_test=4)
    admission.enter("a", now=0, ends_at=30)
    admission.enter("b", now=0, ends_at=12.1)
    assert admission.retry_after_s(10) == 3
    assert admission.retry_after_s(12.05) == 1
    assert Admission(1, streams_per_test=1).retry_after_s(5) == 1
