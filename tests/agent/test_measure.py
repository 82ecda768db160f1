"""A run always ends as a measurement: with a result, or with what went wrong."""

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from agent.errors import Failed, SpoolError, UsageError
from agent.measure import SOFTWARE, Device, Order, failures, measure
from agent.net.portal_sightings import Portal
from agent.probes.probe import Outcome, ProbeFn, Task, reaching
from agent.wire import codec
from agent.wire.failure import Failure, Reason, Stage
from agent.wire.report import Link, Peer
from agent.wire.results import Direction, Latency, Throughput
from agent.wire.web import Web

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PEER = "msak+ws://192.0.2.1:8080"
FOUND = Outcome(
    Latency(method="stamp", sent=10, received=10),
    family="ipv6",
    peer=Peer(url=PEER, address="2001:db8::1"),
    link=Link(interface="eth0"),
    doubts=("wifi_bound",),
)


@dataclass
class FakeClock:
    wall: datetime = NOON
    steady: float = 100.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        self.steady += 1.5
        return self.steady

    def boottime(self) -> float:
        return self.steady

    def boot_id(self) -> str:
        return "boot"

    def synchronized(self) -> bool | None:
        return True


def _device(probe: ProbeFn, clock: FakeClock | None = None) -> Device:
    return Device("a1", clock or FakeClock(), {"latency": probe}, profile="default-1")


def _order(deadline_s: float = 5, kind: str = "latency") -> Order:
    return Order(kind, Task(PEER), deadline_s, request="r1")


def _raising(error: BaseException) -> ProbeFn:
    async def probe(_: Task) -> Outcome:
        raise error

    return probe


async def _found(_: Task) -> Outcome:
    return FOUND


async def test_a_result_gets_all_that_runs_share() -> None:
    made = await measure(_order(), _device(_found))
    assert made.result == FOUND.result
    assert made.failure is None
    assert (made.agent, made.kind, made.started, made.duration_s) == ("a1", "latency", NOON, 1.5)
    assert (made.family, made.peer, made.link) == ("ipv6", FOUND.peer, FOUND.link)
    assert (made.software, made.profile, made.request) == (SOFTWARE, "default-1", "r1")
    assert made.clock is not None
    assert made.clock.synchronized is True
    assert made.doubts == ["wifi_bound"]
    assert b'"v":1' in codec.encode(made)


async def test_a_failed_step_is_a_failure_with_the_peer_that_was_asked() -> None:
    made = await measure(_order(), _device(_raising(Failed(Stage.CONNECT, Reason.REFUSED, "no"))))
    assert made.failure == Failure("connect", "refused", "no")
    assert made.result is None
    assert made.peer == Peer(url=PEER)


async def test_a_failure_says_what_had_been_chosen_by_then() -> None:
    peer = Peer(url=PEER, address="127.0.0.1")

    async def refused(_: Task) -> Outcome:
        with reaching(peer, "ipv4"):
            raise Failed(Stage.CONNECT, Reason.REFUSED)

    made = await measure(_order(), _device(refused))
    assert (made.family, made.peer) == ("ipv4", peer)
    assert made.link is not None
    assert made.link.interface == "lo"


async def test_an_address_without_a_route_has_no_link() -> None:
    async def lost(_: Task) -> Outcome:
        with reaching(Peer(url=PEER, address="no address"), "ipv4"):
            raise Failed(Stage.ROUTE, Reason.NO_ROUTE)

    assert (await measure(_order(), _device(lost))).link is None


async def test_a_probe_that_hangs_ends_at_the_deadline() -> None:
    async def hang(_: Task) -> Outcome:
        await asyncio.Event().wait()
        return FOUND

    made = await measure(_order(0.05), _device(hang))
    assert made.failure == Failure("transfer", "timeout", "no end after 0.05 s")


async def test_a_timeout_that_the_probe_did_not_name_is_a_timeout() -> None:
    made = await measure(_order(), _device(_raising(TimeoutError())))
    assert made.failure == Failure("transfer", "timeout")


async def test_a_fault_of_the_probe_is_reported_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        made = await measure(_order(), _device(_raising(ZeroDivisionError("division by zero"))))
    assert made.failure == Failure("device", "internal", "ZeroDivisionError: division by zero")
    assert "event=probe_fault kind=latency" in caplog.text


async def test_an_error_of_ours_in_plain_words_needs_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    made = await measure(_order(), _device(_raising(SpoolError("disk full"))))
    assert made.failure == Failure("device", "internal", "SpoolError: disk full")
    assert caplog.text == ""


async def test_a_failure_is_found_inside_the_task_group_that_wrapped_it() -> None:
    group = ExceptionGroup("x", [ExceptionGroup("y", [ValueError(), Failed(Stage.PEER, Reason.BUSY)])])
    made = await measure(_order(), _device(_raising(group)))
    assert made.failure == Failure("peer", "busy")


@pytest.mark.parametrize("error", [UsageError("no such option"), ExceptionGroup("x", [UsageError("no such option")])])
async def test_a_wrong_order_is_the_callers_to_answer(error: Exception) -> None:
    with pytest.raises(UsageError, match="no such option"):
        await measure(_order(), _device(_raising(error)))


async def test_an_unknown_kind_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match='no probe is called "radar"; there are latency'):
        await measure(_order(kind="radar"), _device(_found))


async def test_a_stop_of_the_service_is_not_a_measurement() -> None:
    with pytest.raises(asyncio.CancelledError):
        await measure(_order(), _device(_raising(asyncio.CancelledError())))


async def test_an_unset_clock_is_doubted_once() -> None:
    clock = FakeClock(wall=datetime(1970, 1, 1, tzinfo=UTC))
    assert (await measure(_order(), _device(_found, clock))).doubts == ["wifi_bound", "clock_unset"]


async def test_a_clock_that_jumps_back_gives_no_negative_duration() -> None:
    made = await measure(_order(), _device(_found, FakeClock(steady=-5)))
    assert made.duration_s >= 0


async def test_failures_are_found_in_the_parts_too() -> None:
    async def half(_: Task) -> Outcome:
        return Outcome(Throughput(download=Direction(mbps=1), upload=Direction(failure=Failure("transfer", "reset"))))

    assert failures(await measure(_order(), _device(half))) == [Failure("transfer", "reset")]
    assert failures(await measure(_order(), _device(_found))) == []
    assert failures(await measure(_order(), _device(_raising(Failed(Stage.PEER, Reason.BUSY))))) == [
        Failure("peer", "busy")
    ]


async def test_while_a_portal_stands_in_the_way_everything_is_in_doubt() -> None:
    web = {
        True: Outcome(Web(0, 1, captive_portal=True, portal_url="http://login.example/"), doubts=("captive_portal",)),
        False: Outcome(Web(1, 0, captive_portal=False)),
    }
    there = True

    async def probe(_: Task) -> Outcome:
        return web[there]

    lost = _raising(Failed(Stage.CONNECT, Reason.TIMEOUT))
    device = Device("a1", FakeClock(), {"web": probe, "latency": _found, "ipv6": lost}, portal=Portal())
    seen = [(await measure(_order(kind=kind), device)).doubts for kind in ("latency", "web", "latency", "ipv6", "web")]
    assert seen == [
        ["wifi_bound"],
        ["captive_portal"],
        ["wifi_bound", "captive_portal"],
        ["captive_portal"],
        ["captive_portal"],
    ]
    there = False
    assert [(await measure(_order(kind=kind), device)).doubts for kind in ("web", "ipv6")] == [[], []]
