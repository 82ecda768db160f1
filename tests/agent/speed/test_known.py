"""Figures of which some are not known."""

import pytest

from agent.speed.known import median, share, total


def test_what_nobody_knows_stays_unknown() -> None:
    assert (median([]), median([None, None]), median([3, None, 1])) == (None, None, 2)
    assert (total([]), total([None]), total([3, None, 0])) == (None, None, 3)


@pytest.mark.parametrize(
    ("part", "whole", "found"),
    [(1, 4, 0.25), (9, 4, 1.0), (-9, 4, 0.0), (0, 4, 0.0), (None, 4, None), (1, None, None), (1, 0, None)],
)
def test_a_share_is_a_share(part: int | None, whole: int | None, found: float | None) -> None:
    assert share(part, whole) == found
