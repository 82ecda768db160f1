"""What became of a day: numbers shared among days, a plan to hold them against, and what nobody can tell."""

from datetime import date

import pytest

from collector.archive.intervals import Intervals, Range
from collector.ledger.accounts import (
    AgentDay,
    Fate,
    KindDay,
    Numbers,
    Span,
    agent_days,
    expected,
    fates,
    ratio,
    site_day,
)

D1, D2, D3, D4 = (date(2026, 11, day) for day in (1, 2, 3, 4))


def numbers(top: int, *stored: Range, begin: int = 1, **whys: list[Range]) -> Numbers:
    named = {name: Intervals(whys.get(name, [])) for name in ("dropped", "rejected", "deferred", "ended")}
    return Numbers(begin, top, Intervals(stored), **named)


def latency(planned: int | None, received: int, **more: object) -> KindDay:
    return KindDay("latency", planned, planned, received=received, **more)  # type: ignore[arg-type]


def days_of(days: dict[date, list[KindDay]], *, since: date | None = D1, today: date = D4) -> dict[date, AgentDay]:
    return {day.day: day for day in agent_days("a1", days, {}, window=(D1, today), since=since, today=today)}


def test_missing_numbers_belong_to_the_day_of_the_reports_around_them() -> None:
    known = numbers(30, (1, 4), (7, 12), (15, 20), (26, 28), dropped=[(5, 5)], rejected=[(6, 6)], deferred=[(24, 25)])
    spans = [Span("e1", D1, 10), Span("e1", D2, 20), Span("e1", D3, 28)]
    found = fates({"e1": known}, spans, today=D4)
    assert found == {
        D1: Fate(produced=10, dropped=1, rejected=1),
        D2: Fate(produced=10, open=2),
        D3: Fate(produced=8, deferred=2, open=3),
        D4: Fate(produced=2, open=2),
    }
    assert sum(fate.produced for fate in found.values()) == 30
    assert found[D3].missing == 5


def test_epochs_add_up_and_late_reports_of_old_days_move_nothing_back() -> None:
    spans = [Span("e1", D1, 10), Span("e2", D2, 5), Span("e1", D3, 8)]
    found = fates({"e1": numbers(10, (1, 10)), "e2": numbers(6, (2, 5), ended=[(1, 1)])}, spans, today=D4)
    assert found == {D1: Fate(10), D2: Fate(5, ended=1), D4: Fate(1, open=1)}


def test_a_device_of_huge_numbers_gives_sums_that_a_database_can_hold() -> None:
    known = {f"e{number}": numbers(2**53, (2**53, 2**53)) for number in range(2000)}
    spans = [Span(epoch, D1, 2**53) for epoch in known]
    fate = fates(known, spans, today=D1)[D1]
    assert fate.produced == 2000 * 2**53
    kind = KindDay("latency", 2**53, 2**53, {"busy": 2**53}, received=1)
    days = [AgentDay(agent, D1, (kind,), fate, {"latency": 2**53}, accounted=True, over=True) for agent in ("a1", "a2")]
    day = site_day("s1", D1, days)
    assert {day.produced, day.missing, day.planned, day.run, *day.skipped.values()} == {2**53}


def test_numbers_before_the_window_are_not_counted_again() -> None:
    assert fates({"e1": numbers(30, (1, 30), begin=21)}, [Span("e1", D3, 30)], today=D3) == {D3: Fate(10)}


@pytest.mark.parametrize(("day", "planned"), [(D1, 10), (D2, 10), (D3, 20), (D4, 20)])
def test_a_day_without_account_is_expected_to_be_like_its_neighbour(day: date, planned: int) -> None:
    assert expected({D2: [latency(10, 1)], D3: [latency(20, 1)], D4: [latency(None, 3)]}, day) == {"latency": planned}


def test_nothing_is_expected_of_an_agent_that_never_accounted() -> None:
    assert expected({D4: [latency(None, 3)]}, D4) == {}


def test_a_box_that_was_off_is_incomplete() -> None:
    found = days_of({D1: [latency(10, 10)], D3: [latency(10, 9)]})
    assert [ratio([found[day]]) for day in (D1, D2, D3, D4)] == [1.0, 0.0, 0.9, None]
    assert (found[D2].planned, found[D2].received, found[D2].accounted) == (10, 0, False)


def test_of_a_box_that_never_came_up_nobody_knows_a_plan() -> None:
    found = days_of({}, since=D2)
    assert sorted(found) == [D2, D3, D4]
    assert {found[day].planned for day in found} == {0}
    assert ratio([found[D2]]) is None
    assert ratio(list(found.values())) is None


def test_nobody_can_tell_what_was_planned_of_an_agent_that_reports_and_does_not_account() -> None:
    found = days_of({D1: [latency(None, 5)]})
    assert ratio([found[D1]]) is None


def test_two_boxes_of_which_one_is_off_are_half_complete() -> None:
    on = days_of({D1: [latency(10, 10)]})[D1]
    off = days_of({})[D1]
    assert ratio([on, off]) == 0.5


def test_runs_on_request_and_of_other_kinds_make_up_for_none() -> None:
    path = KindDay("path", 4, 4, received=1)
    found = days_of({D1: [latency(10, 30, late=2), path, KindDay("ledger", received=1)]})[D1]
    assert (found.planned, found.kept, found.received, found.late) == (14, 11, 31, 2)
    assert ratio([found]) == 11 / 14


def test_a_site_day_is_the_sum_of_its_agents() -> None:
    one = AgentDay(
        "a1",
        D1,
        (latency(10, 8, skipped={"stopped": 2}, duplicate=1),),
        Fate(9, dropped=1),
        {"latency": 10},
        accounted=True,
        over=True,
    )
    two = AgentDay(
        "a2",
        D1,
        (latency(None, 0, skipped={"late": 1, "stopped": 1}),),
        Fate(3, open=3),
        {"latency": 10},
        accounted=False,
        over=True,
    )
    day = site_day("s1", D1, [one, two])
    assert (day.planned, day.run, day.received, day.produced, day.dropped, day.missing) == (20, 10, 8, 12, 1, 3)
    assert (day.skipped, day.ratio, day.accounted, day.duplicate) == ({"late": 1, "stopped": 3}, 0.4, False, 1)
