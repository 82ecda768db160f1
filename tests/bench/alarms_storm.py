"""A storm of tests at one moment: somebody presses the button ten times while the line is busy."""

from collections.abc import Callable
from math import log
from typing import Final

from tests.bench.alarms_fleet import DAY_H, Drawn
from tests.bench.alarms_rules import Rule

TESTS: Final = 10
STORM_DAYS: Final = 40
_MINUTES: Final = 2.0
_WEAK: Final = 0.5
_RATIO: Final = 1.15


def stormed(fleet: Drawn, make: Callable[[], Rule], tests: int) -> float:
    """The share of sites where a rule opens in a storm of so many tests, or in the day after it."""
    return sum(_opens(make(), samples, tests) for samples in fleet.every()) / len(fleet.hours)


def _opens(rule: Rule, samples: list[tuple[float, float]], tests: int) -> bool:
    storm = (STORM_DAYS - 2) * DAY_H
    before = [sample for sample in samples if sample[0] < storm]
    if before and [_sees(rule, one) for one in before][-1]:
        return False
    storming = [(storm + test * _MINUTES / 60 / TESTS, log(_WEAK)) for test in range(tests)]
    after = [sample for sample in samples if storm + 0.1 <= sample[0] < storm + DAY_H]
    return any(_sees(rule, one) for one in storming + after)


def _sees(rule: Rule, sample: tuple[float, float]) -> bool:
    rule.see(sample[0], sample[1] + log(_RATIO))
    return rule.is_open
