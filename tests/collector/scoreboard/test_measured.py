"""Verdicts on a province from its sites, each worked out beside."""

import pytest

from collector.judge.verdict import Outcome
from collector.plans.types import Comparison, Target
from collector.scoreboard.board import Sites
from collector.scoreboard.measured import Seen, compared, share_of_sites, speed_of_all
from collector.scoreboard.spread import SiteFigure
from tests.collector.scoreboard.promises import figure, ipv6, shared, target

MANY = [figure(80.0 + n) for n in range(30)]  # 80 … 109, 3,600 results


@pytest.mark.parametrize(
    ("low", "high", "comparison", "outcome"),
    [
        (100.0, 120.0, "at_least", "met"),
        (90.0, 99.9, "at_least", "below"),
        (99.0, 100.0, "at_least", "inconclusive"),
        (100.0, 120.0, "more_than", "inconclusive"),
        (100.1, 120.0, "more_than", "met"),
        (90.0, 100.0, "more_than", "below"),
        (90.0, 100.0, "at_most", "met"),
        (100.1, 101.0, "at_most", "below"),
        (100.0, 101.0, "at_most", "inconclusive"),
        (100.0, 101.0, "about", "met"),
        (None, None, "at_least", "inconclusive"),
    ],
)
def test_an_interval_beside_a_mark(
    low: float | None, high: float | None, comparison: Comparison, outcome: Outcome
) -> None:
    assert compared(low, high, 100.0, comparison) == outcome


@pytest.mark.parametrize(("mark", "outcome"), [(80.0, "met"), (120.0, "below"), (95.0, "inconclusive")])
def test_many_sites_are_judged_by_all_their_results(mark: float, outcome: Outcome) -> None:
    found = speed_of_all(target(), mark, Seen(31, MANY))
    assert (found.verdict, found.statistic, found.n) == (outcome, "pooled_median", 3600)
    assert found.value == pytest.approx(94.5, abs=0.5)
    assert found.reasons == (["interval_spans_target"] if outcome == "inconclusive" else [])
    assert found.sites == Sites(aimed=31, seen=30)
    assert [one.statistic for one in found.beside] == ["pooled_mean", "site_median"]
    assert found.beside[0].value == pytest.approx(94.5)


def test_below_twenty_sites_the_sites_medians_decide() -> None:
    found = speed_of_all(target(), 120.0, Seen(8, MANY[:8]))
    # Of 8 values the least and the greatest bound the median.
    assert (found.verdict, found.statistic) == ("below", "site_median")
    assert (found.value, found.low, found.high) == (83.5, 80.0, 87.0)
    assert [one.statistic for one in found.beside] == ["pooled_mean", "pooled_median"]


@pytest.mark.parametrize(
    ("figures", "reason", "needed"),
    [
        (MANY[:1], "too_few", 180),
        (MANY[:5], "too_few_sites", None),
        ([figure(10.0, 9)] * 30, "too_few", 30),
        ([], "no_data", None),
    ],
)
def test_too_little_is_no_verdict(figures: list[SiteFigure], reason: str, needed: int | None) -> None:
    found = speed_of_all(target(), 1000.0, Seen(30, figures))
    assert (found.verdict, found.reasons, found.needed) == ("inconclusive", [reason], needed)


def test_no_site_of_that_kind() -> None:
    assert speed_of_all(target(), 100.0, Seen(0, [])).reasons == ["no_sites"]
    assert share_of_sites(shared(), 100.0, Seen(0, [])).reasons == ["no_sites"]


def test_without_a_reference_the_figure_is_told() -> None:
    found = speed_of_all(target(), None, Seen(30, MANY))
    assert (found.verdict, found.reasons) == ("inconclusive", ["no_reference"])
    assert found.value is not None
    assert share_of_sites(shared(), None, Seen(30, MANY)).reasons == ["no_reference"]


def reaching(reached: int, missed: int, undecided: int = 0) -> list[SiteFigure]:
    return [figure(200.0)] * reached + [figure(50.0)] * missed + [figure(100.0)] * undecided


@pytest.mark.parametrize(
    ("one", "figures", "outcome", "reasons"),
    [
        # Clopper-Pearson for 97 of 100: 91.5 % at least; for 60 of 100: 69.7 % at most; for 90 of 100: 82.4 … 95.1 %.
        (shared(90.0), reaching(97, 3), "met", []),
        (shared(90.0), reaching(60, 40), "below", []),
        (shared(90.0), reaching(90, 10), "inconclusive", ["interval_spans_target"]),
        # The open ones count for both sides: 60 … 100 of 100.
        (shared(90.0), reaching(60, 0, 40), "inconclusive", ["interval_spans_target"]),
        # 20 of 20: 83.2 % at least, so that 90 % cannot be shown by 20 sites.
        (shared(90.0), reaching(20, 0), "inconclusive", ["too_few_sites"]),
        # A promise to all: one site breaks it, 72 that all reach it (95 % at least) keep it, 71 do not.
        (shared(100.0), reaching(99, 1), "below", []),
        (shared(100.0), reaching(72, 0), "met", []),
        (shared(100.0), reaching(71, 0), "inconclusive", ["too_few_sites"]),
        (shared(100.0), reaching(99, 0, 1), "inconclusive", ["interval_spans_target"]),
    ],
)
def test_a_share_of_sites(one: Target, figures: list[SiteFigure], outcome: Outcome, reasons: list[str]) -> None:
    found = share_of_sites(one, 100.0, Seen(len(figures), figures))
    assert (found.verdict, found.reasons) == (outcome, reasons)
    assert found.value is not None
    assert (found.low or 0) <= found.value <= (found.high or 0)


def test_sites_with_too_few_results_are_on_no_side() -> None:
    found = share_of_sites(shared(), 100.0, Seen(5, [figure(200.0, 9), figure(50.0, 5)]))
    assert (found.reasons, found.sites) == (["too_few"], Sites(aimed=5, seen=2, short=2, reached=0, missed=0, open=0))
    assert share_of_sites(shared(), 100.0, Seen(5, [])).reasons == ["no_data"]


def test_what_a_line_can_reach_is_not_its_median() -> None:
    # Median 95, one of twenty tests above 130: 120 can be reached, and is no median.
    figures = [figure(95.0, 300, width=35.0)] * 5
    can, has = shared(promise="reach"), shared(promise="minimum")
    assert [share_of_sites(one, 115.0, Seen(5, figures)).k for one in (can, has)] == [5, 0]
    average = share_of_sites(shared(promise="average"), 94.0, Seen(1, [figure(100.0)]))
    assert average.k == 1
    assert share_of_sites(can, 100.0, Seen(1, [figure(200.0, 12)])).sites == Sites(
        aimed=1, seen=1, reached=0, missed=0, open=1
    )


def test_ipv6_works_where_nearly_every_run_says_so() -> None:
    def scored(good: int, bad: int) -> SiteFigure:
        points = [(0.0, 1.0)] * bad + [(10.0, 1.0)] * good
        return SiteFigure("s", good + bad, 0.0, 0.0, points)

    found = share_of_sites(ipv6(), 7.0, Seen(4, [scored(30, 0), scored(38, 2), scored(0, 30), scored(28, 2)]))
    assert found.sites == Sites(aimed=4, seen=4, reached=2, missed=1, open=1)
    assert found.verdict == "below"
