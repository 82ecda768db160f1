"""What an incident rests on: its numbers in words, and the tests around it on a chart with their table. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from collector.chain.marks import Step
from collector.incidents.incident import Incident
from collector.web import plot
from collector.web.pages import Measured
from collector.web.plot import Column, Plot, Table
from collector.web.site import speed
from collector.web.site.notes import notes
from collector.web.words import Words

BEFORE: Final = timedelta(days=3)
AFTER: Final = timedelta(days=1)
LONGEST: Final = timedelta(days=45)
"""A chart shows so much of a long incident, the beginning."""
_SAMPLES: Final = (Column("started", "Time"), Column("value", "Speed, Mbit/s", 1))


@dataclass(frozen=True, slots=True)
class Figure:
    """The chart, with the numbers behind it."""

    plot: dict[str, Any]
    table: Table


def span(incident: Incident, now: datetime) -> tuple[datetime, datetime]:
    """What its chart shows: some days before it began until it was over."""
    start = incident.since - BEFORE
    ended = incident.resolved if incident.resolved is not None and not incident.active else now
    return start, min(ended + AFTER, now, start + LONGEST)


def figure(
    incident: Incident, reports: Sequence[Measured], steps: Sequence[Step], words: Words, now: datetime
) -> Figure | None:
    """Downloads around it, with what they were held against; None where there is nothing to draw."""
    start, end = span(incident, now)
    tests = speed.tests(reports, "download")
    if not tests:
        return None
    drawn = Plot(
        start=plot.second(start), end=plot.second(max(end, start + AFTER)), zone=words.zone.key, unit="Mbit/s",
        series=[*speed.points(tests, words), *speed.levels(steps, "download_mbps", words)],
        notes=notes([incident], [], [], words, now=now),
    )  # fmt: skip
    return Figure(plot.payload(drawn), speed.test_table(tests, words))


def samples(incident: Incident) -> Table:
    """The measurements that it was opened for, newest first."""
    rows = incident.evidence.get("samples", [])
    found = [(row.get("started"), row.get("value", row.get("mbps"))) for row in rows]
    read = [(msgspec.convert(at, datetime), float(value)) for at, value in found if at and value is not None]
    return Table(_SAMPLES, tuple(read[::-1]))


def facts(incident: Incident, words: Words) -> list[tuple[str, str]]:
    """Its numbers in words: pairs of a heading and what stands there."""
    said = incident.evidence
    return [*_numbers(incident, said, words), *_signs(incident, said, words)]


def _numbers(incident: Incident, said: Mapping[str, Any], words: Words) -> Iterator[tuple[str, str]]:
    k, n, unit = said.get("k"), said.get("n"), _unit(said)
    if n:
        counted = "{k} of {n} sites at the same time" if incident.group else "{k} of {n} results"
        yield words.say("Counted"), words.say(counted, k=k, n=n)
    if said.get("target") is not None:
        yield words.say("Held against"), f"{words.number(said['target'], 0)} {unit}"
    if said.get("median") is not None:
        yield words.say("Median"), f"{words.number(said['median'])} {unit}{_bounds(said, words)}"


def _signs(incident: Incident, said: Mapping[str, Any], words: Words) -> Iterator[tuple[str, str]]:
    why = said.get("why")
    if isinstance(why, list) and why:
        yield words.say("Not reached"), ", ".join(map(str, why))
    for agent, at in _moments(said.get("seen")):
        yield words.say("Last sign of {agent}", agent=agent), words.time(at)
    for agent, at in _moments(said.get("reported")):
        yield words.say("Last report of {agent}", agent=agent), words.time(at)
    missed = said.get("missed")
    if isinstance(missed, dict) and any(missed.values()):
        yield words.say("Runs that did not come"), str(sum(missed.values()))
    if incident.reopened:
        yield words.say("Came back"), words.say("{n} times", n=incident.reopened)


def _bounds(said: Mapping[str, Any], words: Words) -> str:
    low, high = said.get("low"), said.get("high")
    return "" if low is None or high is None else f" ({words.number(low)} … {words.number(high)})"


def _unit(said: Mapping[str, Any]) -> str:
    unit = str(said.get("unit", "Mbps"))
    return "Mbit/s" if unit == "Mbps" else unit


def _moments(found: object) -> Iterator[tuple[str, datetime]]:
    """By agent a moment, of those that have one."""
    if not isinstance(found, dict):
        return
    for agent, at in found.items():
        try:
            yield str(agent), msgspec.convert(at, datetime)
        except msgspec.ValidationError:
            continue
