"""The plans' data against the second table, typed from the texts by hand."""

import pytest

from collector.plans.consistency import proven
from collector.plans.indicators import INDICATORS, SERIES, vocabulary
from collector.plans.load import load_plans
from collector.plans.types import Target
from tests.collector.plans.typed import LANG_SON_BASELINE, SECTIONS, SHARES, TYPED, Row

PLANS = load_plans()
PREFIXES = {"at_least": "", "more_than": ">", "at_most": "<=", "about": "~", "done": ""}


def read(target: Target, *, promises: bool) -> Row:
    """A target as the typed table writes it."""
    number = "done" if target.value is None else f"{target.value:g}"
    if target.upper is not None:
        number += f"-{target.upper:g}"
    number = PREFIXES[target.comparison] + number
    if target.promise == "national_average":
        number = "national_average"
    elif promises and target.promise != "value":
        number = f"{target.promise} {number}"
    return target.indicator, target.how, target.scope, number, target.valid_from.year


def test_the_contract_names_these_plans() -> None:
    assert PLANS.keys() == TYPED.keys()


@pytest.mark.parametrize("name", sorted(TYPED))
def test_every_target_is_the_one_that_the_plan_texts_name(name: str) -> None:
    rows = [read(target, promises=name == "quang-ninh-2030") for target in PLANS[name].targets]
    assert set(rows) == TYPED[name]
    assert len(rows) == len(TYPED[name])


def test_lang_sons_footnote_is_the_baseline() -> None:
    found = {
        (target.indicator, target.scope): (target.baseline.value, target.baseline.period)
        for target in PLANS["lang-son-2025"].targets
        if target.baseline
    }
    assert found == LANG_SON_BASELINE


def test_lang_son_promises_a_minimum_and_bac_giang_a_value() -> None:
    promises = {
        name: {target.promise for target in PLANS[name].targets if target.indicator == "download_mbps"}
        for name in ("lang-son-2025", "bac-giang-2025", "binh-phuoc-2025")
    }
    assert promises == {"lang-son-2025": {"minimum"}, "bac-giang-2025": {"value"}, "binh-phuoc-2025": {"value"}}


def test_three_plans_say_that_their_speeds_are_i_speeds() -> None:
    found = {(name, target.id, target.published) for name, plan in PLANS.items() for target in plan.targets}
    assert {row for row in found if row[2]} == {
        (name, f"{network}-2025", f"ispeed_{network}_download_mbps")
        for name in ("bac-giang-2025", "lang-son-2025", "binh-phuoc-2025")
        for network in ("fixed", "mobile")
    }


def test_shares_of_households_and_users() -> None:
    found = {(target.id, target.share) for target in PLANS["quang-ninh-2030"].targets if target.share}
    assert found == SHARES


@pytest.mark.parametrize(("plan", "indicator", "scope"), sorted(SECTIONS))
def test_sections(plan: str, indicator: str, scope: str) -> None:
    found = {t.section for t in PLANS[plan].targets if (t.indicator, t.scope) == (indicator, scope)}
    assert found
    assert all(section.endswith(SECTIONS[plan, indicator, scope]) for section in found)


def test_every_indicator_has_a_name_in_both_languages_and_most_are_promised() -> None:
    assert vocabulary() == INDICATORS
    assert all(one.name.vi != one.name.en for one in INDICATORS.values())
    promised = {target.indicator for plan in PLANS.values() for target in plan.targets}
    assert promised == INDICATORS.keys() - SERIES - {"upload_mbps"}


def test_what_is_proved_is_said_with_numbers() -> None:
    said = "\n".join(proven(PLANS["quang-ninh-2030"]))
    assert "40 targets (13 measured, 8 derived, 19 reported), in steps of 2023, 2025, 2030" in said
    assert "9 targets bind sites" in said
    assert "ispeed_mobile_download_mbps" in said


def test_that_a_promise_to_others_is_applied_to_a_site_is_called_a_decision() -> None:
    """The plans promise speeds to a province, to households and to users; who is accused may ask who decided this."""
    speeds = [t for plan in PLANS.values() for t in plan.targets if t.binds and t.indicator == "download_mbps"]
    assert len(speeds) == 14
    for target in speeds:
        assert target.reason is not None
        applied = target.binds is not None and target.binds.group is None
        assert ("(quyết định của dự án)" in target.reason.vi) == applied
        assert ("(a decision of the project)" in target.reason.en) == applied
