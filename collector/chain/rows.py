"""What the store holds of one site and kind, packed to be kept in memory for a whole fleet. Pure.

A row costs 32 bytes of throughput and 24 of latency: numbers in arrays, and of its words only a reference, as few sets
of words come again and again. Times are Unix nanoseconds.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import nan
from typing import Any, Final

from collector.store.store import Values

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
Note = tuple[Any, ...]
_NOTES_LIMIT: Final = 65_536
_NOTES: Final[dict[Note, Note]] = {}
"""One copy of each set of words that rows refer to."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Which columns of a kind are kept, how long, and how many rows of one site at most (then the newest)."""

    kind: str
    numbers: tuple[str, ...]
    notes: tuple[str, ...]
    span: timedelta
    most: int

    @property
    def columns(self) -> tuple[str, ...]:
        """What to ask the store for: the numbers, then the rest."""
        return (*self.numbers, *self.notes)


THROUGHPUT: Final = Shape(
    "throughput",
    ("download_mbps", "upload_mbps"),
    ("conclusive", "upload_conclusive", "failure", "download_failure", "upload_failure", "doubts", "peer", "family"),
    timedelta(days=60),
    10_000,
)
LATENCY: Final = Shape("latency", ("loss_ratio",), ("failure", "peer"), timedelta(days=1), 2_000)
IPV6: Final = Shape("ipv6", (), ("status", "conclusive", "failure", "doubts"), timedelta(days=60), 10_000)
DNS: Final = Shape("dns", (), ("failure", "peer"), timedelta(days=1), 1_000)
WEB: Final = Shape("web", (), ("failure", "peer"), timedelta(days=1), 1_000)
SHAPES: Final = (THROUGHPUT, LATENCY, IPV6, DNS, WEB)


class Rows:
    """One site's rows of one kind, oldest first."""

    __slots__ = ("notes", "numbers", "shape", "times")

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.times = array("q")
        self.numbers = tuple(array("d") for _ in shape.numbers)
        self.notes: list[Note] = []

    def __len__(self) -> int:
        return len(self.times)

    def put(self, start_ns: int, found: Sequence[Values]) -> int | None:
        """Replace everything from `start_ns` on by what was found there, oldest first, as (time, *columns).

        Gives the time of the earliest row that is new, changed or gone; None when all is as it was.
        """
        found = found[-self.shape.most :]
        place = bisect_left(self.times, start_ns)
        fresh = Rows(self.shape)
        fresh._take(found)
        changed = self._differs(place, fresh)
        if changed is not None:
            self._cut(place)
            self._append(fresh)
            self.forget(self.times[-self.shape.most] if len(self) > self.shape.most else 0)
        return changed

    def forget(self, before_ns: int) -> None:
        """Let go of older rows."""
        place = bisect_left(self.times, before_ns)
        if place:
            del self.times[:place], self.notes[:place]
            for column in self.numbers:
                del column[:place]

    def since(self, start_ns: int) -> int:
        """The place of the first row at or after a time."""
        return bisect_left(self.times, start_ns)

    def rows(self, first: int = 0, end: int | None = None) -> Iterator[tuple[Any, ...]]:
        """From a place on, until before another, (time, *numbers, note); a number that is not there is None."""
        columns = [[None if value != value else value for value in column[first:end]] for column in self.numbers]  # noqa: PLR0124 - nan alone differs from itself
        return zip(self.times[first:end], *columns, self.notes[first:end], strict=True)

    def _take(self, found: Sequence[Values]) -> None:
        if not found:
            return
        first = len(self.numbers) + 1
        self.times.extend(row[0] for row in found)
        for place, column in enumerate(self.numbers, 1):
            column.extend(nan if row[place] is None else row[place] for row in found)
        self.notes.extend(_shared(tuple(row[first:])) for row in found)

    def _differs(self, place: int, fresh: "Rows") -> int | None:
        """The time of the first row from `place` on that is not as the fresh one."""
        count = len(self) - place
        same = min(count, len(fresh))
        if count <= len(fresh) and self.words(place, len(self)) == fresh.words(0, count):
            return fresh.times[count] if len(fresh) > count else None
        for step in range(same):
            if self.words(place + step, place + step + 1) != fresh.words(step, step + 1):
                return min(self.times[place + step], fresh.times[step])
        return self.times[place + same] if count > same else fresh.times[same]

    def words(self, first: int, end: int) -> tuple[object, ...]:
        """Some rows, to be compared: numbers byte by byte, as one that is not there equals no other."""
        numbers = (column[first:end].tobytes() for column in self.numbers)
        return (self.times[first:end], *numbers, self.notes[first:end])

    def _cut(self, place: int) -> None:
        del self.times[place:], self.notes[place:]
        for column in self.numbers:
            del column[place:]

    def _append(self, other: "Rows") -> None:
        self.times.extend(other.times)
        self.notes.extend(other.notes)
        for mine, theirs in zip(self.numbers, other.numbers, strict=True):
            mine.extend(theirs)


def moment(time_ns: int) -> datetime:
    """A row's time, exact to the microsecond."""
    return EPOCH + timedelta(microseconds=time_ns // 1000)


def _shared(note: Note) -> Note:
    if len(_NOTES) >= _NOTES_LIMIT:
        _NOTES.clear()
    return _NOTES.setdefault(note, note)
