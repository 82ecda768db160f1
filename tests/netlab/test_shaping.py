"""When packets leave, computed: no clock, no network."""

import math
from random import Random
from statistics import mean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.netlab.shaping import Capacity, Loss, Shaper, Steady, Unlimited, capacity_of
from tests.netlab.spec import LinkSpec
from tests.netlab.trace import Step

MBIT = 125_000
TRACE = (Step(1000, 20), Step(1000, 80), Step(300, 0), Step(1700, 40))

steps = st.lists(st.builds(Step, st.integers(1, 2000), st.sampled_from([0, 1, 7.5, 40, 1000])), min_size=1, max_size=6)
traces = steps.map(tuple).filter(lambda trace: any(step.rate_mbps for step in trace))
specs = st.one_of(
    st.builds(LinkSpec, rate_mbps=st.sampled_from([0.1, 42, 102, 1000])), st.builds(LinkSpec, trace=traces)
)


def shaper(spec: LinkSpec, now: float = 0.0) -> Shaper:
    return Shaper(spec, "test", now)


@given(specs, st.floats(0, 100), st.integers(1, 10_000_000))
def test_what_passes_until_the_finish_is_what_was_sent(spec: LinkSpec, start: float, size: int) -> None:
    capacity = capacity_of(spec, 0.0)
    finish = capacity.finish(start, size)
    assert capacity.between(start, finish) == pytest.approx(size, rel=1e-6, abs=0.1)
    assert finish >= start


@given(traces, st.floats(0, 50), st.floats(0, 50), st.floats(0, 50))
def test_a_trace_carries_the_sum_of_its_parts(trace: tuple[Step, ...], a: float, b: float, c: float) -> None:
    capacity = capacity_of(LinkSpec(trace=trace), 0.0)
    first, middle, last = sorted((a, b, c))
    parts = capacity.between(first, middle) + capacity.between(middle, last)
    assert parts == pytest.approx(capacity.between(first, last), rel=1e-9, abs=0.01)


def test_a_trace_has_its_rates_and_repeats() -> None:
    capacity = capacity_of(LinkSpec(trace=TRACE), epoch=10.0)
    assert [capacity.rate(10 + t) / MBIT for t in (0.5, 1.5, 2.1, 3.0, 4.5, 8.5)] == [20, 80, 0, 40, 20, 20]
    assert capacity.mean == pytest.approx((20 + 80 + 40 * 1.7) / 4 * MBIT)
    # in the outage nothing passes before it ends
    assert capacity.finish(12.1, 40 * MBIT) == pytest.approx(13.3)
    assert capacity.between(10, 18) == pytest.approx(2 * 168 * MBIT)
    # what ends exactly with a step is not held up by the outage behind it
    assert capacity.finish(11.5, 40 * MBIT) == pytest.approx(12.0)
    assert capacity_of(LinkSpec(trace=(Step(1000, 8), Step(1000, 0))), 0.0).finish(0, MBIT * 8) == pytest.approx(1.0)


def test_without_a_limit_everything_passes_at_once() -> None:
    capacity: Capacity = Unlimited()
    assert capacity.finish(3.0, 10**9) == 3.0
    assert capacity.between(3.0, 4.0) == math.inf
    assert shaper(LinkSpec()).room(1.0) == math.inf


@given(specs, st.lists(st.tuples(st.floats(0, 0.01), st.integers(40, 65_000)), min_size=1, max_size=50))
def test_the_rate_is_never_exceeded_and_never_wasted(spec: LinkSpec, arrivals: list[tuple[float, int]]) -> None:
    link, now, busy_since, passed = shaper(spec), 0.0, 0.0, 0
    for pause, size in arrivals:
        now += pause
        if link.free_at <= now:
            busy_since, passed = now, 0
        finish = link.serve(now, size)
        passed += size
        assert link.capacity.between(busy_since, finish) == pytest.approx(passed, rel=1e-6, abs=0.1)


