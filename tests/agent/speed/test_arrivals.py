"""Segments that have crossed, holes or not; what follows is arithmetic on the kernel's counters."""

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.speed.arrivals import ENOUGH_SEGMENTS, Arrivals, Count
from agent.speed.estimate import Sample

MSS = 1448


def received(arrivals: Arrivals) -> list[float]:
    return [sample.received for sample in arrivals.samples]


def test_without_holes_bytes_in_order_are_all() -> None:
    arrivals = Arrivals(5.0)
    for step in range(1, 6):
        arrivals.add(5 + step / 40, [Count(step * 100 * MSS, step * 100, MSS, 0)])
    assert arrivals.samples[0] == Sample(5.0, 0)
    assert received(arrivals) == [step * 100 * MSS for step in range(6)]


def test_behind_a_hole_segments_go_on_counting() -> None:
    arrivals = Arrivals(0)
    arrivals.add(0.1, [Count(100 * MSS, 100, MSS, 0)])
    arrivals.add(0.2, [Count(110 * MSS, 200, MSS, 90)])  # lost the 111th; 89 have come behind it
    arrivals.add(0.3, [Count(110 * MSS, 300, MSS, 190)])
    arrivals.add(0.4, [Count(400 * MSS, 400, MSS, 190)])
    assert received(arrivals) == [0, 100 * MSS, 200 * MSS, 300 * MSS, 400 * MSS]


def test_full_segments_learnt_late_fill_what_came_before() -> None:
    arrivals = Arrivals(0)
    arrivals.add(0.1, [Count(10 * MSS, ENOUGH_SEGMENTS, MSS, 30)])
    assert received(arrivals)[-1] == 10 * MSS, "nobody knows yet what a segment carries"
    arrivals.add(0.2, [Count(50 * MSS, 80, MSS, 30)])
    assert received(arrivals) == [0, ENOUGH_SEGMENTS * MSS, 80 * MSS]


def test_small_segments_of_the_start_do_not_make_those_behind_a_hole_smaller() -> None:
    arrivals = Arrivals(0)
    arrivals.add(0.1, [Count(16 * 1024 + 40 * MSS, 56, MSS, 0)])
    arrivals.add(0.2, [Count(16 * 1024 + 100 * MSS, 116, MSS, 0)])
    arrivals.add(0.3, [Count(16 * 1024 + 110 * MSS, 216, MSS, 40)])
    arrivals.add(0.4, [Count(16 * 1024 + 110 * MSS, 316, MSS, 140)])
    assert received(arrivals)[2:] == [16 * 1024 + count * MSS for count in (100, 200, 300)]


def test_segments_that_are_not_full_tell_nothing() -> None:
    for size, largest in ((500, MSS), (500, None), (3 * MSS, MSS)):
        arrivals = Arrivals(0)
        arrivals.add(0.1, [Count(100 * size, 100, largest, 5)])
        arrivals.add(0.2, [Count(100 * size, 300, largest, 50)])
        assert received(arrivals) == [0, 100 * size, 100 * size]


def test_segments_that_stop_being_full_tell_nothing_any_more() -> None:
    arrivals = Arrivals(0)
    arrivals.add(0.1, [Count(100 * MSS, 100, MSS, 3)])
    arrivals.add(0.2, [Count(100 * MSS, 150, MSS, 53)])
    assert received(arrivals)[-1] == 150 * MSS
    arrivals.add(0.3, [Count(160 * MSS, 200, MSS, 60)])
    arrivals.add(0.4, [Count(160 * MSS + 100 * 500, 300, MSS, 60)])
    assert received(arrivals)[-1] == 200 * MSS, "what has crossed stays crossed"
    arrivals.add(0.5, [Count(260 * MSS, 500, MSS, 60)])
    assert received(arrivals)[-1] == 260 * MSS


def test_a_senders_open_hole_says_nothing_of_the_size_of_segments() -> None:
    arrivals = Arrivals(0)
    arrivals.add(0.1, [Count(100 * MSS, 100, MSS, 3 * MSS, 120 * MSS)])
    arrivals.add(0.2, [Count(100 * MSS, 150, MSS, 3 * MSS, 160 * MSS)])
    arrivals.add(0.3, [Count(100 * MSS, 200, MSS, 3 * MSS, 190 * MSS)])
    assert received(arrivals)[1:] == [100 * MSS, 150 * MSS, 190 * MSS], "never more than was sent"


def test_a_kernel_that_does_not_count_segments() -> None:
    arrivals = Arrivals(0)
    arrivals.add(0.1, [Count(1000)], rtt_us=5.0, retransmitted=7)
    assert arrivals.samples[-1] == Sample(0.1, 1000, 5.0, 7)


def test_streams_join_and_leave_and_the_count_never_falls() -> None:
    arrivals = Arrivals(0)
    arrivals.add(0.1, [Count(1000)])
    arrivals.add(0.2, [Count(2000), Count(50)])
    arrivals.add(0.3, [Count(0), Count(80)])
    arrivals.add(0.4, [Count(2500), Count(90)])
    assert received(arrivals) == [0, 1000, 2050, 2050, 2590]
    assert [sample.received for sample in arrivals.in_order(1)] == [0, 1000, 2000, 0, 2500]


@settings(deadline=None)
@given(
    st.lists(
        st.lists(
            st.builds(
                Count,
                st.integers(0, 10**9),
                st.none() | st.integers(0, 10**6),
                st.none() | st.integers(1, 65_536),
                st.none() | st.integers(0, 10**6),
            ),
            max_size=4,
        ),
        max_size=12,
    )
)
def test_whatever_the_kernel_says_counts_rise(rows: list[list[Count]]) -> None:
    arrivals = Arrivals(0)
    for step, row in enumerate(sorted(rows, key=len), start=1):
        arrivals.add(step / 40, row)
        got = received(arrivals)
        assert got == sorted(got)
        assert len(got) == step + 1
