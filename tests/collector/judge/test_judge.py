"""What a verdict says: its outcome by each statistic, and everything beside it."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import msgspec
import pytest

from collector.errors import UsageError
from collector.judge.judge import judge, judge_site
from collector.judge.sample import Evidence, Sample
from collector.judge.verdict import Outcome
from collector.plans.binding import Binding
from tests.collector.judge.cases import DAY, NOW, SITE, bought, bound, evidence, samples, state


@pytest.mark.parametrize(
    ("reached", "expected"),
    [(10, "met"), (9, "met"), (8, "inconclusive"), (2, "inconclusive"), (1, "below"), (0, "below")],
)
def test_of_ten_results_nine_must_be_on_one_side(reached: int, expected: Outcome) -> None:
    verdict = judge(SITE, bound(), evidence([110.0] * reached + [90.0] * (10 - reached)), at=NOW)
    assert (verdict.verdict, verdict.k, verdict.n) == (expected, reached, 10)
    assert verdict.reasons == ([] if expected != "inconclusive" else ["interval_spans_target"])


def test_exactly_at_the_target_counts_as_reached() -> None:
    assert judge(SITE, bound(), evidence([100.0] * 10), at=NOW).verdict == "met"
    assert judge(SITE, bound(), evidence([99.999] * 10), at=NOW).verdict == "below"


def test_a_verdict_has_all_its_numbers() -> None:
    values = [50.0, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150]
    verdict = judge(SITE, bound(), evidence(values), at=NOW)
    # of 11 sorted samples the second from either end bound the median
    assert (verdict.value, verdict.low, verdict.high, verdict.target) == (100, 60, 140, 100)
    assert (verdict.mean, verdict.median, verdict.p5, verdict.p95) == (100, 100, 55, 145)
    assert (verdict.k, verdict.n, verdict.mark, verdict.mark_unit, verdict.unit) == (6, 11, 100, "Mbps", "Mbps")
    assert (verdict.statistic, verdict.rule, verdict.confidence) == ("median", "plan", 0.95)
    assert (verdict.question, verdict.plan, verdict.scope, verdict.target_id) == (
        "plan", "p-2025", "fixed", "fixed-2025",
    )  # fmt: skip
    assert (verdict.window.start, verdict.window.end) == (NOW - 10 * DAY / 4, NOW)
    assert verdict.contract == 200


def test_the_contract_is_judged_by_the_mean_against_four_fifths_of_it() -> None:
    slow = judge(SITE, bought(100), evidence([70.0, 80.0] * 20), at=NOW)
    assert (slow.verdict, slow.value, slow.target, slow.mark, slow.k) == ("below", 75, 80, 80, 20)
    assert (slow.statistic, slow.rule, slow.question, slow.median) == ("mean", "qcvn34", "contract", 75)
    assert (slow.plan, slow.scope, slow.target_id) == (None, "contract-fixed", None)
    assert judge(SITE, bought(100), evidence([81.0, 85.0] * 20), at=NOW).verdict == "met"
    close = judge(SITE, bought(100), evidence([60.0, 99.0] * 20), at=NOW)
    assert (close.verdict, close.reasons) == ("inconclusive", ["interval_spans_target"])
    few = judge(SITE, bought(100), evidence([10.0] * 29), at=NOW)
    assert (few.verdict, few.reasons, few.needed) == ("inconclusive", ["too_few"], 1)
    upload = judge(replace(SITE, contract_up_mbps=50.0), bought(50, indicator="upload_mbps"), Evidence(), at=NOW)
    assert upload.contract == 50


def test_a_share_is_judged_by_its_exact_interval() -> None:
    works = judge(SITE, state(), evidence([1.0] * 72), at=NOW)
    assert (works.verdict, works.value, works.target, works.unit) == ("met", 1.0, 0.95, "share")
    assert (works.mark, works.mark_unit, works.k, works.median, works.contract) == (1.0, "share", 72, None, None)
    almost = judge(SITE, state(), evidence([1.0] * 71), at=NOW)
    assert (almost.verdict, almost.needed) == ("inconclusive", 1)
    broken = judge(SITE, state(), evidence([0.0] * 10), at=NOW)
    assert (broken.verdict, broken.value, broken.low) == ("below", 0.0, 0.0)
    slow = judge(SITE, bought(100, rule="fcc8080"), evidence([90.0] * 10 + [70.0] * 10), at=NOW)
    assert (slow.verdict, slow.value, slow.target, slow.mark, slow.k) == ("below", 0.5, 0.8, 80, 10)
    assert slow.median == 80


def test_no_number_that_a_report_may_hold_is_too_great() -> None:
    absurd = judge(SITE, bought(100), evidence([1.5e308] * 40), at=NOW)
    assert (absurd.verdict, absurd.mean) == ("met", 1.5e308)


def test_a_share_of_nothing_is_not_known() -> None:
    verdict = judge(SITE, bound(None, rule="share95"), evidence([10.0] * 10), at=NOW)
    assert (verdict.reasons, verdict.value, verdict.target, verdict.k) == (["no_target"], None, None, None)


@pytest.mark.parametrize(("binding", "reason"), [(bound(None), "no_target"), (bought(None), "no_contract")])
def test_without_a_mark_there_is_no_verdict_but_a_value(binding: Binding, reason: str) -> None:
    verdict = judge(SITE, binding, evidence([50.0] * 40), at=NOW)
    assert (verdict.verdict, verdict.reasons) == ("inconclusive", [reason])
    assert (verdict.value, verdict.target, verdict.k, verdict.needed) == (50, None, None, None)


def test_too_few_say_how_many_are_missing_and_when_they_come() -> None:
    found = evidence([10.0] * 4)
    verdict = judge(SITE, bound(), found, at=NOW, per_day=4.0)
    assert (verdict.verdict, verdict.reasons, verdict.n, verdict.needed) == ("inconclusive", ["too_few"], 4, 6)
    assert verdict.needed_by == NOW + 1.5 * DAY
    assert verdict.sentence.en.endswith("6 more are needed, expected by 2026-11-24.")
    assert judge(SITE, bound(), found, at=NOW).needed_by is None
    slow = judge(SITE, bound(), found, at=NOW, per_day=0.2)
    assert slow.needed_by is None, "30 days bring 6 then"
    assert "6 more are needed, which is more than 30 days bring at the present pace" in slow.sentence.en
    assert "nhiều hơn số kết quả có được trong 30 ngày với nhịp đo hiện tại" in slow.sentence.vi


def test_nothing_is_expected_of_a_site_that_is_silent() -> None:
    verdict = judge(SITE, bound(), evidence([10.0] * 4), at=NOW, per_day=4.0, silent=True)
    assert (verdict.needed, verdict.needed_by) == (6, None)
    assert verdict.sentence.en.endswith("6 more are needed; no results are coming from the site now.")


def test_a_target_without_its_reference_is_not_called_no_target() -> None:
    verdict = judge(SITE, replace(bound(100), mark=None), evidence([50.0] * 40), at=NOW)
    assert (verdict.verdict, verdict.reasons, verdict.target_id) == ("inconclusive", ["no_reference"], "fixed-2025")
    assert "no target" not in verdict.sentence.en


@pytest.mark.parametrize("rate", [3.1, 7.0, 12.3, 35.0, 150.0])
def test_a_mark_has_no_digits_that_arithmetic_added(rate: float) -> None:
    mark = float(Decimal(str(rate)) * Decimal("0.8"))
    verdict = judge(SITE, bought(rate, rule="fcc8080"), evidence([mark] * 20), at=NOW)
    assert (verdict.mark, verdict.k, verdict.verdict) == (mark, 20, "met")


def test_no_mean_of_speeds_is_said_to_be_below_nothing() -> None:
    verdict = judge(SITE, bought(100), evidence([0.0] * 38 + [1.0, 900.0]), at=NOW)
    assert verdict.low == 0


def test_an_open_median_says_how_many_more_would_decide() -> None:
    verdict = judge(SITE, bound(), evidence([110.0] * 8 + [90.0] * 2), at=NOW, per_day=4.0)
    assert verdict.needed == 5  # of 15 samples the fourth from below bounds the median, and 3 would be below the target
    assert not verdict.needed_more
    assert verdict.needed_by == NOW + 1.25 * DAY
    even = judge(SITE, bound(), evidence([110.0, 90.0] * 5), at=NOW, per_day=4.0)
    assert (even.needed, even.needed_more, even.needed_by) == (1000, True, None)


def test_a_window_reaches_back_thirty_days_and_not_ahead() -> None:
    old = samples([10.0] * 10, newest=NOW - 30 * DAY)
    ahead = Sample(NOW + timedelta(hours=3), 1.0)
    verdict = judge(SITE, bound(), Evidence([*old, *samples([130.0] * 10), ahead]), at=NOW)
    assert (verdict.verdict, verdict.n, verdict.window.end) == ("met", 10, NOW)
    nothing = judge(SITE, bound(), Evidence(old), at=NOW)
    assert (nothing.n, nothing.value, nothing.k, nothing.reasons) == (0, None, 0, ["too_few"])
    assert (nothing.window.start, nothing.window.end) == (NOW - 30 * DAY, NOW)


def test_what_was_measured_before_a_target_held_is_not_held_against_it() -> None:
    binding = bound(since=date(2026, 11, 20))  # 17:00 UTC on the 19th, in the plan's zone
    found = evidence([50.0] * 20 + [120.0] * 12)
    verdict = judge(SITE, binding, found, at=NOW)
    assert (verdict.verdict, verdict.n, verdict.reasons) == ("met", 12, ["target_changed"])
    assert judge(SITE, binding, evidence([120.0] * 10), at=NOW).reasons == [], "there was nothing before it"


def test_what_was_measured_on_another_line_is_not_held_against_this_one() -> None:
    found = replace(evidence([50.0] * 20 + [120.0] * 11), since=NOW - 2.6 * DAY)
    verdict = judge(SITE, bound(), found, at=NOW)
    assert (verdict.verdict, verdict.n, verdict.reasons) == ("met", 11, ["line_changed"])
    both = judge(SITE, bound(since=date(2026, 11, 17)), found, at=NOW)
    assert both.reasons == ["target_changed", "line_changed"]
    gone = judge(SITE, bound(), replace(found, since=NOW + DAY), at=NOW)
    assert (gone.n, gone.reasons) == (0, ["too_few", "line_changed"])


@pytest.mark.parametrize(
    ("rate", "values", "said"), [(80, [90], {"subscription_below_target"}), (80, [110], set()), (100, [90], set())]
)
def test_who_bought_less_than_the_target_has_no_fault_to_look_for(
    rate: float, values: list[float], said: set[str]
) -> None:
    site = replace(SITE, contract_down_mbps=rate)
    verdict = judge(site, bound(), evidence(values * 10), at=NOW)
    assert set(verdict.reasons) == said
    assert ("gói cước thấp hơn chỉ tiêu, riêng điều này không phải lỗi đường truyền" in verdict.sentence.vi) == bool(
        said
    )
    assert "subscription_below_target" not in judge(site, bought(rate), evidence([1.0] * 40), at=NOW).reasons


def test_what_blocks_nothing_is_said_beside() -> None:
    ten = evidence([90.0] * 10, every=timedelta(hours=1))
    assert judge(SITE, bound(), ten, at=NOW, silent=True).reasons == ["one_day", "silent"]
    troubled = replace(evidence([90.0] * 10), failed=6, doubted={"wifi_bound": 5, "cpu_bound": 3}, uncounted=6)
    verdict = judge(SITE, bound(), troubled, at=NOW)
    assert (verdict.verdict, verdict.reasons) == ("below", ["many_doubted", "many_failed"])
    assert (verdict.failed, verdict.doubted) == (6, {"wifi_bound": 5, "cpu_bound": 3})
    some = replace(evidence([90.0] * 10), failed=2, doubted={"wifi_bound": 2})
    assert judge(SITE, bound(), some, at=NOW).reasons == []


@pytest.mark.parametrize(("failed", "good", "many"), [(3, 9, True), (3, 10, False), (2, 1, False), (5, 12, True)])
def test_one_run_in_four_is_many_from_three_on(failed: int, good: int, *, many: bool) -> None:
    verdict = judge(SITE, bound(), replace(evidence([110.0] * good), failed=failed), at=NOW)
    assert ("many_failed" in verdict.reasons) == many


def test_failed_runs_are_runs_when_doubted_ones_are_counted() -> None:
    known = replace(evidence([110.0] * 10), failed=10, doubted={"wifi_bound": 4})
    assert judge(SITE, bound(), known, at=NOW).reasons == ["many_failed"], "4 doubted of 24 runs, not of 14"


@pytest.mark.parametrize(("hours", "said"), [(24, ["one_day"]), (24.5, [])])
def test_a_day_has_twenty_four_hours(hours: float, said: list[str]) -> None:
    found = evidence([110.0] * 11, every=timedelta(hours=hours) / 10)
    assert judge(SITE, bound(), found, at=NOW).reasons == said


def test_all_doubted_is_too_few() -> None:
    verdict = judge(SITE, bound(), Evidence(doubted={"wifi_bound": 40}), at=NOW)
    assert (verdict.n, verdict.reasons) == (0, ["too_few", "many_doubted"])


def test_all_questions_of_a_site_are_judged_in_their_order() -> None:
    known = {"download_mbps": evidence([90.0] * 40), "ipv6": evidence([1.0] * 80)}
    bindings = [bound(), state(), bought(200), bought(50, indicator="upload_mbps")]
    verdicts = judge_site(SITE, bindings, known, at=NOW, per_day={"upload_mbps": 4.0})
    assert [verdict.verdict for verdict in verdicts] == ["below", "met", "below", "inconclusive"]
    assert verdicts[3].needed_by == NOW + 7.5 * DAY
    assert verdicts[0] == judge(SITE, bound(), known["download_mbps"], at=NOW)
    names = [(verdict.plan, verdict.indicator, verdict.scope) for verdict in verdicts]
    assert len(set(names)) == 4


def test_a_rule_that_nobody_wrote_is_named() -> None:
    with pytest.raises(UsageError, match=r"rule 'mine' is not known; known are: plan, qcvn34"):
        judge(SITE, bound(rule="mine"), Evidence(), at=NOW)


def test_the_json_is_the_contracts() -> None:
    data = msgspec.json.decode(msgspec.json.encode(judge(SITE, bound(), evidence([10.0] * 10), at=NOW)))
    names = "plan indicator scope verdict value target unit statistic low high n k window rule reasons needed"
    assert set(names.split()) <= set(data)
    assert set(data["window"]) == {"from", "to"}
    assert data["window"]["to"] == "2026-11-22T12:00:00Z"
