"""Charts of download and upload, with what the line was held against: every test, or spans of a long time. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from collector.chain.marks import Step
from collector.judge.presets import presets
from collector.plans.binding import Question
from collector.web.pages import Measured
from collector.web.plot import Band, Column, Points, Series, Shape, Steps, Table, Tone, second
from collector.web.trend import Span
from collector.web.words import Words

Way = Literal["download", "upload"]
_FAMILIES: Final[dict[str | None, tuple[str, Tone, Shape]]] = {
    "ipv4": ("IPv4", "one", "circle"),
    "ipv6": ("IPv6", "two", "diamond"),
    None: ("", "three", "square"),
}
_SPEED: Final = "Mbit/s"
_TEST_COLUMNS: Final = (
    Column("started", "Time"),
    Column("mbps", "Speed, Mbit/s", 1),
    Column("family", "Family"),
    Column("engine", "Method"),
    Column("peer", "Peer"),
    Column("agent", "Agent"),
    Column("ended", "Ended"),
    Column("counts", "Counts?"),
    Column("remarks", "Remarks"),
)
_SPAN_COLUMNS: Final = (
    Column("from", "From"),
    Column("median_mbps", "Median, Mbit/s", 1),
    Column("p5_mbps", "5 % are below", 1),
    Column("p95_mbps", "95 % are below", 1),
    Column("n", "Results", 0),
    Column("target_mbps", "Target, Mbit/s", 0),
)


@dataclass(frozen=True, slots=True)
class Test:
    """One direction of one report: its value, None where it failed."""

    report: Measured
    value: float | None
    way: Way

    @property
    def stop(self) -> str | None:
        """How it ended."""
        stops = self.report.stops
        return None if not stops else stops[0 if len(stops) == 1 or self.way == "download" else 1]


def tests(reports: Iterable[Measured], way: Way) -> list[Test]:
    """What was measured of a direction, oldest first; a direction that was not tried is no failure."""
    found = (Test(report, getattr(report, f"{way}_mbps"), way) for report in reports)
    tried = (one for one in found if one.value is not None or one.report.failure is not None)
    return sorted(tried, key=lambda one: one.report.at)


def points(found: Sequence[Test], words: Words, *, agents: bool = False) -> list[Series]:
    """The tests as points, IPv4 and IPv6 apart. `agents`: say which one measured."""
    series: list[Series] = []
    families = sorted({one.report.family for one in found}, key=lambda name: name or "~")
    for family in families:
        name, tone, shape = _FAMILIES.get(family, (family or "", "three", "square"))
        if families == [None]:  # nothing to be told apart from
            tone, shape = "one", "circle"
        own = [one for one in found if one.report.family == family]
        series.append(
            Points(
                name=name or words.say("tests"),
                tone=tone,
                shape=shape,
                at=[second(one.report.at) for one in own],
                values=[None if one.value is None else round(one.value, 3) for one in own],
                looks=[one.report.look(one.value, upload=one.way == "upload") for one in own],
                said=["\n".join(said(one, words, agents=agents)) for one in own],
                hrefs=[f"/api/v1/reports/{one.report.id}" if one.report.id else "" for one in own],
            )
        )
    return series


def said(test: Test, words: Words, *, agents: bool = False) -> list[str]:
    """What hovering tells of a test besides when and how fast it was."""
    report = test.report
    way = [_FAMILIES.get(report.family, (report.family or "",))[0], report.engine or "", report.peer or ""]
    lines = [" · ".join(part for part in way if part)]
    if agents and report.agent:
        lines.append(report.agent)
    if report.failure and test.value is None:
        lines.append(report.failure)
    if report.doubts:
        lines.append(f"{words.say('doubt:')} {words.listing(report.doubts)}")
    if test.stop:
        lines.append(f"{words.say('Ended')}: {words.say('stop-' + test.stop)}")
    return [line for line in lines if line]


def test_table(found: Sequence[Test], words: Words) -> Table:
    """The tests as a table, newest first."""
    newest = found[::-1]
    return Table(
        _TEST_COLUMNS,
        tuple(
            (
                one.report.at,
                one.value,
                one.report.family,
                one.report.engine,
                one.report.peer,
                one.report.agent,
                words.say(f"stop-{one.stop}") if one.stop else None,
                words.say(f"look-{one.report.look(one.value, upload=one.way == 'upload')}"),
                "; ".join(part for part in (one.report.failure, words.listing(one.report.doubts)) if part) or None,
            )
            for one in newest
        ),
        tuple(f"/api/v1/reports/{one.report.id}" if one.report.id else "" for one in newest),
    )


def band(spans: Sequence[Span], words: Words) -> list[Series]:
    """Spans of a long time."""
    if not spans:
        return []
    return [
        Band(
            name=words.say("median, and where nine of ten results lie"),
            start=[second(one.start) for one in spans],
            end=[second(one.end) for one in spans],
            low=[round(one.p5, 3) for one in spans],
            middle=[round(one.median, 3) for one in spans],
            high=[round(one.p95, 3) for one in spans],
            said=[f"n = {one.n}" for one in spans],
        )
    ]


def span_table(spans: Sequence[Span]) -> Table:
    """The spans as a table, newest first."""
    rows = ((one.start, one.median, one.p5, one.p95, one.n, one.target) for one in reversed(spans))
    return Table(_SPAN_COLUMNS, tuple(rows))


def levels(steps: Sequence[Step], indicator: str, words: Words) -> list[Series]:
    """What the site was held against over time, and what was bought."""
    series: list[Series] = []
    for question, kind, name in (("plan", "target", "target"), ("contract", "contract", "contract")):
        values = [(step.since, _level(step, question, indicator)) for step in steps]  # type: ignore[arg-type]  # literals of a tuple
        if any(value is not None for _, value in values):
            at, marks = [second(since) for since, _ in values], [value for _, value in values]
            series.append(Steps(name=words.say(name), kind=kind, at=at, values=marks))  # type: ignore[arg-type]  # the same
    return series


def _level(step: Step, question: Question, indicator: str) -> float | None:
    for binding in step.bindings:
        if (binding.question, binding.indicator) == (question, indicator) and binding.mark is not None:
            return binding.mark if question == "contract" else presets()[binding.rule].mark_of(binding.mark)
    return None


def first_moment(found: Sequence[Test]) -> datetime | None:
    """When the oldest test was."""
    return found[0].report.at if found else None
