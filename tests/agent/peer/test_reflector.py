"""STAMP answers, read by hand at the byte offsets of RFC 8762: no codec of ours checks itself here."""

import asyncio
import hashlib
import hmac
import socket
import struct
import time
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest

from agent.peer.reflector import read_ancillary
from tests.agent.peer.running import LOOPBACK, running
from tests.agent.peer.websocket import get

NTP_OFFSET = 2_208_988_800
STAMP = replace(LOOPBACK, stamp="127.0.0.1:0")
KEY = b"correct horse battery staple"


def ntp(at: float) -> int:
    seconds = int(at)
    return (seconds + NTP_OFFSET) << 32 | int((at - seconds) * 2**32)


def unix(stamp: int) -> float:
    return (stamp >> 32) - NTP_OFFSET + (stamp & 0xFFFFFFFF) / 2**32


def plain(seq: int, ssid: int = 0, *, size: int = 44, sent: int | None = None) -> bytes:
    head = struct.pack("!IQHH", seq, ntp(time.time()) if sent is None else sent, 0x8001, ssid)  # noqa: TID251 - T1
    return head.ljust(size, b"\0")


def signed(seq: int, key: bytes, ssid: int = 0) -> bytes:
    body = struct.pack("!I12xQHH68x", seq, ntp(time.time()), 0x0001, ssid)  # noqa: TID251 - T1
    assert len(body) == 96
    return body + hmac.new(key, body, hashlib.sha256).digest()[:16]


class Prober:
    """A blocking UDP socket that speaks to the reflector."""

    def __init__(self, address: tuple[str, int]) -> None:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.sock.settimeout(3)
        self.sock.connect(address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def ask(self, packet: bytes) -> bytes:
        self.sock.send(packet)
        return self.sock.recv(9000)

    def silent(self, packet: bytes, *, then: bytes) -> bytes:
        """Send a packet that must not be answered, then one that must; the answer must be to the second."""
        self.sock.send(packet)
        return self.ask(then)


async def test_every_field_of_a_plain_answer_is_where_the_rfc_has_it() -> None:
    def probe(address: tuple[str, int]) -> tuple[bytes, bytes, float, float]:
        with Prober(address) as prober:
            prober.sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 77)
            before = time.time()  # noqa: TID251 - compared with the reflector's wall clock
            packet = plain(41, ssid=0xBEEF)
            answer = prober.ask(packet)
            return packet, answer, before, time.time()  # noqa: TID251 - as above

    async with running(STAMP) as at:
        packet, answer, before, after = await asyncio.to_thread(probe, at["stamp"])
    assert len(answer) == 44
    assert answer[0:4] == bytes(4), "the reflector's own sequence starts at 0"
    t3, t2 = struct.unpack("!Q", answer[4:12])[0], struct.unpack("!Q", answer[16:24])[0]
    assert before - 1e-6 <= unix(t2) <= unix(t3) <= after + 1e-6
    assert answer[13] != 0, "a multiplier of zero would make the error estimate invalid"
    assert answer[14:16] == b"\xbe\xef"
    assert answer[24:28] == struct.pack("!I", 41)
    sent = struct.unpack("!Q", packet[4:12])[0]
    assert abs(struct.unpack("!Q", answer[28:36])[0] - sent) <= 5, "T1 comes back (the codec rounds to nanoseconds)"
    assert answer[36:38] == b"\x80\x01"
    assert answer[38:40] == bytes(2)
    assert answer[40] == 77, "the TTL of the packet as it arrived"
    assert answer[41:44] == bytes(3)


