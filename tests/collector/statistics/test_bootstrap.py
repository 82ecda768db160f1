"""Areas: the same again from the same data, what NumPy makes of the same idea, and areas that hardly are any."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from collector.statistics.bootstrap import Area, pooled_median_of, ratio_of
from collector.statistics.share import clopper_pearson

parts = st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 400).map(float)), max_size=40)


def some_parts(sites: int, seed: int = 1) -> list[tuple[float, float]]:
    chance = np.random.default_rng(seed)
    counts = chance.integers(20, 200, sites)
    means = chance.lognormal(4.5, 0.4, sites)
    return [(float(mean * count), float(count)) for mean, count in zip(means, counts, strict=True)]


def bootstrap_by_numpy(given_parts: list[tuple[float, float]], draws: int) -> tuple[float, float]:
    """The same bootstrap-t with Student's as its least, drawn by NumPy and with residuals of each draw made anew."""
    sums, counts = np.array(given_parts).T
    sites, chance = len(sums), np.random.default_rng(7)

    def error(total: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        ratio = total.sum(-1) / weight.sum(-1)
        rests = total - ratio[..., None] * weight
        return ratio, np.sqrt((rests**2).sum(-1) * sites / (sites - 1)) / weight.sum(-1)

    drawn = chance.integers(0, sites, (draws, sites))
    ratio, own = error(sums, counts)
    ratios, errors = error(sums[drawn], counts[drawn])
    least = stats.t.ppf(0.975, sites - 1)
    low, high = np.quantile((ratios - ratio) / errors, [0.975, 0.025])
    return float(ratio - max(low, least) * own), float(ratio + max(-high, least) * own)


def test_the_order_of_sites_is_no_matter() -> None:
    sites = [[(float(value), 1.0) for value in range(n, n + 9)] for n in range(25)]
    assert ratio_of(some_parts(30)) == ratio_of(some_parts(30)[::-1])
    assert pooled_median_of(sites) == pooled_median_of(sites[::-1])


def test_the_same_data_give_the_same_bounds() -> None:
    assert ratio_of(some_parts(30)) == ratio_of(some_parts(30))
    assert ratio_of(some_parts(30), seed=2) != ratio_of(some_parts(30))


@pytest.mark.parametrize("sites", [20, 80])
def test_bounds_are_those_of_a_second_bootstrap(sites: int) -> None:
    found = ratio_of(some_parts(sites))
    low, high = bootstrap_by_numpy(some_parts(sites), 20_000)
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    # Two different draws: 999 of them place an end to about a twelfth of the width.
    assert found.low == pytest.approx(low, abs=(high - low) / 6)
    assert found.high == pytest.approx(high, abs=(high - low) / 6)


def test_a_pooled_mean_weighs_samples() -> None:
    assert ratio_of([(100.0, 1.0), (900.0, 3.0)]) == Area(2, 250.0, None, None)


def test_sites_that_differ_widen_what_samples_alone_would_say() -> None:
    # 40 sites of 100 samples: half of them reach the mark always, half never.
    found = ratio_of([(100.0, 100.0), (0.0, 100.0)] * 20)
    alone = clopper_pearson(2000, 4000)
    assert found is not None
    assert found.value == 0.5
    assert (found.high or 0) - (found.low or 0) > 8 * (alone.high - alone.low)


@pytest.mark.parametrize(("sites", "bounded"), [(1, False), (19, False), (20, True)])
def test_bounds_from_twenty_sites(sites: int, *, bounded: bool) -> None:
    found = ratio_of(some_parts(sites))
    assert found is not None
    assert (found.sites, found.low is not None, found.high is not None) == (sites, bounded, bounded)


def test_sites_without_samples_are_no_sites() -> None:
    assert ratio_of([]) is None
    assert ratio_of([(0.0, 0.0)] * 30) is None
    assert ratio_of([(0.0, 0.0)] * 30 + [(6.0, 2.0)]) == Area(1, 3.0, None, None)


def test_equal_sites_leave_no_doubt() -> None:
    assert ratio_of([(50.0, 10.0)] * 25) == Area(25, 5.0, 5.0, 5.0)
    assert pooled_median_of([[(5.0, 10.0)]] * 25) == Area(25, 5.0, 5.0, 5.0)


@given(parts)
def test_a_ratio_lies_within_its_bounds(some: list[tuple[float, float]]) -> None:
    found = ratio_of(some)
    if found is not None and found.low is not None and found.high is not None:
        assert found.low <= found.value <= found.high


def test_a_pooled_median_is_that_of_all_samples() -> None:
    chance = np.random.default_rng(3)
    sites = [chance.normal(chance.normal(100, 20), 10, 40).tolist() for _ in range(31)]
    found = pooled_median_of([[(value, 1.0) for value in site] for site in sites])
    assert found is not None
    assert found.value == pytest.approx(float(np.median(np.concatenate(sites))))
    assert found.low is not None
    assert found.high is not None
    assert 85 < found.low < found.value < found.high < 115


def test_a_weight_is_as_many_samples() -> None:
    once = [[(1.0, 3.0), (2.0, 2.0)], [(5.0, 1.0)]]
    told = [[(1.0, 1.0)] * 3 + [(2.0, 1.0)] * 2, [(5.0, 1.0)]]
    assert pooled_median_of(once) == pooled_median_of(told) == Area(2, 1.5, None, None)


def test_of_no_samples_there_is_no_median() -> None:
    assert pooled_median_of([]) is None
    assert pooled_median_of([[], [(1.0, 0.0)]]) is None


def test_a_few_sites_far_above_the_rest_leave_more_room_above() -> None:
    means = [40.0, 42, 44, 45, 46, 47, 48, 49, 50, 50, 51, 52, 53, 54, 55, 56, 58, 60, 62, 64, 150, 220, 300, 410]
    found = ratio_of([(mean * 30, 30.0) for mean in means])
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.value > 1.3 * (found.value - found.low)


@pytest.mark.parametrize("far", [1, 400])
@pytest.mark.parametrize("seed", range(4))
def test_no_end_is_nearer_than_students(seed: int, far: float) -> None:
    """Also where the draws are lucky, as with one site far out."""
    means = np.random.default_rng(seed).normal(100, 3, 24)
    means[0] = far
    found = ratio_of([(float(mean) * 30, 30.0) for mean in means])
    reach = stats.t.ppf(0.975, 23) * means.std(ddof=1) / np.sqrt(24)
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert found.value - found.low >= reach * (1 - 1e-9)
    assert found.high - found.value >= reach * (1 - 1e-9)
