"""The battery: every check a small function, with its stage, what it waits for, and the most time it may take.

What does not wait for each other runs at the same time; a check that takes longer than its limit is ended and says so.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from agent.ipv6 import connections, device, names, portal, services, translation, way
from agent.ipv6.notes import Notes
from agent.wire.failure import Failure, Reason, Stage

Told = Callable[[float, str], None]
"""Hears of progress: the share that is done, and a word for the phase."""


@dataclass(frozen=True, slots=True)
class Step:
    """One row. `limit`: the most seconds it may take, as a multiple of the option `timeout`, and a second."""

    name: str
    stage: Stage
    run: Callable[[Notes], Awaitable[None]]
    after: tuple[str, ...] = ()
    limit: float = 1.0
    word: str | None = None


STEPS: Final[tuple[Step, ...]] = (
    Step("device", Stage.DEVICE, device.look),
    Step("router_advertisement", Stage.ROUTE, device.ask_router, after=("device",)),
    Step("names", Stage.RESOLVE, names.ask, after=("device",), word="names"),
    Step("routes", Stage.ROUTE, names.find_routes, after=("names",)),
    Step("connects", Stage.CONNECT, connections.connect_each, after=("routes",), word="connects"),
    Step("race", Stage.CONNECT, connections.run_race, after=("routes",)),
    Step("services", Stage.CONNECT, services.visit, after=("routes",), limit=2.0),
    Step("nat64", Stage.CONNECT, translation.find, after=("router_advertisement", "routes"), limit=2.0),
    Step("portal", Stage.PEER, portal.ask, after=("routes",), limit=2.0),
    Step("transfers", Stage.TRANSFER, connections.transfer_each, after=("connects",), limit=3.0, word="packets"),
    Step("answers", Stage.PEER, portal.look_at_answers, after=("transfers", "portal")),
    Step("way", Stage.CONNECT, way.follow, after=("transfers",), word="way"),
    Step("kept", Stage.ROUTE, device.look_again, after=("transfers", "race", "way")),
)
_GRACE_S: Final = 1.0
"""A step's own limits come first; this one only keeps a fault in them from holding up the run."""


async def run(notes: Notes, *, steps: Sequence[Step] = STEPS, told: Told = lambda _share, _word: None) -> None:
    """Do all steps, each as soon as those that it waits for are over; never raises for a network's failure."""
    over = {step.name: asyncio.Event() for step in steps}
    done: list[str] = []

    async def one(step: Step) -> None:
        for name in step.after:
            await over[name].wait()
        if step.word is not None:
            told(len(done) / len(steps), step.word)
        await _limited(notes, step)
        done.append(step.name)
        over[step.name].set()

    async with asyncio.TaskGroup() as group:
        for step in steps:
            group.create_task(one(step), name=f"ipv6: {step.name}")
    told(1.0, "done")


async def _limited(notes: Notes, step: Step) -> None:
    settings = notes.ground.settings
    limit_s = step.limit * max(settings.timeout_s, settings.stall_s, settings.solicit_s, settings.trace_s) + _GRACE_S
    deadline = asyncio.timeout(limit_s)
    try:
        async with deadline:
            await step.run(notes)
    except TimeoutError:
        if not deadline.expired():
            raise
        notes.check(step.name, Failure(step.stage, Reason.TIMEOUT, f"ended after {limit_s:g} s"))
