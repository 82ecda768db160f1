"""From when a site is on the line that it has."""

from dataclasses import replace
from datetime import datetime

import pytest

from collector.judge.line import line_since
from collector.registry.site import Site, Version
from tests.collector.judge.cases import DAY, NOW, SITE

BEFORE = replace(SITE, provider="VNPT", contract_up_mbps=None)


def since(*sites: Site, at: datetime = NOW) -> float | None:
    """Which of the sites began the line: the first holds from the beginning, the others a day apart from then on."""
    versions = [Version(None if place == 0 else NOW + (place - 9) * DAY, site) for place, site in enumerate(sites)]
    began = line_since(versions, at)
    return None if began is None else (began - NOW) / DAY + 9


@pytest.mark.parametrize(
    ("after", "began"),
    [
        (replace(BEFORE, access="cable"), 1),
        (replace(BEFORE, provider="Viettel"), 1),
        (replace(BEFORE, contract_down_mbps=300.0), 1),
        (replace(BEFORE, contract_up_mbps=100.0), None),
        (replace(BEFORE, contract_down_mbps=None), None),
        (replace(BEFORE, name="Trường mới", plan="other", area="urban"), None),
    ],
)
def test_technology_provider_and_contract_make_a_line(after: Site, began: float | None) -> None:
    assert since(BEFORE, after) == began


def test_what_was_known_before_a_gap_is_compared_with_what_is_known_after_it() -> None:
    gap = replace(BEFORE, provider=None)
    assert since(BEFORE, gap, BEFORE) is None
    assert since(BEFORE, gap, replace(BEFORE, provider="Viettel")) == 2


def test_a_line_that_comes_back_is_new() -> None:
    other = replace(BEFORE, access="cellular_4g")
    assert since(BEFORE, other, BEFORE) == 2
    assert since(BEFORE, other, BEFORE, at=NOW - 8 * DAY) == 1
    assert since(BEFORE, other, BEFORE, at=NOW - 20 * DAY) is None
    assert since() is None
