"""Figures of several streams, some of them not known: pure. What nobody knows stays unknown."""

import statistics
from collections.abc import Iterable


def median(values: Iterable[int | None]) -> float | None:
    """The median of those that are known; None if none is."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def total(counts: Iterable[int | None]) -> int | None:
    """The sum of those that are known; None if none is."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def share(part: int | None, whole: int | None) -> float | None:
    """A part as a share of its whole, 0 to 1 whatever a peer says; None if either is unknown, or the whole none."""
    return None if part is None or not whole else min(1.0, max(0.0, part / whole))
