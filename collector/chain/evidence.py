"""From rows to evidence: which runs count, which failed, which are doubted, and why. Pure."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import starmap
from operator import attrgetter
from typing import Final, Literal

import msgspec

from collector.chain.rows import EPOCH, IPV6, LATENCY, THROUGHPUT, Note, Rows, moment
from collector.detect.observation import Contact
from collector.judge.sample import Evidence, Sample
from collector.store.points import nanoseconds

Fate = Literal["counts", "failed", "doubted", "absent"]
"""Of one run and indicator: it counts, it failed, its result is doubted, or this was not measured at all."""

KIND_OF: Final = {"download_mbps": THROUGHPUT.kind, "upload_mbps": THROUGHPUT.kind, "ipv6": IPV6.kind}
"""The kind of report that each indicator is measured by."""
_CONTACTS: Final = {"latency": (0, 1), "throughput": (2, 6), "ipv6": (2, None), "dns": (0, None), "web": (0, None)}
"""Where a failure and the peer that was asked stand in a row's note."""
_PARTS: Final = {"download_mbps": (0, 3), "upload_mbps": (1, 4)}
"""Where a direction's flag and its own failure stand in a throughput row's note."""
_WORKS: Final = frozenset({"dual_stack", "ipv6_only"})
_NOT_THE_LINE: Final = frozenset({"budget", "busy"})
_STARTED: Final = attrgetter("started")


class Told(msgspec.Struct, frozen=True):
    """What one row says of an indicator. `failure` and `doubts` are why it does not count."""

    at: datetime
    value: float | None
    fate: Fate
    failure: str | None = None
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """From a moment on, until another has passed. `line`: from when the site has its present line."""

    since: datetime
    until: datetime
    line: datetime | None = None

    def of(self, rows: Rows) -> tuple[int, int]:
        """The places of its first row and of the one after its last."""
        return rows.since(nanoseconds(max(self.since, EPOCH))), rows.since(nanoseconds(self.until) + 1)


def told(rows: Rows, indicator: str, first: int = 0, end: int | None = None) -> list[Told]:
    """What each row from a place on says of an indicator, oldest first; rows of which it is no matter left out."""
    found = (_ipv6 if indicator == "ipv6" else _Speed(indicator).told)(rows, first, end)
    return [one for one in found if one.fate != "absent"]


def rates(rows: Rows, indicator: str, first: int = 0, end: int | None = None) -> list[tuple[int, float]]:
    """The conclusive results of a direction between two places, oldest first: Unix nanoseconds, and the rate."""
    column = rows.numbers[THROUGHPUT.numbers.index(indicator)]
    return [
        (time_ns, value)
        for time_ns, value, note in zip(rows.times[first:end], column[first:end], rows.notes[first:end], strict=True)
        if value == value and _speed_fate(note, indicator, measured=True)[0] == "counts"  # noqa: PLR0124 - nan alone differs from itself
    ]


def counting(rows: Rows, indicator: str, first: int = 0) -> list[tuple[datetime, float]]:
    """The conclusive results of a direction from a place on, oldest first: when each started, and its rate."""
    return [(moment(time_ns), value) for time_ns, value in rates(rows, indicator, first)]


def evidence(rows: Rows | None, indicator: str, span: Span, started: Sequence[datetime] = ()) -> Evidence:
    """What is known of an indicator within a span. `started`: of its runs, where both directions are asked for."""
    if rows is None:
        return Evidence(since=span.line)
    first, end = span.of(rows)
    if indicator in _PARTS:
        return _of_speed(rows, indicator, (first, end), span.line, started or list(map(moment, rows.times[first:end])))
    return _of_told(told(rows, indicator, first, end), span.line)


def pace_of(evidence: Evidence, at: datetime) -> float | None:
    """Conclusive samples a day, as they came in the last week; None where that says nothing."""
    samples = evidence.samples
    recent = bisect_right(samples, at, key=_STARTED) - bisect_right(samples, at - timedelta(days=7), key=_STARTED)
    if not recent:
        return None
    days = min((at - samples[0].started) / timedelta(days=1), 7)
    return recent / max(days, 1)


