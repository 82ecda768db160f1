"""What a chart shows and the table behind it, as plain values that `charts.html` prints and `charts.js` draws. Pure.

Moments in a plot are Unix seconds, words are those of the reader's language. Points are only joined where a series says
how near neighbours must be: between two tests nothing was measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

Look = Literal["conclusive", "doubted", "failed"]
Tone = Literal["one", "two", "three", "four"]
Shape = Literal["circle", "diamond", "square", "triangle"]
LineKind = Literal["target", "contract"]
NoteKind = Literal["incident", "maintenance", "software", "profile", "place"]
SHOWN: Final = 100
"""So many rows of a table stand behind a chart; its file has all."""


class Points(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="points", gc=False):
    """Single measurements. A value of None stands on the floor as a failure.

    `looks`: of each point, empty where all are conclusive. `said`: what hovering tells besides time and value, a line
    each (without it, the name). `hrefs`: where a click goes. `joins_s`: neighbours so near are joined by a line; None:
    none are.
    """

    name: str
    tone: Tone = "one"
    shape: Shape = "circle"
    at: list[float]
    values: list[float | None]
    looks: list[Look] = []
    said: list[str] = []
    hrefs: list[str] = []
    joins_s: float | None = None


class Band(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="band", gc=False):
    """What most results of each span of time were: from `low` to `high`, with their `middle`.

    `said`: what hovering tells besides day and numbers; without it, the name.
    """

    name: str
    tone: Tone = "one"
    start: list[float]
    end: list[float]
    low: list[float]
    middle: list[float]
    high: list[float]
    said: list[str] = []


class Steps(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="steps", gc=False):
    """A level that holds from each moment until the next; None: none holds."""

    name: str
    kind: LineKind = "target"
    at: list[float]
    values: list[float | None]


class Note(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Something that happened: a shaded bar from `start` to `end`, or a line at a moment."""

    kind: NoteKind
    start: float
    end: float | None = None
    said: str
    href: str | None = None


class Stretch(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A state that lasted. `full`: how much of the lane's height it fills, so that it is told apart without colour."""

    start: float
    end: float
    state: str
    full: float
    word: str
    said: str


class Lane(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row of a strip."""

    name: str
    stretches: list[Stretch]


Series = Points | Band | Steps


class Plot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A chart between two moments; `zone` is the province's. `floor`: where the y axis begins, None: below the lowest.

    `digits`: decimals of what hovering tells. Plots with the same `group` share cursor and zoom. With `lanes` it is a
    strip of states and has no y axis.
    """

    start: float
    end: float
    zone: str
    unit: str = ""
    digits: int = 1
    floor: float | None = 0.0
    group: str = ""
    series: list[Series] = []
    notes: list[Note] = []
    lanes: list[Lane] = []

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw but lines that were promised."""
        measured = (one for one in self.series if not isinstance(one, Steps))
        return not any(one.at if isinstance(one, Points) else one.start for one in measured) and not any(
            lane.stretches for lane in self.lanes
        )


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its name for machines, its heading as a message, and decimals of a number (None: text)."""

    code: str
    heading: str
    digits: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """The numbers behind a chart, newest first. Cells: text, number, moment (aware), or None for not measured.

    `hrefs`: where the first cell of each row leads, if anywhere.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[object, ...], ...]
    hrefs: tuple[str, ...] = ()


def payload(plot: Plot) -> dict[str, Any]:
    """A plot as the page carries it, for `tojson`."""
    told: dict[str, Any] = msgspec.to_builtins(plot)
    return told | {"floor": plot.floor}  # None is no default there


def second(at: datetime) -> float:
    """A moment on a plot."""
    return round(at.timestamp(), 3)


def runs(flags: Sequence[object]) -> list[tuple[int, int]]:
    """Where equal neighbours begin and end: (first, after the last) of each run."""
    found: list[tuple[int, int]] = []
    first = 0
    for place in range(1, len(flags) + 1):
        if place == len(flags) or flags[place] != flags[first]:
            found.append((first, place))
            first = place
    return found
