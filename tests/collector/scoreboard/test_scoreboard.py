"""The whole board from what is known: order, marks, notes, and provinces in which something is missing."""

from datetime import UTC, date, datetime

import pytest

from collector.ledger.accounts import Told
from collector.plans.reference import Point, Series
from collector.plans.types import Plan, Target, Text
from collector.scoreboard.board import Row
from collector.scoreboard.scoreboard import Known, scoreboard
from collector.scoreboard.spread import Spread
from tests.collector.scoreboard.promises import entry, ipv6, plan, shared, site, spread, target

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
TODAY = date(2026, 11, 22)
OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))
SITES = [site(f"s{n}") for n in range(25)]
SPEEDS = {"download_mbps": {one.id: [spread(90.0 + n)] for n, one in enumerate(SITES)}}
SERIES = Series(
    "national", "Mbps",
    (
        Point("2026-08", date(2026, 8, 1), date(2026, 9, 1), 60.0, "VNNIC"),
        Point("2026-10", date(2026, 10, 1), date(2026, 11, 1), 100.0, "VNNIC"),
    ),
)  # fmt: skip
IOT = target(indicator="iot_low_latency", unit="done", value=None, comparison="done")
COVERAGE = target(indicator="villages_fixed_coverage", how="derived", unit="percent")
ABOUT = target(value=None, promise="national_average", comparison="about", reference="national", band=0.1)


def rows(one: Plan, known: Known, window: tuple[date, date] = OCTOBER) -> list[Row]:
    return scoreboard(one, window, known, now=NOW, today=TODAY).rows


def test_rows_stand_in_the_plans_order_with_quote_and_section() -> None:
    fibre = target("fibre", indicator="households_fibre", how="reported", network=None, unit="percent", value=75.0)
    one = plan(fibre, target("speed"), shared(80.0, id="share"))
    found = rows(one, Known(SITES, SPEEDS, entries=[entry(80.0, "2026-10")]))
    assert [(row.target, row.finding.verdict) for row in found] == [
        ("fibre", "met"), ("speed", "inconclusive"), ("share", "inconclusive"),
    ]  # fmt: skip
    assert {(row.section, row.quote) for row in found} == {("II", "đạt")}
    assert found[0].name.en == "Households with a fibre line"
    assert found[1].finding.value == pytest.approx(102, abs=0.5)
    assert found[1].completeness is None


def test_completeness_is_that_of_the_sites_meant() -> None:
    told = {"s0": Told(30.0, 60.0), "s1": Told(60.0, 60.0), "elsewhere": Told(0.0, 1000.0)}
    (row,) = rows(plan(target()), Known(SITES, SPEEDS, told=told))
    assert row.completeness == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("window", "mark", "words"),
    [
        (OCTOBER, 90.0, "100 Mbit/s (of 2026-10; VNNIC)"),
        ((date(2026, 8, 1), date(2026, 10, 31)), 72.0, "80 Mbit/s (of 2026-08, 2026-10; VNNIC)"),
        ((date(2026, 9, 1), date(2026, 9, 30)), 54.0, "60 Mbit/s (of 2026-08; VNNIC)"),
    ],
)
def test_about_the_national_average_is_that_of_the_months(window: tuple[date, date], mark: float, words: str) -> None:
    (row,) = rows(plan(ABOUT), Known(SITES, SPEEDS, references={"national": SERIES}), window)
    assert row.mark == pytest.approx(mark)
    assert words in row.notes[0].en
    assert "no more than 10 % below" in row.notes[0].en
    assert row.finding.verdict == "met"


@pytest.mark.parametrize("references", [{}, {"national": Series("national", "Mbps")}])
def test_without_a_national_figure_nothing_is_decided(references: dict[str, Series]) -> None:
    (row,) = rows(plan(ABOUT), Known(SITES, SPEEDS, references=references))
    assert (row.mark, row.finding.reasons) == (None, ["no_reference"])