def test_a_late_caller_loses_nothing_while_the_link_was_busy() -> None:
    link = shaper(LinkSpec(rate_mbps=8))
    assert link.serve(0.0, 1000) == pytest.approx(0.001)
    # read at 0.010, but it came while the first was passing
    assert link.serve(0.0005, 1000) == pytest.approx(0.002)


@pytest.mark.parametrize(
    ("spec", "limit"),
    [
        (LinkSpec(rate_mbps=100, queue_ms=20), 250_000),
        (LinkSpec(rate_mbps=100, queue_bytes=15_000), 15_000),
        (LinkSpec(rate_mbps=100), 625_000),
        (LinkSpec(trace=TRACE, queue_ms=100), 525_000),
        (LinkSpec(queue_bytes=9_000), 9_000),
        (LinkSpec(queue_ms=9), math.inf),
    ],
)
def test_the_queue_is_as_long_as_the_spec_says(spec: LinkSpec, limit: float) -> None:
    assert shaper(spec).limit == limit


def test_room_returns_as_the_queue_empties() -> None:
    link = shaper(LinkSpec(rate_mbps=8, queue_bytes=5_000))
    assert link.room(0.0) == 5_000
    link.serve(0.0, 4_000)
    assert [link.room(t) for t in (0.0, 0.001, 0.004, 1.0)] == [1_000, pytest.approx(2_000), 5_000, 5_000]


def test_a_delay_is_a_delay() -> None:
    link = shaper(LinkSpec(rate_mbps=8, delay_ms=5, rtt_ms=30))
    assert link.due(1.0) == pytest.approx(1.020)


def test_jitter_has_its_deviation_and_reorders_nothing() -> None:
    link = shaper(LinkSpec(delay_ms=50, jitter_ms=3))
    slow = [link.due(i * 0.05) - i * 0.05 for i in range(4000)]
    assert pstdev(slow) == pytest.approx(0.003, rel=0.05)
    assert mean(slow) == pytest.approx(0.050, abs=0.0003)
    quick = [link.due(200 + i * 0.0001) for i in range(20_000)]
    assert quick == sorted(quick)


def test_jitter_never_goes_back_in_time() -> None:
    link = shaper(LinkSpec(delay_ms=1, jitter_ms=5))
    assert all(link.due(i * 0.05) >= i * 0.05 for i in range(500))


def dice(seed: int = 1) -> Random:
    return Random(seed)  # noqa: S311 - repeatable on purpose


def lost_runs(loss: Loss, total: int, step: int) -> list[int]:
    """The lengths of the runs that are lost of so many segments, asked for in steps."""
    runs, current = [], 0
    for first in range(0, total, step):
        kept = {i for begin, end in loss.survivors(first, first + step) for i in range(begin, end)}
        for i in range(first, first + step):
            if i in kept and current:
                runs.append(current)
            current = 0 if i in kept else current + 1
    return runs


@pytest.mark.parametrize(("share", "burst"), [(0.005, None), (0.02, None), (0.5, None), (0.05, 4.0), (0.01, 10.0)])
@pytest.mark.parametrize("step", [1, 45])
def test_loss_is_as_large_and_as_long_as_set(share: float, burst: float | None, step: int) -> None:
    runs = lost_runs(Loss(share, burst, dice(7)), 450_000, step)
    length = burst if burst is not None else 1 / (1 - share)
    assert mean(runs) == pytest.approx(length, rel=0.06)
    assert sum(runs) / 450_000 == pytest.approx(share, rel=0.06)


def test_the_edges_of_loss() -> None:
    assert Loss(0.0, None, dice()).survivors(0, 1000) == [(0, 1000)]
    assert Loss(1.0, None, dice()).survivors(0, 1000) == []
    assert Loss(1.0, 5, dice()).survivors(0, 1000) == []


