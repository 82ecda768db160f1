"""The probe `path` through a chain of real routers: where the way ends, and whose part that is."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path as File

import pytest

from agent.errors import Failed, UsageError
from agent.path import ways
from agent.probes import path
from agent.probes.probe import Outcome, Progress, Task
from agent.wire.failure import Doubt, Reason, Stage
from agent.wire.path import Path
from tests.agent.net.chain import SERVER, Chain, chain

PEERS = {"ipv4": f"msak+ws://{SERVER['ipv4']}:8080", "ipv6": f"msak+ws://[{SERVER['ipv6']}]:8080"}
SHORT = {"timeout": "0.12", "count": "2", "silent": "2", "probes": "1"}
HURRY_S = 2.5
"""Where the first router is silent: of that, it may be asked for a second."""
BEYOND = "203.0.114.2:53,203.0.115.2:53,[2001:db8:2::2]:53,[2001:db8:3::2]:53"
"""Other destinations that are there: the two routers behind the provider's first."""


@pytest.fixture(scope="module")
def network() -> Iterator[Chain]:
    with chain() as built:
        built["device"].set({"net.ipv4.ping_group_range": "0 0"})
        yield built


def runs(network: Chain, *tasks: Task) -> list[Outcome]:
    """Make several runs at the same time."""

    async def all_of_them() -> list[Outcome]:
        async with asyncio.TaskGroup() as group:
            made = [group.create_task(path.probe(task), name=f"run {number}") for number, task in enumerate(tasks)]
        return [task.result() for task in made]

    with network["device"].entered():
        return asyncio.run(all_of_them())


def run(network: Chain, task: Task) -> Outcome:
    with network["device"].entered():
        return asyncio.run(path.probe(task))


def look(network: Chain, family: str, folder: File | None = None, /, **given: str) -> Path:
    outcome = run(network, order(family, folder, **given))
    assert outcome.family == family
    assert outcome.peer is not None
    assert outcome.peer.address == SERVER[family]
    return path_of(outcome)


def path_of(outcome: Outcome) -> Path:
    assert isinstance(outcome.result, Path)
    return outcome.result


def both(network: Chain, folder: File | None = None, /, **given: str) -> list[Path]:
    """Look over both families at the same time, each with a folder of its own."""
    return [path_of(outcome) for outcome in runs(network, *orders(folder, **given))]


def orders(folder: File | None = None, /, **given: str) -> list[Task]:
    places = {family: folder / family if folder is not None else None for family in PEERS}
    for place in places.values():
        if place is not None:
            place.mkdir(exist_ok=True)
    return [order(family, place, **given) for family, place in places.items()]


def order(family: str, folder: File | None = None, /, **given: str) -> Task:
    return Task(PEERS[family], options={**SHORT, "others": "", **given}, folder=folder)


def whose(network: Chain, *asked: list[Task]) -> list[set[str | None]]:
    """Run all of that at the same time; give the parts that each list of orders names."""
    results = iter([path_of(outcome).domain for outcome in runs(network, *[task for tasks in asked for task in tasks])])
    return [{next(results) for _ in tasks} for tasks in asked]


@pytest.mark.root
@pytest.mark.program("nft")
def test_a_healthy_way_over_every_method_and_family(network: Chain, tmp_path: File) -> None:
    tasks = []
    for method in ("udp", "icmp", "tcp"):
        (tmp_path / method).mkdir()
        tasks += orders(tmp_path / method, method=method)
    twice = [[path_of(outcome) for outcome in runs(network, *tasks)] for _ in range(2)]
    for result in (result for results in twice for result in results):
        assert (result.reached, result.hops_count, result.ends_at) == (True, 5, 5)
        assert (result.domain, result.failure) == (None, None)
        assert (result.first_hop_loss_ratio, result.provider_hop_loss_ratio) == (0.0, 0.0)
        assert [hop.part for hop in result.hops or []] == ["lan", "provider", "provider", "provider", "destination"]
        assert result.rtt_ms is not None
        assert result.first_hop_rtt_ms is not None
        assert result.provider_hop_rtt_ms is not None
    assert [{result.changed for result in results} for results in twice] == [{None}, {False}]
    once, again = ([[hop.address for hop in result.hops or []] for result in results] for results in twice)
    assert once == again
    assert [result.method for result in twice[0]] == ["udp", "udp", "icmp", "icmp", "tcp", "tcp"]


