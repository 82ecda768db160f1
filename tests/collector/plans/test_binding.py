"""Which promises bind which site, and why."""

from dataclasses import replace
from datetime import UTC, date, datetime

import msgspec
import pytest

from collector.plans.binding import binding_for, bindings_for, target_for
from collector.plans.load import load_plans
from collector.plans.reference import Point, Series
from collector.plans.types import Plan
from collector.registry.site import Access, Area, Site, SiteKind

PLANS = load_plans()
QUANG_NINH = PLANS["quang-ninh-2030"]
BAC_GIANG = ("bac-giang-2025", "bac-giang-ict-2030")
NOW = datetime(2026, 11, 22, tzinfo=UTC)
NATION = Series(
    "ispeed_mobile_download_mbps",
    "Mbps",
    (
        Point("2025-07", date(2025, 7, 1), date(2025, 8, 1), 83.52, "VNNIC"),
        Point("2024-07", date(2024, 7, 1), date(2024, 8, 1), 54.34, "VNNIC"),
        Point("2026-11", date(2026, 11, 1), date(2026, 12, 1), 200.0, "not over yet"),
    ),
)


def site(plan: str | None, access: Access | None = "fibre", area: Area = "rural", kind: SiteKind = "school") -> Site:
    return Site("s", "Trường", kind, area, "p", "c", access=access, plan=plan)


def bound(name: str, access: Access | None, area: Area, year: int = 2026) -> float | None:
    target = target_for(PLANS[name], site(name, access, area), datetime(year, 11, 22, tzinfo=UTC))
    return target.value if target else None


@pytest.mark.parametrize("access", ["fibre", "cable", "copper", "wireless", "satellite", "other"])
def test_a_school_in_bac_giang_on_a_fixed_line_is_judged_by_120(access: Access) -> None:
    assert bound("bac-giang-2025", access, "rural") == 120


@pytest.mark.parametrize("access", ["cellular_4g", "cellular_5g"])
def test_a_school_in_lang_son_on_a_mobile_line_is_judged_by_42(access: Access) -> None:
    assert bound("lang-son-2025", access, "rural") == 42


@pytest.mark.parametrize(
    ("area", "year", "value"),
    [
        ("urban", 2022, None),
        ("urban", 2023, 85),
        ("urban", 2024, 85),
        ("urban", 2026, 200),
        ("urban", 2030, 1000),
        ("rural", 2024, 100),
        ("rural", 2026, 200),
        ("rural", 2031, 1000),
    ],
)
def test_quang_ninh_steps_hold_until_they_are_superseded(area: Area, year: int, value: float | None) -> None:
    assert bound("quang-ninh-2030", "fibre", area, year) == value


def test_a_plan_year_begins_in_the_provinces_zone() -> None:
    for moment, value in (
        (datetime(2024, 12, 31, 16, 59, tzinfo=UTC), 85),
        (datetime(2024, 12, 31, 17, tzinfo=UTC), 200),
    ):
        target = target_for(QUANG_NINH, site(QUANG_NINH.id, "fibre", "urban"), moment)
        assert target is not None
        assert target.value == value


def test_a_school_in_quang_ninh_is_told_why_a_household_target_applies() -> None:
    binding = binding_for(QUANG_NINH, site("quang-ninh-2030", "fibre", "urban"), NOW)
    assert (binding.scope, binding.rule, binding.mark, binding.unit) == ("fixed-urban", "plan", 200, "Mbps")
    assert "urban households" in binding.reason.en
    assert "hộ gia đình thành thị" in binding.reason.vi


@pytest.mark.parametrize(
    ("plan", "access", "why"),
    [
        (None, "fibre", "under no plan"),
        ("unknown-plan", "fibre", "not known here"),
        ("lang-son-2025", None, "access technology"),
        ("quang-ninh-2030", "cellular_4g", "no value of ispeed_mobile_download_mbps is known"),
        ("bac-giang-ict-2030", "fibre", "no fixed broadband speed target"),
    ],
)
def test_a_site_without_target_is_told_why(plan: str | None, access: Access | None, why: str) -> None:
    binding = binding_for(PLANS.get(plan or ""), site(plan, access), NOW)
    assert binding.mark is None
    assert why in binding.reason.en
    assert bindings_for(PLANS, site(plan, access), NOW) == [binding]


def test_before_the_first_step_there_is_no_target() -> None:
    binding = binding_for(PLANS["lang-son-2025"], site("lang-son-2025"), datetime(2024, 6, 1, tzinfo=UTC))
    assert binding.target is None
    assert "2025-01-01" in binding.reason.en