async def test_every_field_of_a_signed_answer_is_where_the_rfc_has_it(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(KEY + b"\n")

    def probe(address: tuple[str, int]) -> bytes:
        with Prober(address) as prober:
            return prober.ask(signed(7, KEY, ssid=5))

    async with running(replace(STAMP, hmac_key=tmp_path / "key")) as at:
        answer = await asyncio.to_thread(probe, at["stamp"])
    assert len(answer) == 112
    assert answer[96:] == hmac.new(KEY, answer[:96], hashlib.sha256).digest()[:16]
    assert answer[0:16] == bytes(16)
    t3, t2 = struct.unpack("!Q", answer[16:24])[0], struct.unpack("!Q", answer[32:40])[0]
    assert 0 <= unix(t3) - unix(t2) < 1
    assert answer[26:28] == b"\0\x05"
    assert answer[28:32] == bytes(4)
    assert answer[40:48] == bytes(8)
    assert answer[48:52] == b"\0\0\0\x07"
    assert answer[72:74] == b"\0\x01"
    assert answer[80] == 64
    assert answer[81:96] == bytes(15)


async def test_what_is_not_signed_gets_no_answer_and_is_counted(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(KEY)

    def probe(address: tuple[str, int]) -> bytes:
        with Prober(address) as prober:
            prober.sock.send(plain(1))
            prober.sock.send(signed(2, b"another key"))
            return prober.silent(signed(3, KEY)[:-1] + b"\0", then=signed(4, KEY))

    async with running(replace(STAMP, hmac_key=tmp_path / "key")) as at:
        answer = await asyncio.to_thread(probe, at["stamp"])
        metrics = (await asyncio.to_thread(get, at["plain"], "/metrics")).body.decode()
    assert answer[48:52] == b"\0\0\0\x04"
    assert 'linkgauge_peer_stamp_packets_total{outcome="refused"} 2' in metrics
    assert 'linkgauge_peer_stamp_packets_total{outcome="too_short"} 1' in metrics, "a plain packet"
    assert 'linkgauge_peer_stamp_packets_total{outcome="reflected"} 1' in metrics


async def test_every_sender_and_ssid_has_its_own_count() -> None:
    def probe(address: tuple[str, int]) -> list[int]:
        with Prober(address) as one, Prober(address) as two:
            packets = [(one, 0, 0), (one, 5, 0), (two, 9, 0), (one, 0, 8), (one, 6, 0), (one, 1, 8)]
            return [int.from_bytes(prober.ask(plain(seq, ssid))[:4]) for prober, seq, ssid in packets]

    async with running(STAMP) as at:
        assert await asyncio.to_thread(probe, at["stamp"]) == [0, 1, 0, 0, 2, 1]


@pytest.mark.parametrize("size", [14, 40, 41, 44, 45, 100, 1472])
async def test_the_answer_is_as_large_as_the_question(size: int) -> None:
    def probe(address: tuple[str, int]) -> tuple[bytes, bytes]:
        packet = plain(1, size=44)[:size] + bytes(n % 251 for n in range(size - 44))
        with Prober(address) as prober:
            return packet, prober.ask(packet)

    async with running(STAMP) as at:
        packet, answer = await asyncio.to_thread(probe, at["stamp"])
    assert len(answer) == size
    assert answer[44:] == packet[44:], "what this reflector does not know comes back as it came (U flag still set)"
    assert answer[24:28] == packet[0:4][: max(0, min(4, size - 24))]


@pytest.mark.parametrize("packet", [b"", b"x", bytes(13), bytes(5000)])
async def test_packets_that_are_none_get_no_answer(packet: bytes) -> None:
    def probe(address: tuple[str, int]) -> bytes:
        with Prober(address) as prober:
            return prober.silent(packet, then=plain(3))

    async with running(STAMP) as at:
        assert (await asyncio.to_thread(probe, at["stamp"]))[24:28] == b"\0\0\0\x03"


async def test_what_is_wrong_is_counted_and_never_answered_with_more_than_came() -> None:
    first = plain(1)
    padded = plain(2) + b"\x80\x01\x00\x08" + b"padding!"
    unknown = plain(3) + b"\x80\xfd\x00\x02ab"

    def probe(address: tuple[str, int]) -> list[bytes]:
        with Prober(address) as prober:
            answers = [prober.ask(first), prober.ask(padded), prober.ask(unknown), prober.ask(first)]
            prober.sock.send(bytes(13))
            prober.sock.send(bytes(4097))
            return [*answers, prober.silent(b"", then=plain(4, size=20))]

    async with running(STAMP) as at:
        answers = await asyncio.to_thread(probe, at["stamp"])
        metrics = (await asyncio.to_thread(get, at["plain"], "/metrics")).body.decode()
    assert [len(answer) for answer in answers] == [44, len(padded), len(unknown), 44, 20]
    assert answers[1][44:] == b"\x00\x01\x00\x08padding!", "an extension that is understood loses its U flag"
    assert answers[2][44:] == unknown[44:], "one that is not keeps it"
    assert [int.from_bytes(answer[:4]) for answer in answers] == [0, 1, 2, 3, 4]
    for outcome, count in {"reflected": 4, "repeated": 1, "too_short": 2, "too_long": 1}.items():
        assert f'linkgauge_peer_stamp_packets_total{{outcome="{outcome}"}} {count}' in metrics


async def test_two_reflectors_do_not_talk_for_ever() -> None:
    """A packet with a made-up source, here another reflector's port, is all that it takes to set them off."""

    def probe(address: tuple[str, int]) -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.2", address[1]))
            other.sendto(plain(1), address)
            with Prober(address) as prober:
                answer = prober.ask(plain(2))
            other.settimeout(0)
            with pytest.raises(BlockingIOError):
                other.recv(100)
            return answer

    async with running(STAMP) as at:
        assert len(await asyncio.to_thread(probe, at["stamp"])) == 44
        metrics = (await asyncio.to_thread(get, at["plain"], "/metrics")).body.decode()
    assert 'linkgauge_peer_stamp_packets_total{outcome="looped"} 1' in metrics


async def test_ipv6_too() -> None:
    def probe(address: tuple[str, int]) -> bytes:
        with Prober(address) as prober:
            prober.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 33)
            return prober.ask(plain(2))

    async with running(replace(LOOPBACK, stamp="[::1]:0")) as at:
        answer = await asyncio.to_thread(probe, at["stamp"])
    assert answer[40] == 33


@pytest.mark.parametrize("asked", ["127.0.0.1", "127.0.0.9", "::1"])
async def test_a_wildcard_socket_answers_from_the_address_that_was_asked(asked: str) -> None:
    def probe(address: tuple[str, int]) -> bytes:
        with Prober(address) as prober:
            return prober.ask(plain(1))

    async with running(replace(LOOPBACK, stamp="*:0")) as at:
        # A connected UDP socket hears only the address that it asked.
        assert len(await asyncio.to_thread(probe, (asked, at["stamp"][1]))) == 44


async def test_the_receive_time_is_the_kernels_even_when_the_loop_is_busy() -> None:
    async with running(STAMP) as at:
        with Prober(at["stamp"]) as prober:
            prober.sock.send(plain(1))
            time.sleep(0.25)  # noqa: ASYNC251 - the loop is to be busy, that is the test
            answer = await asyncio.to_thread(prober.sock.recv, 100)
    t3, t2 = struct.unpack("!Q", answer[4:12])[0], struct.unpack("!Q", answer[16:24])[0]
    assert unix(t3) - unix(t2) > 0.2


def test_control_messages_of_a_32_bit_kernel_are_read() -> None:
    short = struct.pack("@ii", 1_700_000_000, 5)
    got = read_ancillary(b"", ("192.0.2.1", 1), [(socket.SOL_SOCKET, 35, short)], arrived_ns=7)
    assert got.received_ns == 1_700_000_000_000_000_005


def test_without_control_messages_the_time_of_arrival_stands_in() -> None:
    got = read_ancillary(b"x", ("192.0.2.1", 1), [], arrived_ns=7)
    assert (got.received_ns, got.ttl, got.local) == (7, 0, None)


def test_only_link_local_answers_are_bound_to_an_interface() -> None:
    for text, interface in (("fe80::1", 3), ("2001:db8::1", 0)):
        packed = socket.inet_pton(socket.AF_INET6, text) + struct.pack("=I", 3)
        got = read_ancillary(b"", ("::2", 1, 0, 3), [(socket.IPPROTO_IPV6, 50, packed)], arrived_ns=0)
        assert got.local is not None
        assert struct.unpack("=16sI", got.local[2])[1] == interface
