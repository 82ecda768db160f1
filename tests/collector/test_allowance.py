"""What an agent may send: its rate over time, a burst at once, and no more memory than agreed."""

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.allowance import EACH, Allowance


def test_a_burst_and_then_the_rate() -> None:
    allowance = Allowance(rate=8 * EACH, burst=4 * EACH)
    assert sum(allowance.admits("a", 1, 0.0) for _ in range(100)) == 5
    assert sum(allowance.admits("a", 1, 0.25) for _ in range(100)) == 2
    assert sum(allowance.admits("a", 1, 100.0) for _ in range(100)) == 5


def test_each_has_its_own() -> None:
    allowance = Allowance(rate=EACH, burst=EACH)
    while allowance.admits("loud", 1, 0.0):
        pass
    assert allowance.admits("quiet", 1, 0.0)


def test_bytes_count_and_so_do_pieces() -> None:
    allowance = Allowance(rate=100 * EACH, burst=100 * EACH)
    assert sum(allowance.admits("bytes", 50 * EACH, 0.0) for _ in range(10)) == 3
    assert allowance.admits("pieces", 10, 0.0)
    allowance.charge("pieces", 200)
    assert not allowance.admits("pieces", 10, 0.0)
    assert allowance.admits("pieces", 10, 1.01)
    allowance.charge("nobody", 50)
    assert allowance.admits("nobody", 1, 0.0)


def test_names_without_end_cost_no_memory() -> None:
    allowance = Allowance(rate=EACH, burst=EACH)
    for number in range(70_000):
        allowance.admits(f"a{number}", 1, 0.0)
    assert len(allowance) <= 65_536
    allowance = Allowance(rate=EACH, burst=EACH)
    for number in range(70_000):
        allowance.admits(f"a{number}", 1, float(number))
        assert allowance.admits("mine", 1, float(number))
    assert len(allowance) <= 65_536


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 20_000)), max_size=200))
def test_never_more_than_burst_and_rate_together(steps: list[tuple[float, int]]) -> None:
    """The last message admitted may go beyond by itself."""
    allowance, now, sent = Allowance(rate=3000.0, burst=9000.0), 0.0, 0
    for wait, size in steps:
        now += wait
        if allowance.admits("a", size, now):
            assert sent <= 9000.0 + 3000.0 * now + 1e-6
            sent += max(size, EACH)