def test_about_the_national_average_takes_the_newest_month_that_is_over() -> None:
    mobile = site(QUANG_NINH.id, "cellular_4g")
    references = {NATION.id: NATION}
    binding = binding_for(QUANG_NINH, mobile, NOW, references=references)
    assert binding.mark == pytest.approx(0.9 * 83.52)
    assert "83.52 (2025-07, VNNIC)" in binding.reason.en
    assert "10 % below" in binding.reason.en
    assert binding.target is not None
    last_of_july = datetime(2025, 7, 31, 16, tzinfo=UTC)
    assert binding_for(QUANG_NINH, mobile, last_of_july, references=references).mark == pytest.approx(0.9 * 54.34)
    assert binding_for(QUANG_NINH, mobile, datetime(2024, 1, 1, tzinfo=UTC), references=references).mark is None


def test_of_two_periods_that_end_together_the_shorter_counts() -> None:
    year = Point("2025", date(2025, 1, 1), date(2026, 1, 1), 1.0, "a")
    month = Point("2025-12", date(2025, 12, 1), date(2026, 1, 1), 2.0, "b")
    for points in ((year, month), (month, year)):
        assert Series("x", "Mbps", points).at(date(2026, 1, 1)) == month


@pytest.mark.parametrize(
    ("kind", "listed", "mark"), [("other", True, 1000), ("other", False, 200), ("school", True, 200)]
)
def test_a_park_is_bound_by_1_gbps_only_where_it_is_listed(kind: SiteKind, listed: bool, mark: float) -> None:  # noqa: FBT001 - a parameter
    plan = msgspec.structs.replace(QUANG_NINH, groups={"parks": ("s",) if listed else ()})
    park = site(plan.id, "fibre", "urban", kind)
    assert binding_for(plan, park, NOW).mark == mark
    assert binding_for(plan, park, datetime(2024, 5, 1, tzinfo=UTC)).mark == 85
    reason = binding_for(plan, park, NOW).reason.en
    assert ("parks" in reason) == (mark == 1000)


@pytest.mark.parametrize("name", ["bac-giang-ict-2030", "quang-ninh-2030"])
def test_ipv6_binds_offices_once_it_is_due(name: str) -> None:
    office = site(name, "fibre", "urban", "office")
    found = {binding.indicator: binding for binding in bindings_for(PLANS, office, NOW)}
    ipv6 = found["ipv6"]
    assert (ipv6.question, ipv6.rule, ipv6.mark, ipv6.unit, ipv6.scope) == ("plan", "share95", 1.0, "share", "fixed")
    assert "offices" in ipv6.reason.en or "office" in ipv6.reason.en
    assert "ipv6" not in {b.indicator for b in bindings_for(PLANS, office, datetime(2025, 12, 30, tzinfo=UTC))}
    assert "ipv6" not in {b.indicator for b in bindings_for(PLANS, site(name), NOW)}


def test_ipv6_binds_an_office_whose_access_is_not_known() -> None:
    office = site(QUANG_NINH.id, None, "urban", "office")
    speed, ipv6 = bindings_for(PLANS, office, NOW)
    assert (speed.scope, speed.mark) == ("unknown", None)
    assert (ipv6.indicator, ipv6.scope) == ("ipv6", "province")


def test_a_contract_is_a_question_of_its_own() -> None:
    line = replace(site("bac-giang-2025"), contract_down_mbps=100.0, contract_up_mbps=50.0)
    speed, down, up = bindings_for(PLANS, line, NOW)
    assert (speed.question, speed.mark) == ("plan", 120)
    for binding, indicator, rate in ((down, "download_mbps", 100), (up, "upload_mbps", 50)):
        assert (binding.question, binding.indicator, binding.mark) == ("contract", indicator, rate)
        assert (binding.rule, binding.scope, binding.target, binding.unit) == ("qcvn34", "fixed", None, "Mbps")
        assert "yardstick" not in binding.reason.en


@pytest.mark.parametrize("access", ["cellular_4g", "copper", None])
def test_a_line_that_qcvn_34_does_not_cover_is_told_so(access: Access | None) -> None:
    line = replace(site(None, access), contract_up_mbps=50.0)
    speed, up = bindings_for(PLANS, line, NOW)
    assert speed.mark is None
    assert "yardstick" in up.reason.en
    assert "mức so sánh" in up.reason.vi


