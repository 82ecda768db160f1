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
_SHOWN_SPAN: Final = timedelta(days=31)
"""The hours of the last month are drawn on pages; those before it can wait."""
_AHEAD: Final = timedelta(days=1)
_EVER: Final = timedelta(days=3660)
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
        end = monotonic() + self.limit_s
        rollups, pace = self._rollups(), Pace(_AT_ONCE, ZoneInfo(self.parts.settings().web.zone))
        await rollups.open()
        touched = Ledger(self.parts.registry.database).touched(_ALL)
        first, later = _ranked(touched, pace)
        left = set(first)
        async for done in rollups.compute(first):
            left -= set(done)
            self.progress("sums", 1 - len(left) / len(first))
            if monotonic() > end:
                break
        now, newest = self.clock.at, self.clock.at - _SHOWN_SPAN
        rollups.due.add([*left, *later], pace, now)
        for place, (since, until) in enumerate(((newest, now + _AHEAD), (now - _EVER, newest)), start=1):
            rollups.due.add_hours(now + place * _STEP, since=since, until=until)
        with self.parts.registry.database.write() as connection:
            connection.execute(delete(TOUCHED))  # nobody else is here: no row of it can be newer than what was read
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


def _ranked(touched: Iterable[Touched], pace: Pace) -> tuple[list[Task], list[Task]]:
    """What is worked out before the page, in its order, and what after it but for the hours.

    Of all that a site's verdicts and its present need, its first and its last day say as much as all of them.
    """
    days = {(one.measurement, one.site, pace.day(one.hour)): one for one in touched}
    sums: list[Task] = []
    ends: dict[tuple[str, str, str], list[Task]] = {}
    for task in {task for one in days.values() for task in pace.tasks(one)}:
        if task.level in ("day", "month"):
            sums.append(task)
        elif task.level != "hour":
            ends.setdefault(task[:3], []).append(task)
    recent = [max(found, key=_start) for key, found in ends.items() if key[2] == "recent"]
    verdicts = [edge(found, key=_start) for key, found in ends.items() if key[2] == "verdict" for edge in (min, max)]
    sums.sort(key=lambda task: (task.measurement not in _SHOWN, task.level != "month"))
    return [*recent, *sums], verdicts


def _start(task: Task) -> datetime:
    return task.start
