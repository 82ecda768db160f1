"""The plans' data against a second table, typed from the texts by hand, and which target binds which site."""

import argparse
from datetime import UTC, datetime

import pytest

from collector.errors import UsageError
from collector.plans.binding import binding_for, target_for
from collector.plans.commands import add_commands
from collector.plans.load import load_plans, read_plan
from collector.registry.site import Access, Area, Site

PLANS = load_plans()
NOW = datetime(2026, 11, 22, tzinfo=UTC)

# plan, network, area, promise, Mbps, year, a piece of the section's title: read from the plan texts, not from the data
TYPED = {
    ("bac-giang-2025", "mobile", "any", "value", 45, 2025, "1. Mạng viễn thông băng rộng di động"),
    ("bac-giang-2025", "fixed", "any", "value", 120, 2025, "2. Mạng viễn thông băng rộng cố định"),
    ("lang-son-2025", "mobile", "any", "minimum", 42, 2025, "a) Mạng viễn thông băng rộng di động"),
    ("lang-son-2025", "fixed", "any", "minimum", 102, 2025, "b) Mạng viễn thông băng rộng cố định"),
    ("binh-phuoc-2025", "mobile", "any", "value", 70, 2025, "1. Mạng viễn thông băng rộng di động"),
    ("binh-phuoc-2025", "fixed", "any", "value", 95, 2025, "2. Mạng viễn thông băng rộng cố định"),
    ("quang-ninh-2030", "fixed", "urban", "minimum", 85, 2023, "(mục tiêu năm 2023)"),
    ("quang-ninh-2030", "fixed", "urban", "reach", 200, 2023, "(mục tiêu năm 2023)"),
    ("quang-ninh-2030", "fixed", "rural", "reach", 100, 2023, "(mục tiêu năm 2023)"),
    ("quang-ninh-2030", "mobile", "any", "national_average", None, 2023, "(mục tiêu năm 2023)"),
    ("quang-ninh-2030", "fixed", "urban", "minimum", 200, 2025, "2.1. Hạ tầng viễn thông"),
    ("quang-ninh-2030", "fixed", "urban", "reach", 1000, 2025, "2.1. Hạ tầng viễn thông"),
    ("quang-ninh-2030", "fixed", "rural", "reach", 200, 2025, "2.1. Hạ tầng viễn thông"),
    ("quang-ninh-2030", "fixed", "any", "average", 200, 2025, "2.1. Hạ tầng viễn thông"),
    ("quang-ninh-2030", "fixed", "any", "minimum", 1000, 2025, "2.1. Hạ tầng viễn thông"),
    ("quang-ninh-2030", "mobile", "any", "national_average", None, 2025, "2.1. Hạ tầng viễn thông"),
    ("quang-ninh-2030", "fixed", "any", "reach", 1000, 2030, "3. Mục tiêu đến năm 2030"),
}


def site(plan: str | None, access: Access | None = "fibre", area: Area = "rural") -> Site:
    return Site("s", "Trường", "school", area, "p", "c", access=access, plan=plan)


def bound(name: str, access: Access | None, area: Area, year: int = 2026) -> float | None:
    target = target_for(PLANS[name], site(name, access, area), datetime(year, 11, 22, tzinfo=UTC))
    return target.value if target else None


def test_every_target_is_the_one_that_the_plan_texts_name() -> None:
    read = {
        (plan.id, target.network, target.area, target.promise, target.value, target.valid_from.year, section)
        for plan in PLANS.values()
        for target in plan.targets
        for section in [row[-1] for row in TYPED if row[0] == plan.id and row[-1] in target.section]
    }
    assert read == TYPED
    assert sum(len(plan.targets) for plan in PLANS.values()) == len(TYPED)


def test_the_contract_names_these_plans() -> None:
    assert set(PLANS) == {
        "bac-giang-2025",
        "bac-giang-ict-2030",
        "lang-son-2025",
        "binh-phuoc-2025",
        "quang-ninh-2030",
    }


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
    plan = PLANS["quang-ninh-2030"]
    for moment, value in (
        (datetime(2024, 12, 31, 16, 59, tzinfo=UTC), 85),
        (datetime(2024, 12, 31, 17, tzinfo=UTC), 200),
    ):
        target = target_for(plan, site(plan.id, "fibre", "urban"), moment)
        assert target is not None
        assert target.value == value


def test_a_school_in_quang_ninh_is_told_why_a_household_target_applies() -> None:
    binding = binding_for(PLANS["quang-ninh-2030"], site("quang-ninh-2030", "fibre", "urban"), NOW)
    assert binding.target is not None
    assert "urban households" in binding.reason.en
    assert "hộ gia đình thành thị" in binding.reason.vi


@pytest.mark.parametrize(
    ("plan", "access", "why"),
    [
        (None, "fibre", "under no plan"),
        ("unknown-plan", "fibre", "not known here"),
        ("lang-son-2025", None, "access technology"),
        ("quang-ninh-2030", "cellular_4g", "national average"),
        ("bac-giang-ict-2030", "fibre", "no fixed broadband speed target"),
    ],
)
def test_a_site_without_target_is_told_why(plan: str | None, access: Access | None, why: str) -> None:
    binding = binding_for(PLANS.get(plan or ""), site(plan, access), NOW)
    assert binding.mark is None
    assert why in binding.reason.en


def test_before_the_first_step_there_is_no_target() -> None:
    binding = binding_for(PLANS["lang-son-2025"], site("lang-son-2025"), datetime(2024, 6, 1, tzinfo=UTC))
    assert binding.target is None
    assert "2025-01-01" in binding.reason.en


GOOD = """id = "x"
province = "x"
name = {vi = "x", en = "x"}
document = {title = "x", issued = "x"}
[[targets]]
id = "t"
indicator = "download_mbps"
how = "measured"
unit = "Mbps"
binds = {rule = "plan"}
network = "fixed"
promise = "value"
value = 1.0
valid_from = 2025-01-01
section = "II"
quote = "q"
reason = {vi = "x", en = "x"}
"""


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (GOOD.replace('id = "x"', 'id = "y"', 1), "its file says x"),
        (GOOD + "extra = 1", "extra"),
        (GOOD.replace('section = "II"', 'section = ""'), "section"),
        (GOOD.replace("value = 1.0", ""), "a value is missing"),
        (GOOD + GOOD[GOOD.index("[[targets]]") :], "t stands there twice"),
        (GOOD + GOOD[GOOD.index("[[targets]]") :].replace('id = "t"', 'id = "u"'), "bind the same fixed sites"),
        ("= nonsense", "plan x: "),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(text: str, fault: str) -> None:
    assert len(read_plan("x", GOOD).targets) == 1
    with pytest.raises(UsageError, match=fault):
        read_plan("x", text)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["plan", "list"], "no speed target"),
        (["plan", "check"], "quang-ninh-2030: 11 speed targets, ok"),
        (["plan", "show", "lang-son-2025"], "at least 42 Mbit/s, from 2025-01-01; sites are judged by it"),
        (["plan", "show", "quang-ninh-2030"], "about the national average, from 2023"),
    ],
)
def test_commands(command: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())
    arguments = parser.parse_args(command)
    assert arguments.func(arguments) == 0
    assert said in capsys.readouterr().out


def test_an_unknown_plan_is_said_plainly() -> None:
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())
    arguments = parser.parse_args(["plan", "show", "lang-son"])
    with pytest.raises(UsageError, match="known: bac-giang-2025"):
        arguments.func(arguments)
