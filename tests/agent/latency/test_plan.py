import pytest

from agent.errors import Failed
from agent.latency.plan import Plan, within


def test_budgets_cut_the_plan() -> None:
    assert within(Plan(), max_bytes=None, max_seconds=None) == Plan()
    assert within(Plan(), max_bytes=None, max_seconds=12).count == 200
    assert within(Plan(), max_bytes=None, max_seconds=6).count == 81
    assert within(Plan(), max_bytes=184 * 50, max_seconds=None) == Plan(count=50)
    assert within(Plan(), max_bytes=184 * 19, max_seconds=None) == Plan(count=19, cut=True)


@pytest.mark.parametrize(
    ("plan", "each"),
    [
        (Plan(), 2 * (44 + 48)),
        (Plan(key=b"k"), 2 * (112 + 48)),
        (Plan(size=160), 2 * (160 + 48)),
        (Plan(key=b"k", size=50), 2 * (112 + 48)),
        (Plan(method="icmp"), 2 * (56 + 48)),
        (Plan(method="icmp", size=1000), 2 * (1000 + 48)),
        (Plan(method="tcp"), 320),
    ],
)
def test_a_budget_of_bytes_counts_both_ways_with_all_headers(plan: Plan, each: int) -> None:
    assert within(plan, max_bytes=each * 30, max_seconds=None).count == 30
    assert within(plan, max_bytes=each * 30 - 1, max_seconds=None).count == 29
    with pytest.raises(Failed, match="device:budget"):
        within(plan, max_bytes=each - 1, max_seconds=None)
