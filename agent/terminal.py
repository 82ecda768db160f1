"""What a person at a terminal sees: a bar with the live rate, then a card with the result. The only importer of rich.

Without a terminal the same rows come as plain lines.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, ProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.progress import Task as BarTask
from rich.table import Table
from rich.text import Text

from agent.measure import failures
from agent.probes.probe import Progress
from agent.status import Report
from agent.wire.control import Health
from agent.wire.failure import Doubt, Failure
from agent.wire.report import Measurement
from agent.wire.results import Direction, Ipv6, Latency, Spread, Throughput
from agent.words import Language, advice, advice_on_ipv6, language, say

_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_SAMPLE_S: Final = 0.1
_COLUMNS: Final = 50
_HEIGHT: Final = 3
Row = tuple[str, str]


class _Value(ProgressColumn):
    """The live value with its unit."""

    def render(self, task: BarTask) -> Text:
        value, unit = task.fields.get("value"), task.fields.get("unit") or ""
        return Text("" if value is None else f"{value:>8.1f} {unit}", style="bold")


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
        """Give the callback that moves the bar; without a terminal it does nothing."""
        if not self._bar.is_terminal:
            yield lambda _: None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), _Value(), TimeElapsedColumn())
        with Bar(*columns, console=self._bar, transient=True) as bar:
            task = bar.add_task(say(kind, self.tongue), total=1.0, value=None, unit="")

            def move(progress: Progress) -> None:
                bar.update(
                    task,
                    completed=min(1.0, max(0.0, progress.done)),
                    description=say(progress.phase, self.tongue),
                    value=progress.value,
                    unit=progress.unit,
                )

            yield move

    def show(self, measurement: Measurement[Any]) -> None:
        """Print the card of a measurement: its result, or what failed, where, why, and what to check."""
        rows = rows_of(measurement, self.tongue)
        colour = "red" if failures(measurement) else "yellow" if measurement.doubts else "green"
        self.table(title_of(measurement, self.tongue), rows, colour=colour)

    def show_status(self, report: Report, *, alive: bool) -> None:
        """Print what the service last said of itself."""
        colour = "red" if not alive else "yellow" if report.trouble else "green"
        self.table(f"linkgauge-agent {report.agent}", status_rows(report, self.tongue, alive=alive), colour=colour)

    def table(self, title: str, rows: list[Row], *, colour: str = "cyan") -> None:
        """Print labelled rows."""
        if self._out.is_terminal:
            self._out.print(
                Panel(
                    _grid(rows), title=Text(title, style="bold"), title_align="left", border_style=colour, expand=False
                )
            )
            return
        self._out.print(title, markup=False, soft_wrap=True)
        for label, value in rows:
            self._out.print(f"{label}: {value}" if label.strip() else f"  {value}", markup=False, soft_wrap=True)


def title_of(measurement: Measurement[Any], tongue: Language) -> str:
    """Name the kind, and whether it failed."""
    name = say(measurement.kind, tongue)
    return f"{name}: {say('failed', tongue)}" if measurement.failure else name


def rows_of(measurement: Measurement[Any], tongue: Language) -> list[Row]:
    """Say everything of a measurement that a person wants to know, in their language."""
    rows = _result_rows(measurement, tongue)
    rows += [(say("doubts", tongue), say(f"doubt:{doubt}", tongue)) for doubt in measurement.doubts]
    return rows + _place_rows(measurement, tongue)


def status_rows(report: Report, tongue: Language, *, alive: bool) -> list[Row]:
    """Say how the service is doing."""
    status, health = report.status, report.status.health or Health()
    state = (
        say("running", tongue).format(_at(report.since)) if alive else say("not_running", tongue).format(_at(report.at))
    )
    clock = {True: "synchronized", False: "not_synchronized", None: "unknown"}[health.clock_synchronized]
    rows = [
        (say("service", tongue), state),
        (say("software", tongue), status.software or ""),
        (say("schedule", tongue), status.profile or ""),
        (say("broker", tongue), _broker(report, tongue)),
        (say("queue", tongue), say("waiting", tongue).format(status.spooled or 0, status.dropped or 0)),
        (say("clock", tongue), say(clock, tongue)),
        (say("now_measuring", tongue), say(report.measuring, tongue) if report.measuring else ""),
    ]
    label = say("next", tongue)
    for kind, at in sorted((status.next or {}).items(), key=lambda item: item[1]):
        rows.append((label, f"{_at(at)}  {say(kind, tongue)}"))
        label = " "
    label = say("recent", tongue)
    for run in report.recent:
        failure = f"{say('failed', tongue)}: {run.failure}" if run.failure else ""
        rows.append(
            (label, "  ".join(part for part in (_at(run.started), say(run.kind, tongue), run.value, failure) if part))
        )
        label = " "
    rows += [(say("trouble", tongue), trouble) for trouble in report.trouble]
    return [(label, value) for label, value in rows if value]


def _broker(report: Report, tongue: Language) -> str:
    broker = report.broker
    if broker is None:
        return ""
    state = say("connected" if broker.connected else "disconnected", tongue).format(_at(broker.since))
    why = f": {broker.last_error}" if broker.last_error and not broker.connected else ""
    return f"{broker.url} {state}{why}"


def _at(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def plot(rates: list[float], *, columns: int = _COLUMNS, height: int = _HEIGHT) -> list[str]:
    """Draw rates as bars from zero, highest line first; neighbours are averaged where there are more than columns."""
    if not rates or max(rates) <= 0:
        return []
    step = -(-len(rates) // columns)
    bars = [sum(part) / len(part) for part in (rates[at : at + step] for at in range(0, len(rates), step))]
    eighths = [round(bar / max(bars) * height * 8) for bar in bars]
    return ["".join(_BLOCKS[min(8, max(0, high - 8 * line))] for high in eighths) for line in reversed(range(height))]


def spread_line(spread: Spread, *, columns: int = _COLUMNS) -> str:
    """Draw where round trips lie between zero and the longest: a box to the 95th percentile, the median in it."""
    if spread.min is None or spread.median is None or not spread.max:
        return ""
    p95 = spread.max if spread.p95 is None else spread.p95
    low, middle, high = (round(value / spread.max * (columns - 1)) for value in (spread.min, spread.median, p95))
    line = ["·"] * low + ["━"] * (high - low + 1) + ["╌"] * (columns - 1 - high)
    line[middle] = "┃"
    return "".join(line)


def _result_rows(measurement: Measurement[Any], tongue: Language) -> list[Row]:
    if measurement.failure is not None:
        return _failure_rows(measurement.failure, tongue)
    match measurement.result:
        case Throughput() as result:
            return _throughput_rows(result, tongue)
        case Latency() as result:
            return _latency_rows(result, tongue)
        case Ipv6() as result:
            return _ipv6_rows(result, tongue, tried_one=Doubt.METHOD_REFERENCE_ONLY in measurement.doubts)
        case _:
            return []


def _failure_rows(failure: Failure, tongue: Language) -> list[Row]:
    rows = [
        (say("where", tongue), say(f"stage:{failure.stage}", tongue)),
        (say("why", tongue), say(f"reason:{failure.reason}", tongue)),
        (say("words", tongue), failure.detail or ""),
        (say("check", tongue), advice(failure, tongue)),
    ]
    return [(label, value) for label, value in rows if value]


def _throughput_rows(result: Throughput, tongue: Language) -> list[Row]:
    rows = []
    for name, direction in (("download", result.download), ("upload", result.upload)):
        if direction is not None:
            rows += _direction_rows(say(name, tongue), direction, tongue)
    idle = _spread(result.idle_rtt_ms, tongue)
    parts = [("download", result.download), ("upload", result.upload)]
    loaded = [
        f"{say(name, tongue)} {part.loaded_rtt_ms.median:.1f} ms"
        for name, part in parts
        if part is not None and part.loaded_rtt_ms is not None and part.loaded_rtt_ms.median is not None
    ]
    rows += [(say("idle", tongue), idle)] if idle else []
    rows += [(say("loaded", tongue), ", ".join(loaded))] if loaded else []
    sent_again = [
        f"{say(name, tongue)} {part.retransmit_ratio:.2%}"
        for name, part in parts
        if part is not None and part.retransmit_ratio is not None
    ]
    rows += [(say("retransmitted", tongue), ", ".join(sent_again))] if sent_again else []
    how = ", ".join(word for word in (result.engine, result.congestion, result.cipher) if word)
    return rows + ([(say("method", tongue), how)] if how else [])


def _direction_rows(label: str, part: Direction, tongue: Language) -> list[Row]:
    rows: list[Row] = []
    if part.mbps is not None:
        bounds = f"  ({part.low_mbps:.1f} - {part.high_mbps:.1f})" if part.low_mbps and part.high_mbps else ""
        rows.append((label, f"{part.mbps:.1f} Mbit/s{bounds}"))
        rows += _plot_rows(part.rates_mbps or [], tongue)
    if part.failure is not None:
        rows.append((label, f"{say('failed', tongue)}: {say(f'reason:{part.failure.reason}', tongue)}"))
        rows += _failure_rows(part.failure, tongue)
    return rows


def _plot_rows(rates: list[float], tongue: Language) -> list[Row]:
    lines = plot(rates)
    if not lines:
        return []
    step = -(-len(rates) // _COLUMNS) * _SAMPLE_S
    lines[0] += f"  {max(rates):.0f} Mbit/s"
    lines[-1] += "  " + say("each_bar", tongue).format(f"{step:.1f}")
    return [("", line) for line in lines]


def _latency_rows(result: Latency, tongue: Language) -> list[Row]:
    lost = result.lost if result.lost is not None else result.sent - result.received
    share = f" ({result.loss_ratio:.1%})" if result.loss_ratio is not None else ""
    line = spread_line(result.rtt_ms) if result.rtt_ms else ""
    rows = [
        (say("rtt", tongue), _spread(result.rtt_ms, tongue)),
        (" ", f"0 {line} {_short(result.rtt_ms.max)} ms" if line and result.rtt_ms and result.rtt_ms.max else ""),
        (say("jitter", tongue), "" if result.jitter_ms is None else f"{result.jitter_ms:.2f} ms"),
        (say("lost", tongue), f"{lost} {say('of', tongue)} {result.sent}{share}"),
        (say("method", tongue), result.method),
    ]
    return [(label, value) for label, value in rows if value]


def _ipv6_rows(result: Ipv6, tongue: Language, *, tried_one: bool) -> list[Row]:
    # Of a family that was not tried nothing is said, whatever the status of the run is called.
    of_one = tried_one and result.status in {"ipv4_only", "ipv6_only"}
    rows = [(say("state", tongue), say(f"{'tried' if of_one else 'status'}:{result.status}", tongue))]
    if result.score is not None:
        rows.append((say("score", tongue), f"{result.score:g} / 10"))
    if result.addresses is not None and result.addresses.global_:
        rows.append((say("addresses", tongue), ", ".join(result.addresses.global_)))
    label = say("checks", tongue)
    for check in result.checks or []:
        time = "" if check.ms is None else f"  {check.ms:.1f} ms"
        why = "" if check.ok or not check.reason else f"  {say(f'reason:{check.reason}', tongue)}"
        rows.append((label, f"{'✓' if check.ok else '✗'} {check.name.replace('_', ' ')}{time}{why}"))
        label = ""
    check_next = advice_on_ipv6(result, tongue, tried_one=tried_one)
    return rows + ([(say("check", tongue), check_next)] if check_next else [])


def _place_rows(measurement: Measurement[Any], tongue: Language) -> list[Row]:
    rows: list[Row] = []
    peer, link = measurement.peer, measurement.link
    if peer is not None:
        family = {"ipv4": "IPv4", "ipv6": "IPv6"}.get(measurement.family or "", "")
        words = [peer.url or "", f"({peer.address})" if peer.address else "", family]
        rows.append((say("peer", tongue), " ".join(word for word in words if word)))
    if link is not None and link.interface:
        words = [link.interface, link.medium or "", f"{link.speed_mbps:g} Mbit/s" if link.speed_mbps else ""]
        rows.append((say("line", tongue), " ".join(word for word in words if word)))
    rows.append(
        (say("when", tongue), f"{_at(measurement.started)}, {say('took', tongue)} {measurement.duration_s:.1f} s")
    )
    return rows


def _spread(spread: Spread | None, tongue: Language) -> str:
    if spread is None or spread.median is None:
        return ""
    ends = [("min", spread.min), ("p95", spread.p95), ("max", spread.max)]
    more = ", ".join(f"{name} {_short(value)}" for name, value in ends if value is not None)
    return f"{say('median', tongue)} {_short(spread.median)} ms" + (f"  ({more})" if more else "")


def _short(milliseconds: float) -> str:
    return f"{milliseconds:.1f}" if milliseconds >= 1 else f"{milliseconds:.2f}"


def _grid(rows: list[Row]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in rows:
        grid.add_row(Text(label), Text(value))
    return grid
