"""Each doubt where it belongs, and none where it does not."""

import pytest

from agent.speed.doubts import doubts
from agent.wire.report import Link
from agent.wire.results import Direction

CARD_100 = Link(medium="ethernet", speed_mbps=100)


@pytest.mark.parametrize(
    ("mbps", "stop", "cpu", "link", "expected"),
    [
        (50, "time", 0.2, CARD_100, ()),
        (94.1, "time", 0.2, CARD_100, ("nic_bound",)),
        (89, "time", 0.2, CARD_100, ("nic_bound",)),
        (88, "time", 0.2, CARD_100, ()),
        (94.1, "time", 0.2, Link(medium="wifi", speed_mbps=100), ()),
        (94.1, "time", 0.2, Link(), ()),
        (941, "time", 0.9, Link(medium="ethernet", speed_mbps=1000), ("nic_bound", "cpu_bound")),
        (50, "budget", 0.2, CARD_100, ("budget_cut",)),
        (None, "error", 0.2, CARD_100, ()),
    ],
)
def test_doubts(mbps: float | None, stop: str, cpu: float, link: Link, expected: tuple[str, ...]) -> None:
    assert doubts([Direction(), Direction(mbps=mbps, stop=stop)], cpu_ratios=[0.1, cpu], link=link) == expected
    assert doubts([Direction(mbps=mbps, stop=stop)], cpu_ratios=[cpu], link=link) == expected


def test_nothing_measured_is_no_doubt() -> None:
    assert doubts([], cpu_ratios=[], link=CARD_100) == ()
