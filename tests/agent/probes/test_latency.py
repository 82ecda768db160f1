import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from agent.errors import Failed, UsageError
from agent.latency.plan import Plan, within
from agent.net import stamp
from agent.net.echo_session import Pace
from agent.net.kernel_time import Reading, read_clocks
from agent.net.peer_url import parse
from agent.net.stamp_session import stamp_session
from agent.peer.service import PeerSettings
from agent.probes import PROBES
from agent.probes.latency import planned, probe
from agent.probes.probe import Outcome, Progress, Task
from agent.wire.failure import Failure
from agent.wire.report import Peer
from agent.wire.results import Latency
from tests.agent.net.dns_responder import IPV4, IPV6
from tests.agent.net.namespaces import Namespace, cabled
from tests.agent.net.namespaces import serving as serving_in
from tests.agent.peer.running import running
from tests.netlab import tun

Fault = Callable[[int], list[float]]
"""From the reflector's count to the delays, in seconds, of the answers to send: none is loss, two a duplicate."""


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
async def serving(reflector: Reflector, host: str = "127.0.0.1") -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: reflector, local_addr=(host, 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


FAST = {"interval": "0.005", "timeout": "0.3"}


async def measured(reflector: Reflector, *, count: int = 20, **options: str) -> Latency:
    async with serving(reflector) as port:
        outcome = await probe(Task(f"stamp://127.0.0.1:{port}", options=FAST | {"count": str(count)} | options))
    assert isinstance(outcome.result, Latency)
    return outcome.result


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


async def test_a_cancelled_run_leaves_no_reader_behind() -> None:
    async with serving(Reflector(lambda _: [])) as port:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await probe(Task(f"stamp://127.0.0.1:{port}"))


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


def test_ports() -> None:
    assert planned({}, parse("msak+wss://peer.example:4443")).port == 8862
    assert planned({}, parse("peer.example:4443")).port == 8862
    assert planned({}, parse("stamp://peer.example:862")).port == 862
    assert planned({"port": "99"}, parse("msak+ws://peer.example")).port == 99
    assert planned({"method": "tcp"}, parse("msak+ws://peer.example:81")).port == 81
    assert planned({"method": "tcp", "port": "443"}, parse("stamp://peer.example:862")).port == 443


@pytest.mark.parametrize(
    ("url", "options", "may_ping", "method"),
    [
        ("stamp://p", {}, True, "stamp"),
        ("msak+wss://p", {}, True, "stamp"),
        ("ndt7+wss://p", {"method": "auto"}, False, "stamp"),
        ("iperf3://p", {}, True, "icmp"),
        ("librespeed+https://p", {}, False, "tcp"),
        ("iperf3://p", {"method": "stamp"}, False, "stamp"),
        ("stamp://p", {"method": "icmp"}, False, "icmp"),
        ("msak+wss://p", {"method": "tcp"}, True, "tcp"),
    ],
)
def test_the_method_is_chosen_once_before_the_run(
    url: str, options: dict[str, str], *, may_ping: bool, method: str
) -> None:
    assert planned(options, parse(url), may_ping=lambda: may_ping).method == method


def test_each_method_and_profile_has_its_own_rhythm() -> None:
    plan = planned({}, parse("stamp://p"))
    assert (plan.count, plan.interval_s, plan.timeout_s, plan.packet_bytes, plan.codec) == (200, 0.05, 2, 44, None)
    plan = planned({"method": "tcp"}, parse("iperf3://p"))
    assert (plan.count, plan.interval_s, plan.timeout_s, plan.port, plan.packet_bytes) == (20, 0.5, 2, 5201, None)
    plan = planned({"profile": "call"}, parse("stamp://p"))
    assert (plan.count, plan.interval_s, plan.packet_bytes, plan.codec) == (1000, 0.02, 160, "g711_plc")
    assert plan.count * plan.interval_s == 20
    plan = planned({"profile": "call", "codec": "g729a", "count": "50", "method": "icmp"}, parse("stamp://p"))
    assert (plan.count, plan.packet_bytes, plan.codec) == (50, 160, "g729a")
    assert planned({"size": "1000"}, parse("stamp://p")).packet_bytes == 1000


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


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cuont": "3"}, "no option 'cuont'"),
        ({"count": "0"}, "count: expected a number from 1 to 10000, not '0'"),
        ({"count": "many"}, "count"),
        ({"interval": "nan"}, "interval"),
        ({"interval": "0"}, "interval"),
        ({"timeout": "inf"}, "timeout"),
        ({"hmac_key": "/nonexistent/key"}, "cannot read /nonexistent/key: No such file"),
        ({"hmac_key": "/dev/null"}, "is empty"),
        ({"method": "udp"}, "method: expected auto or stamp or icmp or tcp, not 'udp'"),
        ({"method": "tcp"}, "give option port"),
        ({"method": "icmp", "hmac_key": "/x"}, "hmac_key: icmp has no use for it"),
        ({"method": "icmp", "port": "7"}, "port: icmp has no use for it"),
        ({"method": "tcp", "port": "7", "size": "99"}, "size: tcp has no use for it"),
        ({"method": "tcp", "port": "7", "profile": "call"}, "profile: tcp has no use for it"),
        ({"profile": "film"}, "profile: expected call, not 'film'"),
        ({"profile": "call", "interval": "1"}, "interval: call has no use for it"),
        ({"codec": "g711"}, "codec: only with profile=call"),
        ({"profile": "call", "codec": "opus"}, "codec: expected g711_plc or g711 or g729a or gsm_efr, not 'opus'"),
        ({"size": "43"}, "size: expected a number from 44 to 1452"),
        ({"method": "icmp", "size": "15"}, "size: expected a number from 16 to 1452"),
    ],
)
def test_wrong_options_get_one_plain_line(options: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        planned(options, parse("stamp://peer.example"))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("peer", ["mlab:", "ookla://3", "nonsense://x", ""])
async def test_a_peer_without_a_reflector_is_wrong_usage(peer: str) -> None:
    with pytest.raises(UsageError):
        await probe(Task(peer))


async def test_a_name_that_is_not_there() -> None:
    with pytest.raises(Failed, match="resolve:"):
        await probe(Task("stamp://name.invalid:8862", family="ipv4"))


# ---- our own peer


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


async def test_our_own_reflector_with_a_key_says_nothing_to_strangers(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("correct horse")
    async with running(PeerSettings(listen=(), stamp="127.0.0.1:0", hmac_key=key)) as bound:
        with pytest.raises(Failed, match="connect:timeout"):
            await probe(Task(f"stamp://127.0.0.1:{bound['stamp'][1]}", options=FAST | {"count": "5"}))


# ---- between namespaces


@pytest.fixture(scope="module")
def ends() -> Iterator[tuple[Namespace, Namespace]]:
    with cabled("l") as (near, far):
        near.run(f"ip addr add 198.51.100.2/24 dev {near.device}")
        near.run(f"ip addr add 2001:db8:1::2/64 dev {near.device}")
        far.run(f"ip addr add {IPV4}/24 dev {far.device}")
        far.run(f"ip addr add {IPV6}/64 dev {far.device}")
        with serving_in(far, "tests.agent.net.far_end"):
            yield near, far


@pytest.mark.root
@pytest.mark.program("ip", "nft")
@pytest.mark.timeout(40)
class TestBetweenNamespaces:
    @pytest.fixture(autouse=True)
    def healed(self, ends: tuple[Namespace, Namespace]) -> Iterator[None]:
        yield
        ends[1].run("nft flush ruleset")

    def filtered(self, far: Namespace, hook: str, rule: str) -> None:
        far.run("nft add table inet t")
        far.run(f"nft add chain inet t c {{ type filter hook {hook} priority 0 ; }}")
        far.run(f"nft add rule inet t c {rule}")

    def measured(
        self,
        near: Namespace,
        address: str = IPV4,
        resolv_conf: Path | None = None,
        *,
        options: tuple[str, ...] = (),
        without: str = "",
    ) -> dict[str, Any]:
        """Run the probe in the near namespace, if asked for `without` a capability."""
        peer = address if "://" in address else f"stamp://{address}"
        arguments = ["latency", peer, "interval=0.005", "count=100", "timeout=0.3", *options]
        start = ["-m", "tests.agent.probes.near_end", *arguments]
        if without:
            setpriv = "import os, sys; os.execvp('setpriv', ['setpriv', sys.argv[1], sys.executable, *sys.argv[2:]])"
            start = ["-c", setpriv, f"--bounding-set=-{without}", *start]
        process = near.python(start, resolv_conf=resolv_conf)
        stdout, stderr = process.communicate(timeout=20)
        assert process.returncode == 0, stderr
        assert not stderr
        outcome: dict[str, Any] = msgspec.json.decode(stdout)
        return outcome

    @pytest.mark.parametrize(("address", "family"), [(IPV4, "ipv4"), (f"[{IPV6}]", "ipv6")])
    def test_a_clean_line(self, ends: tuple[Namespace, Namespace], address: str, family: str) -> None:
        outcome = self.measured(ends[0], address)
        result = msgspec.convert(outcome["result"], Latency)
        assert (outcome["family"], result.received, result.loss_ratio) == (family, 100, 0)
        assert outcome["link"]["interface"] == ends[0].device
        assert result.rtt_ms is not None
        assert (result.rtt_ms.median or 0) < 5

    def test_loss_on_the_way_there(self, ends: tuple[Namespace, Namespace]) -> None:
        self.filtered(ends[1], "input", "udp dport 8862 numgen inc mod 5 == 1 drop")
        result = msgspec.convert(self.measured(ends[0])["result"], Latency)
        assert (result.lost, result.loss_ratio) == (20, 0.2)
        assert result.forward_loss_ratio == pytest.approx(0.2, abs=0.005)
        assert result.backward_loss_ratio == 0

    def test_loss_on_the_way_back(self, ends: tuple[Namespace, Namespace]) -> None:
        self.filtered(ends[1], "output", "udp sport 8862 numgen inc mod 5 == 1 drop")
        result = msgspec.convert(self.measured(ends[0])["result"], Latency)
        assert (result.lost, result.forward_loss_ratio) == (20, 0)
        assert result.backward_loss_ratio == pytest.approx(0.2, abs=0.005)

    @pytest.mark.parametrize(
        ("rule", "address", "word"),
        [
            ("udp dport 8862 drop", IPV4, "connect:timeout"),
            ("udp dport 8862 reject", IPV4, "connect:refused"),
            ("udp dport 8862 reject with icmp type admin-prohibited", IPV4, "connect:unreachable"),
            ("udp dport 8862 reject with icmpv6 type admin-prohibited", f"[{IPV6}]", "connect:prohibited"),
        ],
    )
    def test_what_stands_in_the_way(
        self, ends: tuple[Namespace, Namespace], rule: str, address: str, word: str
    ) -> None:
        self.filtered(ends[1], "input", rule)
        assert str(msgspec.convert(self.measured(ends[0], address)["failure"], Failure)) == word

    def test_no_route(self, ends: tuple[Namespace, Namespace]) -> None:
        assert str(msgspec.convert(self.measured(ends[0], "203.0.113.1")["failure"], Failure)) == "route:no_route"

    def test_auto_is_ipv6_only_where_both_ends_have_it(self, ends: tuple[Namespace, Namespace], tmp_path: Path) -> None:
        near, conf = ends[0], tmp_path / "resolv.conf"
        conf.write_text(f"nameserver {IPV4}\n")
        assert self.measured(near, "dual.example", conf)["family"] == "ipv6"
        assert self.measured(near, "four.example", conf)["family"] == "ipv4"
        assert self.measured(near, "beyond.example", conf)["family"] == "ipv4"  # an AAAA, but no route to it
        near.run(f"ip addr del 2001:db8:1::2/64 dev {near.device}")
        try:
            assert self.measured(near, "dual.example", conf)["family"] == "ipv4"
            words = [
                str(msgspec.convert(self.measured(near, name, conf)["failure"], Failure))
                for name in ("six.example", "nowhere.example")
            ]
        finally:
            near.run(f"ip addr add 2001:db8:1::2/64 dev {near.device}")
        assert words == ["resolve:nodata", "resolve:nxdomain"]

    def may_ping(self, near: Namespace, groups: str) -> None:
        with tun.entered(near.name):
            Path("/proc/sys/net/ipv4/ping_group_range").write_text(groups, "ascii")

    @pytest.mark.program("setpriv")
    @pytest.mark.parametrize("address", [IPV4, f"[{IPV6}]"])
    def test_ping_with_whatever_right_there_is(self, ends: tuple[Namespace, Namespace], address: str) -> None:
        near, far = ends
        kind = "icmpv6" if ":" in address else "icmp"
        self.filtered(far, "output", f"{kind} type echo-reply numgen inc mod 5 == 1 drop")
        for groups, without in (("1 0", ""), ("0 0", "net_raw")):
            self.may_ping(near, groups)
            outcome = self.measured(near, address, options=("method=icmp", "size=200"), without=without)
            result = msgspec.convert(outcome["result"], Latency)
            assert (result.method, result.sent, result.lost, result.packet_bytes) == ("icmp", 100, 20, 200)
            assert (result.forward_loss_ratio, result.reflector, result.foreign) == (None, None, 0)
            assert result.rtt_ms is not None
            assert (result.rtt_ms.median or 0) < 5
            assert outcome["peer"] == {"url": f"icmp://{address}", "address": address.strip("[]")}
        self.may_ping(near, "1 0")
        refused = self.measured(near, address, options=("method=icmp",), without="net_raw")["failure"]
        assert str(msgspec.convert(refused, Failure)) == "device:no_permission"
        assert "net.ipv4.ping_group_range" in refused["detail"]

    @pytest.mark.program("setpriv")
    def test_a_peer_that_reflects_nothing_is_pinged_or_connected_to(self, ends: tuple[Namespace, Namespace]) -> None:
        near, far = ends
        self.may_ping(near, "1 0")
        url = f"iperf3://{IPV4}:4443"
        assert self.measured(near, url)["result"]["method"] == "icmp"
        self.filtered(far, "input", "tcp dport 4443 tcp flags syn numgen inc mod 5 == 1 drop")
        outcome = self.measured(near, url, without="net_raw")
        result = msgspec.convert(outcome["result"], Latency)
        assert (result.method, result.sent, result.received, result.stamps) == ("tcp", 100, 80, "kernel")
        assert outcome["peer"]["url"] == f"tcp://{IPV4}:4443"

    def test_ping_says_what_stands_in_the_way(self, ends: tuple[Namespace, Namespace]) -> None:
        near, far = ends
        self.may_ping(near, "0 0")
        for rule, word in (
            ("icmp type echo-request drop", "connect:timeout"),
            ("icmp type echo-request reject with icmp type host-prohibited", "connect:unreachable"),
        ):
            self.filtered(far, "input", rule)
            assert str(msgspec.convert(self.measured(near, options=("method=icmp",))["failure"], Failure)) == word
            far.run("nft flush ruleset")
