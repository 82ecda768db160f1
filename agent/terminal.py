"""What a person at a terminal sees: a live line for each step, then a card with the result.

Without a terminal the same rows come as plain lines. rich is imported here and in survey_screen, nowhere else.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as Bar
from rich.progress import Task as BarTask
from rich.table import Column, Table
from rich.text import Text

from agent.abilities import Ability, State
from agent.card import BLOCKS, COLUMNS, at_utc, rows_of, title_of
from agent.card_row import Look, Row
from agent.measure import failures
from agent.probes.probe import Progress
from agent.status import Report
from agent.wire.control import Health
from agent.wire.report import Measurement
from agent.words import Language, language, say

_TRACE: Final = 24
_BESIDE: Final = 38
"""What stands beside a plot: the frame, the labels, and the words of its scale."""
_PLOT_LEAST: Final = 8
_NARROW: Final = 60
"""On fewer columns a label stands above what it names: beside it there would be room for two words a line."""
_BELOW: Final = 24
"""What stands beside a plot there: the frame, the indent, and the words of its scale."""
_BESIDE_TRACE: Final = 36
_BESIDE_BAR: Final = 30
"""What stands beside a running line's blocks or bar: the step, the value with its unit (Mbit/s, ms) and the seconds."""
# Kinds that end as soon as they know: nobody can say what share of one is done, so no bar pretends to.
_OPEN_ENDED: Final = ("throughput",)
_DEAD: Final = ("broken", "none")
_WHOLE: Final = 10
_SIGNS: Final[dict[State, str]] = {"runs": "✓", "limited": "◐", "cannot": "✗"}
_LOOKS: Final[dict[State, Look]] = {"runs": "figure", "limited": "figure", "cannot": "doubt"}
_STYLES: Final[dict[Look, str]] = {"": "", "figure": "bold", "plot": "cyan", "aside": "dim", "doubt": "yellow"}


class _Value(ProgressColumn):
    """The live value with its unit."""

    def get_table_column(self) -> Column:
        """Keep value and unit on one line; on a narrow terminal the bar gives way."""
        return Column(no_wrap=True)

    def render(self, task: BarTask) -> Text:
        value, unit = task.fields.get("value"), task.fields.get("unit") or ""
        return Text("" if value is None else f"{value:>8.1f} {unit}", style="bold")


