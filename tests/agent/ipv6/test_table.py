import asyncio

import pytest

from agent.ipv6.notes import Ground, Notes, Settings
from agent.ipv6.table import STEPS, Step, run
from agent.net.peer_url import parse
from agent.wire.failure import Stage

QUICK = Settings(timeout_s=0.05, stall_s=0.05, solicit_s=0.05, trace_s=0.05)


def notes() -> Notes:
    return Notes(Ground(parse("h:1"), QUICK))


async def nothing(_: Notes) -> None:
    pass


def test_every_step_waits_only_for_steps_before_it() -> None:
    known: set[str] = set()
    for step in STEPS:
        assert set(step.after) <= known
        known.add(step.name)


def test_even_where_everything_is_dead_the_longest_way_takes_less_than_half_a_minute() -> None:
    """By the limits that each step has of its own: the step's timeouts, not the limit that guards them."""
    own = {"router_advertisement": 4.0, "names": 5.0, "connects": 5.0, "race": 5.0, "services": 10.0, "nat64": 10.0}
    own |= {"portal": 10.0, "transfers": 9.0, "way": 6.0}
    ends: dict[str, float] = {}
    for step in STEPS:
        ends[step.name] = max((ends[name] for name in step.after), default=0.0) + own.get(step.name, 0.0)
    assert max(ends.values()) < 30


async def test_what_does_not_wait_for_each_other_runs_at_the_same_time() -> None:
    met = asyncio.Barrier(2)

    async def meet(_: Notes) -> None:
        await met.wait()

    seen: list[tuple[float, str]] = []
    steps = [
        Step("a", Stage.DEVICE, meet, word="names"),
        Step("b", Stage.DEVICE, meet),
        Step("c", Stage.DEVICE, nothing, after=("a", "b"), word="connects"),
    ]
    found = notes()
    await run(found, steps=steps, told=lambda share, word: seen.append((share, word)))
    assert found.checks == []
    assert seen == [(0.0, "names"), (pytest.approx(2 / 3), "connects"), (1.0, "done")]


async def test_a_step_without_an_end_is_ended_and_the_others_go_on() -> None:
    async def forever(_: Notes) -> None:
        await asyncio.Event().wait()

    over: list[str] = []

    async def last(_: Notes) -> None:
        over.append("last")

    found = notes()
    await run(found, steps=[Step("a", Stage.ROUTE, forever), Step("b", Stage.DEVICE, last, after=("a",))])
    assert over == ["last"]
    assert [(check.name, check.ok, check.stage, check.reason) for check in found.checks] == [
        ("a", False, "route", "timeout")
    ]


async def test_a_timeout_that_is_not_the_steps_own_is_a_fault() -> None:
    async def faulty(_: Notes) -> None:
        raise TimeoutError("of something else")

    with pytest.raises(ExceptionGroup, match="unhandled"):
        await run(notes(), steps=[Step("a", Stage.ROUTE, faulty)])
