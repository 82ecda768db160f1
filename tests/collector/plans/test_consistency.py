"""A plan that contradicts itself is refused, with the place and what would be right."""

from typing import Final

import pytest

from collector.errors import UsageError
from collector.judge.presets import presets
from collector.plans.consistency import RULES
from collector.plans.load import read_plan

HEAD: Final = """id = "x"
province = "x"
name = {vi = "x", en = "x"}
document = {title = "x", issued = "x"}
"""
TARGET: Final = """[[targets]]
id = "t"
indicator = "download_mbps"
how = "measured"
network = "fixed"
value = 1.0
unit = "Mbps"
valid_from = 2025-01-01
section = "II"
quote = "q"
binds = {rule = "plan"}
reason = {vi = "x", en = "x"}
"""
SHARE: Final = """[[targets]]
id = "s"
indicator = "households_fibre"
how = "reported"
value = 80.0
unit = "percent"
valid_from = 2025-01-01
section = "II"
quote = "q"
"""
SECOND: Final = TARGET.replace('id = "t"', 'id = "u"')
OWN: Final = '{id = "drones", unit = "per_100_people", name = {vi = "a", en = "b"}}'
GOOD: Final = HEAD + TARGET + SHARE


def faults(text: str | bytes) -> str:
    """What is said of a plan."""
    with pytest.raises(UsageError) as said:
        read_plan("x", text)
    return str(said.value)


def test_the_plan_that_the_others_are_made_from_is_good() -> None:
    plan = read_plan("x", GOOD)
    assert [target.id for target in plan.targets] == ["t", "s"]
    assert read_plan("x", b"\xef\xbb\xbf" + GOOD.encode()) == plan


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('id = "x"', 'id = "y"', "its id is y, its file says x"),
        ('section = "II"', 'sectoin = "II"', r"unknown key targets[0].sectoin; did you mean targets[0].section?"),
        ('section = "II"', 'section = ""', "section"),
        ('section = "II"', 'section = " "', "section is empty"),
        ('quote = "q"', 'quote = "\\t"', "quote is empty"),
        ("value = 1.0", "", "a value is missing"),
        ("value = 1.0", "value = nan", "value"),
        ("value = 1.0", "value = inf", "value is no number that can be meant"),
        ("value = 1.0", "value = 1e309", "value is no number that can be meant"),
        ("value = 1.0", "value = -1.0", "value"),
        ("value = 1.0", 'value = "1"', "value"),
        ("value = 1.0", "value = 1.0\nupper = 1.0", "`upper` must be above `value`"),
        ("value = 1.0", "value = 1.0\nupper = nan", "upper"),
        ("value = 1.0", "value = 1.0\nshare = 50.0", "`share` needs the `audience`"),
        ("value = 1.0", "value = 1.0\nband = 0.1", "`band` and the comparison `about` belong together"),
        ("value = 1.0", 'value = 1.0\ncomparison = "about"', "`band` and the comparison `about` belong together"),
        ("value = 1.0", 'value = 1.0\ncomparison = "done"', "or stands where"),
        ("value = 1.0", 'value = 1.0\npromise = "national_average"', "belong together"),
        ("value = 1.0", 'reference = "ispeed_mobile_download_mbps"', "compared with `about`"),
        (
            "value = 1.0",
            'reference = "ispeed"\npromise = "national_average"\ncomparison = "about"\nband = 0.1',
            "no published series ispeed is known (known: ispeed_5g_download_mbps",
        ),
        ("value = 1.0", 'value = 1.0\npublished = "upload_mbps"', "no published series upload_mbps is known"),
        (
            "value = 80.0",
            'value = 80.0\npublished = "ispeed_fixed_upload_mbps"',
            "ispeed_fixed_upload_mbps is counted in Mbps, not in percent",
        ),
        ('province = "x"', f'province = "x"\nindicators = [{OWN}, {OWN}]', "indicator drones stands there twice"),
        ("value = 1.0", "value = 1.0\nbaseline = {value = inf, period = '2021'}", "baseline is no number"),
        ('unit = "Mbps"', 'unit = "percent"', "download_mbps is counted in Mbps, not in percent"),
        ('unit = "Mbps"', 'unit = "Mb"', "unit"),
        ('"download_mbps"', '"downlaod_mbps"', "no indicator downlaod_mbps is known; did you mean download_mbps?"),
        ("2025-01-01", "0001-01-01", "valid_from is 0001-01-01, and plans are of the years 2000 to 2100"),
        ("2025-01-01", "2025-01-01\nvalid_until = 9999-12-31", "valid_until is 9999-12-31"),
        ("2025-01-01", "2025-13-01", "not valid TOML"),
        ("2025-01-01", '"2025-01-01"', None),
        ("2025-01-01", "2025-01-01\nvalid_until = 2024-12-31", "it ends on 2024-12-31, before it begins on 2025-01-01"),
        ('reason = {vi = "x", en = "x"}', "", "`reason` has to say why"),
        ('reason = {vi = "x", en = "x"}', 'reason = {en = "x"}', "vi"),
        ('rule = "plan"', 'rule = "last-10"', "no rule last-10 judges sites by targets (known: plan"),
        ('rule = "plan"', 'rule = "plan", kinds = []', "no site could be bound"),
        ('rule = "plan"', 'rule = "plan", group = "parks"', "binds the group parks, which [groups] does not name"),
        ("value = 1.0", 'value = 1.0\ncomparison = "at_most"', "not by what they must stay below"),
        ("value = 80.0", "value = 101.0", "value is a share and cannot be above 100"),
        ("value = 80.0", "value = 80.0\nupper = 100.5", "upper is a share and cannot be above 100"),
        ("value = 80.0", "value = 80.0\nbinds = {rule = 'share95'}", "no single site can be judged by it"),
        ("value = 80.0", "value = 80.0\nbinds = {rule = 'plan'}", "the rule plan does not judge percent"),
        ("[[targets]]", "[[targets", "not valid TOML"),
        ('province = "x"', 'province = "x"\ngroups = {a = ["s", "s"]}', "group a names site s twice"),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(old: str, new: str, fault: str | None) -> None:
    text = GOOD.replace(old, new, 1)
    if fault is None:
        assert read_plan("x", text).targets
        return
    assert text != GOOD
    said = faults(text)
    assert fault in said
    assert said.startswith("plan x: ")


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        (TARGET, "target t stands there twice"),
        (SECOND, "targets t and u are the same promise from the same day"),
        (SECOND.replace("value = 1.0", 'value = 2.0\npromise = "minimum"'), "bind the same sites from the same day"),
        (
            SECOND.replace("value = 1.0", 'value = 2.0\narea = "rural"'),
            "targets t and u bind the same sites from the same day",
        ),
        ('[[indicators]]\nid = "upload_mbps"\nunit = "Mbps"\nname = {vi = "x", en = "y"}\n', "no plan can redefine it"),
    ],
)
def test_two_targets_that_contradict_each_other(more: str, fault: str) -> None:
    assert fault in faults(GOOD + more)


