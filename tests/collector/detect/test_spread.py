"""A site's own spread is learnt slowly, and little from what is far off."""

import random
from math import log

import pytest

from collector.detect.spread import Spread


def learnt(levels: list[float], weight: float = 1.0) -> Spread:
    spread = Spread()
    for level in levels:
        spread = spread.learnt(level, weight)
    return spread


@pytest.mark.parametrize("sigma", [0.1, 0.25, 0.5])
def test_the_variance_of_many_results_is_found(sigma: float) -> None:
    noise = random.Random(7)  # noqa: S311 - a simulation
    found = [learnt([noise.gauss(4.6, sigma) for _ in range(700)]).variance for _ in range(30)]
    assert sum(found) / len(found) == pytest.approx(sigma**2, rel=0.1)


def test_nothing_is_known_at_first_but_what_is_usual() -> None:
    assert learnt([4.6]) == Spread(centre=4.6, variance=0.0625, seen=1.0)


def test_one_result_far_off_moves_it_little() -> None:
    steady = learnt([4.6] * 200)
    moved = steady.learnt(log(0.001), 1.0)
    assert moved.variance - steady.variance < 0.06 * steady.variance
    assert moved.centre is not None
    assert 4.6 - moved.centre < 0.1


def test_what_weighs_nothing_teaches_nothing() -> None:
    steady = learnt([4.6, 4.7, 4.4])
    assert steady.learnt(9.0, 0.0) == steady


def test_a_month_is_remembered() -> None:
    assert learnt([4.6] * 500).seen == 120
