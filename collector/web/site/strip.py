"""The strip above the charts: when results came, were late or missing, and how the verdict stood. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from collector.detect.silence import LATE, SILENT, STALE
from collector.web.plot import Column, Lane, Stretch, Table, runs, second
from collector.web.words import Words

Stood = tuple[datetime, datetime, str]
"""From, until, state."""
_FULL: Final = {"heard": 1.0, "late": 0.7, "stale": 0.5, "silent": 0.25, "met": 1.0, "below": 0.6, "inconclusive": 0.35}
"""How tall a state is drawn: shape tells it apart where colour does not."""
_GAPS: Final = 4
_COLUMNS: Final = (
    Column("what", "What"), Column("from", "From"), Column("until", "Until"), Column("state", "State"),
)  # fmt: skip


def usual_gap(times: Sequence[datetime]) -> timedelta:
    """How far apart results come where none is missing, from when they came; of fewer than five nothing is said.

    A device measures at a random instant of each slot, so that two slots may lie between neighbours: `LATE` of this is
    beyond them. A quarter of such gaps are below 0.7 of a slot; what is missing hardly touches that quarter.
    """
    ordered = sorted(times)
    gaps = sorted(after - before for before, after in pairwise(ordered))
    return gaps[len(gaps) // 4] * 2 if len(gaps) >= _GAPS else timedelta(0)


def presence(times: Sequence[datetime], every: timedelta, start: datetime, end: datetime) -> list[Stood]:
    """How long results were missing within a period. `times`: when they came, in order; the last one before it too.

    Nothing is said of the time before the first one.
    """
    found: list[Stood] = []
    for place, at in enumerate(times):
        until = times[place + 1] if place + 1 < len(times) else end
        found += _gap(at, min(until, end), every)
    cut = [(max(one, start), min(until, end), state) for one, until, state in found if until > start and one < end]
    return _merged(cut)


def standing(points: Sequence[tuple[datetime, str]], start: datetime, end: datetime) -> list[Stood]:
    """How a verdict stood within a period. `points`: each one's moment, in order; the last one before it too."""
    ends = [*(at for at, _ in points[1:]), end][: len(points)]
    cut = [
        (max(at, start), min(until, end), state)
        for (at, state), until in zip(points, ends, strict=True)
        if until > start and at < end
    ]
    return _merged(cut)


def lane(name: str, stood: Sequence[Stood], prefix: str, words: Words) -> Lane:
    """One row of the strip. `prefix`: of the messages that name the states."""
    return Lane(
        name=name,
        stretches=[
            Stretch(
                start=second(start),
                end=second(until),
                state=state,
                full=_FULL.get(state, 0.35),
                word=words.say(prefix + state),
                said=f"{name}: {words.say(prefix + state)}\n{words.time(start)} – {words.time(until)}",  # noqa: RUF001 - a dash of ranges
            )
            for start, until, state in stood
        ],
    )


def table(parts: Sequence[tuple[str, Sequence[Stood], str]], words: Words) -> Table:
    """Both rows as a table, newest first; a part is its name, what stood, and the prefix of its states' messages."""
    told = sorted(
        ((start, until, name, prefix + state) for name, stood, prefix in parts for start, until, state in stood),
        reverse=True,
    )
    return Table(_COLUMNS, tuple((name, start, until, words.say(state)) for start, until, name, state in told))


def _gap(at: datetime, until: datetime, every: timedelta) -> list[Stood]:
    """From a result to the next: heard, late, stale, silent, as far as it goes."""
    late, stale = at + every * LATE, at + every * STALE
    silent = at + max(SILENT, every * STALE)
    marks = [(at, "heard"), (late, "late"), (stale, "stale"), (silent, "silent")]
    ends = [late, stale, silent, until]
    found = ((start, min(end, until), state) for (start, state), end in zip(marks, ends, strict=True))
    return [(start, end, state) for start, end, state in found if end > start]


def _merged(stood: Sequence[Stood]) -> list[Stood]:
    found = []
    for first, after in runs([(state,) for _, _, state in stood]):
        found.append((stood[first][0], stood[after - 1][1], stood[first][2]))
    return found