@pytest.mark.parametrize(
    "other",
    [
        SECOND.replace("2025-01-01", "2026-01-01"),
        SECOND.replace('network = "fixed"', 'network = "mobile"'),
        SECOND.replace('rule = "plan"', 'rule = "plan", group = "g"'),
    ],
)
def test_two_targets_that_do_not(other: str) -> None:
    assert len(read_plan("x", HEAD + 'groups = {g = ["s"]}\n' + TARGET + other).targets) == 2


def test_all_faults_are_told_at_once() -> None:
    text = GOOD.replace("value = 1.0", "value = inf").replace("value = 80.0", "value = 180.0")
    assert len(faults(text).splitlines()) == 2


def test_a_plan_brings_the_indicators_that_it_needs() -> None:
    target = SHARE.replace("households_fibre", "drones").replace('"percent"', '"per_100_people"')
    assert "no indicator drones is known" in faults(HEAD + target)
    assert read_plan("x", f"{HEAD}indicators = [{OWN}]\n{target}").indicators[0].unit == "per_100_people"


def test_what_is_no_text_is_said_with_its_line() -> None:
    assert "line 2: not UTF-8" in faults(HEAD.replace("\n", "\n# \xff\n", 1).encode("latin-1"))
    deep = "x = " + "[" * 5000 + "]" * 5000
    assert faults(deep)


def test_the_rules_that_bind_are_presets_of_the_judge() -> None:
    assert RULES.keys() <= presets().keys()
