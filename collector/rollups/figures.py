"""Raw rows to the figures of a bucket. Pure and exact: always from the values themselves, never from other figures.

A percentile between two samples is interpolated between them, as the median of an even number is: the sample at
rank (n - 1)·p of the sorted ones, counted from 0. Of a single sample every percentile is that sample.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from collector.rollups.fields import ELSEWHERE, FAILURES, FIELDS
from collector.store.points import conclusive_flag
from collector.store.store import FieldValue, Values

_FAILURE: Final = ("failure",)
LOW: Final = 0.05
HIGH: Final = 0.95
Step = tuple[int, float | None]
"""From when (Unix ns) which target holds; None: none does."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What binds a site's field during a bucket: steps in order, the first at or before its start."""

    field: str
    steps: tuple[Step, ...]

    def at(self, time_ns: int) -> float | None:
        """The target that held at a moment."""
        held = None
        for since, value in self.steps:
            if since > time_ns:
                break
            held = value
        return held


def columns(kind: str) -> tuple[str, ...]:
    """The fields of a kind's raw rows that `figures` wants, in its order; every report has the first."""
    fields = FIELDS[kind]
    flags = dict.fromkeys(("conclusive", *(conclusive_flag(kind, field) for field in fields)))
    away = (ELSEWHERE[kind],) if kind in ELSEWHERE else ()
    return (*flags, *fields, *FAILURES.get(kind, _FAILURE), *away)


def figures(kind: str, rows: Sequence[Values], marks: Marks | None = None) -> dict[str, float]:
    """The figures of one bucket by field name, empty without a report; each row holds its time and `columns`.

    `reports_n` counts all reports, `failed_n` those with a failure, `doubted_n` those that a doubt keeps from
    counting. Per field that has conclusive values: n, mean, median, p5, p95, min, max; of a field that is bound also
    share_n, how many of them a target bound when they were measured, share, which part of those reached it, and the
    newest of these targets.
    """
    place = {name: number for number, name in enumerate(columns(kind), 1)}
    away = place.get(ELSEWHERE.get(kind, ""))
    if away is not None:
        rows = [row for row in rows if row[away] is None]
    if not rows:
        return {}
    found = _counts(kind, rows, place)
    for field in FIELDS[kind]:
        at, flag = place[field], place[conclusive_flag(kind, field)]
        values = [(row[0], value) for row in rows if row[flag] is True and (value := _number(row[at])) is not None]
        told = spread(sorted(value for _, value in values)) if values else {}
        if marks is not None and marks.field == field:
            told |= _share(values, marks)
        found |= {f"{field}_{name}": value for name, value in told.items()}
    return found


def spread(ordered: Sequence[float]) -> dict[str, float]:
    """Number, mean and order statistics of sorted values, at least one."""
    n = len(ordered)
    return {
        "n": float(n),
        # Halves: of the greatest numbers there are, whatever sent them, no sum may overflow.
        "mean": min(max(2 * math.fsum(value / n / 2 for value in ordered), ordered[0]), ordered[-1]),
        "median": percentile(ordered, 0.5),
        "p5": percentile(ordered, LOW),
        "p95": percentile(ordered, HIGH),
        "min": ordered[0],
        "max": ordered[-1],
    }


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which this share of sorted values lies, interpolated between the two nearest."""
    rank = (len(ordered) - 1) * share
    below = math.floor(rank)
    low, part = ordered[below], rank - below
    if part == 0.0:
        return low
    high = ordered[below + 1]
    return min(max(low * (1 - part) + high * part, low), high)


def _share(values: Sequence[tuple[int, float]], marks: Marks) -> dict[str, float]:
    bound = [(time, value, mark) for time, value in values if (mark := marks.at(time)) is not None]
    if not bound:
        return {}
    met = sum(value >= mark for _, value, mark in bound)
    newest = max(bound, key=lambda one: one[0])
    return {"share_n": float(len(bound)), "share": met / len(bound), "target": newest[2]}


def _counts(kind: str, rows: Sequence[Values], place: dict[str, int]) -> dict[str, float]:
    reasons = [place[name] for name in FAILURES.get(kind, _FAILURE)]
    flags = {place[conclusive_flag(kind, field)] for field in FIELDS[kind]}
    failed = doubted = 0
    for row in rows:
        if any(row[reason] is not None for reason in reasons):
            failed += 1
        elif not any(row[flag] is True for flag in flags):
            doubted += 1
    return {"reports_n": float(len(rows)), "failed_n": float(failed), "doubted_n": float(doubted)}


def _number(value: FieldValue | None) -> float | None:
    return float(value) if isinstance(value, float | int) and not isinstance(value, bool) else None
