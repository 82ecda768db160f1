"""What somebody reported of a promise, and what the newest of it says. Pure."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from collector.figures.figure import Entry
from collector.plans.types import Target, Text
from collector.scoreboard.board import Finding, Reason
from collector.scoreboard.measured import compared

_DONE: Final = 1.0
_ALL: Final = 100.0


def of_indicator(entries: Sequence[Entry], indicator: str) -> list[Entry]:
    """The figures of an indicator for the whole of the plan's province."""
    return [
        entry
        for entry in entries
        if entry.figure.indicator == indicator and not entry.figure.area and entry.figure.value is not None
    ]


def reported_figure(target: Target, mark: float | None, entries: Sequence[Entry], window: tuple[date, date]) -> Finding:
    """The newest figure whose period ended by the end of the window, judged as it stands: it has no interval.

    One that ended before the window began is shown, and decides nothing.
    """
    first, after = window[0], window[1] + timedelta(days=1)
    known = [entry for entry in entries if entry.figure.period.ended <= after]
    if not known:
        reason: Reason = "not_measured_yet" if target.how == "derived" else "no_figure"
        return Finding(reasons=[reason])
    newest = max(known, key=lambda entry: (entry.figure.period.ended, entry.figure.period.began))
    value = newest.figure.value
    finding = Finding(statistic="reported", value=value, source=_source(newest))
    if newest.figure.period.ended <= first:
        return _with(finding, reasons=["figure_older"])
    done = _ALL if target.unit == "percent" else _DONE
    against = mark if mark is not None else done if target.comparison == "done" else None
    if against is None:
        return _with(finding, reasons=["no_reference"])
    return Finding(
        verdict=compared(value, value, against, target.comparison),
        statistic="reported",
        value=value,
        source=finding.source,
    )


def _with(finding: Finding, *, reasons: list[Reason]) -> Finding:
    return Finding(reasons=reasons, statistic=finding.statistic, value=finding.value, source=finding.source)


def _source(entry: Entry) -> Text:
    figure, day = entry.figure, entry.entered.date()
    note = f" ({figure.note})" if figure.note else ""
    return Text(
        vi=f"{figure.source}, kỳ {figure.period.text}{note}; {entry.who} nhập ngày {day:%d/%m/%Y}",
        en=f"{figure.source}, of {figure.period.text}{note}; entered by {entry.who} on {day}",
    )
