import contextlib
import socket
import struct
from collections.abc import Iterator

import pytest

from agent.latency.icmp_echo import EchoWire, checksum, open_socket
from agent.net.echo_session import Pace, Session


def test_the_checksum_is_that_of_rfc_1071() -> None:
    """Section 3's example: the sum of these eight bytes is ddf2, and the checksum its complement."""
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2
    assert checksum(b"\x01") == 0xFEFF


@contextlib.contextmanager
def spoken(kind: int) -> Iterator[tuple[EchoWire, socket.socket]]:
    with socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP) as sock:
        yield EchoWire(sock, size=56), sock


@pytest.mark.root
def test_only_answers_with_our_token_count() -> None:
    with spoken(socket.SOCK_RAW) as (wire, _):
        question = wire.question(0x1_0007, 1_700_000_000_000_000_123)
        assert len(question) == 8 + 56
        assert question[:2] == b"\x08\0"
        assert struct.unpack("!H", question[6:8]) == (7,)
        assert checksum(question) == 0
        header = bytes([0x46]) + bytes(23)  # an IP header with an option: 24 bytes
        reply = b"\0" + question[1:]
        echo = wire.answer(header + reply)
        assert echo is not None
        assert (echo.seq, echo.sent_ns, echo.count) == (7, 1_700_000_000_000_000_123, None)
        assert wire.meant(header + reply)
        assert not wire.meant(header + reply[:4] + bytes([reply[4] ^ 1]) + reply[5:]), "another program's ping"
        for hostile in (
            b"",
            header,
            header + reply[:23],
            header + question,
            header + reply[:4] + b"\xff\xff" + reply[6:],
            header + reply[:16] + bytes(8) + reply[24:],
            b"\xff" + bytes(59) + reply[:10],
        ):
            assert wire.answer(hostile) is None


@pytest.mark.root
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_root_pings_where_the_kernel_allows_it_to_nobody(address: str) -> None:
    with contextlib.closing(open_socket(address)) as sock:
        session = Session(sock, Pace(10, 0.005, 1.0), EchoWire(sock, size=1000))
        await session.run()
    assert [answer.seq for answer in session.answers] == list(range(1, 11))
    assert session.foreign == 0
    assert all(0 <= answer.rtt_ns < 500_000_000 for answer in session.answers)
