"""The latency probe over a cable between two hosts: families, rights, filters, losses by direction."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.wire.failure import Failure
from agent.wire.results import Latency
from tests.agent.net.dns_responder import IPV4, IPV6
from tests.agent.net.namespaces import Namespace, cabled
from tests.agent.net.namespaces import serving as serving_in
from tests.netlab import tun


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
                for name in ("six.example", "unknown.example")
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
        outcome = self.measured(near, url, options=("interval=0.05", "count=40"), without="net_raw")
        result = msgspec.convert(outcome["result"], Latency)
        assert (result.method, result.sent, result.received, result.stamps) == ("tcp", 40, 32, "kernel")
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