@pytest.mark.root
@pytest.mark.program("nft")
def test_whose_part_fails(network: Chain, tmp_path: File) -> None:
    """As one device sees it: what it learned while the way was whole helps it later."""
    assert all(result.reached for result in both(network, tmp_path))
    with network.ruled("core", "drop"):
        alone, asking, knowing = orders(), orders(others=BEYOND), orders(tmp_path)
        ends = [path_of(outcome) for outcome in runs(network, *alone, *asking, *knowing)]
        assert [end.domain for end in ends[:4]] == ["provider"] * 2 + ["destination"] * 2  # alone, nothing tells
        for end in ends[4:]:
            assert (end.ends_at, end.domain) == (4, "destination")  # it was the last router before the target
            assert end.failure is not None
            assert (end.failure.stage, end.failure.reason) == (Stage.CONNECT, Reason.TIMEOUT)
            assert end.changed is False
            assert [hop.address is None for hop in end.hops or []] == [False] * 4 + [True]
    with network.ruled("edge", "drop"):
        assert whose(network, knowing) == [{"provider"}]
    with network.ruled("lan", "drop"):
        unknown = orders(others="nowhere.invalid:443")  # a name that is not found was not asked
        found = whose(network, alone, asking, unknown, [replace(task, max_seconds=HURRY_S) for task in knowing])
    assert found == [{None}, {"access"}, {None}, {"access"}]


@pytest.mark.root
@pytest.mark.program("nft")
def test_a_filter_on_what_a_trace_sends_accuses_nobody(network: Chain, tmp_path: File) -> None:
    look(network, "ipv4", tmp_path)
    site = "meta l4proto udp reject with icmpx admin-prohibited"
    with network.ruled("lan", site), network.ruled("core", "tcp dport 8080 drop"):
        assert look(network, "ipv4", others=BEYOND).domain == "destination"
    with network.ruled("lan", "meta l4proto udp drop"), network.ruled("core", "tcp dport 8080 drop"):
        result = look(network, "ipv4", tmp_path)  # the provider's router of before answers an echo
    assert (result.ends_at, result.domain) == (1, "provider")
    assert (result.provider_hop_rtt_ms or 0) > 0
    assert result.provider_hop_loss_ratio == 0.0


@pytest.mark.root
@pytest.mark.program("nft")
def test_who_answers_at_the_site_in_anyones_name_proves_nothing(network: Chain) -> None:
    portal = "meta l4proto tcp redirect to :9"
    with network.ruled("lan", portal, hook="prerouting", kind="nat"):
        assert look(network, "ipv4").reached  # by the trace
        with network.ruled("edge", "drop"):
            ends = both(network, others=BEYOND)
    assert [(end.reached, end.domain) for end in ends] == [(False, "provider")] * 2


@pytest.mark.root
@pytest.mark.program("nft")
def test_a_line_that_takes_the_names_with_it_is_traced_to_the_last_address(network: Chain, tmp_path: File) -> None:
    task = replace(order("ipv4", tmp_path, others=BEYOND), peer="msak+ws://peer.invalid:8080", family="ipv4")
    with network.ruled("device", "meta l4proto { tcp, udp } th dport 53 reject", hook="output"):
        with pytest.raises(Failed) as raised:
            run(network, task)
        assert raised.value.failure.stage == Stage.RESOLVE
        way = ways.Way(name=f"ipv4 udp {SERVER['ipv4']}", host="peer.invalid")
        (tmp_path / path.NAME).write_bytes(ways.write([], way))
        with network.ruled("lan", "drop"):
            outcome = run(network, task)
    cut = path_of(outcome)
    assert (cut.remembered, cut.reached, cut.ends_at, cut.domain) == (True, False, 1, "access")
    assert outcome.peer is not None
    assert outcome.peer.address == SERVER["ipv4"]
    assert path_of(run(network, order("ipv4", tmp_path))).remembered is None


@pytest.mark.root
@pytest.mark.program("nft")
def test_a_router_that_refuses_says_whose_filter_it_is(network: Chain, tmp_path: File) -> None:
    look(network, "ipv4", tmp_path)
    for place, ends_at, whose in (("lan", 2, "lan"), ("edge", 3, "provider"), ("core", 5, "destination")):
        with network.ruled(place, "reject with icmpx admin-prohibited"):
            result = look(network, "ipv4", tmp_path, others=BEYOND)
        assert (result.reached, result.ends_at, result.domain) == (False, ends_at, whose)
        assert result.failure is not None
        assert result.failure.reason == Reason.PROHIBITED
        assert (result.hops or [])[-1].said == "prohibited"


