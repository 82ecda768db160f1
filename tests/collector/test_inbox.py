"""The queue before the pipeline: bounded, in turn, and dropping from whoever holds the most."""

import random
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.inbox import Dropped, Inbox, Letter


def letter(agent: str, size: int = 10, mark: int = 0) -> Letter:
    return Letter(f"linkgauge/v1/{agent}/report", b"%d " % mark + b"x" * size)


def inbox(*, messages: int = 1000, size: int = 10**9, **more: Any) -> tuple[Inbox, Counter[Dropped]]:  # noqa: ANN401 - an Inbox's own
    lost: Counter[Dropped] = Counter()
    own = Inbox(
        limit_messages=messages, limit_bytes=size, dropped=lambda why: lost.update([why]), clock=lambda: 0.0,
        **{"rate": 1e12, "burst": 1e12} | more,
    )  # fmt: skip
    return own, lost


def emptied(own: Inbox) -> list[Letter]:
    taken = []
    while (one := own.take()) is not None:
        taken.append(one)
    assert (len(own), own.bytes) == (0, 0)
    return taken


def agents(letters: list[Letter]) -> list[str]:
    return [one.topic.split("/")[2] for one in letters]


async def test_agents_are_served_in_turn_and_each_in_order() -> None:
    own, _ = inbox()
    for mark in range(3):
        own.offer(letter("loud", mark=mark))
    own.offer(letter("quiet", mark=9))
    taken = emptied(own)
    assert agents(taken) == ["loud", "quiet", "loud", "loud"]
    assert [one.payload[:1] for one in taken] == [b"0", b"9", b"1", b"2"]


async def test_what_is_over_goes_from_the_greediest_and_newest_first() -> None:
    own, lost = inbox(messages=100)
    for mark in range(100):
        own.offer(letter("loud", mark=mark))
    for number in range(20):
        assert own.offer(letter(f"quiet{number}"))
    assert lost == {"full": 20}
    taken = emptied(own)
    assert Counter(agents(taken))["loud"] == 80
    assert [one.payload.split()[0] for one in taken if "loud" in one.topic] == [b"%d" % mark for mark in range(80)]


async def test_the_greediest_itself_is_turned_away() -> None:
    own, lost = inbox(messages=10)
    accepted = [own.offer(letter("loud")) for _ in range(30)]
    assert accepted == [True] * 10 + [False] * 20
    assert lost == {"full": 20}


async def test_equals_are_not_driven_out() -> None:
    own, lost = inbox(messages=10)
    assert [own.offer(letter(f"a{number}")) for number in range(15)] == [True] * 10 + [False] * 5
    assert lost == {"full": 5}


async def test_bytes_are_bounded_too() -> None:
    own, lost = inbox(size=10_000)
    for _ in range(9):
        own.offer(letter("big", 1000))
    assert own.offer(letter("small", 2000))
    assert own.bytes <= 10_000
    assert lost["full"] >= 1
    assert Counter(agents(emptied(own)))["small"] == 1


async def test_above_its_rate_an_agent_is_dropped_and_others_are_not() -> None:
    own, lost = inbox(rate=10 * 1024, burst=10 * 1024)
    assert sum(own.offer(letter("loud")) for _ in range(100)) == 11
    assert own.offer(letter("quiet"))
    assert lost == {"rate": 89}
    own.charge(letter("quiet"), 50)
    assert not own.offer(letter("quiet"))
    assert not own.admits("linkgauge/v1/quiet/status", 10)
    assert own.admits("linkgauge/v1/other/status", 10)
    assert lost == {"rate": 91}


async def test_names_that_no_agent_has_share_one_line() -> None:
    own, lost = inbox(rate=1024, burst=10 * 1024)
    for number in range(100):
        own.offer(letter("x" * 64 + str(number)))
    assert lost == {"rate": 89}


async def test_strangers_share_one_line_and_one_rate() -> None:
    own, lost = inbox(rate=1024, burst=10 * 1024)
    own.known = lambda agent: agent == "friend"
    for number in range(20):
        own.offer(letter(f"stranger{number}"))
    assert own.offer(letter("friend"))
    assert lost == {"rate": 9}
    assert agents(emptied(own))[:2] == ["stranger0", "friend"]


async def test_closed_takes_nothing_in_and_gives_what_it_has() -> None:
    own, lost = inbox()
    own.offer(letter("a"))
    own.close()
    assert not own.offer(letter("a"))
    assert lost == {"closed": 1}
    assert len(emptied(own)) == 1
    await own.filled()


async def test_a_wait_ends_with_the_inbox() -> None:
    own, _ = inbox()
    assert not await own.stopping(0.01)
    own.close()
    assert await own.stopping(60)


@settings(deadline=None)
@given(st.integers(min_value=0), st.integers(1, 40), st.integers(100, 5000))
def test_whatever_happens_the_books_balance(seed: int, messages: int, size: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test's
    own, lost = inbox(messages=messages, size=size)
    offered = taken = 0
    for _ in range(300):
        if chance.random() < 0.7:
            own.offer(letter(f"a{chance.randrange(1, 8) ** 2 % 6}", chance.randrange(1, 400)))
            offered += 1
        elif own.take() is not None:
            taken += 1
        assert len(own) <= messages
        assert own.bytes <= size
        assert offered == taken + len(own) + lost["full"]
    emptied(own)
