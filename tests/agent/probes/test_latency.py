"""What the latency probe finds on a healthy line, a lossy one and one that doubles and disorders."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.net import stamp
from agent.peer.service import PeerSettings
from agent.probes import PROBES
from agent.probes.latency import probe
from agent.probes.probe import Progress, Task
from agent.wire.results import Latency
from tests.agent.peer.running import running
from tests.agent.probes.faulty_reflector import FAST, Reflector, measured, serving


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", "ipv4"), ("::1", "ipv6")])
async def test_a_clean_line(host: str, family: str) -> None:
    seen: list[Progress] = []
    url = f"[{host}]" if ":" in host else host
    async with serving(Reflector(), host) as port:
        task = Task(f"stamp://{url}:{port}", options=FAST | {"count": "30"}, progress=seen.append)
        outcome = await PROBES["latency"](task)
    result = outcome.result
    assert isinstance(result, Latency)
    assert (result.method, result.sent, result.received, result.lost, result.duplicate) == ("stamp", 30, 30, 0, 0)
    assert (result.forward_loss_ratio, result.backward_loss_ratio, result.loss_ratio) == (0, 0, 0)
    assert result.rtt_ms is not None
    assert 0 <= (result.rtt_ms.min or 0) <= (result.rtt_ms.median or 0) < 50
    assert (outcome.family, outcome.doubts) == (family, ())
    assert outcome.peer is not None
    assert (outcome.peer.url, outcome.peer.address) == (f"stamp://{url}:{port}", host)
    assert outcome.link is not None
    assert outcome.link.interface == "lo"
    assert [progress.done for progress in seen] == pytest.approx([n / 30 for n in range(1, 31)])
    assert seen[-1].unit == "ms"
    assert msgspec.convert(msgspec.to_builtins(result), Latency) == result


async def test_the_reflectors_own_delay_is_not_the_lines() -> None:
    result = await measured(Reflector(lambda _: [0.08]), timeout="1")
    assert result.rtt_ms is not None
    assert (result.rtt_ms.median or 0) < 40


async def test_loss_by_direction() -> None:
    reflector = Reflector(lambda count: [] if count in {4, 5, 6} else [0.0])
    reflector.forward_drops = {3, 10}
    result = await measured(reflector, count=22)
    assert (result.sent, result.received, result.lost) == (22, 17, 5)
    assert result.forward_loss_ratio == pytest.approx(2 / 22, abs=1e-6)
    assert result.backward_loss_ratio == pytest.approx(3 / 20, abs=1e-6)


async def test_a_stateless_reflector_tells_no_direction() -> None:
    result = await measured(Reflector(lambda count: [] if count == 4 else [0.0], stateful=False))
    assert (result.lost, result.forward_loss_ratio, result.backward_loss_ratio) == (1, None, None)


async def test_duplicates_reordering_and_late_answers_are_told_apart() -> None:
    def fault(count: int) -> list[float]:
        return {2: [0.0, 0.0], 5: [0.06], 7: [0.25]}.get(count, [0.0])

    class Honest(Reflector):
        # T3 is when the answer is due, not when it leaves: so the delay is the line's
        def answer(self, packet: stamp.SenderPacket, received_ns: int, count: int, addr: tuple[str | Any, int]) -> None:
            reply = stamp.ReflectorPacket(count, received_ns, received_ns, packet.seq, packet.sent_ns)
            assert self.transport is not None
            self.transport.sendto(stamp.encode_reflector(reply, key=self.key), addr)

    result = await measured(Honest(fault), count=60, timeout="0.2")
    assert (result.duplicate, result.late, result.lost, result.received) == (1, 1, 1, 59)
    assert result.reordered == 2
    assert result.rtt_ms is not None
    assert 60 <= (result.rtt_ms.max or 0) < 200


async def test_the_authenticated_mode(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("correct horse\n")
    result = await measured(Reflector(key=b"correct horse"), hmac_key=str(key))
    assert result.received == 20


async def test_a_call_is_rated_and_its_packets_are_as_large_as_they_should_be() -> None:
    settings = PeerSettings(listen=(), stamp="127.0.0.1:0")
    async with running(settings) as bound:
        options = {"profile": "call", "count": "25", "port": str(bound["stamp"][1])}
        outcome = await probe(Task("stamp://127.0.0.1", options=options))
    result = outcome.result
    assert isinstance(result, Latency)
    assert (result.received, result.packet_bytes, result.profile, result.codec) == (25, 160, "call", "g711_plc")
    # a healthy loopback: nothing lost, 20 ms of speech, hardly any way, the smallest buffer
    assert (result.r_factor, result.mos, result.call_loss_ratio) == (93.2, 4.41, 0)
    assert result.mouth_to_ear_ms == pytest.approx(40, abs=15)


async def test_a_result_says_where_its_times_come_from_and_what_answered() -> None:
    stateful = await measured(Reflector())
    assert (stateful.reflector, stateful.foreign, stateful.packet_bytes, stateful.profile) == ("stateful", 0, 44, None)
    assert stateful.stamps in {"kernel", "program"}
    assert 0 <= (stateful.forward_jitter_ms or -1) < 50
    assert 0 <= (stateful.backward_jitter_ms or -1) < 50
    assert (await measured(Reflector(stateful=False))).reflector == "stateless"


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
@pytest.mark.parametrize("secret", [None, "correct horse"])
async def test_our_own_reflector(host: str, secret: str | None, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(secret or "")
    settings = PeerSettings(listen=(), stamp=f"{host}:0", hmac_key=key if secret else None)
    async with running(settings) as bound:
        options = FAST | {"count": "30", "port": str(bound["stamp"][1])} | ({"hmac_key": str(key)} if secret else {})
        outcome = await probe(Task(f"msak+wss://{host}:4443", options=options))
    result = outcome.result
    assert isinstance(result, Latency)
    assert (result.received, result.lost, result.duplicate, result.reordered) == (30, 0, 0, 0)
    assert (result.forward_loss_ratio, result.backward_loss_ratio) == (0, 0)
    assert outcome.peer is not None
    assert outcome.peer.url == f"stamp://{host}:{bound['stamp'][1]}"
