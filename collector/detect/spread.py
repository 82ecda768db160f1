"""How much a site's own results vary, learnt from them one by one. Pure."""

from math import sqrt
from typing import Final

import msgspec

_PRIOR: Final = 0.0625
"""What is assumed before anything is known: a coefficient of variation of 0.25."""
_PRIOR_N: Final = 30.0
_MEMORY_N: Final = 120.0
_CENTRE_N: Final = 24.0
_BOUND: Final = 2.5
_UNBOUND: Final = 1.05
"""Makes up for what the bound takes from the variance of a normal distribution."""


class Spread(msgspec.Struct, frozen=True):
    """The variance of a site's log(value) about its own slowly moving centre, from `seen` samples and a prior.

    One sample counts at most 2.5 standard deviations, so neither a broken test nor a step moves it far. About the last
    120 samples are remembered: a month.
    """

    centre: float | None = None
    variance: float = _PRIOR
    seen: float = 0.0

    def learnt(self, level: float, weight: float) -> "Spread":
        """What is known after one more sample of log(value) `level`, which counts `weight` of a full one."""
        if self.centre is None:
            return Spread(level, self.variance, weight)
        variance, seen = self.variance, self.seen + weight
        bound = _BOUND * sqrt(variance)
        off = min(max(level - self.centre, -bound), bound)
        pace = weight / min(_PRIOR_N + seen, _MEMORY_N)
        nearer = weight / min(seen + 1.0, _CENTRE_N)
        return Spread(
            self.centre + nearer * off,
            variance + pace * (_UNBOUND * off * off - variance),
            min(seen, _MEMORY_N),
        )
