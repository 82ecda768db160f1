"""What is summed up before a demonstration's page opens: days, months, verdicts, and how complete each day is.

It is the collector's own rolling up, in another order: what pages show first comes first. The hours wait in the same
table; the service works them out while people look, the newest first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import delete

from collector.config import RollupSettings
from collector.demonstration.clock import Clock, Progress
from collector.figures.figures import Figures
from collector.ledger.facts import Touched
from collector.ledger.keeping import Keeping
from collector.ledger.ledger import Ledger
from collector.ledger.tables import TOUCHED
from collector.parts import Parts
from collector.rollups.due import Pace, Task
from collector.rollups.rollups import Rollups

_AT_ONCE: Final = RollupSettings(hour_s=1, day_s=1, month_s=1, late_s=0.001, share=1)
_ALL: Final = 10_000_000
_STEP: Final = timedelta(seconds=10)
_FIRST: Final = ("recent", "day", "month", "verdict")
_SHOWN: Final = ("throughput",)


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums up after a filling. `limit_s`: what takes longer is left to the service."""

    parts: Parts
    clock: Clock
    progress: Progress
    limit_s: float = 15.0

    async def work_out(self) -> None:
        """Do the first part, and note the rest as due."""
        began = monotonic()
        rollups, pace = self._rollups(), Pace(_AT_ONCE, ZoneInfo(self.parts.settings().web.zone))
        await rollups.open()
        ledger = Ledger(self.parts.registry.database)
        touched = ledger.touched(_ALL)
        ranks = _ranked({task for one in touched for task in pace.tasks(one)}, pace)
        for place, tasks in enumerate(ranks):
            rollups.due.add(tasks, pace, self.clock.at + place * _STEP)
        with self.parts.registry.database.write() as connection:
            connection.execute(delete(TOUCHED))  # nobody else is here: no row of it can be newer than what was read
        whole = max(1, sum(map(len, ranks[:-1])))
        for place, tasks in enumerate(ranks[:-1]):
            now = self.clock.at
            self.clock.at = now + place * _STEP + _STEP / 2
            while tasks and monotonic() - began < self.limit_s and await rollups.step():
                self.progress("sums", max(0.0, 1 - rollups.due.waiting() / whole))
            self.clock.at = now
        await self._complete()

    async def _complete(self) -> None:
        parts = self.parts
        keeping = Keeping(
            parts.registry,
            settings=parts.settings,
            request=lambda _agent, _resend: None,
            write=parts.series.write,
            newest=parts.fleet.newest,
            now=self.clock.now,
        )
        await keeping.complete()

    def _rollups(self) -> Rollups:
        parts = self.parts
        return Rollups(
            store=parts.series,
            touches=_Quiet(),
            registry=parts.registry,
            plans=parts.plans,
            clock=self.clock.now,
            zone=ZoneInfo(parts.settings().web.zone),
            metrics=parts.metrics,
            settings=lambda: _AT_ONCE,
            references=Figures(parts.registry.database).references,
        )


class _Quiet:
    """The ledger's word was taken already."""

    def touched(self, limit: int) -> list[Touched]:
        del limit
        return []

    def settle(self, done: Sequence[Touched]) -> int:
        del done
        return 0


def _ranked(tasks: Iterable[Task], pace: Pace) -> list[list[Task]]:
    """What comes first, what next, and last the hours of which the newest come first."""
    first: list[Task] = []
    then: list[Task] = []
    hours: list[Task] = []
    for task in tasks:
        if task.level not in _FIRST:
            hours.append(task)
        elif task.measurement in _SHOWN:
            first.append(task)
        else:
            then.append(task)
    del pace
    hours.sort(key=_start, reverse=True)
    return [first, then, hours]


def _start(task: Task) -> datetime:
    return task.start
