"""What must hold of every verdict, whatever was measured."""

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from collector.judge.judge import judge
from collector.judge.reasons import BLOCKING
from collector.plans.binding import Binding
from tests.collector.judge.cases import DAY, NOW, SITE, bought, bound, evidence

SPEEDS = st.lists(st.floats(1, 1000), max_size=90)
RULES = st.sampled_from(
    [bound(100), bound(100, rule="share95"), bought(100), bought(100, rule="fcc8080"), bound(100, rule="i-speed-like")]
)
HOUR = DAY / 24


@given(SPEEDS, RULES, st.randoms(use_true_random=False))
def test_the_order_of_samples_does_not_matter(speeds: list[float], binding: Binding, dice: Random) -> None:
    shuffled = speeds.copy()
    dice.shuffle(shuffled)
    assert judge(SITE, binding, evidence(speeds), at=NOW) == judge(SITE, binding, evidence(shuffled), at=NOW)


@given(SPEEDS, RULES, st.lists(st.floats(100, 10_000), max_size=30))
def test_more_samples_above_the_mark_never_turn_met_into_below(
    speeds: list[float], binding: Binding, more: list[float]
) -> None:
    before = judge(SITE, binding, evidence(speeds, every=HOUR), at=NOW).verdict
    after = judge(SITE, binding, evidence([*speeds, *more], every=HOUR), at=NOW).verdict
    assert (before, after) != ("met", "below")


@given(SPEEDS, st.sampled_from(["plan", "qcvn34", "share95", "fcc8080"]), st.sampled_from([0.25, 2.0, 1024.0]))
def test_units_do_not_matter(speeds: list[float], rule: str, scale: float) -> None:
    site = replace(SITE, contract_down_mbps=None)
    one = judge(site, bound(100, rule=rule), evidence(speeds), at=NOW)
    other = judge(site, bound(100 * scale, rule=rule), evidence(speed * scale for speed in speeds), at=NOW)
    assert (one.verdict, one.reasons, one.k, one.needed) == (other.verdict, other.reasons, other.k, other.needed)


@given(SPEEDS, RULES)
def test_a_verdict_is_what_its_own_numbers_say(speeds: list[float], binding: Binding) -> None:
    found = judge(SITE, binding, evidence(speeds), at=NOW, per_day=4.0)
    blocking = [reason for reason in found.reasons if reason in BLOCKING]
    assert len(blocking) == (found.verdict == "inconclusive")
    assert found.k is not None
    assert 0 <= found.k <= found.n == len(speeds)
    assert found.target is not None
    if found.verdict == "met":
        assert found.low is not None
        assert found.low >= found.target
    if found.verdict == "below":
        assert found.high is not None
        assert found.high < found.target
    assert (found.needed is None) == (found.verdict != "inconclusive")
    assert found.needed is None or found.needed >= 1
    if found.low is not None and found.high is not None and found.value is not None:
        assert found.low <= found.value <= found.high
    if found.needed_by is not None:
        assert NOW < found.needed_by <= NOW + 30 * DAY


@given(st.integers(10, 60), st.floats(0, 1))
def test_so_many_more_like_these_do_decide(n: int, part: float) -> None:
    """What is said to be needed is enough, when results go on as they were; and one fewer is not."""
    high = round(n * part)
    found = judge(SITE, bound(100), evidence([120.0] * high + [80.0] * (n - high), every=HOUR), at=NOW)
    if found.needed is None or found.needed_more:
        return
    total = n + found.needed
    fewer = min(high, n - high)
    weak = -(-fewer * total // n)  # rounded against the decision, as it is estimated
    strong = total - weak
    mark_side, other = (120.0, 80.0) if 2 * high > n else (80.0, 120.0)
    later = judge(SITE, bound(100), evidence([mark_side] * strong + [other] * weak, every=HOUR / 4), at=NOW)
    assert later.verdict == ("met" if 2 * high > n else "below")
