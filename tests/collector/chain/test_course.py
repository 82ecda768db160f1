"""The detectors of one site: step by step as from the start, and anew where the past has changed."""

import random
from datetime import timedelta

from collector.chain.course import Course, Seen, Spacing, Start, begun, follow, renewed
from collector.chain.marks import Step, World, steps
from collector.chain.rows import Rows, moment
from collector.detect.episode import Episode
from collector.plans.load import load_plans
from collector.registry.site import Version
from collector.store.store import Values
from tests.collector.chain.rig import HOUR, NOW, SCHOOL, latency, latency_row, run_row, speeds, throughput

WORLD = World(load_plans(), {})
STEPS = steps([Version(None, SCHOOL)], WORLD, start=NOW - timedelta(days=90), end=NOW)


def seen(rows: Rows, found: list[Step] = STEPS) -> Seen:
    return Seen({"throughput": rows}, found, NOW)


def drop(*values: float) -> list[Values]:
    """Forty good days and then these."""
    return speeds(*[140.0] * 160, *values)


def test_a_shortfall_opens_an_episode_for_the_plan_and_one_for_the_contract() -> None:
    course = follow(Course(), seen(throughput(drop(*[70.0] * 12))))
    assert course.plan.state.episode is not None
    assert course.contract.state.episode is not None
    assert course.collapse.state.episode is None
    assert course.watch == 1.0
    good = follow(Course(), seen(throughput(drop(*[140.0] * 12))))
    assert good.plan.episodes == []
    assert good.watch == 0.0


def test_in_whatever_pieces_rows_come_the_episodes_are_those_of_all_at_once() -> None:
    dice = random.Random(11)  # noqa: S311 - a test wants the same numbers
    found = speeds(*(dice.gauss(140 if place // 60 % 2 else 60, 20) for place in range(240)))
    whole = follow(Course(), seen(throughput(found)))
    assert len(whole.plan.episodes) >= 2
    course, rows, known = Course(), throughput([]), list[Values]()
    left = list(found)
    while left:
        some = left[:7] if dice.random() < 0.8 else dice.sample(left, min(5, len(left)))
        left = [row for row in left if row not in some]
        known = sorted([*known, *some])
        start = min(row[0] for row in some)
        changed = rows.put(start, [row for row in known if row[0] >= start])
        assert changed is not None
        course = follow(renewed(course, Start(), changed={rows.shape.kind: moment(changed)}), seen(rows))
    assert course == whole


def test_an_episode_that_was_open_before_the_first_row_goes_on() -> None:
    before = NOW - timedelta(days=3)
    episode = Episode(before, before, before)
    rows = latency([latency_row(NOW - 10 * HOUR + HOUR * place / 12, 1.0) for place in range(4)])
    course = follow(begun(Start({"outage": episode})), Seen({"latency": rows}, STEPS, NOW))
    assert course.outage.state.episode is not None
    assert course.outage.state.episode.opened == before
    rows = latency([latency_row(NOW - 10 * HOUR + HOUR * place / 12) for place in range(4)])
    course = follow(begun(Start({"outage": episode})), Seen({"latency": rows}, STEPS, NOW))
    assert [(one.opened, one.is_open) for one in course.outage.episodes] == [(before, False)]


def test_failed_throughput_runs_are_lost_contacts_too() -> None:
    lost = [run_row(NOW - HOUR * (4 - place), None, failure="connect:timeout") for place in range(4)]
    course = follow(Course(), seen(throughput(lost)))
    assert course.outage.state.episode is not None


def test_without_a_target_and_a_contract_nothing_is_short() -> None:
    bare = steps(
        [Version(None, SCHOOL.__class__("x", "X", "school", "rural", "lang-son", "y"))],
        WORLD,
        start=NOW - HOUR,
        end=NOW,
    )
    assert follow(Course(), seen(throughput(drop(*[1.0] * 40)), bare)).plan.until is None


def test_a_trials_results_count_in_full_though_they_come_every_few_seconds() -> None:
    rows = throughput(speeds(*[20.0] * 10, apart=timedelta(seconds=10)))
    assert follow(Course(), seen(rows)).plan.state.episode is None
    quick = Spacing(timedelta(seconds=1), timedelta(seconds=1))
    assert follow(Course(), Seen({"throughput": rows}, STEPS, NOW, quick)).plan.state.episode is not None


def test_a_result_of_a_clock_that_runs_ahead_waits_until_its_time_has_come() -> None:
    rows = throughput([*speeds(140.0), run_row(NOW + 3 * HOUR, 50.0)])
    course = follow(Course(), seen(rows))
    assert course.plan.until == NOW


def test_only_what_started_after_a_persons_word_counts() -> None:
    rows = throughput(drop(*[70.0] * 12))
    course = follow(begun(Start(floors={"plan": NOW - 6 * HOUR})), seen(rows))
    assert course.plan.state.episode is None
    assert course.contract.state.episode is not None
