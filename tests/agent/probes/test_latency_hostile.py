"""No answer that lies, and no clock that is set, bends what the latency probe says."""

import socket
from pathlib import Path
from typing import Any

import pytest

from agent.errors import Failed
from agent.net import stamp
from agent.net.echo_session import Pace
from agent.net.kernel_time import Reading, read_clocks
from agent.net.stamp_session import stamp_session
from tests.agent.probes.faulty_reflector import Reflector, measured, serving


async def test_an_answer_signed_with_another_key_is_no_answer(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("mine")

    class Other(Reflector):
        def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
            packet = stamp.decode_sender(data, key=b"mine")
            reply = stamp.ReflectorPacket(0, 0, 0, packet.seq, packet.sent_ns)
            assert self.transport is not None
            self.transport.sendto(stamp.encode_reflector(reply, key=b"theirs"), addr)

    with pytest.raises(Failed, match="handshake:protocol"):
        await measured(Other(), count=5, hmac_key=str(key))


async def test_hostile_answers_are_not_counted() -> None:
    class Hostile(Reflector):
        def answer(self, packet: stamp.SenderPacket, received_ns: int, count: int, addr: tuple[str | Any, int]) -> None:
            assert self.transport is not None
            for payload in (b"x", bytes(44), bytes(2000)):
                self.transport.sendto(payload, addr)
            forged = stamp.ReflectorPacket(count, received_ns, received_ns, packet.seq, packet.sent_ns + 1)
            self.transport.sendto(stamp.encode_reflector(forged), addr)
            super().answer(packet, received_ns, count, addr)

    result = await measured(Hostile())
    assert (result.received, result.duplicate) == (20, 0)
    assert result.foreign == 4 * 20


async def test_a_flood_of_copies_neither_fills_the_memory_nor_drives_out_answers() -> None:
    result = await measured(Reflector(lambda count: [0.0] * 300 if count == 0 else [0.0]), count=10)
    assert (result.received, result.lost) == (10, 0)
    assert 0 < (result.duplicate or 0) <= 10 * 10


async def test_a_reflector_whose_clock_jumps_does_not_bend_the_times() -> None:
    class Jumping(Reflector):
        def answer(self, packet: stamp.SenderPacket, received_ns: int, count: int, addr: tuple[str | Any, int]) -> None:
            super().answer(packet, received_ns + (count % 3 - 1) * 3_600_000_000_000, count, addr)

    result = await measured(Jumping())
    assert result.rtt_ms is not None
    assert (result.rtt_ms.max or 1e9) < 200


async def test_our_own_clock_being_set_does_not_bend_the_times() -> None:
    readings = 0

    def stepping() -> Reading:
        nonlocal readings
        readings += 1
        now = read_clocks()
        return Reading(now.wall_ns + (readings // 10 % 3 - 1) * 3_600_000_000_000, now.monotonic_ns)

    async with serving(Reflector()) as port:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
            sock.connect(("127.0.0.1", port))
            session = stamp_session(sock, Pace(40, 0.005, 0.3), clocks=stepping)
            await session.run()
    assert len(session.answers) == 40
    assert all(0 <= answer.rtt_ns < 200_000_000 for answer in session.answers)


async def test_one_way_delays_only_with_synchronised_clocks_at_both_ends() -> None:
    class Synchronized(Reflector):
        def answer(self, packet: stamp.SenderPacket, received_ns: int, count: int, addr: tuple[str | Any, int]) -> None:
            estimate = stamp.error_estimate(0.001, synchronized=True)
            reply = stamp.ReflectorPacket(count, received_ns, received_ns, packet.seq, packet.sent_ns, estimate)
            assert self.transport is not None
            self.transport.sendto(stamp.encode_reflector(reply), addr)

    for ours in (True, False):
        async with serving(Synchronized()) as port:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
                sock.connect(("127.0.0.1", port))
                session = stamp_session(sock, Pace(3, 0.005, 0.3), synchronized=ours)
                await session.run()
        assert [answer.synchronized for answer in session.answers] == [ours] * 3