class _Trace(ProgressColumn):
    """What the value has been so far, one block a report, the newest on the right."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self._columns = columns

    def render(self, task: BarTask) -> Text:
        values: list[float] = task.fields.get("trace") or []
        highest = max(values, default=0.0) or 1.0
        blocks = "".join(BLOCKS[max(1, round(value / highest * 8))] for value in values[-self._columns :])
        return Text(f"{blocks:<{self._columns}}", style="cyan")


class _Seconds(ProgressColumn):
    """How long this step has run; it stands still when the next one has begun."""

    max_refresh = None

    def render(self, task: BarTask) -> Text:
        return Text(f"{task.finished_time if task.finished else task.elapsed or 0.0:5.1f} s", style="dim")


class Screen:
    """A terminal, or a file that stands in for one, and the language spoken on it."""

    def __init__(
        self, environment: Mapping[str, str], *, out: Console | None = None, bar: Console | None = None
    ) -> None:
        self._out = out or Console(highlight=False)
        self._bar = bar or Console(stderr=True, highlight=False)
        self.tongue: Language = language(environment)

    @contextmanager
    def watch(self, kind: str) -> Iterator[Callable[[Progress], None]]:
        """Give the callback that shows how a run goes; without a terminal it does nothing."""
        if not self._bar.is_terminal:
            yield lambda _: None
            return
        open_ended = kind in _OPEN_ENDED
        room = max(1, min(_TRACE, self._bar.width - (_BESIDE_TRACE if open_ended else _BESIDE_BAR)))
        live: tuple[ProgressColumn, ...] = (_Trace(room),) if open_ended else (BarColumn(bar_width=room),)
        with Bar(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}"),
            *live,
            _Value(),
            _Seconds(),
            console=self._bar,
            transient=True,
        ) as bar:
            yield _Steps(bar, self.tongue, open_ended=open_ended).move

    def show(self, measurement: Measurement[Any]) -> None:
        """Print the card of a measurement: its result, or what failed, where, why, and what to check."""
        taken = _BELOW if self._out.width < _NARROW else _BESIDE
        columns = max(_PLOT_LEAST, min(COLUMNS, self._out.width - taken)) if self._out.is_terminal else COLUMNS
        rows = rows_of(measurement, self.tongue, columns=columns)
        self.table(title_of(measurement, self.tongue), rows, colour=_colour(measurement))

    def show_status(self, report: Report, *, alive: bool) -> None:
        """Print what the service last said of itself."""
        colour = "red" if not alive else "yellow" if report.trouble else "green"
        self.table(f"linkgauge-agent {report.agent}", status_rows(report, self.tongue, alive=alive), colour=colour)

    def show_abilities(self, found: Sequence[Ability]) -> None:
        """Print which probes can run here, and under each what it could not check, and why."""
        rows = []
        for ability in found:
            state = say(f"ability:{ability.state}", self.tongue)
            rows.append(Row(ability.kind, f"{_SIGNS[ability.state]} {ability.about}: {state}", _LOOKS[ability.state]))
            rows += [Row("", f"- {limit.check}: {limit.why}", "aside") for limit in ability.limits]
        rows.append(Row("", say("ability:more", self.tongue), "aside"))
        worst = "yellow" if any(ability.state != "runs" for ability in found) else "green"
        self.table(say("abilities", self.tongue), rows, colour=worst)

    def table(self, title: str, rows: list[Row], *, colour: str = "cyan") -> None:
        """Print labelled rows."""
        if self._out.is_terminal:
            body = _stack(rows) if self._out.width < _NARROW else _grid(rows)
            self._out.print(
                Panel(body, title=Text(title, style="bold"), title_align="left", border_style=colour, expand=False)
            )
            return
        self._out.print(title, markup=False, soft_wrap=True)
        for row in rows:
            line = f"{row.label}: {row.value}" if row.label else f"  {row.value}"
            self._out.print(line, markup=False, soft_wrap=True)


def _colour(measurement: Measurement[Any]) -> str:
    """Red for what failed, yellow for what is doubted or only partly well."""
    result = measurement.result
    status, score = getattr(result, "status", None), getattr(result, "score", None)
    if failures(measurement) or status in _DEAD:
        return "red"
    partly = getattr(result, "domain", None) is not None or (score is not None and score < _WHOLE)
    return "yellow" if measurement.doubts or partly else "green"


class _Steps:
    """The lines of a running measurement: one a step, the finished ones above it with their last value."""

    def __init__(self, bar: Bar, tongue: Language, *, open_ended: bool) -> None:
        self._bar = bar
        self._tongue = tongue
        self._open_ended = open_ended
        self._phase = ""
        self._task = bar.add_task(say("looking", tongue), total=None, value=None, unit="", trace=[])
        self._trace: list[float] = []

    def move(self, progress: Progress) -> None:
        """Take in how far the run is."""
        if progress.phase != self._phase:
            self._begin(progress.phase)
        if progress.value is not None:
            self._trace.append(progress.value)
        done = None if self._open_ended else min(1.0, max(0.0, progress.done))
        self._bar.update(
            self._task, completed=done, value=progress.value, unit=progress.unit, trace=self._trace[-_TRACE:]
        )

    def _begin(self, phase: str) -> None:
        total = None if self._open_ended else 1.0
        if self._phase and self._open_ended:
            self._bar.update(self._task, total=0.0, completed=0.0)
        else:
            self._bar.remove_task(self._task)  # what came before the first step, or a bar that goes on under a new name
        self._phase, self._trace = phase, []
        self._task = self._bar.add_task(say(phase, self._tongue), total=total, value=None, unit="", trace=[])


def status_rows(report: Report, tongue: Language, *, alive: bool) -> list[Row]:
    """Say how the service is doing."""
    status, health = report.status, report.status.health or Health()
    state = say("running" if alive else "not_running", tongue).format(at_utc(report.since if alive else report.at))
    clock = {True: "synchronized", False: "not_synchronized", None: "unknown"}[health.clock_synchronized]
    rows = [
        Row(say("service", tongue), state),
        Row(say("software", tongue), status.software or ""),
        Row(say("schedule", tongue), status.profile or ""),
        Row(say("broker", tongue), _broker(report, tongue)),
        Row(say("queue", tongue), say("waiting", tongue).format(status.spooled or 0, status.dropped or 0)),
        Row(say("clock", tongue), say(clock, tongue)),
        Row(say("now_measuring", tongue), say(report.measuring, tongue) if report.measuring else ""),
        *_under(say("next", tongue), _announced(report, tongue)),
        *_under(say("recent", tongue), _recent(report, tongue)),
        *(Row(say("trouble", tongue), trouble) for trouble in report.trouble),
    ]
    return [row for row in rows if row.value]


def _announced(report: Report, tongue: Language) -> list[str]:
    soonest = sorted((report.status.next or {}).items(), key=lambda item: item[1])
    return [f"{at_utc(at)}  {say(kind, tongue)}" for kind, at in soonest]


def _recent(report: Report, tongue: Language) -> list[str]:
    lines = []
    for run in report.recent:
        failure = f"{say('failed', tongue)}: {run.failure}" if run.failure else ""
        parts = (at_utc(run.started), say(run.kind, tongue), run.value, failure)
        lines.append("  ".join(part for part in parts if part))
    return lines


def _under(label: str, values: list[str]) -> list[Row]:
    return [Row("" if place else label, value) for place, value in enumerate(values)]


def _broker(report: Report, tongue: Language) -> str:
    broker = report.broker
    if broker is None:
        return ""
    state = say("connected" if broker.connected else "disconnected", tongue).format(at_utc(broker.since))
    why = f": {broker.last_error}" if broker.last_error and not broker.connected else ""
    return f"{broker.url} {state}{why}"


def _grid(rows: list[Row]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for row in rows:
        grid.add_row(Text(row.label), Text(row.value, style=_STYLES[row.look]))
    return grid


def _stack(rows: list[Row]) -> Table:
    """Labels above what they name, for narrow terminals."""
    stack = Table.grid()
    stack.add_column(overflow="fold")
    for row in rows:
        if row.label:
            stack.add_row(Text(row.label, style="dim"))
        stack.add_row(Padding(Text(row.value, style=_STYLES[row.look]), (0, 0, 0, 2)))
    return stack