@pytest.mark.root
@pytest.mark.program("nft")
def test_a_first_router_without_a_way_out_is_the_access_lines_fault(network: Chain) -> None:
    with network.ruled("lan", "reject with icmpx no-route"):
        for result in both(network):
            assert (result.reached, result.ends_at, result.domain) == (False, 2, "access")
            assert [hop.part for hop in result.hops or []] == ["lan", "lan"]


@pytest.mark.root
@pytest.mark.program("nft")
def test_a_first_router_that_is_silent_but_forwards_is_no_fault(network: Chain) -> None:
    quiet = ("icmp type { echo-reply, time-exceeded } drop", "tcp flags & rst == rst drop")
    with network.ruled("lan", *quiet, hook="output"), network.ruled("core", "drop"):
        result = path_of(run(network, replace(order("ipv4", others=BEYOND), max_seconds=HURRY_S)))
    assert (result.reached, result.domain) == (False, "destination")
    assert (result.hops or [])[0].address is None
    assert result.first_hop_rtt_ms is None
    assert result.first_hop_loss_ratio == 0.0


@pytest.mark.root
@pytest.mark.program("nft")
def test_a_first_router_that_is_gone_is_the_sites_fault(network: Chain) -> None:
    network["lan"].ip("link set to_device down")
    try:
        tasks = [replace(task, max_seconds=HURRY_S) for task in orders(timeout="0.9", silent="1")]
        results = [path_of(outcome) for outcome in runs(network, *tasks)]
    finally:
        network["lan"].ip("link set to_device up", "addr add fd00:1::1/64 dev to_device nodad")
        network.settle()
    for result in results:
        assert (result.reached, result.domain, result.ends_at) == (False, "lan", None)
        assert result.failure is not None
        assert result.failure.reason == Reason.UNREACHABLE


@pytest.mark.root
@pytest.mark.program("nft")
def test_loss_on_the_line_is_found_and_a_lazy_router_is_not(network: Chain) -> None:
    lost = [f"ip daddr {router} numgen inc mod 4 == 1 drop" for router in ("192.168.1.1", "203.0.113.2")]
    unanswered = "ip6 daddr fd00:1::1 icmpv6 type echo-request numgen inc mod 4 == 1 drop"
    with network.ruled("lan", *lost, unanswered, hook="prerouting"):
        lossy, lazy = both(network, count="4")
    assert lossy.first_hop_loss_ratio == lossy.provider_hop_loss_ratio == 0.25
    assert lazy.first_hop_loss_ratio == 0.0


@pytest.mark.root
@pytest.mark.program("nft")
def test_a_peer_that_answers_at_its_own_port_is_reached(network: Chain) -> None:
    with network.ruled("core", "udp dport 33434 drop"):
        result = look(network, "ipv4")
    assert (result.reached, result.hops_count, result.ends_at) == (True, None, 4)
    assert (result.domain, result.failure) == (None, None)
    assert result.rtt_ms is not None
    with network.ruled("core", "udp dport 33434 drop", "tcp dport 8080 reject with icmp port-unreachable"):
        assert not look(network, "ipv4").reached  # a router's word is not the peer's


@pytest.mark.root
@pytest.mark.program("nft")
def test_a_reflector_is_asked_as_such(network: Chain) -> None:
    process = network["server"].python(
        "-m",
        "agent",
        "peer",
        "--stamp",
        "0.0.0.0:8862",
        stdout=-1,
        stderr=-1,
    )
    assert process.stdout is not None
    assert "stamp" in process.stdout.readline()
    options = {**SHORT, "others": "", "timeout": "0.3"}
    with network.ruled("core", "udp dport 33434 drop"):
        outcome = run(network, Task(f"stamp://{SERVER['ipv4']}:8862", options=options))
        assert isinstance(outcome.result, Path)
        assert outcome.result.reached
        process.terminate()
        process.wait(timeout=5)
        outcome = run(network, Task(f"stamp://{SERVER['ipv4']}:8862", options=options))
        assert isinstance(outcome.result, Path)
        assert not outcome.result.reached


@pytest.mark.root
@pytest.mark.program("nft")
def test_another_way_is_a_change_once(network: Chain, tmp_path: File) -> None:
    assert [look(network, "ipv4", tmp_path).changed for _ in range(2)] == [None, False]
    third = str((look(network, "ipv4", tmp_path).hops or [])[2].address)
    other = {"203.0.114.2": "203.0.115.2", "203.0.115.2": "203.0.114.2"}[third]
    network["edge"].ip(f"route add 198.51.100.0/24 via {other}")
    try:
        assert [look(network, "ipv4", tmp_path).changed for _ in range(2)] == [True, False]
    finally:
        network["edge"].ip("route delete 198.51.100.0/24")
    assert look(network, "ipv4", tmp_path).changed is False  # known from before


