import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.errors import Failed, UsageError
from agent.net.captive_portal import CHECKS
from agent.net.public_services import NAMES
from agent.probes import PROBES
from agent.probes.ipv6 import examine, planned, probe
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
    defaults = {"resolv_conf": str(tmp_path / "none"), "timeout": "2", "hosts": "", "portal_url": ""}
    outcome = await examine(Task(peer, options=defaults | options), proc=tmp_path)
    assert isinstance(outcome.result, Ipv6)
    return outcome, outcome.result


def checks(result: Ipv6) -> dict[str, str]:
    return {check.name: "ok" if check.ok else f"{check.stage}:{check.reason}" for check in result.checks or []}


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", "ipv4"), ("::1", "ipv6")])
async def test_a_peer_that_is_an_address(host: str, family: str, tmp_path: Path) -> None:
    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(close, host, 0) as server:
        peer = f"msak+ws://{f'[{host}]' if ':' in host else host}:{server.sockets[0].getsockname()[1]}"
        outcome, result = await examined(peer, tmp_path)
    assert result.status == f"{family}_only"
    assert (result.winner, result.fallback_ms, result.score, result.dns) == (family, None, None, None)
    assert (checks(result)[f"connect_{family}"], checks(result)["race"]) == ("ok", "ok")
    assert not [name for name in checks(result) if name.startswith(("dns_", "resolve_"))]
    assert (result.mtu_ok, result.domain, result.hosts, result.reason) == (None, None, None, None)
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
    task = Task(f"127.0.0.1:{port}", options={"timeout": "1"})
    outcome = await examine(task, proc=tmp_path, sysfs=sysfs)
    assert isinstance(outcome.result, Ipv6)
    assert (outcome.result.status, outcome.result.winner) == ("none", None)
    assert checks(outcome.result)["connect_ipv4"] == "connect:refused"
    # IPv6, of which this device has none, is not what was asked about.
    assert (outcome.result.decided_by, outcome.result.reason) == ("connect_ipv4", "refused")
    with pytest.raises(Failed, match="device:no_interface"):
        await examine(task, proc=tmp_path, sysfs=tmp_path / "bare")


async def test_a_name_that_only_the_system_knows(tmp_path: Path) -> None:
    seen: list[Progress] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        task = Task(
            f"iperf3://localhost:{server.getsockname()[1]}",
            options={"resolv_conf": str(tmp_path / "none")},
            progress=seen.append,
        )
        outcome = await examine(task, proc=tmp_path)
    assert isinstance(outcome.result, Ipv6)
    assert checks(outcome.result)["resolve_ipv4"] == "ok"
    assert outcome.result.dns is None
    assert outcome.result.status in {"ipv4_only", "dual_stack", "broken"}
    # Nothing left this device: that is no statement on the line's IPv6, nor is anybody else asked.
    assert outcome.doubts == ("method_reference_only",)
    assert (outcome.result.score, outcome.result.hosts_asked) == (None, None)
    assert not {"captive_portal", "transfer_ipv4"} & set(checks(outcome.result))
    assert seen[-1].done == 1.0
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)


