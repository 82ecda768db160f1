"""Which step of a promise stands for a period, and which sites each is about."""

from datetime import date
from typing import Any

import pytest

from collector.plans.load import load_plans
from collector.plans.types import Binds
from collector.scoreboard.steps import aimed_at, steps_of
from tests.collector.scoreboard.promises import plan, site, target

EARLY, LATE = target("early", value=85.0, valid_from=date(2023, 1, 1)), target("late", value=200.0)


@pytest.mark.parametrize(
    ("first", "last", "held", "before", "after"),
    [
        (date(2023, 5, 1), date(2023, 5, 31), "early", None, "late"),
        (date(2024, 12, 1), date(2025, 1, 31), "late", "early", None),
        (date(2025, 1, 1), date(2025, 1, 31), "late", None, None),
        (date(2031, 1, 1), date(2031, 1, 31), "late", None, None),
    ],
)
def test_the_step_that_holds_at_the_end_stands(
    first: date, last: date, held: str, before: str | None, after: str | None
) -> None:
    (step,) = steps_of(plan(LATE, EARLY), first, last)
    assert step.begun
    assert step.target.id == held
    assert (step.before.id if step.before else None, step.after.id if step.after else None) == (before, after)


def test_what_has_not_begun_is_shown_as_that() -> None:
    (step,) = steps_of(plan(EARLY, LATE), date(2022, 1, 1), date(2022, 1, 31))
    assert (step.target.id, step.begun, step.after) == ("early", False, LATE)
    (alone,) = steps_of(plan(LATE), date(2022, 1, 1), date(2022, 1, 31))
    assert alone.after is None


def test_what_the_plan_ended_is_ended() -> None:
    ended = target(valid_until=date(2026, 10, 15))
    assert [step.ended for step in steps_of(plan(ended), date(2026, 10, 1), date(2026, 10, 31))] == [True]
    assert [step.ended for step in steps_of(plan(ended), date(2026, 10, 1), date(2026, 10, 15))] == [False]


def test_every_promise_of_every_plan_stands_once_and_in_order() -> None:
    for one in load_plans().values():
        steps = steps_of(one, date(2026, 1, 1), date(2026, 12, 31))
        places = [one.targets.index(step.target) for step in steps]
        shown = {step.target.indicator for step in steps}
        assert places == sorted(places)
        assert shown == {target.indicator for target in one.targets}


def test_sites_of_its_network_area_kind_and_group() -> None:
    sites = [
        site("a"), site("b", area="urban"), site("c", access="cellular_4g"), site("d", access=None),
        site("e", kind="office"), site("f", kind="other"),
    ]  # fmt: skip

    def names(**other: Any) -> list[str]:  # noqa: ANN401 - any of a target's parts
        one = target(**other)
        return [found.id for found in aimed_at(plan(one, groups={"parks": ("f", "b")}), one, sites)]

    assert names() == ["a", "b", "e", "f"]
    assert names(area="urban") == ["b"]
    assert names(network="mobile") == ["c"]
    assert names(network=None) == ["a", "b", "c", "d", "e", "f"]
    assert names(binds=Binds(rule="plan", kinds=("office",))) == ["e"]
    assert names(binds=Binds(rule="plan", kinds=("other",), group="parks")) == ["f"]
