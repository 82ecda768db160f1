"""Each kind runs exactly once per slot, whatever restarts, naps and wrong clocks do."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.schedule import Due, Instant, Rhythm, Timetable, draw, slot_of

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR = 3600.0


def _instant(seconds: float, start: datetime = NOON) -> Instant:
    return Instant(start + timedelta(seconds=seconds), 1000 + seconds)


def _table(
    rhythms: dict[str, Rhythm],
    *,
    last: dict[str, datetime] | None = None,
    seed: int = 1,
    now: Instant | None = None,
) -> Timetable:
    table = Timetable(rhythms, last=last or {}, rng=Random(seed), late_s=120)  # noqa: S311 - a schedule is no secret
    table.start(now or _instant(0))
    return table


def _run(table: Timetable, first: int, last: int, step: int = 10) -> list[tuple[float, Due]]:
    """Look every `step` seconds and take what is due, as the service does."""
    taken = []
    for second in range(first, last, step):
        table.settle(_instant(second))
        while due := table.take(_instant(second)):
            taken.append((float(second), due))
    return taken


@given(seed=st.integers(0, 2**32), every_s=st.sampled_from([60.0, 300.0, 3600.0, 14400.0, 86400.0, 777.7]))
@settings(max_examples=40)
def test_a_kind_runs_exactly_once_per_slot(seed: int, every_s: float) -> None:
    table = _table({"latency": Rhythm(every_s)}, seed=seed)
    at, runs = NOON, []
    for _ in range(50):
        at += timedelta(seconds=(table.wait_s(at) or 0) + 0.001)
        assert table.settle(Instant(at, (at - NOON).total_seconds())) == []
        assert table.take(Instant(at, (at - NOON).total_seconds())) is not None
        runs.append(slot_of(at - timedelta(seconds=0.001), every_s))
    assert runs == list(range(runs[0], runs[0] + 50))


@given(second=st.integers(0, 7 * 10**9), every_s=st.floats(1, 10**6), seed=st.integers(0, 99))
def test_an_instant_lies_in_its_slot(second: int, every_s: float, seed: int) -> None:
    slot = int(second // every_s)
    at = draw(slot, every_s, after=datetime(1970, 1, 1, tzinfo=UTC), rng=Random(seed))  # noqa: S311 - as above
    assert slot * every_s - 1e-3 <= at.timestamp() <= (slot + 1) * every_s + 1e-3


def test_a_restart_in_the_same_slot_does_not_run_again_in_it() -> None:
    table = _table({"throughput": Rhythm(4 * HOUR)}, last={"throughput": NOON - timedelta(minutes=0)})
    assert table.next()["throughput"] >= NOON + timedelta(hours=4)


def test_a_restart_in_the_next_slot_runs_in_what_is_left_of_it() -> None:
    table = _table({"throughput": Rhythm(4 * HOUR)}, last={"throughput": NOON - timedelta(minutes=1)})
    assert NOON <= table.next()["throughput"] <= NOON + timedelta(hours=4)


def test_a_last_run_in_the_future_does_not_stop_the_schedule() -> None:
    table = _table({"throughput": Rhythm(4 * HOUR)}, last={"throughput": NOON + timedelta(days=4000)})
    assert table.next()["throughput"] <= NOON + timedelta(hours=4)


def test_first_runs_come_at_once_and_then_the_schedule_is_kept() -> None:
    table = _table({"throughput": Rhythm(HOUR, first_runs=10, first_every_s=20), "ipv6": Rhythm(HOUR)})
    taken = [(second, due) for second, due in _run(table, 0, 7200) if due.kind == "throughput"]
    assert [second for second, due in taken if due.first] == [20.0 * n for n in range(10)]
    assert len([due for _, due in taken if not due.first]) == 2


def test_agents_that_start_together_do_not_measure_together() -> None:
    instants = {_table({"throughput": Rhythm(4 * HOUR)}, seed=seed).next()["throughput"] for seed in range(100)}
    assert len(instants) == 100
    assert max(instants) - min(instants) > timedelta(hours=3)


def test_a_run_that_waited_for_another_is_made_a_little_late() -> None:
    table = _table({"latency": Rhythm(60)})
    due = table.next()["latency"]
    late = (due - NOON).total_seconds() + 100
    assert table.settle(_instant(late)) == []
    assert table.take(_instant(late)) == Due("latency", due)


def test_slots_slept_through_are_counted_and_the_current_one_is_kept() -> None:
    table = _table({"latency": Rhythm(300)})
    missed = table.settle(_instant(10 * 300))
    assert [(one.kind, one.count) for one in missed] == [("latency", 10)]
    assert NOON + timedelta(seconds=3000) <= table.next()["latency"] <= NOON + timedelta(seconds=3300)
    assert table.settle(_instant(10 * 300)) == []


def test_setting_the_clock_from_1970_misses_nothing() -> None:
    before = Instant(datetime(1970, 1, 1, 0, 1, tzinfo=UTC), 60)
    table = _table({"throughput": Rhythm(4 * HOUR)}, now=before)
    after = Instant(NOON, 75)
    assert table.settle(after) == []
    assert NOON <= table.next()["throughput"] <= NOON + timedelta(hours=4)


def test_a_clock_that_is_set_after_the_start_remembers_who_ran_in_this_slot() -> None:
    before = Instant(datetime(1970, 1, 1, 0, 1, tzinfo=UTC), 60)
    table = _table({"throughput": Rhythm(4 * HOUR)}, last={"throughput": NOON}, now=before)
    assert table.settle(Instant(NOON + timedelta(minutes=3), 75)) == []
    assert table.next()["throughput"] >= NOON + timedelta(hours=4)


def test_a_clock_set_back_by_years_does_not_wait_for_years() -> None:
    table = _table({"throughput": Rhythm(HOUR)})
    back = Instant(NOON - timedelta(days=3000), 1010)
    assert table.settle(back) == []
    assert table.next()["throughput"] <= back.wall + timedelta(hours=1)


def test_a_clock_set_back_during_the_first_runs_does_not_wait_for_years() -> None:
    table = _table({"throughput": Rhythm(HOUR, first_runs=3)})
    assert table.take(_instant(0)) is not None
    back = Instant(NOON - timedelta(days=3000), 1010)
    assert table.settle(back) == []
    assert table.take(back) == Due("throughput", back.wall, first=True)


def test_a_schedule_that_comes_again_unchanged_changes_nothing() -> None:
    table = _table({"throughput": Rhythm(HOUR), "ipv6": Rhythm(HOUR)})
    before = table.next()
    for _ in range(20):
        table.change({"throughput": Rhythm(HOUR), "ipv6": Rhythm(HOUR)}, _instant(5))
    assert table.next() == before


def test_a_new_schedule_drops_adds_and_redraws() -> None:
    table = _table({"throughput": Rhythm(HOUR), "ipv6": Rhythm(HOUR)})
    table.change({"throughput": Rhythm(60), "latency": Rhythm(30, first_runs=5)}, _instant(5))
    assert set(table.next()) == {"throughput", "latency"}
    assert table.next()["throughput"] <= NOON + timedelta(seconds=60)
    counted = Counter(due.kind for _, due in _run(table, 5, 605, 1))
    assert 9 <= counted["throughput"] <= 11
    assert 19 <= counted["latency"] <= 21


def test_an_empty_schedule_waits_for_nothing() -> None:
    table = _table({})
    assert table.wait_s(NOON) is None
    assert table.take(_instant(0)) is None


@pytest.mark.parametrize("seconds", [0.0, 1.5, 3599.0])
def test_waiting_ends_when_the_first_is_due(seconds: float) -> None:
    table = _table({"throughput": Rhythm(4 * HOUR), "latency": Rhythm(300)})
    at = NOON + timedelta(seconds=seconds)
    wait = table.wait_s(at)
    assert wait is not None
    assert at + timedelta(seconds=wait) >= min(table.next().values())


def test_a_clock_set_back_by_hours_skips_no_slot() -> None:
    for seed in range(20):
        table = _table({"throughput": Rhythm(4 * HOUR)}, seed=seed)
        assert table.settle(_instant(3.9 * HOUR)) == []
        while table.take(_instant(3.99 * HOUR)) is not None:
            pass
        back = Instant(NOON - timedelta(hours=1), 1000 + 3.99 * HOUR)
        assert table.settle(back) == []
        assert table.next()["throughput"] <= NOON


def test_a_clock_put_back_by_seconds_at_the_turn_of_a_slot_runs_nothing_twice() -> None:
    for seed in range(50):
        table = _table({"latency": Rhythm(300)}, last={"latency": NOON}, seed=seed)
        at = table.next()["latency"]
        assert table.take(Instant(at, 1300)) is not None
        back = Instant(NOON + timedelta(seconds=299), 1301)
        assert table.settle(back) == []
        assert table.next()["latency"] >= NOON + timedelta(seconds=600)