@pytest.mark.parametrize(
    ("peer", "options", "words"),
    [
        ("mlab:", {}, "TCP"),
        ("stamp://h", {}, "TCP"),
        ("h:1", {"tiemout": "1"}, "no option 'tiemout'"),
        ("h:1", {"timeout": "-1"}, "timeout"),
        ("h:1", {"dns_port": "5.5"}, "whole number"),
        ("h:1", {"hosts": "chinhphu.vn -oops"}, "no host name"),
        ("h:1", {"hosts": " ".join(f"h{number}.vn" for number in range(21))}, "at most 20"),
        ("h:1", {"hosts_port": "0"}, "hosts_port"),
        ("h:1", {"portal_url": "https://example.vn/"}, "http://"),
        ("h:1", {"portal_url": "gopher://h"}, "http://"),
        ("h:1", {"portal_url": " ".join(f"http://h{number}.vn/" for number in range(6))}, "at most 5"),
    ],
)
async def test_wrong_usage(peer: str, options: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        await probe(Task(peer, options=options))


def test_the_lists_of_options() -> None:
    usual = planned(Task("h:1"))
    assert (usual.hosts, usual.portal_urls) == (NAMES, CHECKS)
    none = planned(Task("h:1", options={"hosts": "", "portal_url": ""}))
    assert (none.hosts, none.portal_urls) == ((), ())
    assert planned(Task("h:1", options={"hosts": "none", "portal_url": "none"})) == none
    chosen = planned(Task("h:1", options={"hosts": "a.vn, b.vn a.vn", "portal_url": "http://a/x http://b"}))
    assert (chosen.hosts, chosen.portal_urls) == (("a.vn", "b.vn"), ("http://a/x", "http://b"))


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("scheme", ["msak+ws", "msak+wss"])
async def test_a_peer_that_says_nothing_leaves_nothing_behind(scheme: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        open_before = open_files()
        peer = f"{scheme}://127.0.0.1:{server.getsockname()[1]}"
        _, result = await examined(peer, tmp_path, timeout="0.2")
        assert open_files() == open_before
    assert checks(result)["transfer_ipv4"] == "transfer:timeout"
    assert asyncio.all_tasks() == {asyncio.current_task()}


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


# ---- between namespaces, what the scenarios of a whole site leave out


@pytest.fixture(scope="module")
def far() -> Iterator[Pair]:
    """A far end that is always the same: dual-stack address, DNS over UDP, and a listener that hangs up."""
    with cabled("v") as (near, far_end):
        far_end.run(f"ip addr add {IPV4}/24 dev {far_end.device}")
        far_end.run(f"ip addr add {IPV6}/64 dev {far_end.device}")
        with serving(far_end, "tests.agent.net.far_end"):
            yield near, far_end


@pytest.fixture
def near(far: Pair) -> Namespace:
    """The near end as on a healthy dual-stack line; each test then breaks something."""
    place, _ = far
    place.run(f"ip addr flush dev {place.device} scope global")
    place.run(f"ip addr add 198.51.100.2/24 dev {place.device}")
    place.run(f"ip addr add 2001:db8:1::2/64 dev {place.device}")
    place.run(f"ip route replace default via {IPV4}")
    place.run(f"ip -6 route replace default via {IPV6}")
    return place


def seen_from(near: Namespace, peer: str, tmp_path: Path, resolvers: str = BOTH_RESOLVERS) -> dict[str, Any]:
    conf = tmp_path / "resolv.conf"
    conf.write_text(resolvers)
    options = ["timeout=1", "hosts=", "portal_url="]
    process = near.python(["-m", "tests.agent.probes.near_end", "ipv6", peer, *options], resolv_conf=conf)
    stdout, stderr = process.communicate(timeout=15)
    assert process.returncode == 0, stderr
    assert not stderr
    outcome: dict[str, Any] = msgspec.json.decode(stdout)
    return outcome


def result_of(near: Namespace, peer: str, tmp_path: Path, resolvers: str = BOTH_RESOLVERS) -> Ipv6:
    return msgspec.convert(seen_from(near, peer, tmp_path, resolvers)["result"], Ipv6)


@pytest.mark.root
@pytest.mark.program("ip")
@pytest.mark.timeout(40)
class TestBetweenNamespaces:
    def test_the_path_mtu_is_that_of_the_path(self, near: Namespace, tmp_path: Path) -> None:
        near.run(f"ip -6 route replace {IPV6}/128 dev {near.device} mtu 1400")
        outcome = seen_from(near, "dual.example:4443", tmp_path)
        near.run(f"ip -6 route del {IPV6}/128")
        result = msgspec.convert(outcome["result"], Ipv6)
        assert (result.status, result.score, result.pmtu_bytes) == ("dual_stack", 10, 1400)
        # The far end hangs up, which says nothing of packets of full size; and no router is there to be asked.
        assert result.mtu_ok is None
        failing = {name: word for name, word in checks(result).items() if word != "ok"}
        assert set(failing) == {
            "router_advertisement", "transfer_ipv4", "transfer_ipv6",
            "dns_a_over_ipv4_tcp", "dns_aaaa_over_ipv4_tcp", "dns_a_over_ipv6_tcp", "dns_aaaa_over_ipv6_tcp",
        }  # fmt: skip
        assert failing["dns_aaaa_over_ipv6_tcp"] == "resolve:refused"
        assert outcome["peer"] == {"url": "msak+wss://dual.example:4443", "address": IPV6}
        assert outcome["link"]["interface"] == near.device

    def test_no_ipv6_in_the_kernel(self, near: Namespace, tmp_path: Path) -> None:
        near.run(f"sysctl -q -w net.ipv6.conf.{near.device}.disable_ipv6=1")
        result = result_of(near, "dual.example:4443", tmp_path, f"nameserver {IPV4}\n")
        near.run(f"sysctl -q -w net.ipv6.conf.{near.device}.disable_ipv6=0")
        assert (result.status, result.addresses) == ("ipv4_only", msgspec.convert({}, type(result.addresses)))
        assert (result.stage, result.reason, result.domain) == ("device", "no_address", "lan")
        # It is the device itself, not its router.
        assert result.decided_by == "device_ipv6"
        assert "switched off" in {check.name: check.detail or "" for check in result.checks or []}["device_ipv6"]
        assert checks(result)["connect_ipv6"].startswith(("route:", "connect:"))

    @pytest.mark.parametrize(
        ("host", "word"),
        [
            ("silent.example", "resolve:timeout"),
            ("failing.example", "resolve:servfail"),
            # by it IPv6 would "work" over IPv4, or on this very device
            ("mapped.example", "resolve:lie"),
            ("own.example", "resolve:lie"),
        ],
    )
    def test_aaaa_that_is_not_answered(self, near: Namespace, tmp_path: Path, host: str, word: str) -> None:
        result = result_of(near, f"{host}:4443", tmp_path)
        assert (result.status, result.winner, result.score) == ("broken", "ipv4", 0)
        assert (f"{result.stage}:{result.reason}", result.decided_by) == (word, "resolve_ipv6")
        assert checks(result)["resolve_ipv6"] == word

    def test_a_blocked_name_does_not_lead_to_this_device(self, near: Namespace, tmp_path: Path) -> None:
        result = result_of(near, "nowhere.example:4443", tmp_path)
        assert (result.status, checks(result)["resolve_ipv4"]) == ("ipv6_only", "resolve:lie")

    def test_nothing_works(self, near: Namespace, tmp_path: Path) -> None:
        near.run(f"ip -4 addr flush dev {near.device}")
        near.run("ip -6 route del default")
        near.run(f"ip -6 addr flush dev {near.device} scope global")
        result = result_of(near, "dual.example:4443", tmp_path)
        assert (result.status, result.winner, result.score) == ("none", None, 0)
        assert (result.stage, result.reason, result.domain) == ("device", "no_address", "lan")

    def test_no_interface_at_all(self, near: Namespace, tmp_path: Path) -> None:
        near.run(f"ip link set {near.device} down")
        outcome = seen_from(near, "dual.example:4443", tmp_path)
        near.run(f"ip link set {near.device} up")
        failure = msgspec.convert(outcome["failure"], Failure)
        assert str(failure) == "device:no_interface"
