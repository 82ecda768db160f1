import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.errors import Failed, UsageError
from agent.probes import PROBES
from agent.probes.ipv6 import examine, probe
from agent.probes.probe import Outcome, Progress, Task
from agent.wire.failure import Failure
from agent.wire.results import Ipv6
from tests.agent.net.dns_responder import IPV4, IPV6
from tests.agent.net.namespaces import Namespace, cabled, serving

Pair = tuple[Namespace, Namespace]

BOTH_RESOLVERS = f"nameserver {IPV4}\nnameserver {IPV6}\n"


# ---- on this machine, without root


async def examined(peer: str, tmp_path: Path, **options: str) -> tuple[Outcome, Ipv6]:
    """Examine on a device without any address or route of its own, and without resolvers unless given."""
    defaults = {"resolv_conf": str(tmp_path / "none"), "timeout": "2"}
    outcome = await examine(Task(peer, options=defaults | options), proc=tmp_path)
    assert isinstance(outcome.result, Ipv6)
    return outcome, outcome.result


def checks(result: Ipv6) -> dict[str, str]:
    return {check.name: "ok" if check.ok else f"{check.stage}:{check.reason}" for check in result.checks or []}


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", "ipv4"), ("::1", "ipv6")])
async def test_a_peer_that_is_an_address(host: str, family: str, tmp_path: Path) -> None:
    kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=kind) as server:
        peer = f"msak+ws://{f'[{host}]' if ':' in host else host}:{server.getsockname()[1]}"
        outcome, result = await examined(peer, tmp_path)
    assert result.status == f"{family}_only"
    assert (result.winner, result.fallback_ms, result.score, result.dns) == (family, None, None, None)
    assert checks(result)[f"connect_{family}"] == "ok"
    assert not [name for name in checks(result) if name.startswith(("dns_", "resolve_"))]
    assert outcome.doubts == ("method_reference_only",)
    assert outcome.peer is not None
    assert (outcome.peer.url, outcome.peer.address) == (peer, host)
    assert (result.pmtu_bytes is not None) is (family == "ipv6")
    assert msgspec.json.decode(msgspec.json.encode(result), type=Ipv6) == result


async def test_nobody_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    (tmp_path / "net").mkdir()
    sysfs = tmp_path / "sys"
    (sysfs / "class" / "net" / "eth0").mkdir(parents=True)
    (sysfs / "class" / "net" / "eth0" / "flags").write_text("0x1003\n")
    outcome = await examine(Task(f"127.0.0.1:{port}"), proc=tmp_path, sysfs=sysfs)
    assert isinstance(outcome.result, Ipv6)
    assert (outcome.result.status, outcome.result.winner) == ("none", None)
    assert checks(outcome.result)["connect_ipv4"] == "connect:refused"
    with pytest.raises(Failed, match="device:no_interface"):
        await examine(Task(f"127.0.0.1:{port}"), proc=tmp_path, sysfs=tmp_path / "bare")


async def test_a_name_that_only_the_system_knows(tmp_path: Path) -> None:
    seen: list[Progress] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        task = Task(
            f"localhost:{server.getsockname()[1]}",
            options={"resolv_conf": str(tmp_path / "none")},
            progress=seen.append,
        )
        outcome = await probe(task)
    assert isinstance(outcome.result, Ipv6)
    assert checks(outcome.result)["resolve_ipv4"] == "ok"
    assert outcome.result.dns is None
    assert outcome.result.status in {"ipv4_only", "dual_stack", "broken"}
    # Nothing left this device: that is no statement on the line's IPv6.
    assert outcome.doubts == ("method_reference_only",)
    assert outcome.result.score is None
    assert seen[-1].done == 1.0


