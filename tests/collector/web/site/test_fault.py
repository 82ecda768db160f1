"""Who has to act: the contract, the provider, or nobody yet."""

import pytest
from msgspec.structs import replace

from collector.judge.judge import judge
from collector.judge.sample import Evidence
from collector.judge.verdict import Outcome, Verdict
from collector.plans.binding import bindings_for
from collector.plans.load import load_plans
from collector.web.site.fault import Whose, held
from tests.collector.web.house import NOW, SITES, judged

SCHOOL = SITES[0]
MARK = 102.0


def bought(outcome: Outcome) -> Verdict:
    binding = bindings_for(load_plans(), SCHOOL, NOW)[-1]
    return replace(judge(SCHOOL, binding, Evidence([]), at=NOW, silent=False), verdict=outcome)


@pytest.mark.parametrize(
    ("speed", "contract", "delivered", "whose"),
    [
        pytest.param(50.0, 60.0, "met", "contract", id="too little was bought"),
        pytest.param(40.0, 60.0, "below", "contract_and_provider", id="and even that is not delivered"),
        pytest.param(50.0, 150.0, "below", "provider", id="what was bought is not delivered"),
        pytest.param(95.0, 110.0, "met", "reserve", id="delivered about what was bought"),
        pytest.param(50.0, 150.0, "inconclusive", "unclear", id="too early"),
        pytest.param(50.0, None, None, "unknown_contract", id="nobody knows what was bought"),
        pytest.param(150.0, 150.0, "met", "met", id="all is well"),
        pytest.param(110.0, 300.0, "below", "met_but_short", id="the plan is kept, the contract is not"),
    ],
)
def test_the_one_who_has_to_act_is_named(
    speed: float, contract: float | None, delivered: Outcome | None, whose: Whose
) -> None:
    others = [] if delivered is None else [bought(delivered)]
    found = held(judged(SCHOOL, [speed] * 10), others, contract=contract, median=speed, n=10)
    assert (found.plan, found.whose) == (MARK, whose)


def test_nobody_is_blamed_for_what_is_not_known() -> None:
    few = judged(SCHOOL, [50.0])
    assert held(few, [], contract=None, median=50.0, n=1).whose == "waiting"
    assert held(few, [], contract=80.0, median=50.0, n=1).whose == "contract", "that needs no measurement"
    doubted = replace(few, doubted={"wifi_bound": 9})
    assert held(doubted, [], contract=None, median=50.0, n=1).whose == "device"
    assert held(None, [], contract=None, median=None, n=0).whose is None
    assert held(None, [bought("below")], contract=150.0, median=50.0, n=9).whose == "provider"


def test_a_site_without_a_target_has_no_plan_to_be_held_to() -> None:
    bare = judged(SITES[3], [50.0] * 10)
    found = held(bare, [], contract=None, median=50.0, n=10)
    assert (found.plan, found.whose, found.highest) == (None, None, 50.0)


def test_a_site_that_is_silent_lets_nobody_lean_back() -> None:
    good = judged(SCHOOL, [150.0] * 10)
    assert held(good, [], contract=150.0, median=150.0, n=10, silent=True).whose == "silent"
    assert held(None, [], contract=None, median=None, n=0, silent=True).whose == "silent"
    weak = judged(SCHOOL, [50.0] * 10)
    assert held(weak, [], contract=60.0, median=50.0, n=10, silent=True).whose == "contract", "that stays true"
