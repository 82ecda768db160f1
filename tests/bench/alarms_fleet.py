"""A simulated fleet: when each site measures, and what comes of it, as shares of the site's true median.

Only what is drawn is NumPy's; what is done with it is the product's own code, sample by sample.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

BASE: Final = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
FAILED: Final = 0.02
DOUBTED: Final = 0.10
DAY_H: Final = 24.0
_DRAWS: Final = 1_000_000
_EVENING: Final = (18.0, 23.0)
_WEEKEND: Final = 5

Noise = Literal["lognormal", "gamma", "normal", "broken"]
NOISES: Final[tuple[Noise, ...]] = get_args(Noise)
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Kind:
    """How results vary. `dip`: what 18 to 23 h takes; `weekend`: what Saturday and Sunday take; `memory`: AR(1).

    `broken`: log-normal, and every twelfth result is only 30 to 80 % of what it would be. `swing`: with it tests stand
    at 0, 6, 12 and 18 h, speeds go by 1 + swing cos(hour) and `dip` and `weekend` are left out; the true median is that
    of the noise alone.
    """

    name: str
    noise: Noise = "lognormal"
    cv: float = 0.25
    dip: float = 0.20
    weekend: float = 0.05
    memory: float = 0.0
    a_day: int = 4
    swing: float = 0.0


@dataclass(frozen=True, slots=True)
class Drawn:
    """Of `sites` (rows): the hours since `BASE` of each test, its log(value / true median), and whether it counts."""

    days: int
    hours: Floats
    levels: Floats
    counts: NDArray[np.bool_]

    def samples(self, site: int) -> list[tuple[float, float]]:
        """The conclusive ones of one site, oldest first: (hours, log(value / true median))."""
        counts = self.counts[site]
        return list(zip(self.hours[site][counts].tolist(), self.levels[site][counts].tolist(), strict=True))

    def every(self) -> Iterator[list[tuple[float, float]]]:
        """The conclusive samples of each site."""
        return (self.samples(site) for site in range(len(self.hours)))


def drawn(kind: Kind, sites: int, days: int, seed: int) -> Drawn:
    """Draw a fleet: tests at random moments of equal slots; 2 % fail, 10 % are doubted, neither counts."""
    random = np.random.default_rng([seed, sites, days])
    tests, slot = days * kind.a_day, DAY_H / kind.a_day
    within = 0.0 if kind.swing else random.random((sites, tests))
    hours = np.arange(tests) * slot + within * np.ones((sites, tests)) * slot
    levels = _noise(kind, random, (sites, tests), memory=kind.memory) + _dips(kind, hours) - _median(kind)
    return Drawn(days, hours, levels, random.random((sites, tests)) >= FAILED + DOUBTED)


def moment(hours: float) -> datetime:
    """The moment so many hours after `BASE`."""
    return BASE + timedelta(hours=hours)


def _noise(kind: Kind, random: np.random.Generator, shape: tuple[int, int], *, memory: float = 0.0) -> Floats:
    if kind.noise == "gamma":
        return np.log(random.gamma(kind.cv**-2, kind.cv**2, shape))
    normal = random.standard_normal(shape)
    if kind.noise == "normal":
        return np.log(np.maximum(1.0 + kind.cv * normal, 0.02))
    if memory:
        for at in range(1, shape[1]):
            normal[:, at] = memory * normal[:, at - 1] + np.sqrt(1 - memory**2) * normal[:, at]
    levels: Floats = np.sqrt(np.log1p(kind.cv**2)) * normal
    if kind.noise == "broken":
        levels += np.where(random.random(shape) < 1 / 12, np.log(random.uniform(0.3, 0.8, shape)), 0.0)
    return levels


def _dips(kind: Kind, hours: Floats) -> Floats:
    if kind.swing:
        swung: Floats = np.log1p(kind.swing * np.cos(2 * np.pi * hours / DAY_H))
        return swung
    hour, day = hours % DAY_H, (hours // DAY_H) % 7
    evening = np.where((hour >= _EVENING[0]) & (hour < _EVENING[1]), np.log1p(-kind.dip), 0.0)
    found: Floats = evening + np.where(day >= _WEEKEND, np.log1p(-kind.weekend), 0.0)
    return found


def _median(kind: Kind) -> float:
    """The median over the whole week, dips included: what "true median" means here."""
    random = np.random.default_rng(0)
    hours = random.random((1, _DRAWS)) * 7 * DAY_H
    noise = _noise(kind, random, (1, _DRAWS))
    return float(np.median(noise if kind.swing else noise + _dips(kind, hours)))
