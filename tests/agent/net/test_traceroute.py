"""The way through a chain of real routers, over every method and family; with filters, limits and liars on it."""

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator

import pytest

from agent.errors import Failed
from agent.net.flows import Method
from agent.net.traceroute import Plan, Trace, trace
from agent.wire.failure import Reason, Stage
from tests.agent.net.chain import SERVER, Chain, chain
from tests.agent.net.liar import error, send, short_quotes, udp_packet

pytestmark = [pytest.mark.root, pytest.mark.program("nft"), pytest.mark.program("ip")]

METHODS: tuple[Method, ...] = ("udp", "icmp", "tcp")
WAYS = {
    "ipv4": [{"192.168.1.1"}, {"203.0.113.2"}, {"203.0.114.2", "203.0.115.2"}, {"203.0.116.2", "203.0.117.2"}],
    "ipv6": [{"fd00:1::1"}, {"2001:db8:1::2"}, {"2001:db8:2::2", "2001:db8:3::2"}, {"2001:db8:4::2", "2001:db8:5::2"}],
}
QUICK = Plan(timeout_s=0.3, pace_s=0.005)
EXCEEDED = {"ipv4": "icmp type time-exceeded drop", "ipv6": "icmpv6 type time-exceeded drop"}


@pytest.fixture(scope="module")
def network() -> Iterator[Chain]:
    with chain() as built:
        built["device"].set({"net.ipv4.ping_group_range": "0 0"})
        yield built


def go(network: Chain, family: str, plan: Plan = QUICK, *, address: str = "") -> Trace:
    with network["device"].entered():
        return asyncio.run(trace(address or SERVER[family], plan))


def together(network: Chain, *asked: tuple[str, Plan]) -> list[Trace]:
    """Trace several ways at the same time."""

    async def all_of_them() -> list[Trace]:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(trace(address, plan), name=f"{plan.method} {address}") for address, plan in asked
            ]
        return [task.result() for task in tasks]

    with network["device"].entered():
        return asyncio.run(all_of_them())


def quick(method: Method, *, probes: int = 3, source_port: int = 0, silent: int = 6, size: int | None = None) -> Plan:
    return Plan(method, timeout_s=0.3, pace_s=0.005, probes=probes, source_port=source_port, silent=silent, size=size)


def seen(found: Trace) -> list[set[str]]:
    return [{answer.address for answer in hop.answers} for hop in found.hops]


@pytest.mark.parametrize("family", SERVER)
@pytest.mark.parametrize("method", METHODS)
def test_the_way_is_found(network: Chain, method: Method, family: str) -> None:
    found = go(network, family, quick(method))
    assert found.reached
    assert found.reason is None
    assert found.last is not None
    assert (found.last.ttl, found.last.address) == (5, SERVER[family])
    assert [(hop.ttl, hop.sent, hop.loss_ratio) for hop in found.hops[:5]] == [(ttl, 3, 0.0) for ttl in range(1, 6)]
    assert all(0 < (hop.rtt_ms or 0) < 200 for hop in found.hops[:5])
    assert all(one <= known for one, known in zip(seen(found), WAYS[family], strict=False))
    assert found.foreign == 0


@pytest.mark.parametrize("family", SERVER)
@pytest.mark.parametrize("method", ["udp", "tcp"])
def test_one_of_two_equal_ways_is_seen_and_the_same_one_again(network: Chain, method: Method, family: str) -> None:
    thirds: set[str] = set()
    for port in range(40_000, 40_030):
        if len(thirds) > 1:
            break
        once, again = (go(network, family, quick(method, probes=2, source_port=port)) for _ in range(2))
        assert once.source_port == again.source_port == port
        assert [len(addresses) for addresses in seen(once)[:5]] == [1] * 5
        assert seen(once)[:5] == seen(again)[:5]
        thirds |= seen(once)[2]
    assert thirds == WAYS[family][2]  # or this test proves nothing


@pytest.mark.parametrize(
    ("method", "family", "rule", "reason"),
    [
        ("udp", "ipv4", "counter reject with icmp admin-prohibited", Reason.PROHIBITED),
        ("icmp", "ipv4", "reject with icmp host-unreachable", Reason.UNREACHABLE),
        ("tcp", "ipv4", "reject with icmp net-unreachable", Reason.NO_ROUTE),
        ("udp", "ipv4", "reject with icmp port-unreachable", Reason.REFUSED),
        ("udp", "ipv6", "reject with icmpv6 admin-prohibited", Reason.PROHIBITED),
        ("icmp", "ipv6", "reject with icmpv6 no-route", Reason.NO_ROUTE),
        ("tcp", "ipv6", "reject with icmpv6 addr-unreachable", Reason.UNREACHABLE),
        ("tcp", "ipv6", "reject with icmpv6 port-unreachable", Reason.REFUSED),
    ],
)
def test_a_router_that_refuses_ends_the_way(
    network: Chain, method: Method, family: str, rule: str, reason: Reason
) -> None:
    with network.ruled("core", rule):
        found = go(network, family, quick(method))
    assert (found.reached, found.reason) == (False, reason)
    assert found.last is not None
    assert found.last.ttl == 5
    assert found.last.address in WAYS[family][3]


