"""Plateau B of the facts page, the estimator to beat: on what an application reads, as it was described there.

Every 50 ms look at the last window W = max(0.8 s, 8 RTT, half the elapsed time), cut into 5 batches; stop when the
batches' standard error is within 2 % and the window's halves within 3 %, for two looks running, and 1.2 s have passed.
"""

import itertools
import math
import statistics
from collections.abc import Sequence
from typing import Final

from agent.speed.estimate import Sample, at

LOOK_S: Final = 0.05
FIRST_S: Final = 1.2
LAST_S: Final = 10.0
WINDOW_S: Final = 0.8
ROUND_TRIPS: Final = 8
BATCHES: Final = 5
ERROR: Final = 0.02
DRIFT: Final = 0.03


def plateau(samples: Sequence[Sample], rtt_s: float) -> tuple[float, float]:
    """The rate in Mbit/s, and the second at which it stopped."""
    start, end = samples[0].at_s, min(samples[-1].at_s, samples[0].at_s + LAST_S)
    looks = 0
    for step in itertools.count(1):
        now = start + step * LOOK_S
        if now >= end:
            break
        window = max(WINDOW_S, ROUND_TRIPS * rtt_s, (now - start) / 2)
        looks = looks + 1 if now - start >= max(FIRST_S, window) and _is_flat(samples, now - window, now) else 0
        if looks == 2:
            return rate(samples, now - window, now), now - start
    return rate(samples, max(start, end - max(WINDOW_S, (end - start) / 2)), end), end - start


def rate(samples: Sequence[Sample], since: float, until: float) -> float:
    """The mean rate of a window, in Mbit/s."""
    return (at(samples, until) - at(samples, since)) * 8 / 1e6 / (until - since)


def _is_flat(samples: Sequence[Sample], since: float, until: float) -> bool:
    step = (until - since) / BATCHES
    parts = [rate(samples, since + part * step, since + (part + 1) * step) for part in range(BATCHES)]
    mean = statistics.mean(parts)
    if mean <= 0:
        return False
    middle = (since + until) / 2
    drift = abs(rate(samples, since, middle) - rate(samples, middle, until)) / mean
    return statistics.stdev(parts) / math.sqrt(BATCHES) / mean <= ERROR and drift <= DRIFT
