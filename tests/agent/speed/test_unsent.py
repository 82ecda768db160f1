"""What a sender keeps unsent follows its rate."""

import socket

import pytest

from agent.speed.unsent import FIRST_BYTES, LEAST_BYTES, MOST_BYTES, Unsent, wanted

TCP_NOTSENT_LOWAT = 25


@pytest.mark.parametrize(
    ("mbps", "limit"),
    [(0, LEAST_BYTES), (0.25, LEAST_BYTES), (25, LEAST_BYTES), (100, 1 << 17), (250, 1 << 19), (20_000, MOST_BYTES)],
)
def test_ten_milliseconds_within_bounds(mbps: float, limit: int) -> None:
    assert wanted(mbps * 1e6 / 8) == limit


def test_it_follows_the_rate_and_not_each_write() -> None:
    with socket.socket() as sock:
        unsent = Unsent(sock, 100.0)
        assert limit_of(sock) == FIRST_BYTES
        unsent.fit(50_000_000, 100.01)
        assert limit_of(sock) == FIRST_BYTES, "too soon to tell a rate"
        unsent.fit(50_000_000, 100.1)
        assert limit_of(sock) == MOST_BYTES
        unsent.fit(50_100_000, 101.1)
        assert limit_of(sock) == LEAST_BYTES


def test_a_kernel_that_refuses_is_left_as_it_is() -> None:
    sock = socket.socket()
    sock.close()
    Unsent(sock, 1.0).fit(1_000_000, 2.0)


def limit_of(sock: socket.socket) -> int:
    limit: int = sock.getsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT)
    return limit
