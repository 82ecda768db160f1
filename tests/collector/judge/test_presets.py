"""Rules as data: all there, with their sources, and read strictly."""

import importlib.resources

import pytest

from collector.errors import UsageError
from collector.judge.presets import FILE, preset_of, presets, read_presets, widest
from collector.plans.consistency import RULES

TEXT = importlib.resources.files("collector.judge").joinpath(FILE).read_text("utf-8")


def test_the_rules_are_those_that_their_sources_name() -> None:
    facts = {
        rule.id: (rule.statistic, rule.factor, rule.share, rule.least_site, rule.least_area, rule.window_days)
        for rule in presets().values()
    }
    assert facts == {
        "plan": ("median", 1.0, None, 10, 300, 30),
        "qcvn34": ("mean", 0.8, None, 30, 1000, 30),
        "share95": ("share", 1.0, 0.95, 10, 300, 30),
        "fcc8080": ("share", 0.8, 0.8, 20, 300, 30),
        "i-speed-like": ("median", 1.0, None, 300, 300, 30),
    }
    assert {rule.confidence for rule in presets().values()} == {0.95}
    assert widest().days == 30


def test_each_says_what_its_source_says_and_what_was_decided_here() -> None:
    for rule in presets().values():
        texts = (rule.name, rule.least_reason, rule.source.known, rule.source.inferred)
        assert all(text.vi != text.en for text in texts)
        assert "quyết định" in rule.source.inferred.vi
        assert "decision" in rule.source.inferred.en


def test_no_result_is_called_the_national_programmes() -> None:
    assert "no result of i-Speed" in preset_of("i-speed-like").name.en


def test_what_nobody_read_is_not_said_to_stand_there() -> None:
    """Quảng Ninh names no i-Speed, the press alone speaks of medians, and the FCC's text was not read."""
    plan, fcc = preset_of("plan").source.known, preset_of("fcc8080").source.known
    assert "Quảng Ninh does not name i-Speed" in plan.en
    assert "Quảng Ninh không nêu i-Speed" in plan.vi
    assert "press" in plan.en
    assert "báo chí" in plan.vi
    assert fcc.en.startswith("By general knowledge, not checked")
    assert "chưa đối chiếu" in fcc.vi


def test_plans_can_name_the_rules_that_there_are() -> None:
    assert set(RULES) <= set(presets())


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('statistic = "mean"', 'statistic = "mode"', "Invalid enum value 'mode'"),
        ("least_site = 30\n", "", "missing required field `least_site`"),
        ("factor = 0.8\n", "factor = 0.8\nfactors = 1\n", "unknown field `factors`"),
        ('id = "qcvn34"', 'id = "plan"', "rule plan stands there twice"),
        ("share = 0.95\n", "", "rule share95: a share is missing"),
        ('statistic = "mean"', 'statistic = "mean"\nshare = 0.5', "rule qcvn34: a share is missing, or stands beside"),
        ("factor = 0.8", "factor = ", "presets.toml: Invalid value"),
    ],
)
def test_a_fault_is_named(old: str, new: str, fault: str) -> None:
    assert old in TEXT
    with pytest.raises(UsageError, match=fault):
        read_presets(TEXT.replace(old, new, 1))
