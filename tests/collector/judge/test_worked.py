"""Verdicts worked by hand, from the plans' own numbers: every case says in words what is found, and why.

The arithmetic that each rests on. Median, rule `plan`: of 10 sorted results the 2nd and the 9th bound the true median
at 95 % (both tails: 11 of 1024), so nine must lie on one side; of 12 the 3rd and the 10th. Contract, rule `qcvn34`:
the mean of at least 30 results against 80 % of what was bought. IPv6, rule `share95`: of 10 runs without success the
share is at most 1 - 0.025^(1/10) = 31 %, far under 95 %; 72 runs that all succeed show at least 0.025^(1/72) = 95.0 %.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from collector.judge.judge import judge_site
from collector.judge.line import line_since
from collector.judge.reasons import Reason
from collector.judge.sample import Evidence
from collector.judge.verdict import Outcome, Verdict
from collector.plans.binding import bindings_for
from collector.plans.load import load_plans
from collector.plans.reference import Point, Series
from collector.registry.site import Site, Version
from collector.store.points import verdict_point
from tests.collector.judge.cases import DAY, samples

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PLANS = load_plans()
PLANS["quang-ninh-2030"] = msgspec.structs.replace(PLANS["quang-ninh-2030"], groups={"parks": ("qn-kcn",)})
OCTOBER = Point("2026-10", date(2026, 10, 1), date(2026, 11, 1), 60.0, "i-Speed")
MOBILE = "ispeed_mobile_download_mbps"
NATIONAL = {MOBILE: Series(MOBILE, "Mbps", (OCTOBER,))}

LANG_SON = Site("ls-thcs", "Trường THCS", "school", "rural", "lang-son", "huu-lung", access="cellular_4g",
                plan="lang-son-2025")  # fmt: skip
BAC_GIANG = Site("bg-th", "Trường TH", "school", "rural", "bac-giang", "yen-the", access="fibre", provider="VNPT",
                 contract_down_mbps=100.0, plan="bac-giang-2025")  # fmt: skip
PARK = Site("qn-kcn", "Khu công nghệ", "other", "urban", "quang-ninh", "ha-long", access="fibre",
            contract_down_mbps=1000.0, plan="quang-ninh-2030")  # fmt: skip
CLINIC = Site("bp-tyt", "Trạm Y tế", "clinic", "rural", "binh-phuoc", "loc-ninh", access="fibre", provider="Viettel",
              contract_down_mbps=150.0, plan="binh-phuoc-2025")  # fmt: skip
URBAN = Site("qn-thpt", "Trường THPT", "school", "urban", "quang-ninh", "ha-long", access="fibre",
             contract_down_mbps=250.0, plan="quang-ninh-2030")  # fmt: skip
OFFICE = Site("bg-so", "Sở", "office", "urban", "bac-giang", "bac-giang", access="fibre",
              plan="bac-giang-ict-2030")  # fmt: skip

Known = dict[str, list[float]]


@dataclass(frozen=True)
class Case:
    """A site, what was measured there (the newest last, six hours apart), and what has to come out."""

    why: str
    site: Site
    known: Known
    outcome: Outcome
    reasons: list[Reason]
    said: str
    """A part of the English sentence."""
    asked: tuple[str, str] = ("plan", "download_mbps")
    target: float | None = None
    needed: int | None = None
    at: datetime = NOW
    newest: datetime | None = None
    every: timedelta = DAY / 4
    silent: bool = False
    beside: Evidence = field(default_factory=Evidence)
    before: Version[Site] | None = None

    def verdict(self) -> Verdict:
        versions = [Version(None, self.site)]
        if self.before is not None:
            versions = [Version(None, self.before.value), Version(self.before.since, self.site)]
        line = line_since(versions, self.at)
        evidence = {
            name: replace(
                self.beside, samples=samples(found, newest=self.newest or self.at, every=self.every), since=line
            )
            for name, found in self.known.items()
        }
        bindings = bindings_for(PLANS, self.site, self.at, references=NATIONAL)
        found = judge_site(self.site, bindings, evidence, at=self.at, silent=self.silent)
        assert (found[0].question, found[0].indicator) == ("plan", "download_mbps"), "the first is always this one"
        (asked,) = (one for one in found if (one.question, one.indicator) == self.asked)
        return asked


def speeds(*values: float) -> Known:
    return {"download_mbps": list(values)}


MIXED = [190.0, 210.0] * 5
CASES = [
    Case(
        "Lạng Sơn, 4G: sorted 20 25 30 31 33 35 38 39 41.9 50; the 9th, 41.9, is under 42",
        LANG_SON, speeds(30, 31, 35, 41.9, 20, 25, 38, 39, 50, 33), "below", [],
        "9 of 10 results since 2026-11-20 are under the target of 42 Mbit/s; median 34 Mbit/s "
        "(95 % interval 25 Mbit/s to 41.9 Mbit/s).", target=42,
    ),
    Case(
        "the same but for 41.9, now 42: the 9th reaches the target, so the interval does not lie under it",
        LANG_SON, speeds(30, 31, 35, 42, 20, 25, 38, 39, 50, 33), "inconclusive", ["interval_spans_target"],
        "2 of 10 results since 2026-11-20 reach the target of 42 Mbit/s", target=42, needed=5,
    ),
    Case(
        "Bắc Giang, a school that bought 100: all below 120, and no fault of the line",
        BAC_GIANG, speeds(*[94, 95, 96] * 10), "below", ["subscription_below_target"],
        "Below: 30 of 30 results since 2026-11-15 are under the target of 120 Mbit/s; median 95 Mbit/s (95 % interval "
        "94 Mbit/s to 96 Mbit/s); the subscription is below the target, which by itself is no fault of the line.",
        target=120,
    ),
    Case(
        "the same school against its contract: the mean is 95, 80 are asked for",
        BAC_GIANG, speeds(*[94, 95, 96] * 10), "met", [],
        "30 of 30 results since 2026-11-15 reach 80 % of the contracted 100 Mbit/s (80 Mbit/s); mean 95 Mbit/s",
        asked=("contract", "download_mbps"), target=80,
    ),
    Case(
        "Bắc Giang, a school that bought 100 and measures 130: who meets the target needs no excuse",
        BAC_GIANG, speeds(*[130] * 10), "met", [], "10 of 10 results", target=120,
    ),
    Case(
        "Quảng Ninh, a park at 1 Gbps: TCP leaves 941 of it, and the target is 1000",
        PARK, speeds(*[938, 940, 941, 941, 942] * 2), "below", [],
        "10 of 10 results since 2026-11-20 are under the target of 1000 Mbit/s; median 941 Mbit/s", target=1000,
    ),
    Case(
        "the same park, measured by a box with a gigabit port: all doubted, so nobody is accused",
        PARK, {"download_mbps": []}, "inconclusive", ["too_few", "many_doubted"],
        "Inconclusive: no conclusive result since 2026-10-23, and it takes at least 10; 10 more are needed; many "
        "results were set aside for doubts.", target=1000, needed=10,
        beside=Evidence(doubted={"nic_bound": 30}, uncounted=30),
    ),
    Case(
        "Quảng Ninh, an office that no group names: the park's target is not its own",
        replace(PARK, id="qn-vp"), speeds(*[938, 940, 941, 941, 942] * 2), "met", [], "the target of 200 Mbit/s",
        target=200,
    ),
    Case(
        "Bình Phước, a clinic silent for a week: what it measured before stands, and the silence is said",
        CLINIC, speeds(*[99, 101] * 5), "met", ["silent"],
        "Met: 10 of 10 results since 2026-11-13 reach the target of 95 Mbit/s; median 100 Mbit/s (95 % interval "
        "99 Mbit/s to 101 Mbit/s); no results are coming from the site now.", target=95,
        newest=NOW - 7 * DAY, silent=True,
    ),
    Case(
        "silent for a month: nothing of it is left in the window",
        CLINIC, speeds(*[99, 101] * 5), "inconclusive", ["too_few", "silent"], "10 more are needed", target=95,
        needed=10, newest=NOW - 30 * DAY, silent=True,
    ),
    Case(
        "the clinic's line gives 100 of 150 bought: 120 are asked for",
        CLINIC, speeds(*[95, 105] * 15), "below", [],
        "30 of 30 results since 2026-11-15 are under 80 % of the contracted 150 Mbit/s (120 Mbit/s); mean 100 Mbit/s",
        asked=("contract", "download_mbps"), target=120,
    ),
    Case(
        "and reaches the plan's 95 with just that: short of the contract, not short of the plan",
        CLINIC, speeds(*[96, 104] * 15), "met", [], "30 of 30 results", target=95,
    ),
    Case(
        "Quảng Ninh, an urban school: of 12 sorted results the 3rd, 201, reaches 200",
        URBAN, speeds(150, 199, *[201, 210] * 5), "met", [], "10 of 12 results since 2026-11-20 reach", target=200,
    ),
    Case(
        "half of its results reach 200: no number of results like these will ever say",
        URBAN, speeds(*MIXED), "inconclusive", ["interval_spans_target"],
        "median 200 Mbit/s (95 % interval 190 Mbit/s to 210 Mbit/s); either is still possible, and it would take more "
        "than 1000 more.", target=200, needed=1000,
    ),
    Case(
        "the target of 200 began at midnight in Hạ Long: 7 results are of before, under the 85",
        URBAN, speeds(*[90] * 10), "inconclusive", ["too_few", "target_changed"],
        "the target came into force within the window", target=200, needed=7, at=datetime(2025, 1, 1, 5, tzinfo=UTC),
    ),
    Case(
        "Quảng Ninh, 4G: about the national average, 60 in October, and 10 % under it is still about",
        replace(URBAN, access="cellular_4g"), speeds(*[50, 52] * 5), "below", [], "the target of 54 Mbit/s", target=54,
    ),
    Case(
        "Bắc Giang, an office without IPv6: none of 10 runs found it",
        OFFICE, {"ipv6": [0.0] * 10}, "below", [],
        "Below: 10 of 10 results since 2026-11-20 did not find IPv6 working; share 0 % (95 % interval 0 % to 30.8 %), "
        "95 % are wanted.", asked=("plan", "ipv6"), target=0.95,
    ),
    Case(
        "Bắc Giang, an office under the plan of speeds: the sector plan asks for its IPv6 as well",
        replace(OFFICE, plan="bac-giang-2025"), {"ipv6": [1.0] * 72}, "met", [],
        "72 of 72 results since 2026-11-05 found IPv6 working", asked=("plan", "ipv6"), target=0.95,
    ),
    Case(
        "and its speed is held to the plan that it stands under",
        replace(OFFICE, plan="bac-giang-2025"), speeds(*[130] * 10), "met", [], "the target of 120 Mbit/s", target=120,
    ),
    Case(
        "the same plan promises no speed: it is measured, and judged by nothing",
        OFFICE, speeds(*[50] * 10), "inconclusive", ["no_target"],
        "Inconclusive: no target applies to this site; median 50 Mbit/s",
    ),
    Case(
        "Lạng Sơn, a site whose technology nobody has entered",
        replace(LANG_SON, access=None), speeds(*[50] * 10), "inconclusive", ["no_target"], "no target applies",
    ),
    Case(
        "a site under no plan",
        replace(LANG_SON, plan=None), speeds(*[50] * 10), "inconclusive", ["no_target"], "no target applies",
    ),
    Case(
        "Lạng Sơn in 2024: the targets are for 2025",
        LANG_SON, speeds(*[10] * 10), "inconclusive", ["no_target"], "no target applies",
        at=datetime(2024, 12, 1, tzinfo=UTC),
    ),
    Case(
        "four results are too few, however weak they are",
        LANG_SON, speeds(1, 1, 1, 1), "inconclusive", ["too_few"],
        "0 of 4 results since 2026-11-22 reach the target of 42 Mbit/s, and it takes at least 10; median 1 Mbit/s; "
        "6 more are needed.", target=42, needed=6,
    ),
    Case(
        "ten results within 20 minutes: judged, and it is said that they are of one day",
        LANG_SON, speeds(*[50] * 10), "met", ["one_day"], "say nothing of other days", target=42,
        every=timedelta(minutes=2),
    ),
    Case(
        "ten good results beside as many failures: met, and the failures are said",
        LANG_SON, speeds(*[50] * 10), "met", ["many_failed"], "; many runs failed.", target=42,
        beside=Evidence(failed=10),
    ),
    Case(
        "the clinic changed to another provider two days ago: 9 results are of the new line",
        replace(CLINIC, provider="VNPT"), speeds(*[20] * 11, *[120] * 9), "inconclusive", ["too_few", "line_changed"],
        "9 of 9 results since 2026-11-20 reach", target=95, needed=1, before=Version(NOW - 2 * DAY, CLINIC),
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case.why for case in CASES])
def test_by_hand(case: Case) -> None:
    verdict = case.verdict()
    assert (verdict.verdict, verdict.reasons) == (case.outcome, case.reasons)
    assert (verdict.target, verdict.needed) == (case.target, case.needed)
    assert case.said in verdict.sentence.en
    assert verdict.basis.vi
    assert verdict.basis.en


@pytest.mark.parametrize(
    ("why", "sentence"),
    [
        (
            "Bắc Giang, a school that bought 100: all",
            (
                "Chưa đạt: 30/30 kết quả từ 15/11/2026 dưới chỉ tiêu 120 Mbit/s; trung vị 95 Mbit/s (khoảng tin cậy "
                "95 %: 94 Mbit/s đến 96 Mbit/s); gói cước thấp hơn chỉ tiêu, riêng điều này không phải lỗi đường "
                "truyền."
            ),
        ),
        (
            "the clinic's line gives 100",
            (
                "Chưa đạt: 30/30 kết quả từ 15/11/2026 dưới 80 % tốc độ hợp đồng 150 Mbit/s (120 Mbit/s); trung bình "
                "100 Mbit/s (khoảng tin cậy 95 %: 98,1 Mbit/s đến 101,9 Mbit/s); trung vị 100 Mbit/s."
            ),
        ),
        (
            "the same but for 41.9",
            (
                "Chưa kết luận: 2/10 kết quả từ 20/11/2026 đạt chỉ tiêu 42 Mbit/s; trung vị 34 Mbit/s (khoảng tin cậy "
                "95 %: 25 Mbit/s đến 42 Mbit/s); chưa đủ cơ sở để nói đạt hay chưa đạt, cần thêm khoảng 5 kết quả."
            ),
        ),
        (
            "Bắc Giang, an office without IPv6",
            (
                "Chưa đạt: 10/10 kết quả từ 20/11/2026 cho thấy IPv6 không hoạt động; tỷ lệ 0 % (khoảng tin cậy 95 %: "
                "0 % đến 30,8 %), cần 95 %."
            ),
        ),
    ],
)
def test_in_vietnamese(why: str, sentence: str) -> None:
    (case,) = (case for case in CASES if case.why.startswith(why))
    assert case.verdict().sentence.vi == sentence


def test_a_verdict_names_the_plan_that_asks() -> None:
    office = replace(OFFICE, plan="bac-giang-2025", contract_down_mbps=100.0)
    found = judge_site(office, bindings_for(PLANS, office, NOW), {}, at=NOW)
    assert [(one.plan, one.indicator, one.question) for one in found] == [
        ("bac-giang-2025", "download_mbps", "plan"),
        ("bac-giang-ict-2030", "ipv6", "plan"),
        (None, "download_mbps", "contract"),
    ]
    points = [verdict_point(msgspec.to_builtins(one), office) for one in found]
    assert [dict(point.tags).get("plan") for point in points] == ["bac-giang-2025", "bac-giang-ict-2030", None]
