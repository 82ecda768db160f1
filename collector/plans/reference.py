"""A reference series: values that someone published for periods, such as the national average of each month. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from collector.plans.types import Unit


@dataclass(frozen=True, slots=True)
class Point:
    """One published value. `period` as it was written: from the day `began` to the day before `ended`."""

    period: str
    began: date
    ended: date
    value: float
    source: str


@dataclass(frozen=True, slots=True)
class Series:
    """The values of one reference, in any order."""

    id: str
    unit: Unit
    points: tuple[Point, ...] = ()

    def at(self, day: date) -> Point | None:
        """The newest value whose period had ended by then; of two that ended together the shorter one's."""
        ended = [point for point in self.points if point.ended <= day]
        return max(ended, key=lambda point: (point.ended, point.began)) if ended else None


References = Mapping[str, Series]
"""Reference series by id."""