def test_silence_ends_the_way_after_some_distances(network: Chain) -> None:
    """Every place drops what goes to a port of its own; echoes have none, and end at the last."""
    places = {"lan": (33_501, 1), "edge": (33_502, 2), "core": (33_503, 4)}
    asked = [
        (Plan(method, port, timeout_s=0.2, pace_s=0.005, probes=1, silent=3), ends)
        for port, ends in places.values()
        for method in METHODS[::2]
    ]
    asked.append((quick("icmp", probes=1, silent=3), 4))
    with contextlib.ExitStack() as stack:
        for place, (port, _) in places.items():
            stack.enter_context(network.ruled(place, f"meta l4proto {{ tcp, udp }} th dport {port} drop"))
        stack.enter_context(network.ruled("server", "icmp type echo-request drop", hook="input"))
        traces = together(network, *[(SERVER["ipv4"], plan) for plan, _ in asked])
    assert [found.method for found in traces] == ["udp", "tcp"] * 3 + ["icmp"]
    for found, (_, ends) in zip(traces, asked, strict=True):
        assert (found.reached, found.reason) == (False, None)
        assert found.last is not None
        assert found.last.ttl == ends
        assert len(found.hops) == ends + 3


@pytest.mark.parametrize("family", SERVER)
def test_a_router_that_forwards_and_never_answers_is_a_gap(network: Chain, family: str) -> None:
    with network.ruled("lan", EXCEEDED[family], hook="output"), network.ruled("edge", EXCEEDED[family], hook="output"):
        found = go(network, family, quick("udp", probes=1))
    assert found.reached
    assert [bool(addresses) for addresses in seen(found)[:5]] == [False, False, True, True, True]
    assert found.hops[0].loss_ratio == 1.0


def test_by_tcp_silence_is_waited_for_once(network: Chain) -> None:
    with network.ruled("edge", "drop"):
        found = go(network, "ipv4", Plan("tcp", timeout_s=0.05, silent=4))
    assert [hop.sent for hop in found.hops] == [3, 3, 3, 3, 1, 1]


def test_a_limit_on_errors_is_loss_at_that_router_only(network: Chain) -> None:
    rule = "icmp type time-exceeded limit rate over 1/minute burst 1 packets drop"
    with network.ruled("edge", rule, hook="output"):
        found = go(network, "ipv4", Plan(timeout_s=0.15, pace_s=0.005))
    assert found.reached
    assert [hop.loss_ratio for hop in found.hops[:5]] == [0.0, pytest.approx(2 / 3, abs=1e-5), 0.0, 0.0, 0.0]


def test_a_dead_first_router_is_told_by_its_link(network: Chain) -> None:
    network["device"].ip("route add 192.0.2.0/24 via 192.168.1.99", "route add 2001:db8:f::/64 via fd00:1::99")
    plans = [Plan(method, timeout_s=0.9, silent=1, probes=2) for method in METHODS]
    asked = [(address, plan) for address in ("192.0.2.1", "2001:db8:f::1") for plan in plans]
    asked += [("fe80::dead%to_lan", plan) for plan in plans if plan.method != "tcp"]  # of that TCP hears nothing
    traces = together(network, *asked)
    assert len(traces) == 8
    for found in traces:
        assert found.stuck, found.method
        assert found.last is None
        assert not found.reached


@pytest.mark.parametrize("family", SERVER)
@pytest.mark.parametrize("method", ["udp", "icmp"])
def test_a_packet_that_does_not_fit_ends_where_the_way_is_narrow(network: Chain, method: Method, family: str) -> None:
    network["core"].ip("link set to_server mtu 1300")
    try:
        fits, large = (go(network, family, quick(method, size=size)) for size in (1300, 1301))
    finally:
        network["core"].ip("link set to_server mtu 1500")
        for command in ("ip route flush cache", "ip -6 route flush cache"):
            network["device"].run(command)
    assert fits.reached
    assert (large.reached, large.reason) == (False, Reason.DROPPED)
    assert large.last is not None
    assert large.last.end is not None
    assert large.last.end.mtu == 1300


def test_a_packet_larger_than_our_own_interface_never_leaves(network: Chain) -> None:
    with pytest.raises(Failed) as raised:
        go(network, "ipv4", quick("udp", size=1600))
    assert (raised.value.failure.stage, raised.value.failure.reason) == (Stage.DEVICE, Reason.DROPPED)


