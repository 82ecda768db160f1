"""What it costs to roll up: CPU per bucket of each kind and level, and what that is a day at 2,000 sites."""

import resource
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from collector.config import RollupSettings
from collector.ledger.facts import Touched
from collector.metrics import Metrics
from collector.plans.load import load_plans
from collector.registry.registry import Registry
from collector.rollups.buckets import Level, bucket_of
from collector.rollups.due import Pace, Task, Work
from collector.rollups.rollups import Rollups
from collector.store.store import Store
from tests.bench.year_data import END, KINDS, ZONE

SITES: Final = 2000
SOME: Final[dict[Work, int]] = {"hour": 500, "day": 200, "month": 40, "verdict": 100}
"""Buckets to measure by; those of a month are dear."""
DAY_S: Final = 86_400
_SPANS: Final[dict[Work, Level]] = {"hour": "hour", "day": "day", "month": "month", "verdict": "day"}


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU of the collector's process for one bucket, and as a share of one core at 2,000 sites."""

    engine: str
    kind: str
    level: str
    cpu_ms: float
    a_day: float
    share: float

    def __str__(self) -> str:
        """One line of the table."""
        return (
            f"work {self.kind:<11}{self.level:<8}{self.cpu_ms:8.2f} ms CPU each, {self.a_day:5.0f} a day and site:"
            f" {self.share * 100:6.2f} % of a core at {SITES} sites"
        )


class _Quiet:
    def touched(self, limit: int) -> list[Touched]:
        del limit
        return []

    def settle(self, done: object) -> int:
        del done
        return 0


async def rolled_up(engine: str, store: Store, registry: Registry) -> list[Cost]:
    """Compute closed buckets of the last month of every kind, and sum up; nothing is written that differs."""
    rollups = Rollups(
        store, _Quiet(), registry, load_plans(), lambda: datetime.now(UTC), ZONE, Metrics(),
        settings=lambda: RollupSettings(share=1, late_s=0.001),
    )  # fmt: skip
    await rollups.open()
    pace = Pace(RollupSettings(share=1, late_s=0.001), ZONE)
    names = list(registry.snapshot().sites)
    costs = []
    for kind in KINDS:
        levels: tuple[Work, ...] = (
            ("hour", "day", "month", "verdict") if kind == "throughput" else ("hour", "day", "month")
        )
        for level in levels:
            tasks = list(islice(_tasks(kind, level, names), SOME[level]))
            rollups.due.add(tasks, pace, END)
            before = _cpu()
            while await rollups.step():
                pass
            each = (_cpu() - before) / len(tasks)
            often = _often(kind, level)
            costs.append(Cost(engine, kind, level, each * 1000, often, each * often * SITES / DAY_S))
    return [*costs, Cost(engine, "all", "", 0, 0, sum(cost.share for cost in costs))]


def _tasks(kind: str, level: Work, names: list[str]) -> Iterator[Task]:
    """The same bucket of every site, as the clock makes them due."""
    span = _SPANS[level]
    start = bucket_of(span, _inside(level), ZONE).start
    for name in names:
        yield Task(kind, name, level, start)


def _inside(level: str) -> datetime:
    return END - timedelta(days=15 if level == "month" else 3)


def _often(kind: str, level: str) -> float:
    """How often a day a site's bucket of a level is computed, at the paces of the default configuration."""
    reports = {"throughput": 4, "latency": 288}.get(kind, 24)
    match level:
        case "hour":
            return min(reports, 288) + 24 * (reports > DAY_S / 3600)
        case "day":
            return min(reports, 24) + 1
        case "verdict":
            return reports
        case _:
            return 1


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
