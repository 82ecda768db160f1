"""Why a latency run has no result, or a short one, is named."""

import asyncio
import contextlib
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from agent.errors import Failed
from agent.latency.plan import Plan, within
from agent.net import stamp
from agent.net.echo_session import Pace
from agent.net.stamp_session import open_socket, stamp_session
from agent.peer.service import PeerSettings
from agent.probes.latency import probe
from agent.probes.probe import Outcome, Task
from agent.wire.report import Peer
from agent.wire.results import Latency
from tests.agent.peer.running import running
from tests.agent.probes.faulty_reflector import FAST, Reflector, measured, serving


async def test_nobody_there_is_refused_at_once() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    begin = time.monotonic()
    with pytest.raises(Failed, match="connect:refused") as caught:
        await probe(Task(f"stamp://127.0.0.1:{port}"))
    assert time.monotonic() - begin < 5
    assert caught.value.family == "ipv4"
    assert caught.value.peer == Peer(url=f"stamp://127.0.0.1:{port}", address="127.0.0.1")


async def test_a_dead_peer_is_a_timeout() -> None:
    with pytest.raises(Failed, match=r"connect:timeout \(no answer to 5 packets\)"):
        await measured(Reflector(lambda _: []), count=5)


async def test_a_peer_that_dies_in_mid_run_is_loss() -> None:
    reflector = Reflector()

    def fault(count: int) -> list[float]:
        if count == 9:
            assert reflector.transport is not None
            asyncio.get_running_loop().call_soon(reflector.transport.close)
        return [0.0] if count < 9 else []

    reflector.fault = fault
    result = await measured(reflector, count=20)
    assert (result.sent, result.received, result.lost) == (20, 9, 11)


async def test_only_late_answers_are_a_timeout_of_the_transfer() -> None:
    class Slow(Reflector):
        def answer(self, packet: stamp.SenderPacket, received_ns: int, count: int, addr: tuple[str | Any, int]) -> None:
            reply = stamp.ReflectorPacket(count, received_ns, received_ns, packet.seq, packet.sent_ns)
            assert self.transport is not None
            self.transport.sendto(stamp.encode_reflector(reply), addr)

    with pytest.raises(Failed, match="transfer:timeout"):
        await measured(Slow(lambda _: [0.2]), count=60, timeout="0.1")


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("method", ["stamp", "tcp"])
async def test_a_cancelled_run_leaves_no_socket_behind(method: str) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:  # what answers no connect
        port = full.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            async with serving(Reflector(lambda _: []), port=port):
                before = open_files()
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await probe(Task(f"stamp://127.0.0.1:{port}", options={"method": method, "port": str(port)}))
                assert open_files() == before


async def test_a_cancelled_session_leaves_no_reader_behind() -> None:
    async with serving(Reflector(lambda _: [])) as port:
        with contextlib.closing(open_socket("127.0.0.1", port)) as sock:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await stamp_session(sock, Pace(100, 0.01, 1.0)).run()
            assert not asyncio.get_running_loop().remove_reader(sock)


async def test_seconds_are_respected() -> None:
    begin = time.monotonic()
    async with serving(Reflector()) as port:
        outcome: Outcome = await probe(Task(f"stamp://127.0.0.1:{port}", max_seconds=0.5))
    assert time.monotonic() - begin < 2
    assert isinstance(outcome.result, Latency)
    assert (outcome.result.sent, outcome.doubts) == (6, ("budget_cut",))


def test_a_budget_that_allows_nothing_fails_on_the_device() -> None:
    assert not within(Plan(count=5), max_bytes=10**6, max_seconds=20).cut
    with pytest.raises(Failed, match="device:budget"):
        within(Plan(), max_bytes=100, max_seconds=None)
    with pytest.raises(Failed, match="device:budget"):
        within(Plan(), max_bytes=None, max_seconds=0)


async def test_a_name_that_is_not_there() -> None:
    with pytest.raises(Failed, match="resolve:"):
        await probe(Task("stamp://name.invalid:8862", family="ipv4"))


async def test_our_own_reflector_with_a_key_says_nothing_to_strangers(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("correct horse")
    async with running(PeerSettings(listen=(), stamp="127.0.0.1:0", hmac_key=key)) as bound:
        with pytest.raises(Failed, match="connect:timeout"):
            await probe(Task(f"stamp://127.0.0.1:{bound['stamp'][1]}", options=FAST | {"count": "5"}))