@given(st.floats(0, 1), st.integers(0, 50), st.integers(0, 50), st.integers(0, 99))
def test_survivors_are_ordered_ranges_within_what_was_asked(share: float, first: int, length: int, seed: int) -> None:
    runs = Loss(share, None, dice(seed)).survivors(first, first + length)
    flat = [edge for run in runs for edge in run]
    assert flat == sorted(flat)
    assert all(first <= begin < end <= first + length for begin, end in runs) or not length


def test_the_same_seed_is_the_same_luck() -> None:
    one, two, other = (Shaper(LinkSpec(loss=0.1), seed, 0.0) for seed in ("a", "a", "b"))
    runs = [link.loss.survivors(0, 5000) for link in (one, two, other)]
    assert runs[0] == runs[1] != runs[2]


def test_a_change_of_rate_plans_the_queue_anew() -> None:
    link = shaper(LinkSpec(rate_mbps=8, delay_ms=10))
    finishes = [link.serve(0.0, 1000) for _ in range(4)]
    assert finishes == pytest.approx([0.001, 0.002, 0.003, 0.004])
    [link.due(finish) for finish in finishes]
    # half of the second has passed; from now on ten times as fast
    again = link.change(LinkSpec(rate_mbps=80, delay_ms=10), 0.0015, finishes[1:], behind=0.011)
    assert [due for _, due in again] == pytest.approx([0.01155, 0.01165, 0.01175])
    assert [finish for finish, _ in again] == pytest.approx([0.00155, 0.00165, 0.00175])
    assert link.free_at == pytest.approx(0.00175)


def test_a_slower_link_keeps_its_backlog() -> None:
    link = shaper(LinkSpec(rate_mbps=80, delay_ms=1))
    finishes = [link.serve(0.0, 10_000) for _ in range(3)]
    again = link.change(LinkSpec(rate_mbps=8, delay_ms=1), 0.0, finishes, behind=0.0)
    assert [finish for finish, _ in again] == pytest.approx([0.01, 0.02, 0.03])
    assert [due for _, due in again] == pytest.approx([0.011, 0.021, 0.031])


def test_a_backlog_whose_tail_was_lost_is_still_a_backlog() -> None:
    link = shaper(LinkSpec(rate_mbps=8))
    kept = link.serve(0.0, 1000)
    link.serve(0.0, 1000)
    link.change(LinkSpec(rate_mbps=16), 0.0, [kept], behind=0.0)
    assert link.free_at == pytest.approx(0.001)


def test_an_idle_link_takes_a_change_and_stays_idle() -> None:
    link = shaper(LinkSpec(rate_mbps=8))
    link.serve(0.0, 1000)
    assert link.change(LinkSpec(), 5.0, [], behind=5.0) == []
    assert link.serve(6.0, 1000) == 6.0


@given(specs, specs, st.floats(0.0, 1.0))
def test_whatever_changes_order_stays(before: LinkSpec, after: LinkSpec, when: float) -> None:
    link = shaper(before)
    finishes = [link.serve(0.0, 1500) for _ in range(20)]
    waiting = [finish for finish in finishes if finish > when]
    again = link.change(after, when, waiting, behind=when + 0.01)
    assert len(again) == len(waiting)
    dues = [due for _, due in again]
    assert dues == sorted(dues)
    assert all(due >= when + 0.01 for due in dues)
    assert all(finish >= when for finish, _ in again)


def test_steady_knows_its_rate() -> None:
    assert Steady(5.0).rate(3.0) == 5.0


def test_what_stands_before_the_bottleneck_is_counted() -> None:
    line = shaper(LinkSpec(rate_mbps=8, queue_ms=500))
    assert line.backlog(0.0) == 0
    line.serve(0.0, 100_000)
    assert (line.backlog(0.0), line.backlog(0.05), line.backlog(0.2)) == (100_000, 50_000, 0)
    assert shaper(LinkSpec()).backlog(1.0) == 0
