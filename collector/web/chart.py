"""Geometry of a chart of sparse measurements over time. Pure: values in, coordinates and labels out.

Drawn on the server as SVG, so that it needs no script, prints, and can be read by a screen reader beside its table.
Points are never joined: between two tests nothing was measured.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

WIDTH: Final = 960.0
HEIGHT: Final = 300.0
LEFT: Final = 56.0
RIGHT: Final = 24.0
TOP: Final = 14.0
BOTTOM: Final = 30.0
MOST_TICKS: Final = 8
DAY_S: Final = 86400
MONTHS_FROM_S: Final = 120 * DAY_S

Look = Literal["conclusive", "doubted", "failed", "median"]


@dataclass(frozen=True, slots=True)
class Mark:
    """One test to draw: `value` None is a failure, drawn on the floor; `label` is what hovering tells."""

    at: datetime
    value: float | None
    look: Look
    label: str
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A level that holds from `since` on, drawn as a step: a target or a contract."""

    since: datetime | None
    value: float


@dataclass(frozen=True, slots=True)
class Band:
    """Where most results of a span of time lie."""

    start: datetime
    end: datetime
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Dot:
    """A mark in pixels."""

    x: float
    y: float
    look: Look
    label: str
    href: str | None


@dataclass(frozen=True, slots=True)
class Tick:
    """A grid line: where it is and what it says."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything a template needs to draw; pixels, y downwards."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    dots: tuple[Dot, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    target: tuple[tuple[float, float], ...]
    target_label: str | None
    bands: tuple[tuple[tuple[float, float], ...], ...] = ()
    """Outlines, one for each stretch without a gap."""


def draw(
    marks: Sequence[Mark],
    *,
    start: datetime,
    end: datetime,
    target: Sequence[Line],
    zone_offset: timedelta,
    bands: Sequence[Band] = (),
) -> Chart:
    """Lay out marks, bands and a stepped target between `start` and `end`; the y axis starts at 0."""
    levels = [*(line.value for line in target), *(band.high for band in bands)]
    levels_up = value_ticks(max([*(mark.value for mark in marks if mark.value is not None), *levels, 1.0]) * 1.05)
    top_value = levels_up[-1]
    span = max((end - start).total_seconds(), 1.0)

    def x(at: datetime) -> float:
        share = (at - start).total_seconds() / span
        return round(LEFT + min(max(share, 0.0), 1.0) * (WIDTH - LEFT - RIGHT), 1)

    def y(value: float) -> float:
        return round(HEIGHT - BOTTOM - value / top_value * (HEIGHT - TOP - BOTTOM), 1)

    return Chart(
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=WIDTH - RIGHT,
        top=TOP,
        bottom=HEIGHT - BOTTOM,
        dots=tuple(
            Dot(x(mark.at), y(mark.value if mark.value is not None else 0.0), mark.look, mark.label, mark.href)
            for mark in marks
            if start <= mark.at <= end
        ),
        x_ticks=tuple(Tick(x(at), label) for at, label in time_ticks(start, end, zone_offset)),
        y_ticks=tuple(Tick(y(value), f"{value:g}") for value in levels_up),
        target=tuple(_step(target, start, end, x, y)),
        target_label=f"{target[-1].value:g}" if target else None,
        bands=tuple(_outlines([band for band in bands if band.end > start and band.start < end], x, y)),
    )


def value_ticks(highest: float) -> list[float]:
    """Round levels from 0 to at least `highest`, three to six of them, 1, 2, 2.5 or 5 times a power of ten apart."""
    power = 10.0 ** math.floor(math.log10(highest / 4))
    step = next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= highest / 4)
    return [number * step for number in range(math.ceil(highest / step - 1e-9) + 1)]


def time_ticks(start: datetime, end: datetime, zone_offset: timedelta) -> list[tuple[datetime, str]]:
    """Round local times between `start` and `end`, at most eight, with labels as short as the span allows."""
    span = (end - start).total_seconds()
    if span > MONTHS_FROM_S:
        return list(_month_ticks(start, end, zone_offset))
    steps = (60, 300, 600, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, DAY_S, 2 * DAY_S, 7 * DAY_S, 30 * DAY_S)
    step = next((step for step in steps if span / step <= MOST_TICKS), 90 * DAY_S)
    offset = zone_offset.total_seconds()
    first = math.ceil((start.timestamp() + offset) / step) * step - offset
    hours, day = ("%H:%M", "%d/%m %H:%M") if step < DAY_S else ("%d/%m", "%d/%m")
    times = [datetime.fromtimestamp(first + number * step, UTC) for number in range(int(span // step) + 1)]
    return [(at, (at + zone_offset).strftime(hours if number else day)) for number, at in enumerate(times) if at <= end]


def _month_ticks(start: datetime, end: datetime, zone_offset: timedelta) -> Iterator[tuple[datetime, str]]:
    """Local beginnings of months, as many months apart as divide a year and leave room for the labels."""
    local, until = start + zone_offset, end + zone_offset
    first, last = (at.year * 12 + at.month - 1 for at in (local, until))
    step = next((step for step in (1, 2, 3, 4, 6, 12) if (last - first) / step < MOST_TICKS), 24)
    for number in range(first, last + 1):
        begin = local.replace(
            year=number // 12, month=number % 12 + 1, day=1, hour=0, minute=0, second=0, microsecond=0
        )
        if number % step == 0 and local <= begin <= until:
            yield begin - zone_offset, f"{begin:%m/%Y}"


def _outlines(
    bands: Sequence[Band], x: Callable[[datetime], float], y: Callable[[float], float]
) -> Iterator[tuple[tuple[float, float], ...]]:
    """Along the upper edge and back along the lower one, a new outline after each gap."""
    stretch: list[Band] = []
    for number, band in enumerate(bands):
        stretch.append(band)
        if number + 1 == len(bands) or bands[number + 1].start != band.end:
            upper = [(x(at), y(one.high)) for one in stretch for at in (one.start, one.end)]
            lower = [(x(at), y(one.low)) for one in reversed(stretch) for at in (one.end, one.start)]
            yield (*upper, *lower)
            stretch = []


def _step(
    lines: Sequence[Line],
    start: datetime,
    end: datetime,
    x: Callable[[datetime], float],
    y: Callable[[float], float],
) -> Iterator[tuple[float, float]]:
    for number, line in enumerate(lines):
        since = max(line.since or start, start)
        until = lines[number + 1].since if number + 1 < len(lines) else None
        if since > end or (until is not None and until < start):
            continue
        yield x(since), y(line.value)
        yield x(min(until or end, end)), y(line.value)
