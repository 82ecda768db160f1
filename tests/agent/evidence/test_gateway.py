"""The first router's distance, asked of a real one at the other end of a cable."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from agent.evidence.gateway import Gateway
from tests.agent.net.namespaces import Namespace, cabled, first_line

pytestmark = [pytest.mark.root, pytest.mark.program("ip")]


@pytest.fixture(scope="module")
def cable() -> Iterator[tuple[Namespace, Namespace]]:
    with cabled("gw") as (near, far):
        for place, last in ((near, 2), (far, 1)):
            place.run(f"ip addr add 192.0.2.{last}/24 dev {place.device}")
            place.run(f"ip addr add 2001:db8::{last}/64 dev {place.device}")
            place.run(f"ip addr add fe80::{last}/64 dev {place.device}")
        yield near, far


def allow(near: Namespace, *, echo: bool) -> None:
    code = "import sys; open('/proc/sys/net/ipv4/ping_group_range', 'w').write(sys.argv[1])"
    with near.python(["-c", code, "0 0" if echo else "1 0"]) as process:
        assert process.communicate(timeout=10)[1] == ""


def ask(near: Namespace, address: str, *, times: int = 2, blocked_s: float = 0.0) -> tuple[list[Any], str | None]:
    with near.python(["-m", "tests.agent.evidence.asker", address, str(times), str(blocked_s)]) as process:
        told, complaint = process.communicate(timeout=15)
    assert told, complaint
    answers, reason, kept = json.loads(told)
    assert kept == sum(answer is not None for answer in answers)
    return answers, reason


@contextlib.contextmanager
def listening(far: Namespace, *ports: int) -> Iterator[None]:
    with far.python(["-m", "tests.agent.evidence.listener", *map(str, ports)]) as process:
        try:
            assert first_line(process.stdout) == "ready"
            yield
        finally:
            process.kill()
            process.communicate()


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "fe80::1%{}"])
def test_echoes_are_timed_by_the_kernel_even_when_the_loop_is_busy(
    cable: tuple[Namespace, Namespace], address: str
) -> None:
    near, _ = cable
    allow(near, echo=True)
    answers, reason = ask(near, address.format(near.device), times=4, blocked_s=0.2)
    assert reason is None
    assert all(late is False for _, late in answers)
    # The slowest is left out: a stamp is given back only from the second packet on, until the kernel stamps all.
    assert sorted(rtt_us for rtt_us, _ in answers)[1] < 100_000


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "fe80::1%{}"])
def test_without_echoes_a_connection_that_is_accepted_is_timed_by_the_kernel(
    cable: tuple[Namespace, Namespace], address: str
) -> None:
    near, far = cable
    allow(near, echo=False)
    with listening(far, 80):
        answers, reason = ask(near, address.format(near.device), blocked_s=0.2)
    assert reason is None
    assert all(rtt_us < 100_000 and late is False for rtt_us, late in answers)


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_a_refusal_is_an_answer_but_one_that_this_program_timed(
    cable: tuple[Namespace, Namespace], address: str
) -> None:
    near, _ = cable
    allow(near, echo=False)
    answers, reason = ask(near, address)
    assert reason is None
    assert all(rtt_us < 1_000_000 and late is True for rtt_us, late in answers)


def test_a_router_that_drops_echoes_alone_is_asked_by_connection(cable: tuple[Namespace, Namespace]) -> None:
    near, far = cable
    allow(near, echo=True)
    far.run("sysctl -q -w net.ipv4.icmp_echo_ignore_all=1")
    try:
        answers, _ = ask(near, "192.0.2.1", times=3)
    finally:
        far.run("sysctl -q -w net.ipv4.icmp_echo_ignore_all=0")
    assert answers[0] is None
    assert [answer[1] for answer in answers[1:]] == [True, True]


@pytest.mark.parametrize("echo", [True, False])
@pytest.mark.parametrize(
    ("address", "reason"), [("192.0.2.77", "no answer"), ("198.51.100.1", "Network is unreachable")]
)
def test_no_answer_has_a_reason(cable: tuple[Namespace, Namespace], address: str, reason: str, *, echo: bool) -> None:
    near, _ = cable
    allow(near, echo=echo)
    answers, said = ask(near, address)
    assert answers == [None, None]
    assert said == f"gateway {address}: {reason}"


async def test_an_address_of_no_interface() -> None:
    gateway = Gateway("fe80::1%nowhere0")
    assert await gateway.ask() is None
    assert gateway.reason
    gateway.close()
    gateway.close()
