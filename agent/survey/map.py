"""A map made of characters: north up, you in the middle, one character a place. Pure.

A class of level has a colour and a shape, so that the map is read without colours too. Where several samples fall on
one character, a quarter of them are as bad as what is shown, or worse: a hole does not hide behind good places beside
it, and one dip of a moving signal does not make one. A character is taken to be twice as high as wide.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from agent.survey.level import WORST_FIRST, Mark
from agent.survey.track import Place, Point, offset_m

LEAST_M: Final = 2.0
_TALL: Final = 2
_STEPS: Final = (1, 2, 5)
_SCALE_COLUMNS: Final = 5
_KILOMETRE: Final = 1000

Cell = tuple[int, int]


class Segment(NamedTuple):
    """Some characters of one look: a mark, `you`, `stop`, `reached`, `bold`, `dim`, `note`, or none."""

    text: str
    look: str = ""


SYMBOLS: Final[Mapping[str, str]] = {
    "excellent": "●",
    "good": "◆",
    "fair": "▲",
    "weak": "▽",
    "none": "×",  # noqa: RUF001 - a cross, and no letter
    "unknown": "·",
    "you": "@",
    "stop": "□",
    "reached": "■",
}
PLAIN: Final[Mapping[str, str]] = {
    "excellent": "#",
    "good": "=",
    "fair": "-",
    "weak": "~",
    "none": "x",
    "unknown": ".",
    "you": "@",
    "stop": "o",
    "reached": "O",
}
"""For terminals without Unicode."""


class Scene(NamedTuple):
    """What is on a map. `stops`: places, and whether each has been reached."""

    here: Place
    points: Sequence[Point]
    stops: Sequence[tuple[Place, bool]] = ()


def draw(scene: Scene, *, columns: int, rows: int, symbols: Mapping[str, str] = SYMBOLS) -> list[list[Segment]]:
    """Draw a map of exactly this many rows, none wider than the columns; the scale is chosen so that the walk fits."""
    if columns < 1 or rows < 1:
        return []
    metres = scale_m(scene, columns=columns, rows=rows)
    cells = _cells(scene, metres, columns, rows)
    _write(cells, max(0, columns - 2), 0, ("↑" if symbols is SYMBOLS else "^") + "N")
    _write(cells, 0, rows - 1, f"├{'─' * (_SCALE_COLUMNS - 2)}┤ {length(metres * _SCALE_COLUMNS)}"[:columns], symbols)
    found = {cell: Segment(symbols.get(look, look), look) for cell, look in cells.items() if look in symbols}
    letters = {cell: Segment(look, "dim") for cell, look in cells.items() if look not in symbols}
    return [_row(found | letters, row, columns) for row in range(rows)]


def scale_m(scene: Scene, *, columns: int, rows: int) -> float:
    """Choose how many metres a column is wide: 2, 5, 10, 20 and so on, so that every sample is on the map."""
    wide, high = max(1, (columns - 1) // 2), max(1, (rows - 1) // 2) * _TALL
    offsets = [offset_m(point.place, scene.here) for point in scene.points]
    needed = max((max(abs(east) / wide, abs(north) / high) for east, north in offsets), default=0.0)
    if needed <= LEAST_M:
        return LEAST_M
    power = 10.0 ** math.floor(math.log10(needed))
    return next(step * power for step in (*_STEPS, 10) if step * power >= needed * (1 - 1e-9))


def length(metres: float) -> str:
    """A distance as people say it."""
    return f"{metres:.0f} m" if metres < _KILOMETRE else f"{metres / _KILOMETRE:.1f} km"


def _cells(scene: Scene, metres: float, columns: int, rows: int) -> dict[Cell, str]:
    cells: dict[Cell, str] = {}
    for place, reached in scene.stops:
        cells[_cell(place, scene.here, metres, (columns, rows))] = "reached" if reached else "stop"
    marks: dict[Cell, list[Mark]] = {}
    for point in scene.points:
        marks.setdefault(_cell(point.place, scene.here, metres, (columns, rows)), []).append(point.mark)
    cells |= {cell: _quartile(found) for cell, found in marks.items() if cells.get(cell) != "reached"}
    cells[(rows - 1) // 2, (columns - 1) // 2] = "you"
    return {(row, column): look for (row, column), look in cells.items() if 0 <= row < rows and 0 <= column < columns}


def _cell(place: Place, here: Place, metres: float, size: tuple[int, int]) -> Cell:
    columns, rows = size
    east, north = offset_m(place, here)
    return (rows - 1) // 2 - round(north / metres / _TALL), (columns - 1) // 2 + round(east / metres)


def _quartile(marks: list[Mark]) -> Mark:
    known = [mark for mark in marks if mark != "unknown"] or marks
    return sorted(known, key=WORST_FIRST.index)[len(known) // 4]


def _write(cells: dict[Cell, str], column: int, row: int, text: str, symbols: Mapping[str, str] = SYMBOLS) -> None:
    """Write letters where the map is empty: a sample is worth more."""
    plain = text if symbols is SYMBOLS else text.replace("├", "|").replace("─", "-").replace("┤", "|")
    for at, letter in enumerate(plain):
        if letter != " ":
            cells.setdefault((row, column + at), letter)


def _row(cells: Mapping[Cell, Segment], row: int, columns: int) -> list[Segment]:
    """Join what stands side by side with the same look; nothing after the last character."""
    return joined(cells.get((row, column), Segment(" ")) for column in range(columns))


def joined(segments: Iterable[Segment]) -> list[Segment]:
    """Join neighbours of one look."""
    found: list[Segment] = []
    for segment in segments:
        if found and found[-1].look == segment.look:
            found[-1] = Segment(found[-1].text + segment.text, segment.look)
        else:
            found.append(segment)
    return found