@pytest.mark.parametrize(
    ("one", "known", "window", "reason"),
    [
        (target(), Known(), OCTOBER, "no_sites"),
        (target(), Known(SITES), OCTOBER, "no_data"),
        (target(), Known(SITES[:1], SPEEDS), OCTOBER, "too_few"),
        (target(), Known(SITES, SPEEDS), (date(2027, 1, 1), date(2027, 1, 31)), "future"),
        (target(valid_from=date(2027, 1, 1)), Known(SITES, SPEEDS), OCTOBER, "not_begun"),
        (target(valid_until=date(2026, 10, 15)), Known(SITES, SPEEDS), OCTOBER, "ended"),
        (target(network="mobile"), Known(SITES, SPEEDS), OCTOBER, "no_sites"),
        (ipv6(), Known(SITES, SPEEDS), OCTOBER, "no_sites"),
        (ipv6(), Known([site("o", kind="office")], SPEEDS), OCTOBER, "no_data"),
        (IOT, Known(SITES), OCTOBER, "no_number"),
        (COVERAGE, Known(SITES), OCTOBER, "not_measured_yet"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(one: Target, known: Known, window: tuple[date, date], reason: str) -> None:
    (row,) = rows(plan(one), known, window)
    assert (row.finding.verdict, row.finding.reasons) == ("inconclusive", [reason])


def test_a_figure_is_shown_also_where_the_target_does_not_hold() -> None:
    (row,) = rows(plan(target(valid_from=date(2027, 1, 1))), Known(SITES, SPEEDS))
    assert row.finding.value == pytest.approx(102, abs=0.5)
    assert row.finding.sites is not None


def test_a_target_that_begins_within_the_period_judges_all_of_it_and_that_is_said() -> None:
    old, new = target("old", value=85.0, valid_from=date(2024, 1, 1)), target("new", valid_from=date(2026, 10, 10))
    later = target("later", value=500.0, valid_from=date(2030, 1, 1))
    (row,) = rows(plan(old, new, later), Known(SITES, SPEEDS))
    assert (row.target, row.mark) == ("new", 100.0)
    said = " / ".join(note.en for note in row.notes)
    assert "began within the period, on 2026-10-10, in place of 85 Mbit/s" in said
    assert "the next step: 500 Mbit/s, from 2030-01-01" in said


def test_how_a_promise_was_read_is_said() -> None:
    note = Text(vi="ghi chú", en="a note")
    (row,) = rows(plan(shared(promise="reach", note=note)), Known(SITES, SPEEDS))
    assert row.notes[-1] == note
    assert "95 % quantile" in row.notes[0].en


def test_ipv6_counts_offices() -> None:
    offices = [site(f"o{n}", kind="office") for n in range(80)]
    works = {one.id: [spread(10.0, 30, width=0.0)] for one in offices}
    (row,) = rows(plan(ipv6()), Known([*offices, *SITES], {"ipv6": works}))
    assert (row.finding.verdict, row.finding.k, row.finding.n, row.mark) == ("met", 80, 80, None)
    broken = works | {"o7": [spread(0.0, 30, width=0.0)]}
    (row,) = rows(plan(ipv6()), Known([*offices, *SITES], {"ipv6": broken}))
    assert (row.finding.verdict, row.finding.k) == ("below", 79)


def test_months_of_other_sites_make_no_trend() -> None:
    spreads: dict[date, dict[str, Spread]] = {
        date(2026, month, 1): {f"x{n}": spread(90.0 + month) for n in range(9)} for month in range(1, 11)
    }
    (row,) = rows(plan(target()), Known(SITES, SPEEDS, {"download_mbps": spreads}))
    assert row.trend is None
    own: dict[date, dict[str, Spread]] = {
        month: {f"s{n}": one for n, one in enumerate(of.values())} for month, of in spreads.items()
    }
    (row,) = rows(plan(target()), Known(SITES, SPEEDS, {"download_mbps": own}))
    assert row.trend is not None
    assert row.trend.pace == "reached"
