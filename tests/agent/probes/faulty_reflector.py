"""A real reflector that misbehaves on order, and a run of the latency probe against it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

from agent.net import stamp
from agent.probes.latency import probe
from agent.probes.probe import Task
from agent.wire.results import Latency

Fault = Callable[[int], list[float]]
"""From the reflector's count to the delays, in seconds, of the answers to send: none is loss, two a duplicate."""

FAST = {"interval": "0.005", "timeout": "0.3"}


def once(_: int) -> list[float]:
    return [0.0]


class Reflector(asyncio.DatagramProtocol):
    """A real stateful reflector that misbehaves on order."""

    def __init__(self, fault: Fault = once, *, key: bytes | None = None, stateful: bool = True) -> None:
        self.fault, self.key, self.stateful = fault, key, stateful
        self.heard = 0
        self.forward_drops: set[int] = set()
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        received_ns = time.time_ns()
        try:
            packet = stamp.decode_sender(data, key=self.key)
        except stamp.BadPacketError:
            return
        if packet.seq in self.forward_drops:
            return
        loop = asyncio.get_running_loop()
        for delay_s in self.fault(self.heard):
            loop.call_later(delay_s, self.answer, packet, received_ns, self.heard, addr)
        self.heard += 1

    def answer(self, packet: stamp.SenderPacket, received_ns: int, count: int, addr: tuple[str | Any, int]) -> None:
        reply = stamp.ReflectorPacket(
            seq=count if self.stateful else packet.seq,
            received_ns=received_ns,
            sent_ns=time.time_ns(),
            sender_seq=packet.seq,
            sender_sent_ns=packet.sent_ns,
            sender_error=packet.error,
            ssid=packet.ssid,
        )
        assert self.transport is not None
        self.transport.sendto(stamp.encode_reflector(reply, key=self.key), addr)


@contextlib.asynccontextmanager
async def serving(reflector: Reflector, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: reflector, local_addr=(host, port))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


async def measured(reflector: Reflector, *, count: int = 20, **options: str) -> Latency:
    async with serving(reflector) as port:
        outcome = await probe(Task(f"stamp://127.0.0.1:{port}", options=FAST | {"count": str(count)} | options))
    assert isinstance(outcome.result, Latency)
    return outcome.result
