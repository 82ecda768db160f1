"""Races between real sockets on loopback: one family answers, refuses, or holds its connections back."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from agent.errors import Failed
from agent.net.happy_eyeballs import Finish, Lookup, race
from agent.wire.failure import Reason, Stage

# Of TEST-NET-3, led nowhere: on loopback nobody has it, and a full queue below stands for silence.
IPV4, IPV6 = "127.0.0.1", "::1"


def named(*addresses: str, after_s: float = 0.0) -> Lookup:
    async def lookup() -> list[str]:
        await asyncio.sleep(after_s)
        if not addresses:
            raise Failed(Stage.RESOLVE, Reason.NODATA, "none")
        return list(addresses)

    return lookup


@contextlib.contextmanager
def both(*, silent6: bool = False, closed6: bool = False) -> Iterator[int]:
    """Listen on one port in both families; a `silent6` one has a full queue, so that its SYNs are dropped."""
    with contextlib.ExitStack() as stack:
        four = stack.enter_context(socket.create_server((IPV4, 0)))
        port = four.getsockname()[1]
        if not closed6:
            six = stack.enter_context(socket.socket(socket.AF_INET6))
            six.bind((IPV6, port))
            six.listen(0)
            if silent6:
                stack.enter_context(socket.create_connection((IPV6, port)))
        yield port


@contextlib.asynccontextmanager
async def limited() -> AsyncIterator[None]:
    async with asyncio.timeout(5):
        yield


async def run(port: int, ipv4: Lookup, ipv6: Lookup, *, timeout_s: float = 3.0) -> Finish:
    async with limited():
        return await race({"ipv4": ipv4, "ipv6": ipv6}, port, timeout_s=timeout_s)


async def test_ipv6_begins_and_wins() -> None:
    with both() as port:
        finish = await run(port, named(IPV4), named(IPV6))
    assert (finish.winner, finish.address, finish.fallback_ms) == ("ipv6", IPV6, None)
    assert finish.ms is not None


async def test_ipv4_follows_a_silent_ipv6_after_a_quarter_of_a_second() -> None:
    with both(silent6=True) as port:
        finish = await run(port, named(IPV4), named(IPV6))
    assert (finish.winner, finish.address) == ("ipv4", IPV4)
    assert finish.fallback_ms is not None
    assert finish.ms is not None
    assert 249 <= finish.fallback_ms <= finish.ms


async def test_ipv4_follows_at_once_when_ipv6_is_refused() -> None:
    with both(closed6=True) as port:
        finish = await run(port, named(IPV4), named(IPV6))
    assert finish.winner == "ipv4"
    assert finish.fallback_ms is not None
    assert finish.fallback_ms < 249


async def test_the_families_take_turns() -> None:
    """The second address to be tried is IPv4's first, whatever IPv6 still has."""
    with both(closed6=True) as port:
        finish = await run(port, named(IPV4), named(IPV6, "100::1"))
    assert finish.address == IPV4


async def test_a_late_aaaa_is_waited_for_a_twentieth_of_a_second() -> None:
    with both() as port:
        soon = await run(port, named(IPV4), named(IPV6, after_s=0.01))
        never = await run(port, named(IPV4), named(IPV6, after_s=30))
    assert soon.winner == "ipv6"
    assert never.winner == "ipv4"
    assert never.fallback_ms is not None
    assert never.fallback_ms >= 49


async def test_a_name_without_aaaa_costs_nothing() -> None:
    with both() as port:
        finish = await run(port, named(IPV4), named())
    assert (finish.winner, finish.fallback_ms) == ("ipv4", None)


@pytest.mark.parametrize(("ipv6", "reason"), [(named(), None), (named(IPV6), Reason.REFUSED)])
async def test_nobody_comes(ipv6: Lookup, reason: Reason | None) -> None:
    """Who has failed at once was not waited for: the reason is theirs, not the time's."""
    with both(closed6=True) as port:
        pass
    finish = await run(port, named(), ipv6)
    assert (finish.winner, finish.ms) == (None, None)
    assert (finish.failure.reason if finish.failure else None) == reason


async def test_it_ends_in_time() -> None:
    with both(silent6=True) as port:
        assert await run(port, named(), named(IPV6), timeout_s=0.3) == Finish()
