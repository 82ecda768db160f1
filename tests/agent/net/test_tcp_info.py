"""tcp_info of real loopback sockets, and of structs shorter than this kernel's."""

import socket
from collections.abc import Iterator
from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.net.tcp_info import congestion, parse, read, set_congestion


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
        with client, accepted:
            yield client, accepted


def test_counts_what_really_went_over(pair: tuple[socket.socket, socket.socket]) -> None:
    client, server = pair
    client.sendall(bytes(50_000))
    left = 50_000
    while left:
        left -= len(server.recv(left))
    server.sendall(b"done")
    assert client.recv(4) == b"done"
    sender, receiver = read(client), read(server)
    assert sender is not None
    assert receiver is not None
    assert (sender.bytes_sent, sender.bytes_acked, sender.bytes_retrans) == (50_000, 50_001, 0)
    assert (sender.bytes_received, receiver.bytes_received) == (4, 50_000)
    assert sender.rtt_us is not None
    assert sender.min_rtt_us is not None
    assert 0 < sender.min_rtt_us <= sender.rtt_us < 1_000_000
    assert sender.snd_mss is not None
    assert sender.snd_mss > 1000


def test_a_closed_socket_and_udp_give_nothing() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        assert read(udp) is None
        assert congestion(udp) is None
    assert read(udp) is None
    assert congestion(udp) is None
    assert not set_congestion(udp, "cubic")


def test_congestion_control_is_set_and_read(pair: tuple[socket.socket, socket.socket]) -> None:
    client, _ = pair
    assert set_congestion(client, "reno")
    assert congestion(client) == "reno"
    assert not set_congestion(client, "nonesuch")
    assert congestion(client) == "reno"


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_length_is_read_as_far_as_it_goes(data: bytes) -> None:
    info = parse(data)
    assert (info.state is None) == (len(data) < 1)
    assert (info.bytes_acked is None) == (len(data) < 128)
    assert (info.bytes_retrans is None) == (len(data) < 216)


def test_unknown_times_are_absent_not_numbers() -> None:
    info = parse(b"\0" * 148 + b"\xff" * 4 + b"\0" * 80)
    absent = {name for name, value in asdict(info).items() if value is None}
    assert absent == {"rtt_us", "rtt_var_us", "min_rtt_us", "rcv_rtt_us"}


def test_one_bit_says_that_the_program_limits() -> None:
    assert parse(b"\0" * 7 + b"\xff").app_limited == 1
    assert parse(b"\0" * 7 + b"\xfe").app_limited == 0


def test_segments_are_counted_at_both_ends(pair: tuple[socket.socket, socket.socket]) -> None:
    client, server = pair
    for _ in range(10):
        client.sendall(b"x")
        assert server.recv(1) == b"x"
        server.sendall(b"y")
        assert client.recv(1) == b"y"
    sender, receiver = read(client), read(server)
    assert sender is not None
    assert receiver is not None
    assert receiver.data_segs_in == 10
    assert sender.delivered is not None
    assert 10 <= sender.delivered <= 11  # the SYN too
    assert (receiver.rcv_ooo_packets, sender.bytes_retrans) == (0, 0)
    assert sender.pmtu is not None
    assert sender.pmtu > 1000
