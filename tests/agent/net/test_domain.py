"""Whose part fails: every combination that matters, and what loss at a router says of the way."""

import itertools

import pytest

from agent.net.domain import Domain, Reach, domain, line_loss

YES, NO = True, False
TABLE: list[tuple[str, Reach, Domain | None]] = [
    ("nothing is known", Reach(), None),
    ("the target answers", Reach(device=YES, gateway=YES, provider=YES, target=YES), None),
    (
        "the target answers, and nobody else does",
        Reach(device=NO, gateway=NO, provider=NO, others=NO, target=YES),
        None,
    ),
    ("a filter elsewhere does not matter to a target that answers", Reach(target=YES, filtered="lan"), None),
    # nothing left the device, or came as far as the router
    ("no address or route", Reach(device=NO, target=NO), "lan"),
    ("no address or route, and nothing was asked", Reach(device=NO), "lan"),
    ("the first router is silent", Reach(device=YES, gateway=NO, target=NO), "lan"),
    ("the first router is silent, and so is all else", Reach(YES, NO, provider=NO, others=NO, target=NO), "lan"),
    ("nobody could ask the first router, the target is silent", Reach(device=YES, target=NO), None),
    ("nobody could ask the first router, all else is silent", Reach(YES, None, NO, others=NO, target=NO), None),
    # the access line
    ("the router answers, the target does not", Reach(YES, YES, target=NO), None),
    ("the router answers, the provider's is silent now", Reach(YES, YES, NO, target=NO), "access"),
    ("the router answers, no destination does", Reach(YES, YES, None, others=NO, target=NO), "access"),
    ("the same, of a target that nobody asked", Reach(YES, YES, None, others=NO), "access"),
    ("the router answers, and nobody asked beyond it", Reach(YES, YES), None),
    # the provider
    ("the way ends behind the provider's first router", Reach(YES, YES, YES, target=NO), "provider"),
    ("the same, and no destination answers", Reach(YES, YES, YES, others=NO, target=NO), "provider"),
    ("no destination answers, the target was not asked", Reach(YES, YES, YES, others=NO), "provider"),
    ("the provider answers, the target was not asked", Reach(YES, YES, YES), None),
    ("a router that forwards and is silent itself", Reach(YES, NO, YES, others=NO, target=NO), "provider"),
    # the destination
    ("other destinations answer", Reach(YES, YES, YES, others=YES, target=NO), "destination"),
    ("others answer through silent routers", Reach(YES, NO, NO, others=YES, target=NO), "destination"),
    ("the router in front of the target answers", Reach(YES, YES, YES, target=NO, edge=YES), "destination"),
    ("it answers where no other destination does", Reach(YES, YES, YES, NO, NO, edge=YES), "destination"),
    ("others answer, and the target was not asked", Reach(YES, YES, YES, others=YES), None),
    ("even where the first router is silent", Reach(device=YES, gateway=NO, others=YES), None),
    # who admits to it
    ("the site's own router filters", Reach(YES, YES, None, others=YES, target=NO, filtered="lan"), "lan"),
    ("a filter of the provider", Reach(YES, YES, YES, others=YES, target=NO, filtered="provider"), "provider"),
    ("a filter in front of the target", Reach(YES, YES, YES, target=NO, filtered="destination"), "destination"),
]


@pytest.mark.parametrize(("reach", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_the_rule(reach: Reach, expected: Domain | None) -> None:
    assert domain(reach) == expected


def every_reach() -> list[Reach]:
    known: tuple[bool | None, ...] = (None, False, True)
    return [
        Reach(device=device, gateway=gateway, provider=provider, others=others, target=target, edge=edge)
        for device, gateway, provider, others, target, edge in itertools.product(known, repeat=6)
    ]


def test_a_target_that_answers_is_nobodys_fault() -> None:
    assert {domain(reach) for reach in every_reach() if reach.target} == {None}


def test_what_lies_before_something_that_answers_is_never_named() -> None:
    for reach in every_reach():
        named = domain(reach)
        if reach.others or reach.edge:
            assert named in {None, "destination"}, reach
        elif reach.provider:
            assert named in {None, "provider"}, reach
        elif reach.gateway:
            assert named in {None, "access"}, reach


def test_a_target_that_nobody_asked_is_never_at_fault() -> None:
    assert all(domain(reach) != "destination" for reach in every_reach() if reach.target is None)


@pytest.mark.parametrize(
    ("samples", "loss"),
    [
        pytest.param([(20, 18)], 0.1, id="the only place that was asked"),
        pytest.param([(20, 6), (20, 20)], 0.0, id="a router that limits its answers: beyond it nothing is lost"),
        pytest.param([(20, 0), (20, 19)], 0.05, id="a silent router"),
        pytest.param([(20, 19), (20, 10)], 0.05, id="loss farther out is not the first one's"),
        pytest.param([(20, 18), (3, 3)], 0.1, id="three packets do not speak for twenty"),
        pytest.param([(3, 2), (20, 18)], 0.1, id="twenty speak for three"),
        pytest.param([(20, 18), (20, 0)], 0.1, id="who never answers says nothing of the way before"),
        pytest.param([(3, 3), (3, 1), (3, 2)], 0.0, id="a middle router"),
        pytest.param([(3, 4)], 0.0, id="more answers than packets"),
        pytest.param([(20, 0)], None, id="nobody answered"),
        pytest.param([(0, 0), (20, 20)], None, id="not asked"),
        pytest.param([], None, id="nowhere"),
    ],
)
def test_loss_of_the_way(samples: list[tuple[int, int]], loss: float | None) -> None:
    assert line_loss(samples) == loss