def contacts(rows: Rows, kind: str, first: int = 0) -> list[Contact]:
    """Whether each report of a kind got through to what it asked; a fault of the device itself says nothing of that."""
    failed, asked = _CONTACTS[kind]
    notes, times = rows.notes[first:], rows.times[first:]
    losses = [share == 1 for share in rows.numbers[0][first:]] if kind == LATENCY.kind else [False] * len(notes)
    return [
        Contact(moment(at), not (is_lost or note[failed]), note[asked] if asked else None, kind)
        for at, is_lost, note in zip(times, losses, notes, strict=True)
        if not (note[failed] and _is_of_the_device(note[failed]))
    ]


def evidence_of(kinds: Mapping[str, Rows], indicators: Iterable[str], span: Span) -> dict[str, Evidence]:
    """The evidence of several indicators, by their names."""
    runs = kinds.get(THROUGHPUT.kind)
    started = [] if runs is None else [moment(time_ns) for time_ns in runs.times[slice(*span.of(runs))]]
    return {name: evidence(kinds.get(KIND_OF.get(name, "")), name, span, started) for name in dict.fromkeys(indicators)}


def _of_speed(
    rows: Rows, indicator: str, places: tuple[int, int], line: datetime | None, started: Sequence[datetime]
) -> Evidence:
    """As `_of_told`, for a third of its time: this is done for every site whose reports come in."""
    place = THROUGHPUT.numbers.index(indicator)
    part = slice(*places)
    values, notes = rows.numbers[place][part], rows.notes[part]
    fates = [_speed_fate(note, indicator, measured=value == value) for note, value in zip(notes, values, strict=True)]  # noqa: PLR0124 - nan alone differs from itself
    samples = [
        Sample(at, value) for at, value, (fate, _, _) in zip(started, values, fates, strict=True) if fate == "counts"
    ]
    own = bisect_left(started, line) if line else 0
    rest = Counter(one for one in fates[own:] if one[0] not in ("counts", "absent"))
    doubted: Counter[str] = Counter()
    for (_, _, doubts), count in rest.items():
        doubted.update(dict.fromkeys(doubts, count))
    by_fate = Counter[Fate]()
    for (fate, _, _), count in rest.items():
        by_fate[fate] += count
    return Evidence(samples, by_fate["failed"], dict(doubted), by_fate["doubted"], line)


def _of_told(found: list[Told], line: datetime | None) -> Evidence:
    """All samples, and what failed or is doubted of the present line: another line's failures are not this one's."""
    samples = list(
        starmap(Sample, ((one.at, one.value) for one in found if one.fate == "counts" and one.value is not None))
    )
    own = [one for one in found if line is None or one.at >= line]
    doubted = Counter(doubt for one in own if one.fate == "doubted" for doubt in one.doubts)
    fates = Counter(one.fate for one in own)
    return Evidence(samples, fates["failed"], dict(doubted), fates["doubted"], line)


class _Speed:
    """One direction of throughput."""

    def __init__(self, indicator: str) -> None:
        self._indicator = indicator
        self._place = THROUGHPUT.numbers.index(indicator)

    def told(self, rows: Rows, first: int, end: int | None) -> list[Told]:
        found = []
        for time_ns, *values, note in rows.rows(first, end):
            value = values[self._place]
            fate, failure, doubts = _speed_fate(note, self._indicator, measured=value is not None)
            found.append(Told(moment(time_ns), value, fate, failure, doubts))
        return found


@lru_cache(maxsize=65_536)
def _speed_fate(note: Note, indicator: str, *, measured: bool) -> tuple[Fate, str | None, tuple[str, ...]]:
    flag, own = _PARTS[indicator]
    if measured and note[flag] is True:
        return "counts", None, ()
    failure = note[2] or note[own]
    if failure:
        return "failed", failure, ()
    if not measured:
        return "absent", None, ()
    return "doubted", None, _doubts(note[5])


def _ipv6(rows: Rows, first: int, end: int | None) -> list[Told]:
    found = []
    for time_ns, (status, conclusive, failure, doubts) in rows.rows(first, end):
        value = None if status is None else float(status in _WORKS)
        fate: Fate = "counts" if conclusive is True and status is not None else "failed" if failure else "doubted"
        why = _doubts(doubts) if fate == "doubted" else ()
        found.append(Told(moment(time_ns), value, fate, failure if fate == "failed" else None, why))
    return found


def _doubts(words: str | None) -> tuple[str, ...]:
    return tuple(words.split(",")) if words else ()


@lru_cache(maxsize=4096)
def _is_of_the_device(failure: str) -> bool:
    stage, _, reason = failure.partition(":")
    return stage == "device" or reason in _NOT_THE_LINE
