"""A real race of IPv6 and IPv4 to one service, as programs of users run it (RFC 8305, "Happy Eyeballs" version 2).

A and AAAA are asked for at once; IPv6 begins, or IPv4 when AAAA is 50 ms late; then the next address, of the other
family, every 250 ms or as soon as an attempt has failed; the first connection wins and all others are dropped.
Version 3 (draft) keeps these times; what it adds (HTTPS records, QUIC) has no meaning for a TCP peer.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from agent.errors import Failed
from agent.net.connect import connect
from agent.net.resolve import Family
from agent.wire.failure import Failure

RESOLUTION_DELAY_S: Final = 0.05
ATTEMPT_DELAY_S: Final = 0.25
_ADDRESSES_MAX: Final = 4
"""Of each family: a name with hundreds must not become hundreds of connections."""

Lookup = Callable[[], Awaitable[list[str]]]
"""Finds a name's addresses in one family; raises Failed if it has none."""


@dataclass(frozen=True, slots=True)
class Finish:
    """How the race ended. `ms`: from the first question to the connection; nothing if nobody came.

    `fallback_ms`: only where IPv4 won over an IPv6 that was there or awaited: how long IPv4 was held back for it.
    `failure`: of the last attempt, where all had failed before the time was over.
    """

    winner: Family | None = None
    address: str | None = None
    ms: float | None = None
    fallback_ms: float | None = None
    failure: Failure | None = None


@dataclass(slots=True)
class _Course:
    """What is known while the race runs; times are the loop's, in seconds."""

    began_s: float
    waiting: dict[Family, list[str]] = field(default_factory=dict)
    named_s: dict[Family, float] = field(default_factory=dict)
    tried_s: dict[Family, float] = field(default_factory=dict)
    asking: set[Family] = field(default_factory=set)
    running: int = 0
    failed: int = 0
    failure: Failure | None = None
    over: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    won: tuple[Family, str, float] | None = None
    last: Family | None = None

    def next(self) -> tuple[Family, str] | None:
        """Take the next address: of the other family than the last one, where there is one; IPv6 first of all."""
        order: tuple[Family, Family] = ("ipv4", "ipv6") if self.last == "ipv6" else ("ipv6", "ipv4")
        for family in order:
            if self.waiting.get(family):
                self.last = family
                return family, self.waiting[family].pop(0)
        return None


async def race(lookups: Mapping[Family, Lookup], port: int, *, timeout_s: float) -> Finish:
    """Run the race to `port`, for `timeout_s` at most; never raises for a network's failure."""
    loop = asyncio.get_running_loop()
    course = _Course(loop.time(), asking=set(lookups))
    tasks: list[asyncio.Task[None]] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s), asyncio.TaskGroup() as group:
            for family, lookup in lookups.items():
                tasks.append(group.create_task(_name(course, family, lookup), name=f"race: name {family}"))
            await _await_names(course)
            while (entry := await _entry(course)) is not None:
                failed = course.failed
                tasks.append(group.create_task(_attempt(course, *entry, port), name=f"race: {entry[1]}"))
                await _pause(course, failed)
            course.over = True
            for task in tasks:
                task.cancel()
    return _finish(course)


async def _name(course: _Course, family: Family, lookup: Lookup) -> None:
    with contextlib.suppress(Failed):
        found = await lookup()
        course.waiting[family] = found[:_ADDRESSES_MAX]
        course.named_s[family] = asyncio.get_running_loop().time()
    course.asking.discard(family)
    course.changed.set()


async def _await_names(course: _Course) -> None:
    """Until AAAA is answered, or IPv4 has an address and AAAA is 50 ms late."""
    while "ipv6" in course.asking and "ipv4" not in course.waiting:
        await _change(course)
    if "ipv6" in course.asking:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RESOLUTION_DELAY_S):
                while "ipv6" in course.asking:
                    await _change(course)


async def _entry(course: _Course) -> tuple[Family, str] | None:
    """Wait for an address to try; None when somebody has won, or nobody can any more."""
    while course.won is None:
        entry = course.next()
        if entry is not None:
            return entry
        if not course.asking and not course.running:
            return None
        await _change(course)
    return None


async def _attempt(course: _Course, family: Family, address: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    course.tried_s.setdefault(family, loop.time())
    course.running += 1
    try:
        # The race has the deadline; no attempt has one of its own.
        with await connect(address, port, timeout_s=3600):
            if course.won is None:
                course.won = family, address, loop.time()
    except Failed as refused:
        course.failed += 1
        course.failure = refused.failure
    finally:
        course.running -= 1
        course.changed.set()


async def _pause(course: _Course, failed: int) -> None:
    """Give the attempts that run their 250 ms, less if one wins or one more than `failed` has failed."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ATTEMPT_DELAY_S):
            while course.won is None and course.failed == failed:
                await _change(course)


async def _change(course: _Course) -> None:
    course.changed.clear()
    await course.changed.wait()


def _finish(course: _Course) -> Finish:
    if course.won is None:
        return Finish(failure=course.failure if course.over else None)
    family, address, at_s = course.won
    held = family == "ipv4" and ("ipv6" in course.tried_s or "ipv6" in course.asking)
    fallback_s = course.tried_s[family] - course.named_s[family] if held else None
    return Finish(family, address, _ms(at_s - course.began_s), None if fallback_s is None else _ms(fallback_s))


def _ms(seconds: float) -> float:
    return round(max(0.0, seconds) * 1000, 3)
