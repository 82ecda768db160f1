"""What a site was held against, and from when on."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from collector.chain.marks import World, held, mark_at, steps
from collector.plans.load import load_plans
from collector.plans.reference import Point, Series
from collector.registry.site import Version
from tests.collector.chain.rig import NOW, SCHOOL

WORLD = World(load_plans(), {})
START = NOW - timedelta(days=90)


def test_nothing_changes_mostly() -> None:
    (step,) = steps([Version(None, SCHOOL)], WORLD, start=START, end=NOW)
    assert (step.since, step.bindings[0].mark) == (START, 102.0)
    assert held([step], "contract") == [(START, 120.0)], "the part of the contract that its rule asks for"


def test_a_changed_line_is_held_against_another_mark_from_then_on() -> None:
    moved = NOW - timedelta(days=10)
    versions = [Version(None, SCHOOL), Version(moved, replace(SCHOOL, access="cellular_4g"))]
    marks = held(steps(versions, WORLD, start=START, end=NOW), "plan")
    assert marks == [(START, 102.0), (moved, 42.0)]
    assert [mark_at(marks, at) for at in (START - timedelta(1), START, moved - timedelta(1), moved, NOW)] == [
        None, 102.0, 102.0, 42.0, 42.0,
    ]  # fmt: skip


def test_a_target_begins_at_midnight_in_vietnam() -> None:
    site = replace(SCHOOL, plan="quang-ninh-2030", area="urban")
    end = datetime(2025, 2, 1, tzinfo=UTC)
    marks = held(steps([Version(None, site)], WORLD, start=datetime(2024, 11, 1, tzinfo=UTC), end=end), "plan")
    assert marks == [(datetime(2024, 11, 1, tzinfo=UTC), 85.0), (datetime(2024, 12, 31, 17, tzinfo=UTC), 200.0)]


def test_a_published_reference_moves_the_mark() -> None:
    site = replace(SCHOOL, plan="quang-ninh-2030", access="cellular_5g")
    (name,) = {target.reference for target in WORLD.plans["quang-ninh-2030"].targets if target.reference}
    assert name is not None
    points = tuple(
        Point(f"2026-{month:02}", date(2026, month, 1), date(2026, month + 1, 1), 50.0 + month, "VNNIC")
        for month in (7, 8, 9)
    )
    world = World(WORLD.plans, {name: Series(name, "Mbps", points)})
    marks = held(steps([Version(None, site)], world, start=START, end=NOW), "plan")
    assert [at.date() for at, _ in marks] == [START.date(), date(2026, 8, 31), date(2026, 9, 30)]
    values = [mark for _, mark in marks]
    assert values == sorted(value for value in values if value is not None)
    assert held(steps([Version(None, site)], WORLD, start=START, end=NOW), "plan")[0][1] is None


def test_before_it_was_registered_a_site_was_asked_nothing() -> None:
    began = NOW - timedelta(days=2)
    (step,) = steps([Version(began, SCHOOL)], WORLD, start=START, end=NOW)
    assert step.since == began


def test_another_plan_of_the_province_asks_from_its_own_day_on() -> None:
    office = replace(SCHOOL, plan="bac-giang-2025", kind="office")
    start, end = datetime(2025, 12, 1, tzinfo=UTC), datetime(2026, 1, 31, tzinfo=UTC)
    found = steps([Version(None, office)], WORLD, start=start, end=end)
    assert [(step.since, [one.plan for one in step.bindings if one.question == "plan"]) for step in found] == [
        (start, ["bac-giang-2025"]),
        (datetime(2025, 12, 30, 17, tzinfo=UTC), ["bac-giang-2025", "bac-giang-ict-2030"]),
    ]
