"""One walk, from the first sample to the last: read, keep, show, and again, whatever modem and disk do meanwhile.

A reading has a deadline; a modem that goes away is told once and tried again; a disk that refuses costs what it
refuses, and the walk goes on to be shown. Speed tests run beside the readings, which show what they were made with.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from agent.errors import Failed, SpoolError, UsageError
from agent.measure import Device, Order, failures, measure
from agent.probes import PROBES
from agent.probes import radio as radio_probe
from agent.probes.probe import Outcome, ProbeFn, Task
from agent.radio.modem import Modem
from agent.radio.position import Position, PositionSource
from agent.survey.notebook import Notebook
from agent.survey.track import Standing
from agent.survey.walk import Walk, place_of
from agent.survey.walk_clock import WalkClock
from agent.wire.failure import Failure
from agent.wire.report import Measurement
from agent.wire.results import Radio, Throughput

_FAILURE_EVERY_S: Final = 60.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do on a walk. `test`: the speed test at stops, None for none; `still_s`: what makes a stop.

    `reading_s`: how long a reading may take at least; `again_s`: the shortest wait for a modem that is away.
    """

    radio: radio_probe.Plan
    every_s: float
    test: Order | None = None
    still_s: float = 30.0
    reading_s: float = 15.0
    again_s: float = 1.0


@dataclass(slots=True)
class Listeners:
    """Who wants to hear: of each sample with the time it was dated by (None: no time yet), and of any change."""

    sample: Callable[[Radio, datetime | None], None] = lambda _radio, _at: None
    change: Callable[[], None] = lambda: None


@dataclass(slots=True)
class _Source:
    """Positions, and the moment of the last fix."""

    inner: PositionSource
    stamp: datetime | None = None

    async def position(self) -> Position:
        """Give a fresh fix; raises Failed."""
        found = await self.inner.position()
        self.stamp = found.at
        return found