@pytest.mark.root
@pytest.mark.program("nft")
def test_a_device_without_a_route_has_not_measured(network: Chain) -> None:
    network["device"].ip("route delete default", "route delete ::/0")
    try:
        for family in PEERS:
            with pytest.raises(Failed) as raised:
                look(network, family)
            assert (raised.value.failure.stage, raised.value.failure.reason) == (Stage.ROUTE, Reason.NO_ROUTE)
            assert raised.value.family == family
    finally:
        network["device"].ip("route add default via 192.168.1.1", "route add ::/0 via fd00:1::1")


@pytest.mark.root
@pytest.mark.program("nft")
def test_a_budget_cuts_the_run_and_says_so(network: Chain) -> None:
    begun = time.monotonic()
    with network.ruled("core", "drop"):
        options = {"others": "", "timeout": "5"}
        outcome = run(network, Task(PEERS["ipv4"], max_seconds=1.5, options=options))
    assert time.monotonic() - begun < 5
    assert outcome.doubts == (Doubt.BUDGET_CUT,)
    assert isinstance(outcome.result, Path)
    assert outcome.result.ends_at == 4
    with pytest.raises(Failed) as raised:
        run(network, Task(PEERS["ipv4"], max_bytes=1000))
    assert raised.value.failure.reason == Reason.BUDGET


@pytest.mark.root
@pytest.mark.program("nft")
def test_a_folder_that_cannot_be_written_costs_no_result(network: Chain, tmp_path: File) -> None:
    gone = tmp_path / "gone"
    assert look(network, "ipv4", gone).changed is None
    (tmp_path / path.NAME).write_bytes(b"\x00torn")
    assert look(network, "ipv4", tmp_path).changed is None
    assert json.loads((tmp_path / path.NAME).read_bytes())[0]["provider"] == "203.0.113.2"


async def test_this_very_device_over_every_method() -> None:
    steps: list[Progress] = []
    for method in ("udp", "tcp"):
        task = Task("msak+ws://127.0.0.1:9", options={**SHORT, "others": "", "method": method}, progress=steps.append)
        outcome = await path.probe(task)
        assert isinstance(outcome.result, Path)
        assert (outcome.result.reached, outcome.result.hops_count, outcome.result.domain) == (True, 1, None)
    assert steps[-1].done == 1.0
    assert {step.phase for step in steps} == {"path"}


@pytest.mark.parametrize(
    ("peer", "options", "complaint"),
    [
        ("mlab:", {}, "names no host"),
        ("ookla://7", {}, "names no host"),
        (PEERS["ipv4"], {"method": "sctp"}, "udp, icmp or tcp"),
        (PEERS["ipv4"], {"hop": "3"}, "no option 'hop'"),
        (PEERS["ipv4"], {"hops": "0"}, "1 to 60"),
        (PEERS["ipv4"], {"others": "https://moet.gov.vn"}, "HOST:PORT"),
        (PEERS["ipv4"], {"others": "1.1.1.1"}, "HOST:PORT"),
        (PEERS["ipv4"], {"others": "1.1.1.1:99999"}, "HOST:PORT"),
        (PEERS["ipv4"], {"others": "2001:db8::1:53"}, "HOST:PORT"),
        (PEERS["ipv4"], {"others": ",".join(["1.1.1.1:53"] * 9)}, "at most 8"),
    ],
)
def test_wrong_orders_are_refused_in_one_line(peer: str, options: dict[str, str], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        path.planned(Task(peer, options=options))


def test_what_a_peer_means() -> None:
    assert path.planned(Task(PEERS["ipv4"])).plan.port == 33_434
    assert path.planned(Task(PEERS["ipv4"], options={"method": "tcp"})).plan.port == 8080
    assert path.planned(Task("stamp://192.0.2.7", options={"method": "tcp"})).plan.port == 33_434
    assert ("moet.gov.vn", 443) in path.planned(Task(PEERS["ipv4"])).others
    assert path.planned(Task(PEERS["ipv4"], options={"others": "[2001:db8::1]:53, "})).others == (("2001:db8::1", 53),)
    wish = path.planned(Task(PEERS["ipv4"]))
    assert path.within(wish, None) == wish
    cut = path.within(wish, 10_000)
    assert (cut.cut, cut.plan.probes) == (True, 2)
