"""Sets of sequence numbers as a few closed intervals, because `seq` has no gaps. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

Range = tuple[int, int]


class Intervals:
    """A set of integers, kept as disjoint closed intervals that do not touch."""

    __slots__ = ("_firsts", "_lasts")

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in ranges:
            self.add(first, last)

    def add(self, first: int, last: int | None = None) -> None:
        """Add first..last. Raises ValueError for an empty range."""
        last = first if last is None else last
        if last < first:
            raise ValueError(f"empty range {first}..{last}")
        start = bisect_left(self._lasts, first - 1)
        end = bisect_right(self._firsts, last + 1)
        if start < end:
            first, last = min(first, self._firsts[start]), max(last, self._lasts[end - 1])
        self._firsts[start:end] = [first]
        self._lasts[start:end] = [last]

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self._firsts, number) - 1
        return place >= 0 and number <= self._lasts[place]

    def around(self, number: int) -> Range:
        """Give the interval that holds a number of the set; raises KeyError for any other."""
        if number not in self:
            raise KeyError(number)
        place = bisect_right(self._firsts, number) - 1
        return self._firsts[place], self._lasts[place]

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.ranges())

    @property
    def pieces(self) -> int:
        """How many intervals there are."""
        return len(self._firsts)

    def ranges(self) -> list[Range]:
        """Give the intervals, ascending."""
        return list(zip(self._firsts, self._lasts, strict=True))

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
