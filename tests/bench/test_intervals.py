"""A glance at coverage with a fixed seed, and that the table tells a goal that is missed."""

import pytest

from tests.bench.intervals import Row, area_rows, line_rows, markdown


@pytest.mark.parametrize(("kind", "n"), [("skewed", 6), ("bimodal", 72)])
def test_exact_intervals_hold_what_the_binomial_says(kind: str, n: int) -> None:
    rows = list(line_rows(kind, n, 800, near=0.025))
    assert [row.what for row in rows if row.met is False] == []
    assert {row.n for row in rows} == {n}
    assert any(row.what.startswith("p5") for row in rows) == (n >= 72)


def test_areas_hold_from_twenty_sites() -> None:
    for row in area_rows("skewed", 20, 40):
        assert row.held >= 0.85  # of 40; the bench counts thousands


@pytest.mark.parametrize(
    ("row", "met"),
    [
        (Row("a", "normal", 6, 1, 0.95, 0.951, 0.944), True),
        (Row("a", "normal", 6, 1, 0.95, 0.957, 0.944), False),
        (Row("a", "normal", 6, 1, 0.943, 0.944, 0.944), False),
        (Row("a", "normal", 6, 1, 0.5), None),
    ],
)
def test_a_goal_is_judged(row: Row, *, met: bool | None) -> None:
    assert row.met is met
    assert ("missed" in markdown([row], sets=1, areas=1)) == (met is False)