def test_a_target_that_the_plan_itself_ends_does_not_bring_its_predecessor_back() -> None:
    targets = tuple(
        msgspec.structs.replace(t, valid_until=date(2025, 12, 31)) if t.id == "fixed-rural-2025" else t
        for t in QUANG_NINH.targets
    )
    plan: Plan = msgspec.structs.replace(QUANG_NINH, targets=targets)
    rural = site(plan.id)
    assert binding_for(plan, rural, datetime(2025, 12, 31, 16, tzinfo=UTC)).mark == 200
    after = binding_for(plan, rural, datetime(2025, 12, 31, 17, tzinfo=UTC))
    assert (after.target, after.mark) == (None, None)
    assert "ended after 2025-12-31" in after.reason.en


def test_a_kind_of_site_that_no_target_is_for_is_told_so() -> None:
    targets = [msgspec.structs.replace(t, binds=None) if t.network == "fixed" else t for t in QUANG_NINH.targets]
    plan = msgspec.structs.replace(QUANG_NINH, targets=tuple(targets))
    assert "for this kind of site" in binding_for(plan, site(plan.id), NOW).reason.en


def test_of_two_plans_of_a_province_the_one_that_a_site_is_under_says_its_speed() -> None:
    office = site("bac-giang-2025", "fibre", "urban", "office")
    first, second = (bindings_for(PLANS, replace(office, plan=name), NOW) for name in BAC_GIANG)
    assert [(b.plan, b.indicator, b.mark) for b in first] == [
        ("bac-giang-2025", "download_mbps", 120), ("bac-giang-ict-2030", "ipv6", 1.0),
    ]  # fmt: skip
    assert [(b.plan, b.indicator, b.mark) for b in second] == [
        ("bac-giang-ict-2030", "download_mbps", None), ("bac-giang-ict-2030", "ipv6", 1.0),
    ]  # fmt: skip
    assert [b.plan for b in bindings_for(PLANS, replace(office, kind="school"), NOW)] == ["bac-giang-2025"]
    assert [b.plan for b in bindings_for(PLANS, replace(office, contract_up_mbps=50.0), NOW)][-1] is None


def test_the_other_plan_asks_from_its_own_day_on() -> None:
    office = site("bac-giang-2025", "fibre", "urban", "office")
    eve, day = datetime(2025, 12, 30, 16, 59, tzinfo=UTC), datetime(2025, 12, 30, 17, tzinfo=UTC)
    assert [[b.indicator for b in bindings_for(PLANS, office, at)] for at in (eve, day)] == [
        ["download_mbps"], ["download_mbps", "ipv6"],
    ]  # fmt: skip


def with_ipv6(plan: Plan, since: date) -> Plan:
    (ipv6,) = (target for target in PLANS["bac-giang-ict-2030"].targets if target.indicator == "ipv6")
    return msgspec.structs.replace(plan, targets=(*plan.targets, msgspec.structs.replace(ipv6, valid_from=since)))


def test_what_the_own_plan_asks_no_other_asks_from_then_on() -> None:
    office = site("bac-giang-2025", "fibre", "urban", "office")
    plans = PLANS | {"bac-giang-2025": with_ipv6(PLANS["bac-giang-2025"], date(2026, 12, 1))}
    asked = [bindings_for(plans, office, at)[1].plan for at in (NOW, datetime(2026, 12, 1, tzinfo=UTC))]
    assert asked == ["bac-giang-ict-2030", "bac-giang-2025"]


def test_each_other_plan_of_the_province_asks_and_none_of_another_province() -> None:
    office = site("bac-giang-2025", "fibre", "urban", "office")
    later = msgspec.structs.replace(PLANS["bac-giang-ict-2030"], id="bac-giang-ict-2035")
    found = bindings_for({later.id: later} | PLANS, office, NOW)
    assert [b.plan for b in found] == ["bac-giang-2025", "bac-giang-ict-2030", "bac-giang-ict-2035"]
    moved = {later.id: msgspec.structs.replace(later, province="quang-ninh")}
    assert bindings_for(moved | PLANS, office, NOW) == bindings_for(PLANS, office, NOW)


@pytest.mark.parametrize("name", [None, "unknown-plan"])
def test_a_site_under_no_known_plan_is_asked_by_none(name: str | None) -> None:
    (only,) = bindings_for(PLANS, site(name, "fibre", "urban", "office"), NOW)
    assert (only.plan, only.mark) == (name, None)


def test_about_a_number_leaves_its_band() -> None:
    targets = [
        msgspec.structs.replace(t, comparison="about", band=0.2) if t.id == "fixed-rural-2025" else t
        for t in QUANG_NINH.targets
    ]
    plan = msgspec.structs.replace(QUANG_NINH, targets=tuple(targets))
    assert binding_for(plan, site(plan.id), NOW).mark == 160