@pytest.mark.parametrize(
    ("peer", "options", "words"),
    [
        ("mlab:", {}, "TCP"),
        ("stamp://h", {}, "TCP"),
        ("h:1", {"tiemout": "1"}, "no option 'tiemout'"),
        ("h:1", {"timeout": "-1"}, "timeout"),
        ("h:1", {"dns_port": "5.5"}, "whole number"),
    ],
)
async def test_wrong_usage(peer: str, options: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        await probe(Task(peer, options=options))


async def test_the_budget_of_seconds_is_kept() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        with socket.create_connection(server.getsockname()):
            async with asyncio.timeout(5):
                task = Task(f"127.0.0.1:{server.getsockname()[1]}", max_seconds=0.4)
                outcome = await PROBES["ipv6"](task)
    assert isinstance(outcome.result, Ipv6)
    assert checks(outcome.result)["connect_ipv4"] == "connect:timeout"


# ---- between namespaces


@pytest.fixture(scope="module")
def far() -> Iterator[Pair]:
    """A far end that is always the same: dual-stack address, DNS, listener, and a second address beyond it."""
    with cabled("v") as (near, far_end):
        far_end.run(f"ip addr add {IPV4}/24 dev {far_end.device}")
        far_end.run(f"ip addr add {IPV6}/64 dev {far_end.device}")
        far_end.run("ip addr add 2001:db8:2::1/128 dev lo")
        with serving(far_end, "tests.agent.net.far_end"):
            yield near, far_end


@pytest.fixture
def pair(far: Pair) -> Iterator[Pair]:
    """The near end as on a healthy dual-stack line; each test then breaks something. Clean again afterwards."""
    near, far_end = far
    near.run(f"ip addr flush dev {near.device} scope global")
    near.run(f"ip addr add 198.51.100.2/24 dev {near.device}")
    near.run(f"ip addr add 2001:db8:1::2/64 dev {near.device}")
    near.run(f"ip route replace default via {IPV4}")
    near.run(f"ip -6 route replace default via {IPV6}")
    yield near, far_end
    far_end.run("nft flush ruleset")


def block(place: Namespace, rule: str) -> None:
    place.run("nft add table ip6 t")
    place.run("nft add chain ip6 t in { type filter hook input priority 0 ; }")
    place.run(f"nft add rule ip6 t in {rule}")


def seen_from(near: Namespace, peer: str, tmp_path: Path, resolvers: str = BOTH_RESOLVERS) -> dict[str, Any]:
    conf = tmp_path / "resolv.conf"
    conf.write_text(resolvers)
    process = near.python(["-m", "tests.agent.probes.near_end", "ipv6", peer, "timeout=1"], resolv_conf=conf)
    stdout, stderr = process.communicate(timeout=15)
    assert process.returncode == 0, stderr
    assert not stderr
    outcome: dict[str, Any] = msgspec.json.decode(stdout)
    return outcome


def result_of(near: Namespace, peer: str, tmp_path: Path, resolvers: str = BOTH_RESOLVERS) -> Ipv6:
    return msgspec.convert(seen_from(near, peer, tmp_path, resolvers)["result"], Ipv6)


@pytest.mark.root
@pytest.mark.program("ip", "nft")
@pytest.mark.timeout(40)
class TestBetweenNamespaces:
    def test_dual_stack(self, pair: Pair, tmp_path: Path) -> None:
        outcome = seen_from(pair[0], "dual.example:4443", tmp_path)
        result = msgspec.convert(outcome["result"], Ipv6)
        assert set(checks(result).values()) == {"ok"}
        assert (result.status, result.winner, result.fallback_ms, result.score) == ("dual_stack", "ipv6", None, 10)
        assert result.default_route is True
        assert result.addresses is not None
        assert result.addresses.global_ == ["2001:db8:1::2"]
        assert result.dns is not None
        assert (result.dns.aaaa_over_ipv4, result.dns.aaaa_over_ipv6) == (True, True)
        assert result.connect_ms is not None
        assert 0 < (result.connect_ms.ipv4 or 0) < 1000
        assert 0 < (result.connect_ms.ipv6 or 0) < 1000
        assert result.pmtu_bytes == 1500
        assert outcome["doubts"] == []
        assert outcome["peer"] == {"url": "msak+wss://dual.example:4443", "address": IPV6}
        assert outcome["link"]["interface"] == pair[0].device

    def test_the_path_mtu_is_that_of_the_path(self, pair: Pair, tmp_path: Path) -> None:
        pair[0].run(f"ip -6 route replace {IPV6}/128 dev {pair[0].device} mtu 1400")
        result = result_of(pair[0], "dual.example:4443", tmp_path)
        pair[0].run(f"ip -6 route del {IPV6}/128")
        assert result.pmtu_bytes == 1400

    def test_no_ipv6_address(self, pair: Pair, tmp_path: Path) -> None:
        pair[0].run("ip -6 route del default")
        pair[0].run(f"ip -6 addr flush dev {pair[0].device} scope global")
        result = result_of(pair[0], "dual.example:4443", tmp_path, f"nameserver {IPV4}\n")
        assert (result.status, result.winner, result.score) == ("ipv4_only", "ipv4", 0)
        assert checks(result)["address_ipv6"] == "device:no_address"
        assert checks(result)["connect_ipv6"].startswith(("route:", "connect:"))
        assert result.dns is not None
        assert (result.dns.aaaa_over_ipv4, result.dns.aaaa_over_ipv6) == (True, None)

    def test_no_ipv6_in_the_kernel(self, pair: Pair, tmp_path: Path) -> None:
        pair[0].run(f"sysctl -q -w net.ipv6.conf.{pair[0].device}.disable_ipv6=1")
        result = result_of(pair[0], "dual.example:4443", tmp_path, f"nameserver {IPV4}\n")
        pair[0].run(f"sysctl -q -w net.ipv6.conf.{pair[0].device}.disable_ipv6=0")
        assert (result.status, result.addresses) == ("ipv4_only", msgspec.convert({}, type(result.addresses)))

    def test_blackholed(self, pair: Pair, tmp_path: Path) -> None:
        block(pair[1], "tcp dport 4443 drop")
        result = result_of(pair[0], "dual.example:4443", tmp_path)
        assert (result.status, result.winner, result.fallback_ms, result.score) == ("broken", "ipv4", 250, 0)
        failing = {name: word for name, word in checks(result).items() if word != "ok"}
        assert failing == {"connect_ipv6": "connect:timeout"}

    def test_rejected(self, pair: Pair, tmp_path: Path) -> None:
        block(pair[1], "tcp dport 4443 reject with tcp reset")
        result = result_of(pair[0], "dual.example:4443", tmp_path)
        assert (result.status, result.winner) == ("broken", "ipv4")
        assert checks(result)["connect_ipv6"] == "connect:refused"
        assert result.fallback_ms is not None
        assert result.fallback_ms <= 250

    def test_prohibited(self, pair: Pair, tmp_path: Path) -> None:
        block(pair[1], "tcp dport 4443 reject with icmpv6 type admin-prohibited")
        result = result_of(pair[0], "dual.example:4443", tmp_path)
        assert result.status == "broken"
        # Linux reports it with its first retry, about a second later: a deadline of one second may come first.
        assert checks(result)["connect_ipv6"] in {"connect:prohibited", "connect:timeout"}

    def test_no_route(self, pair: Pair, tmp_path: Path) -> None:
        pair[0].run("ip -6 route del default")
        result = result_of(pair[0], "beyond.example:4443", tmp_path)
        assert (result.status, result.default_route, result.winner) == ("ipv4_only", False, "ipv4")
        failing = {name: word for name, word in checks(result).items() if word != "ok"}
        assert failing == {
            "default_route_ipv6": "route:no_route",
            "route_ipv6": "route:no_route",
            "connect_ipv6": "route:no_route",
        }

    def test_beyond_the_first_hop(self, pair: Pair, tmp_path: Path) -> None:
        assert result_of(pair[0], "beyond.example:4443", tmp_path).status == "dual_stack"

    def test_no_aaaa(self, pair: Pair, tmp_path: Path) -> None:
        result = result_of(pair[0], "four.example:4443", tmp_path)
        assert (result.status, result.winner) == ("ipv4_only", "ipv4")
        assert checks(result)["resolve_ipv6"] == "resolve:nodata"
        assert "connect_ipv6" not in checks(result)

    @pytest.mark.parametrize(
        ("host", "word"), [("silent.example", "resolve:timeout"), ("failing.example", "resolve:servfail")]
    )
    def test_aaaa_that_is_not_answered(self, pair: Pair, tmp_path: Path, host: str, word: str) -> None:
        result = result_of(pair[0], f"{host}:4443", tmp_path)
        assert (result.status, result.winner) == ("broken", "ipv4")
        assert checks(result)["resolve_ipv6"] == word

    def test_dns_dead_over_ipv6(self, pair: Pair, tmp_path: Path) -> None:
        block(pair[1], "udp dport 53 drop")
        result = result_of(pair[0], "dual.example:4443", tmp_path)
        assert (result.status, result.score) == ("dual_stack", 9)
        assert result.dns is not None
        assert (result.dns.aaaa_over_ipv4, result.dns.aaaa_over_ipv6) == (True, False)
        assert checks(result)["dns_aaaa_over_ipv6"] == "resolve:timeout"

    def test_ipv6_only(self, pair: Pair, tmp_path: Path) -> None:
        pair[0].run(f"ip -4 addr flush dev {pair[0].device}")
        result = result_of(pair[0], "dual.example:4443", tmp_path, f"nameserver {IPV6}\n")
        assert (result.status, result.winner, result.score) == ("ipv6_only", "ipv6", 10)
        assert checks(result)["connect_ipv4"] == "route:no_route"

    def test_a_tunnel_is_a_doubt(self, pair: Pair, tmp_path: Path) -> None:
        near, far_end = pair
        near.run(f"ip -6 addr flush dev {near.device} scope global")
        near.run(f"ip addr add 2002:c633:6402::2/64 dev {near.device}")
        near.run(f"ip -6 route replace {IPV6}/128 dev {near.device}")
        far_end.run(f"ip -6 route replace 2002:c633:6402::/64 dev {far_end.device}")
        outcome = seen_from(near, "dual.example:4443", tmp_path)
        near.run(f"ip -6 route del {IPV6}/128")
        assert (outcome["result"]["status"], outcome["result"]["score"]) == ("dual_stack", 7)
        assert outcome["doubts"] == ["tunnel"]

    def test_nothing_works(self, pair: Pair, tmp_path: Path) -> None:
        near = pair[0]
        near.run(f"ip -4 addr flush dev {near.device}")
        near.run("ip -6 route del default")
        near.run(f"ip -6 addr flush dev {near.device} scope global")
        result = result_of(near, "dual.example:4443", tmp_path)
        assert (result.status, result.winner, result.score) == ("none", None, 0)

    def test_no_interface_at_all(self, pair: Pair, tmp_path: Path) -> None:
        near = pair[0]
        near.run(f"ip link set {near.device} down")
        outcome = seen_from(near, "dual.example:4443", tmp_path)
        near.run(f"ip link set {near.device} up")
        failure = msgspec.convert(outcome["failure"], Failure)
        assert str(failure) == "device:no_interface"
