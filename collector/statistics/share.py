"""How many samples reach a mark. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """k of n samples are at or above a mark."""

    n: int
    k: int


def share_at_least(samples: Sequence[float], mark: float) -> Share:
    """How many samples are at or above a mark."""
    return Share(len(samples), sum(sample >= mark for sample in samples))