@dataclass(slots=True)
class Session:
    """A walk in progress."""

    plan: Plan
    walk: Walk
    notebook: Notebook
    clock: WalkClock
    listeners: Listeners = field(default_factory=Listeners)
    _number: int = 0
    _next_at: float = math.inf
    _told: Failure | None = None
    _told_at: float | None = None
    _asked: asyncio.Event = field(default_factory=asyncio.Event)
    _standing: Standing = field(init=False)

    def __post_init__(self) -> None:
        self._standing = Standing(self.plan.still_s)

    async def run(self) -> None:
        """Go on until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read(), name="survey-readings")
            if self.plan.test is not None:
                group.create_task(self._test(self.plan.test), name="survey-tests")

    def ask_test(self) -> None:
        """Have a speed test made now, if tests were ordered and none runs."""
        if not self.walk.testing:
            self._asked.set()

    # --- readings

    async def _read(self) -> None:
        while True:
            # A task of its own: in Python 3.11 a group whose child fails leaves its own task marked as cancelled.
            failed = await _apart(self._hold_modem, "survey-modem")
            if failed is not None:
                await self._lose(await self._measured(_raising(failed)))
            await asyncio.sleep(max(self.plan.again_s, min(self.plan.every_s, self.plan.reading_s)))

    async def _hold_modem(self) -> Failed | None:
        """Take samples on one open modem until it fails; gives why it could not be opened."""
        try:
            async with radio_probe.opened(self.plan.radio, self.clock.now) as (modem, positions):
                source = _Source(positions) if positions is not None else None
                while await self._take(modem, source):
                    await self._rest()
        except Failed as failed:
            return failed
        return None

    async def _take(self, modem: Modem, source: _Source | None) -> bool:
        """Take one sample and keep it; whether the modem still is there."""

        async def sample(_: Task) -> Outcome:
            radio = await radio_probe.taken(modem, source)
            return Outcome(self._named(radio), link=modem.link)

        began = self.clock.boottime()
        made = await self._measured(sample)
        if made.failure is not None:
            await self._lose(made)
            return False
        radio = made.result
        assert isinstance(radio, Radio)  # noqa: S101 - what `sample` gave
        self._told = None
        if source is not None and radio.latitude is not None:
            # A fix with an age is one that the clock agrees with. It may be seconds old, and must not turn it back.
            self.clock.hear(source.stamp if radio.position_age_s is None else None)
        if await self._keep(made, began):
            self._number += 1
        self.walk.take(radio, at=self.clock.monotonic())  # now that it is on disk: nothing is shown that may be lost
        self._look_around(radio)
        self.listeners.sample(radio, None if self.walk.undated else made.started)
        self.listeners.change()
        return True

    def _named(self, radio: Radio) -> Radio:
        here = place_of(radio)
        self.walk.stop = self.walk.route.at(here) if here is not None else None
        return msgspec.structs.replace(
            radio,
            survey=self.walk.id,
            place_number=self._number + 1,
            environment=self.walk.environment,
            stop=self.walk.stop.name if self.walk.stop is not None else None,
        )

    def _look_around(self, radio: Radio) -> None:
        here = place_of(radio)
        if here is not None and self.plan.test and self._standing.stands(here, self.clock.monotonic()):
            self.ask_test()

    async def _rest(self) -> None:
        """Wait for the next moment; one that was missed is left out, not made up for."""
        now, every_s = self.clock.monotonic(), self.plan.every_s
        self._next_at = min(max(now, self._next_at + every_s), now + every_s)
        await asyncio.sleep(self._next_at - now)

    async def _measured(self, probe: ProbeFn) -> Measurement[Any]:
        """Measure with all that every report has: id, time, doubts, and a deadline."""
        deadline_s = max(self.plan.reading_s, 2 * self.plan.every_s)
        device = Device(self.walk.agent, self.clock, {"radio": probe})
        return await _apart(lambda: measure(Order("radio", Task(""), deadline_s), device), "survey-reading")

    async def _lose(self, made: Measurement[Any]) -> None:
        """Say that the modem cannot be asked: on the screen always, as a report once."""
        failure = made.failure
        assert failure is not None  # noqa: S101 - a measurement has a result or a failure
        self.walk.trouble = failure
        self.walk.radio = None
        now = self.clock.monotonic()
        same = self._told is not None and (self._told.stage, self._told.reason) == (failure.stage, failure.reason)
        lately = self._told_at is not None and now - self._told_at < _FAILURE_EVERY_S
        if not same:
            self.walk.tally.failures += 1
        if not same and not lately:
            self._told_at = now
            await self._keep(made, self.clock.boottime())
        self._told = failure
        self.listeners.change()

    # --- keeping

    async def _keep(self, made: Measurement[Any], began_s: float) -> bool:
        try:
            await self.notebook.keep(made, began_s)
        except SpoolError as error:
            self.walk.disk = str(error)
            self.walk.tally.unkept += made.kind == "radio" and made.result is not None
            return False
        self.walk.disk = None
        self.walk.undated = self.notebook.undated > 0
        self.walk.by_satellites = self.clock.by_satellites
        return True

    # --- speed tests

    async def _test(self, order: Order) -> None:
        while True:
            await self._asked.wait()
            self.walk.testing = True
            self.listeners.change()
            try:
                self.walk.tested = await self._test_once(replace(order, request=self.walk.id))
            except UsageError as error:
                self.walk.tested = str(error)
            finally:
                self.walk.testing = False
                self._asked.clear()
            self.listeners.change()

    async def _test_once(self, order: Order) -> str:
        began = self.clock.boottime()
        device = Device(self.walk.agent, self.clock, PROBES)
        made = await _apart(lambda: measure(order, device), "survey-test")
        await self._keep(made, began)
        self.walk.tally.tests += 1
        return told(made)


def told(made: Measurement[Any]) -> str:
    """A speed test in a few characters: down and up in Mbit/s, or what failed."""
    result = made.result
    if not isinstance(result, Throughput):
        return str(made.failure)
    parts = (("↓", result.download), ("↑", result.upload))
    rates = [f"{sign} {part.mbps:.1f}" for sign, part in parts if part is not None and part.mbps is not None]
    return " ".join([*rates, "Mbit/s"]) if rates else "; ".join(str(failure) for failure in failures(made))


def _raising(failed: Failed) -> ProbeFn:
    async def probe(_: Task) -> Outcome:
        raise failed

    return probe


async def _apart(work: Callable[[], Awaitable[T]], name: str) -> T:
    """Work in a task of its own, whose groups may fail without marking this one as cancelled (Python 3.11)."""

    async def done() -> T | UsageError:
        try:
            return await work()
        except UsageError as error:
            return error

    async with asyncio.TaskGroup() as group:
        task = group.create_task(done(), name=name)
    made = task.result()
    if isinstance(made, UsageError):
        raise made
    return made
