"""Data sets whose truth is known: one line's samples, and areas of sites with samples. Seeded."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

KINDS: Final = ("normal", "skewed", "bimodal", "heavy-tailed")
_TRUTH: Final = 4_000_000
_SPREAD: Final = 0.25
"""Of a site's samples around its level, as a share of it."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Truth:
    """What a kind of data is really like, from four million draws."""

    mean: float
    ordered: Numbers

    def quantile(self, share: float) -> float:
        """The true quantile, to about a thousandth of the spread."""
        return float(self.ordered[int(share * len(self.ordered))])


def draw(kind: str, shape: int | tuple[int, ...], chance: np.random.Generator) -> Numbers:
    """Samples like Mbit/s: around 100, spread by a quarter to a half."""
    match kind:
        case "normal":
            return chance.normal(100, 25, shape)
        case "skewed":
            return chance.lognormal(4.5, 0.5, shape)
        case "bimodal":
            low, high = chance.normal(40, 8, shape), chance.normal(110, 12, shape)
            return np.where(chance.random(shape) < 0.3, low, high)
        case "heavy-tailed":
            return 100 + 15 * chance.standard_t(3, shape)
        case _:
            raise ValueError(kind)


@lru_cache(maxsize=8)
def truth(kind: str) -> Truth:
    """The truth about a line's samples."""
    drawn = draw(kind, _TRUTH, np.random.default_rng(99))
    return Truth(float(drawn.mean()), np.sort(drawn))


@lru_cache(maxsize=8)
def area_truth(kind: str) -> Truth:
    """The truth about all samples of all sites that there could be."""
    chance = np.random.default_rng(98)
    levels = draw(kind, _TRUTH, chance)
    drawn = levels * chance.normal(1, _SPREAD, _TRUTH)
    return Truth(float(drawn.mean()), np.sort(drawn))


def area(kind: str, sites: int, chance: np.random.Generator) -> list[list[float]]:
    """Sites whose levels are a draw of the kind, each with 12 to 60 samples around its level."""
    levels = draw(kind, sites, chance)
    counts = chance.integers(12, 61, sites)
    return [(level * chance.normal(1, _SPREAD, count)).tolist() for level, count in zip(levels, counts, strict=True)]
