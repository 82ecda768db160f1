"""Verdicts worked by hand from the plans' own numbers."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from collector.judge.judge import LOOK, judge
from collector.judge.sample import Sample
from collector.judge.verdict import Verdict
from collector.plans.binding import binding_for
from collector.plans.load import load_plans
from collector.registry.site import Access, Site

PLANS = load_plans()
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def site(plan: str | None, access: Access | None) -> Site:
    return Site("s", "Trường", "school", "rural", "p", "c", access=access, plan=plan)


def samples(*speeds: float, newest: datetime = NOW, every: timedelta = timedelta(hours=4)) -> list[Sample]:
    """Samples with the last one at `newest`."""
    return [Sample(newest - every * (len(speeds) - 1 - place), mbps) for place, mbps in enumerate(speeds)]


def judged(plan: str | None, access: Access | None, found: list[Sample], *, silent: bool = False) -> Verdict:
    where = site(plan, access)
    return judge(where, binding_for(PLANS.get(plan or ""), where, NOW), found, at=NOW, silent=silent)


def test_lang_son_mobile_below_42() -> None:
    verdict = judged("lang-son-2025", "cellular_4g", samples(30, 31, 35, 41.9, 20, 25, 38, 39, 50, 33))
    assert (verdict.verdict, verdict.n, verdict.k, verdict.target) == ("below", 10, 1, 42)
    # sorted: 20 25 30 31 33 | 35 38 39 41.9 50
    assert (verdict.value, verdict.low, verdict.high) == (34.0, 25.0, 41.9)
    assert verdict.reasons == []
    assert verdict.scope == "mobile"
    assert verdict.sentence.en == "Below: 9 of the last 10 results are under the target of 42 Mbit/s; median 34 Mbit/s."
    assert verdict.sentence.vi == "Chưa đạt: 9/10 kết quả gần nhất dưới chỉ tiêu 42 Mbit/s; trung vị 34 Mbit/s."


def test_bac_giang_school_on_fibre_meets_120() -> None:
    verdict = judged("bac-giang-2025", "fibre", samples(*[118.0], *[121.5] * 9))
    assert (verdict.verdict, verdict.n, verdict.k, verdict.target, verdict.scope) == ("met", 10, 9, 120, "fixed")
    assert verdict.sentence.vi == "Đạt: 9/10 kết quả gần nhất đạt chỉ tiêu 120 Mbit/s; trung vị 121,5 Mbit/s."


def test_exactly_at_the_target_counts_as_reached() -> None:
    assert judged("bac-giang-2025", "fibre", samples(*[120.0] * 10)).verdict == "met"
    assert judged("bac-giang-2025", "fibre", samples(*[119.999] * 10)).verdict == "below"


@pytest.mark.parametrize("reached", range(11))
def test_nine_must_agree(reached: int) -> None:
    verdict = judged("lang-son-2025", "fibre", samples(*[110.0] * reached, *[90.0] * (10 - reached)))
    expected = "met" if reached >= 9 else "below" if reached <= 1 else "inconclusive"
    assert verdict.verdict == expected
    assert verdict.k == reached
    assert verdict.reasons == ([] if expected != "inconclusive" else ["mixed"])


def test_only_the_newest_ten_are_looked_at_in_whatever_order_they_come() -> None:
    found = samples(*[10.0] * 20, *[130.0] * 10)
    verdict = judged("bac-giang-2025", "fibre", found[::-1])
    assert verdict.verdict == "met"
    assert verdict.window.start == NOW - timedelta(hours=36)
    assert verdict.window.end == NOW


def test_too_few_says_how_many_are_needed() -> None:
    verdict = judged("lang-son-2025", "fibre", samples(10, 10, 10, 10))
    assert (verdict.verdict, verdict.reasons, verdict.n, verdict.needed) == ("inconclusive", ["too_few"], 4, LOOK)
    assert verdict.value == 10
    assert verdict.low is None
    assert "4 conclusive results in 30 days, 10 are needed" in verdict.sentence.en


def test_results_older_than_thirty_days_say_nothing() -> None:
    old = samples(*[10.0] * 10, newest=NOW - timedelta(days=30))
    verdict = judged("lang-son-2025", "fibre", old)
    assert (verdict.n, verdict.value, verdict.k, verdict.reasons) == (0, None, 0, ["too_few"])
    assert verdict.window.end - verdict.window.start == timedelta(days=30)


def test_a_result_from_a_clock_that_runs_ahead_waits_for_its_time() -> None:
    found = [*samples(*[130.0] * 10), Sample(NOW + timedelta(hours=3), 1.0)]
    assert judged("bac-giang-2025", "fibre", found).window.end == NOW


@pytest.mark.parametrize(
    ("plan", "access", "scope"),
    [(None, "fibre", "fixed"), ("lang-son-2025", None, "unknown"), ("quang-ninh-2030", "cellular_4g", "mobile")],
)
def test_without_a_target_there_is_no_verdict_but_a_median(plan: str | None, access: Access | None, scope: str) -> None:
    verdict = judged(plan, access, samples(*[50.0] * 10))
    assert (verdict.verdict, verdict.reasons) == ("inconclusive", ["no_target"])
    assert (verdict.value, verdict.target, verdict.k, verdict.scope) == (50, None, None, scope)
    assert verdict.basis.vi


def test_silence_is_said_and_changes_nothing_else() -> None:
    found = samples(*[10.0] * 10)
    loud, silent = judged("lang-son-2025", "fibre", found), judged("lang-son-2025", "fibre", found, silent=True)
    assert (silent.verdict, silent.reasons) == ("below", ["silent"])
    assert msgspec.structs.replace(silent, reasons=[], sentence=loud.sentence) == loud


def test_the_json_is_the_contracts() -> None:
    data = msgspec.json.decode(msgspec.json.encode(judged("lang-son-2025", "fibre", samples(*[10.0] * 10))))
    names = "plan indicator scope verdict value target unit statistic low high n k window rule reasons needed"
    assert set(names.split()) <= set(data)
    assert set(data["window"]) == {"from", "to"}
    assert data["window"]["to"] == "2026-11-22T12:00:00Z"
