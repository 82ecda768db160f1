"""A reported figure and what an import does to it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from collector.plans.period import Period
from collector.plans.reference import Point, Series
from collector.plans.types import Unit
from collector.registry.difference import Change as Told
from collector.registry.difference import compared

Key = tuple[str, str, str, str]
"""Plan, indicator, area and period, as text; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure as somebody published it.

    `plan`: under which it is reported; empty for none. `area`: `province` or `province/commune`; empty: all of the
    plan's province, or, without plan, the nation. `value` is counted in `unit`; None: taken back.
    """

    plan: str
    indicator: str
    area: str
    period: Period
    value: float | None
    unit: str
    source: str
    note: str | None = None

    @property
    def key(self) -> Key:
        """What it is a figure of; there is one valid figure of each key."""
        return self.plan, self.indicator, self.area, self.period.text


@dataclass(frozen=True, slots=True)
class Entry:
    """A figure as it was entered: by whom and when; `version` counts from 1 within its key."""

    figure: Figure
    version: int
    who: str
    entered: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """What an import makes of one key; `before` is None for a figure that is new."""

    before: Entry | None
    after: Figure


def told(change: Change) -> Told:
    """What became of a figure, field by field."""
    key = " ".join(part for part in change.after.key if part)
    return compared(key, change.after.source, change.before.figure if change.before else None, change.after)


def changes_of(known: dict[Key, Entry], figures: Iterable[Figure]) -> list[Change]:
    """What figures change in what is known; a figure that says the same again changes nothing."""
    return [
        Change(known.get(figure.key), figure)
        for figure in figures
        if figure.key not in known or known[figure.key].figure != figure
    ]


def references_of(figures: Iterable[Figure]) -> dict[str, Series]:
    """The nation's figures as series by indicator."""
    points: dict[str, list[Point]] = {}
    units: dict[str, str] = {}
    for figure in figures:
        if not figure.plan and not figure.area and figure.value is not None:
            period = figure.period
            point = Point(period.text, period.began, period.ended, figure.value, figure.source)
            points.setdefault(figure.indicator, []).append(point)
            units[figure.indicator] = figure.unit
    return {
        name: Series(name, cast(Unit, units[name]), tuple(sorted(found, key=lambda point: (point.ended, point.began))))
        for name, found in points.items()
    }
