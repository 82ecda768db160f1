"""Reported figures: the newest of the period stands, an older one decides nothing."""

from datetime import date

import pytest

from collector.figures.figure import Entry
from collector.judge.verdict import Outcome
from collector.scoreboard.reported import of_indicator, reported_figure
from tests.collector.scoreboard.promises import entry, target

FIBRE = target(indicator="households_fibre", how="reported", network=None, value=75.0, unit="percent", reason=None)
OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))


@pytest.mark.parametrize(
    ("entries", "value", "outcome", "reasons"),
    [
        ([], None, "inconclusive", ["no_figure"]),
        ([entry(80.0, "2026-10")], 80.0, "met", []),
        ([entry(74.9, "2026-10")], 74.9, "below", []),
        ([entry(80.0, "2026-10"), entry(70.0, "2026-09")], 80.0, "met", []),
        ([entry(80.0, "2026-Q3")], 80.0, "inconclusive", ["figure_older"]),
        ([entry(80.0, "2026-11")], None, "inconclusive", ["no_figure"]),
        # Two that end together: the one that is about the shorter time.
        ([entry(80.0, "2025-11..2026-10"), entry(70.0, "2026-10")], 70.0, "below", []),
    ],
)
def test_the_newest_of_the_period(
    entries: list[Entry], value: float | None, outcome: Outcome, reasons: list[str]
) -> None:
    found = reported_figure(FIBRE, 75.0, entries, OCTOBER)
    assert (found.value, found.verdict, found.reasons) == (value, outcome, reasons)
    assert (found.low, found.high, found.n) == (None, None, None)


def test_the_source_says_who_and_when() -> None:
    found = reported_figure(FIBRE, 75.0, [entry(80.0, "2026-10")], OCTOBER)
    assert found.source is not None
    assert found.source.en == "Sở TT&TT, of 2026-10; entered by An on 2026-11-02"
    assert found.source.vi == "Sở TT&TT, kỳ 2026-10; An nhập ngày 02/11/2026"


def test_what_is_derived_is_not_measured_yet() -> None:
    coverage = target(indicator="villages_mobile_coverage", how="derived", network=None, unit="percent")
    assert reported_figure(coverage, 100.0, [], OCTOBER).reasons == ["not_measured_yet"]


@pytest.mark.parametrize(
    ("unit", "value", "outcome"), [("done", 1.0, "met"), ("done", 0.0, "below"), ("percent", 99.0, "below")]
)
def test_done_is_all_of_it(unit: str, value: float, outcome: Outcome) -> None:
    done = target(how="reported", value=None, unit=unit, comparison="done")
    assert reported_figure(done, None, [entry(value, "2026-10")], OCTOBER).verdict == outcome


def test_without_a_mark_the_figure_is_told() -> None:
    about = target(how="reported", value=None, promise="national_average", reference="r", comparison="about", band=0.1)
    found = reported_figure(about, None, [entry(50.0, "2026-10")], OCTOBER)
    assert (found.value, found.reasons) == (50.0, ["no_reference"])


def test_only_the_whole_provinces_figures_count() -> None:
    some = [
        entry(80.0, "2026-10"), entry(70.0, "2026-10", area="lang-son/huu-lung"),
        entry(60.0, "2026-10", indicator="households_fixed_broadband"), entry(None, "2026-09"),
    ]  # fmt: skip
    assert of_indicator(some, "households_fibre") == some[:1]
