"""What a rule does on a fleet: how often it opens in a year, how soon it finds a change, how soon it lets go."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import inf, log, sqrt
from statistics import fmean, stdev
from typing import Final

import numpy as np

from tests.bench.alarms_fleet import DAY_H, Drawn
from tests.bench.alarms_rules import Rule

STEADY_DAYS: Final = 56
AFTER_DAYS: Final = 35
NORMAL_95: Final = 1.96

Make = Callable[[], Rule]


@dataclass(frozen=True, slots=True)
class Openings:
    """Openings per site-year with a 95 % interval over sites, and the share of the time that one was open."""

    rate: float
    half: float
    open_share: float
    years: float


@dataclass(frozen=True, slots=True)
class Delays:
    """Days from a change to the sample that decided; `already` were open before it and are left out."""

    days: Sequence[float]
    already: int

    def within(self, days: float) -> float:
        """The share that was decided within so many days."""
        return sum(one <= days for one in self.days) / len(self.days)

    def quantile(self, share: float) -> float:
        """So large a share was decided within so many days."""
        return sorted(self.days)[min(int(share * len(self.days)), len(self.days) - 1)]


def openings(make: Make, fleets: Iterable[Drawn], ratio: float) -> Openings:
    """A year (or what is drawn) of each fleet at a true median of `ratio` times the mark."""
    shift = log(ratio)
    rates: list[float] = []
    opened = seen = 0
    years = 0.0
    for fleet in fleets:
        long = fleet.days / 365
        for samples in fleet.every():
            rule, count = make(), 0
            for hours, level in samples:
                was = rule.is_open
                rule.see(hours, level + shift)
                count += rule.is_open and not was
                opened += rule.is_open
            seen += len(samples)
            years += long
            rates.append(count / long)
    return Openings(fmean(rates), NORMAL_95 * stdev(rates) / sqrt(len(rates)), opened / seen, years)


def delays(make: Make, fleets: Iterable[Drawn], before: float, after: float, *, opens: bool = True) -> Delays:
    """A change of the true median from `before` to `after` (times the mark) at a random moment of a steady state.

    Until the rule opens, or with `opens` False, until it closes. Sites where it was so before the change are left out.
    """
    days: list[float] = []
    already = 0
    for fleet in fleets:
        moments = (STEADY_DAYS + 7 * np.random.default_rng(len(fleet.hours)).random(len(fleet.hours))) * DAY_H
        for samples, change in zip(fleet.every(), moments.tolist(), strict=True):
            found = _delay(make(), samples, change, shifts=(log(before), log(after)), opens=opens)
            if found is None:
                already += 1
            else:
                days.append(found / DAY_H)
    return Delays(days, already)


def _delay(
    rule: Rule, samples: Sequence[tuple[float, float]], change: float, *, shifts: tuple[float, float], opens: bool
) -> float | None:
    """Hours until the rule was as asked; infinite: never; None: it was so before."""
    begun = False
    for hours, level in samples:
        if not begun and hours >= change:
            if rule.is_open == opens:
                return None
            begun = True
        rule.see(hours, level + shifts[begun])
        if begun and rule.is_open == opens:
            return hours - change
    return inf
