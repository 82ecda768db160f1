"""The measuring loop: what is due, or asked for, is measured, one at a time, and given to the spool.

One at a time on the whole device: a latency run during a throughput run would measure the other test.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any, Final, Protocol

import msgspec

from agent import files
from agent.clock import Clock, is_set, uuid7
from agent.config import AgentConfig, KindSettings
from agent.errors import SpoolError, UsageError
from agent.ledger import BUDGET, STOPPED, UNKEPT, UNUSABLE, Book, Ledgers
from agent.measure import SOFTWARE, Device, Order, measure
from agent.peers import options_for, peer_for, turn_of
from agent.probes.probe import Task
from agent.schedule import LATE, Due, Instant, Rhythm, Timetable, slot_of
from agent.spool import Undated, Unfit
from agent.wire.control import Request
from agent.wire.report import Clock as ClockFacts
from agent.wire.report import Measurement

LOOK_S: Final = 5.0  # how soon a jump of the wall clock is noticed
SPARE_S: Final = 30.0  # nothing may be due for so long, or for half of the shortest rhythm: first runs go before
UNKEPT_LIMIT: Final = 50
SEEN_LIMIT: Final = 200
_LOG = logging.getLogger("linkgauge.rounds")


class Keeper(Protocol):
    """What the rounds need of the spool."""

    def put(self, measurement: Measurement[Any], *, undated: Undated | None = None) -> object:
        """Keep durably; raises SpoolError."""

    def date(self, now: datetime, boottime_s: float, boot_id: str) -> int:
        """Date what was measured before the clock was set; raises SpoolError."""


@dataclass(frozen=True, slots=True)
class Made:
    """A measurement on its way to the spool."""

    measurement: Measurement[Any]
    undated: Undated | None


class Rounds:
    """Runs until cancelled. All methods are for the loop's own thread.

    `spare`: work to do once, when nothing is due for a while; it must not raise. `affords`: whether a kind may run.
    """

    def __init__(
        self, config: AgentConfig, *, device: Device, keeper: Keeper, timetable: Timetable, book: Path
    ) -> None:
        self._config = config
        self._device = device
        self._clock: Clock = device.clock
        self._keeper = keeper
        self._timetable = timetable
        self._book = book
        self._ledgers = _resume(book, device.clock.now())
        self._requests: deque[Request] = deque()
        self._schedules_turn = False
        self._seen: deque[str] = deque(maxlen=SEEN_LIMIT)
        self._unkept: deque[Made] = deque()
        self._dated = False
        self._kept_at: float | None = None
        self._wake = asyncio.Event()
        self._measured_once = False
        self._deadline: float | None = None
        self.measuring: str | None = None
        self.spool_error: str | None = None
        self.kind_errors: dict[str, str] = {}
        self.heard: Callable[[Measurement[Any]], None] = lambda _: None
        self.spare: Callable[[], Awaitable[object]] | None = None
        self.affords: Callable[[str], bool] = lambda _: True

    def next(self) -> dict[str, datetime]:
        """Tell when each kind runs next."""
        return self._timetable.next()

    def is_stuck(self) -> bool:
        """Whether a run goes on long after its deadline: then only a restart of the process helps."""
        return self._deadline is not None and self._clock.monotonic() > self._deadline

    def ask(self, request: Request) -> None:
        """Queue a run that the collector asks for; twice the same, expired, unknown or one too many is let go."""
        why = self._refusal(request)
        if why:
            _LOG.info("event=request_ignored request=%r why=%s", request.request, why)
            return
        self._seen.append(request.request)
        self._requests.append(request)
        self._wake.set()

    def change(self, config: AgentConfig, profile: str | None) -> None:
        """Go on with other settings and another schedule."""
        self._config = config
        self._device = replace(self._device, profile=profile)
        self._timetable.change(rhythms(config), self._instant())
        self._wake.set()

    async def run(self) -> None:
        """Measure what is due, for ever."""
        self._timetable.start(self._instant())
        while True:
            await self._upkeep()
            if not await self._step() and not await self._use_spare_time():
                await self._wait()

    async def _use_spare_time(self) -> bool:
        """Do once what must not run beside a measurement, after the first one and when none will be due for a while."""
        if self.spare is None or not self._measured_once or not self._is_quiet():
            return False
        work, self.spare = self.spare, None
        async with asyncio.TaskGroup() as group:  # a task of its own, as in `_apart`
            group.create_task(_work(work), name="spare time")
        return True

    def _is_quiet(self) -> bool:
        """Whether nothing is due for a while, as far as this schedule has such a while."""
        wait = self._timetable.wait_s(self._clock.now())
        shortest = min((kind.every_s for kind in self._config.schedule.kinds().values()), default=math.inf)
        return wait is None or wait >= min(SPARE_S, shortest / 2)

    async def _step(self) -> bool:
        """Make one run, if one is asked for or due; they take turns, so that neither can starve the other."""
        for missed in self._timetable.settle(self._instant()):
            self._ledgers.skipped(missed.kind, LATE, missed.count)
            self._save()
        turns = (self._run_due, self._run_asked) if self._schedules_turn else (self._run_asked, self._run_due)
        return await turns[0]() or await turns[1]()

    async def _run_asked(self) -> bool:
        while self._requests:
            request = self._requests.popleft()
            if not _is_expired(request, self._clock.now()) and request.kind:
                self._schedules_turn = True
                await self._make(request.kind, request=request)
                return True
        return False

    async def _run_due(self) -> bool:
        due = self._timetable.take(self._instant())
        if due is not None:
            self._schedules_turn = False
            await self._make(due.kind, due=due)
        return due is not None

    async def _make(self, kind: str, *, due: Due | None = None, request: Request | None = None) -> None:
        """Measure and keep; a run of the schedule is accounted for whatever comes of it."""
        if not self.affords(kind):
            self._forgo(kind, request)
            return
        made: Made | None = None
        why = STOPPED
        try:
            made = await self._measured(kind, due=due, request=request)
            why = UNUSABLE
        finally:
            if due is not None:
                self._account(kind, None if made else why)
        if made is not None:
            await self._keep(made)
            self.heard(made.measurement)

    def _forgo(self, kind: str, request: Request | None) -> None:
        """Leave a run out for whose data nobody wants to pay."""
        if request is not None:
            _LOG.info("event=request_ignored request=%r why=%s", request.request, BUDGET)
        else:
            self._account(kind, BUDGET)

    async def _measured(self, kind: str, *, due: Due | None, request: Request | None) -> Made | None:
        """Measure; None if the settings do not allow it."""
        began = self._clock.boottime()
        try:
            order = self._order(kind, due=due, request=request)
            self.measuring, self._deadline = kind, self._clock.monotonic() + 2 * order.deadline_s + 60
            measurement = await _apart(order, self._device)
        except UsageError as error:
            self._tell_unusable(kind, error, request)
            return None
        finally:
            self.measuring = self._deadline = None
        self.kind_errors.pop(kind, None)
        self._measured_once = True
        boot = self._clock.boot_id()
        return Made(measurement, None if is_set(measurement.started) else Undated(boot_id=boot, boottime_s=began))

    def _tell_unusable(self, kind: str, error: UsageError, request: Request | None) -> None:
        if request is not None:
            _LOG.warning("event=request_unusable request=%r kind=%s why=%s", request.request, kind, error)
            return
        # The settings are wrong, not the line: say so where the operator looks, and keep the other kinds going.
        if kind not in self.kind_errors:
            _LOG.error("event=kind_unusable kind=%s why=%s", kind, error)
        self.kind_errors[kind] = f"{kind} cannot run: {error}"

    def _account(self, kind: str, why: str | None) -> None:
        if why:
            self._ledgers.skipped(kind, why)
        else:
            self._ledgers.ran(kind)
        self._save()

    async def _keep(self, made: Made) -> None:
        """Give to the spool, in order; what the disk refuses waits in memory, bounded, and is tried again."""
        self._unkept.append(made)
        if len(self._unkept) > UNKEPT_LIMIT:
            lost = self._unkept.popleft()
            self._ledgers.skipped(lost.measurement.kind, UNKEPT)
        await self._flush()

    async def _flush(self) -> None:
        while self._unkept:
            made = self._unkept[0]
            try:
                await asyncio.to_thread(self._keeper.put, made.measurement, undated=made.undated)
            except Unfit as error:
                # It would hold up all that come after it, for ever.
                self._ledgers.skipped(made.measurement.kind, UNKEPT)
                self._save()
                _LOG.error("event=report_unkept kind=%s why=%s", made.measurement.kind, error)
            except SpoolError as error:
                self._complain(str(error))
                return
            self._unkept.popleft()
            self._dated = self._dated and made.undated is None
        self._complain(None)

    def _complain(self, error: str | None) -> None:
        """Say once that the disk refuses, and once that it works again."""
        if error and self.spool_error is None:
            _LOG.error("event=spool_refused why=%s", error)
        if not error and self.spool_error is not None:
            _LOG.info("event=spool_works_again")
        self.spool_error = error
        self._kept_at = self._clock.monotonic()

    async def _upkeep(self) -> None:
        """Date what waited for the clock, close the day's account, and try the disk again."""
        now = self._clock.now()
        if is_set(now) and not self._dated:
            self._dated = await self._date(now)
        account = self._ledgers.close(now.date())
        if account is not None:
            report = Measurement(
                id=uuid7(now, self._device.random(10)),
                agent=self._device.agent,
                kind="ledger",
                started=now,
                duration_s=0.0,
                clock=ClockFacts(synchronized=self._clock.synchronized()),
                software=SOFTWARE,
                profile=self._device.profile,
                result=account,
            )
            self._save()
            await self._keep(Made(report, None))
        elif self._unkept and self._clock.monotonic() - (self._kept_at or 0) >= self._config.limits.retry_s:
            await self._flush()

    async def _date(self, now: datetime) -> bool:
        try:
            count = await asyncio.to_thread(self._keeper.date, now, self._clock.boottime(), self._clock.boot_id())
        except SpoolError as error:
            self._complain(str(error))
            return False
        if count:
            _LOG.info("event=dated reports=%d", count)
        return True

    async def _wait(self) -> None:
        wait = self._timetable.wait_s(self._clock.now())
        look = min(LOOK_S, self._config.limits.retry_s) if self._unkept else LOOK_S
        try:
            async with asyncio.timeout(look if wait is None else min(look, wait)):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    def _order(self, kind: str, *, due: Due | None = None, request: Request | None = None) -> Order:
        settings = _settings(self._config, kind)
        first = due is not None and due.first
        slot = slot_of(due.at if due else self._clock.now(), settings.every_s)
        named = (request.peer if request else None) or settings.peer
        family, turn = turn_of(settings, slot)
        peer = named or peer_for(kind, self._config.peer.urls, turn=turn)
        task = Task(
            peer=peer,
            family=family,
            max_bytes=(settings.first_max_bytes if first else None) or settings.max_bytes,
            max_seconds=(settings.first_max_seconds if first else None) or settings.max_seconds,
            options=options_for(kind, settings, self._config.peer, url=peer),
        )
        return Order(kind, task, settings.deadline_s, request.request if request else None)

    def _refusal(self, request: Request) -> str:
        if request.kind not in self._device.probes:
            return "unknown_kind"
        if request.request in self._seen:
            return "repeated"
        if _is_expired(request, self._clock.now()):
            return "expired"
        return "too_many" if len(self._requests) >= self._config.limits.requests else ""

    def _instant(self) -> Instant:
        return Instant(self._clock.now(), self._clock.boottime())

    def _save(self) -> None:
        try:
            files.replace(self._book, msgspec.json.encode(self._ledgers.book()))
        except OSError as error:
            # The account of a day is worth less than the measurements: it goes on in memory.
            _LOG.debug("event=ledger_unkept why=%s", error)