def test_errors_about_packets_that_we_never_sent_are_counted_and_ignored(network: Chain) -> None:
    ends, ports = ("192.168.1.2", SERVER["ipv4"]), (41_000, 33_434)
    forged = [
        error(11, 0, udp_packet(ends, ports, os.urandom(12))),  # the right ports, not our mark
        error(3, 3, udp_packet(ends, ports, b"\x00\x01\xff\xfe" + os.urandom(8))),  # and a number that we use
        error(3, 13, udp_packet(ends, ports, b"\x00\x01")),  # cut short
        error(3, 13, udp_packet(ends, (41_001, 33_434), b"")),  # another flow of ours: nobody's
        error(11, 0, b"\x45" + bytes(7)),  # no packet at all
    ]

    async def lied_to() -> Trace:
        lied = False

        def lie(_: Trace) -> None:
            nonlocal lied
            if not lied:
                send(network["server"], "192.168.1.2", *forged)
                lied = True

        return await trace(SERVER["ipv4"], quick("udp", source_port=41_000), watch=lie)

    with network["device"].entered():
        found = asyncio.run(lied_to())
    assert found.reached
    assert found.foreign == 2
    assert [len(addresses) for addresses in seen(found)[:5]] == [1] * 5
    assert SERVER["ipv4"] not in set().union(*seen(found)[:4])


def test_routers_that_quote_next_to_nothing_are_asked_one_by_one(network: Chain) -> None:
    rule = "icmp type time-exceeded ip length > 60 drop"
    with contextlib.ExitStack() as stack:
        for place, device in (("lan", "to_device"), ("edge", "to_lan")):
            stack.enter_context(network.ruled(place, rule, hook="output"))
            stack.enter_context(short_quotes(network[place], device))
        found = go(network, "ipv4", quick("udp", probes=1))
    assert found.reached
    assert seen(found)[:2] == [{"192.168.1.1"}, {"203.0.113.2"}]
    assert all(one <= known for one, known in zip(seen(found), WAYS["ipv4"], strict=False))


def test_without_the_right_to_send_icmp_it_says_so(network: Chain) -> None:
    network["device"].set({"net.ipv4.ping_group_range": "1 0"})
    try:
        with pytest.raises(Failed) as raised:
            go(network, "ipv4", quick("icmp"))
    finally:
        network["device"].set({"net.ipv4.ping_group_range": "0 0"})
    assert (raised.value.failure.stage, raised.value.failure.reason) == (Stage.DEVICE, Reason.NO_PERMISSION)


@pytest.mark.parametrize(
    ("route", "failure"),
    [
        ("unreachable", (Stage.CONNECT, Reason.UNREACHABLE)),
        ("blackhole", (Stage.ROUTE, Reason.NO_ROUTE)),
        ("prohibit", (Stage.CONNECT, Reason.PROHIBITED)),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_what_never_leaves_the_device_is_no_way(
    network: Chain, method: Method, route: str, failure: tuple[Stage, Reason]
) -> None:
    network["device"].ip(f"route add {route} 192.0.2.128/25")
    try:
        with pytest.raises(Failed) as raised:
            go(network, "ipv4", quick(method), address="192.0.2.129")
    finally:
        network["device"].ip(f"route delete {route} 192.0.2.128/25")
    assert (raised.value.failure.stage, raised.value.failure.reason) == failure


@pytest.mark.parametrize("method", ["udp", "icmp"])
def test_a_filter_of_the_devices_own_is_told(network: Chain, method: Method) -> None:
    with network.ruled("device", f"ip daddr {SERVER['ipv4']} drop", hook="output"), pytest.raises(Failed) as raised:
        go(network, "ipv4", quick(method))
    assert (raised.value.failure.stage, raised.value.failure.reason) == (Stage.CONNECT, Reason.PROHIBITED)


def test_what_was_seen_stays_when_time_is_up(network: Chain) -> None:
    kept: list[Trace] = []

    async def cut() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await trace(SERVER["ipv4"], Plan(timeout_s=5, pace_s=0.005), watch=kept.append)

    began = time.monotonic()
    with network.ruled("edge", "drop"), network["device"].entered():
        asyncio.run(cut())
    assert time.monotonic() - began < 3
    assert seen(kept[-1])[:2] == [{"192.168.1.1"}, {"203.0.113.2"}]


def test_a_target_on_this_very_device() -> None:
    for address in ("127.0.0.1", "::1"):
        for method in ("udp", "tcp"):
            found = asyncio.run(trace(address, quick(method, probes=1)))
            assert found.reached
            assert found.last is not None
            assert found.last.ttl == 1
