"""What the kernel says, in M-Lab's names."""

import socket
import struct
import time
from collections.abc import Iterator

import pytest

from agent.net import tcp_info
from agent.peer import kernel


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        server, _ = listener.accept()
        with server:
            yield client, server


def test_fields_of_a_real_socket(pair: tuple[socket.socket, socket.socket]) -> None:
    client, server = pair
    client.sendall(b"x" * 1000)
    assert server.recv(1000, socket.MSG_WAITALL) == b"x" * 1000
    received = kernel.read(server)
    sent = kernel.read(client)
    assert received is not None
    assert sent is not None
    assert (received.tcp["State"], received.tcp["BytesReceived"]) == (1, 1000)
    assert (sent.tcp["BytesSent"], sent.tcp["BytesAcked"]) == (1000, 1001), "the SYN counts as acknowledged"
    assert sent.tcp["MaxPacingRate"] == -1


def test_names_stand_where_the_header_file_has_them() -> None:
    data = bytearray(232)
    struct.pack_into("=I", data, 68, 11)
    struct.pack_into("=Q", data, 120, 12)
    struct.pack_into("=I", data, 148, 13)
    struct.pack_into("=Q", data, 208, 14)
    struct.pack_into("=I", data, 228, 15)
    fields = kernel.tcp_fields(bytes(data))
    named = {name: value for name, value in fields.items() if value}
    assert named == {"RTT": 11, "BytesAcked": 12, "MinRTT": 13, "BytesRetrans": 14, "SndWnd": 15}


def test_bits_of_a_shared_byte_are_told_apart() -> None:
    assert kernel.tcp_fields(bytes(7) + b"\x07")["AppLimited"] == 1
    assert kernel.tcp_fields(bytes(7) + b"\x06")["AppLimited"] == 0


def test_a_starved_and_a_blocked_sender_are_told_apart(pair: tuple[socket.socket, socket.socket]) -> None:
    client, server = pair
    server.sendall(b"x" * 100)
    assert client.recv(1000)
    starved = kernel.read(server)
    assert starved is not None
    assert starved.tcp["AppLimited"] == 1
    assert starved.tcp["Delivered"] >= 2, "the SYN and the data"
    server.settimeout(0.05)
    with pytest.raises(TimeoutError):
        server.sendall(bytes(1 << 26))
    time.sleep(0.05)
    blocked = kernel.read(server)
    assert blocked is not None
    assert blocked.tcp["BusyTime"] >= 50_000
    assert blocked.tcp["RWndLimited"] >= 50_000, "the other side reads nothing"


def test_an_older_kernel_says_less() -> None:
    fields = kernel.tcp_fields(struct.pack("=B", 1) + bytes(103))
    assert fields["State"] == 1
    assert fields["BytesAcked"] == 0


def test_bbr_bandwidth_is_put_together() -> None:
    fields = kernel.bbr_fields(struct.pack("=5I", 1, 2, 3, 739, 512))
    assert fields == {"BW": (2 << 32) + 1, "MinRTT": 3, "PacingGain": 739, "CwndGain": 512}


def test_bbr_is_read_only_while_it_is_in_force(pair: tuple[socket.socket, socket.socket]) -> None:
    client, _ = pair
    assert tcp_info.set_congestion(client, "reno")
    snapshot = kernel.read(client)
    assert snapshot is not None
    assert snapshot.bbr is None
    if tcp_info.set_congestion(client, "bbr"):
        snapshot = kernel.read(client)
        assert snapshot is not None
        assert snapshot.bbr is not None


def test_a_closed_socket_says_nothing(pair: tuple[socket.socket, socket.socket]) -> None:
    client, _ = pair
    client.close()
    assert kernel.read(client) is None
    kernel.drop_at_once(client)


def test_prepared_sockets_have_a_bounded_end(pair: tuple[socket.socket, socket.socket]) -> None:
    _, server = pair
    kernel.prepare(server, user_timeout_s=7, pace_bytes_per_s=1e6)
    assert server.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7000
    snapshot = kernel.read(server)
    assert snapshot is not None
    assert snapshot.tcp["MaxPacingRate"] == 1_250_000
