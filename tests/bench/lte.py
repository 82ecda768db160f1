"""A mobile line as the link sees it: a rate that wanders, jumps and sometimes nearly stops. Pure, and repeatable."""

import math
from random import Random
from typing import Final

from tests.netlab.trace import Step

STEP_MS: Final = 50.0
LENGTH_S: Final = 60.0
# How long the shadow of a house and the load of a cell stay the same, and how far they go (natural log of the rate).
MEMORY_S: Final = 1.5
SPREAD: Final = 0.55
# The scheduler's choice from one step to the next
FLICKER: Final = 0.18
# A change of cell: about one in 15 s, for 50 to 150 ms at the least rate
HANDOVER_EVERY_S: Final = 15.0
HANDOVER_STEPS: Final = 3


def lte_trace(seed: int, *, least_mbps: float = 8.0, most_mbps: float = 120.0) -> tuple[Step, ...]:
    """Give a minute of a mobile line between two rates; the same seed gives the same minute."""
    dice = Random(f"lte/{seed}")  # noqa: S311 - repeatable on purpose
    kept = math.exp(-STEP_MS / 1000 / MEMORY_S)
    middle = math.log(math.sqrt(least_mbps * most_mbps) * 1.6)
    wander = dice.gauss(0.0, SPREAD)
    steps: list[Step] = []
    handover = 0
    while len(steps) < round(LENGTH_S * 1000 / STEP_MS):
        wander = kept * wander + math.sqrt(1 - kept * kept) * dice.gauss(0.0, SPREAD)
        if not handover and dice.random() < STEP_MS / 1000 / HANDOVER_EVERY_S:
            handover = dice.randint(1, HANDOVER_STEPS)
        rate = math.exp(middle + wander + dice.gauss(0.0, FLICKER))
        if handover:
            rate, handover = least_mbps, handover - 1
        steps.append(Step(STEP_MS, round(min(most_mbps, max(least_mbps, rate)), 2)))
    return tuple(steps)