async def _work(work: Callable[[], Awaitable[object]]) -> None:
    await work()


async def _apart(order: Order, device: Device) -> Measurement[Any]:
    """Measure in a task of its own.

    In Python 3.11 a TaskGroup whose child fails leaves its own task marked as cancelled, and forgets a cancellation
    that comes together with the failure: a probe may not do that to the task that runs for years.
    """

    async def attempt() -> Measurement[Any] | UsageError:
        try:
            return await measure(order, device)
        except UsageError as error:
            return error

    async with asyncio.TaskGroup() as group:
        task = group.create_task(attempt(), name=f"measure-{order.kind}")
    made = task.result()
    if isinstance(made, UsageError):
        raise made
    return made


def rhythms(config: AgentConfig) -> dict[str, Rhythm]:
    """Say how often each kind that is switched on runs."""
    return {
        kind: Rhythm(settings.every_s, settings.first_runs, settings.first_every_s)
        for kind, settings in config.schedule.kinds().items()
    }


def timetable_for(config: AgentConfig, *, last: dict[str, datetime], rng: Random) -> Timetable:
    """Make the timetable of a configuration."""
    return Timetable(rhythms(config), last=last, rng=rng, late_s=config.limits.late_s)


def _settings(config: AgentConfig, kind: str) -> KindSettings:
    settings: KindSettings = getattr(config.schedule, kind)
    return settings


def _is_expired(request: Request, now: datetime) -> bool:
    return request.expires is not None and request.expires <= now


def _resume(path: Path, now: datetime) -> Ledgers:
    ledgers = Ledgers(now.date())
    kept = files.read(path)
    try:
        if kept:
            ledgers.resume(msgspec.json.decode(kept, type=Book))
    except (msgspec.DecodeError, UnicodeDecodeError):
        _LOG.warning("event=ledger_unreadable file=%s", path)
    return ledgers
