"""Sets of sequence numbers as a few closed intervals, because `seq` has no gaps. Pure."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Final

Range = tuple[int, int]
_MOST: Final = 2**63 - 2


class Intervals:
    """A set of integers below 2**63, kept as disjoint closed intervals that do not touch: 16 bytes each."""

    __slots__ = ("_edges",)

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        # First and last + 1 in turn, ascending: a number is inside when an odd count of edges is at or below it.
        self._edges = array("q")
        for first, last in ranges:
            self.add(first, last)

    def add(self, first: int, last: int | None = None) -> None:
        """Add first..last. Raises ValueError for an empty range or numbers that are no sequence numbers."""
        last = first if last is None else last
        if self._edges and self._edges[-1] == first <= last < _MOST:
            self._edges[-1] = last + 1  # nearly always: the next one
            return
        if last < first or last > _MOST or first < -_MOST:
            raise ValueError(f"empty range {first}..{last}" if last < first else f"{first}..{last} is out of bounds")
        start, end = bisect_left(self._edges, first), bisect_right(self._edges, last + 1)
        new = array("q")
        if start % 2 == 0:
            new.append(first)
        if end % 2 == 0:
            new.append(last + 1)
        self._edges[start:end] = new

    def __contains__(self, number: int) -> bool:
        return bisect_right(self._edges, number) % 2 == 1

    def around(self, number: int) -> Range:
        """Give the interval that holds a number of the set; raises KeyError for any other."""
        place = bisect_right(self._edges, number)
        if place % 2 == 0:
            raise KeyError(number)
        return self._edges[place - 1], self._edges[place] - 1

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.ranges())

    @property
    def top(self) -> int:
        """The highest number; 0 for an empty set."""
        return self._edges[-1] - 1 if self._edges else 0

    @property
    def pieces(self) -> int:
        """How many intervals there are."""
        return len(self._edges) // 2

    def ranges(self) -> list[Range]:
        """Give the intervals, ascending."""
        return [(first, end - 1) for first, end in zip(self._edges[::2], self._edges[1::2], strict=True)]

    def missing(self, up_to: int) -> list[Range]:
        """Give the intervals of 1..up_to that are not in the set."""
        gaps: list[Range] = []
        expected = 1
        for first, last in self.ranges():
            if first > up_to:
                break
            if first > expected:
                gaps.append((expected, first - 1))
            expected = last + 1
        if expected <= up_to:
            gaps.append((expected, up_to))
        return gaps


def compress(numbers: Iterable[int]) -> list[Range]:
    """Write numbers, in any order, as ascending closed ranges."""
    return Intervals((number, number) for number in sorted(numbers)).ranges()


def subtract(ranges: Iterable[Range], other: Intervals) -> list[Range]:
    """Give what of the ascending `ranges` is not in `other`."""
    rest: list[Range] = []
    taken = other.ranges()
    for first, last in ranges:
        position = first
        for low, high in taken:
            if high < position or low > last:
                continue
            if low > position:
                rest.append((position, low - 1))
            position = high + 1
        if position <= last:
            rest.append((position, last))
    return rest
