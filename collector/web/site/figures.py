"""The charts of a site's page, each with its table, from what was gathered. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from collector.web import plot
from collector.web.plot import Note, Plot, Series, Table
from collector.web.site import course, speed, strip
from collector.web.site.notes import notes, places
from collector.web.site.period import Period
from collector.web.site.reading import Course, Material
from collector.web.words import Words

GROUP: Final = "site"
BEFORE_FIRST: Final = 0.04
"""Share of a new site's charts that is left free before its first test."""
_LEAST: Final = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Figure:
    """One chart: its id, heading, what the page carries of it, and the numbers behind it."""

    id: str
    title: str
    plot: dict[str, Any]
    table: Table
    note: str = ""


def happened(found: Material, period: Period, words: Words, now: datetime) -> list[Note]:
    """What happened within the period, oldest first."""
    start, end = period.bounds
    marks = [*notes(found.incidents, found.work, found.changes, words, now=now), *places(found.versions, words)]
    within = (one for one in marks if one.start <= end and (one.start if one.end is None else one.end) >= start)
    return sorted(within, key=lambda note: note.start)


def figures(found: Material, period: Period, words: Words, marks: list[Note]) -> list[Figure]:
    """All charts that have anything to show; the speeds always: their file may be asked for when it is empty."""
    frame = _Frame(_start(found, period), period.end, words, marks)
    several = len(found.agents) > 1
    made = [
        _strip(found, frame),
        _speed(found, "download", frame, several=several),
        _speed(found, "upload", frame, several=several),
        *(_sheet(sheet, found.courses.get(sheet.kind, Course()), frame) for sheet in course.SHEETS),
    ]
    return [one for one in made if one is not None]


@dataclass(frozen=True, slots=True)
class _Frame:
    """What all charts of a page have in common."""

    start: datetime
    end: datetime
    words: Words
    marks: list[Note]

    def plot(self, unit: str, series: list[Series], *, floor: float | None = 0.0, digits: int = 1) -> dict[str, Any]:
        """A chart within it."""
        return plot.payload(
            Plot(
                start=plot.second(self.start), end=plot.second(self.end), zone=self.words.zone.key, unit=unit,
                digits=digits, floor=floor, group=GROUP, series=series, notes=self.marks,
            )
        )  # fmt: skip


def _start(found: Material, period: Period) -> datetime:
    """A new site's first minutes should fill its charts."""
    course_of = found.courses["throughput"]
    if period.days is None or course_of.level != "raw" or not found.tests:
        return period.start
    oldest = min(report.at for report in found.tests)
    return max(period.start, oldest - max((period.end - oldest) * BEFORE_FIRST, _LEAST))


def _strip(found: Material, frame: _Frame) -> Figure | None:
    words = frame.words
    parts = [
        (words.say("Results"), found.heard, "presence-"),
        (words.say("Verdict"), found.stood, "state-"),
    ]
    parts = [part for part in parts if part[1]]
    if not parts:
        return None
    lanes = [strip.lane(name, stood, prefix, words) for name, stood, prefix in parts]
    drawn = Plot(
        start=plot.second(frame.start), end=plot.second(frame.end), zone=words.zone.key, group=GROUP,
        lanes=lanes, notes=frame.marks,
    )  # fmt: skip
    return Figure("timeline", words.say("Timeline"), plot.payload(drawn), strip.table(parts, words))


def _speed(found: Material, way: speed.Way, frame: _Frame, *, several: bool) -> Figure:
    words = frame.words
    title = words.say("Download, Mbit/s" if way == "download" else "Upload, Mbit/s")
    lines = speed.levels(found.steps, f"{way}_mbps", words)
    if found.trend is not None:
        spans = found.trend.download if way == "download" else found.trend.upload
        return Figure(way, title, frame.plot("Mbit/s", [*speed.band(spans, words), *lines]), speed.span_table(spans))
    tests = speed.tests(found.tests, way)
    series = [*speed.points(tests, words, agents=several), *lines]
    return Figure(way, title, frame.plot("Mbit/s", series), speed.test_table(tests, words))


def _sheet(sheet: course.Sheet, found: Course, frame: _Frame) -> Figure | None:
    series = course.series(sheet, found.rows, found.level, frame.words)
    if not series:
        return None
    table = course.table(sheet, found.rows, found.level)
    return Figure(
        sheet.id,
        frame.words.say(sheet.title),
        frame.plot(sheet.unit, series, floor=sheet.floor, digits=sheet.digits),
        table,
    )
