"""From counters to a rate: pure, no clock, no I/O.

A run is a list of samples of one cumulative byte counter at the receiver. The estimate is the bytes of one
contiguous window divided by its length. No percentile is ever trimmed: behind a lost packet the application sees a
stall and then a burst, and trimming stalls reads 3 to 11 % high.
"""

import itertools
import math
import statistics
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

RAMP_S: Final = 2.0
RAMP_SHARE: Final = 0.4
RATE_STEP_S: Final = 0.1
MAX_RATES: Final = 300
STEADY_SHARE: Final = 0.9
MIN_BATCH_S: Final = 0.06
MAX_BATCHES: Final = 10
# No bound is narrower: moments are read to a millisecond, and a super-packet counts when it is whole.
FLOOR: Final = 0.005

# Student's t, two-sided 95 %, for 1 to 9 degrees of freedom (any table; the tests recompute it).
T_95: Final = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622)


class Sample(NamedTuple):
    """Bytes at the receiver since the start, over all streams, at a moment of one monotonic clock (seconds).

    `rtt_us`: the smoothed round trip under load, the median of the streams; `retransmitted`: bytes sent again so far.
    Both None while they are not known.
    """

    at_s: float
    received: float
    rtt_us: float | None = None
    retransmitted: float | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the samples say. `low_mbps` and `high_mbps` bound `mbps` at 95 %; None where there is too little to tell.

    `ramp_s`: from the start until a 100 ms rate first reached 90 % of `mbps`; None if none did.
    """

    mbps: float
    mean_mbps: float
    low_mbps: float | None
    high_mbps: float | None
    ramp_s: float | None
    duration_s: float


class Steadiness(NamedTuple):
    """The mean rate of a window in Mbit/s; as shares of it the standard error of its parts, and the halves' difference.

    Both are infinite where nothing came.
    """

    mbps: float
    error: float
    drift: float


def ramp_cut_s(duration_s: float) -> float:
    """How much of the start does not count: 2 s, but of a run under 5 s at most two fifths.

    On measured links up to 60 ms and 1 Gbit/s, 2 s of 10 s take the error of the ramp from 4 % to under 0.1 %. What
    must pass is slow start and the recovery of what it lost: then bytes held behind a hole come in one burst, up to
    a second in, and would count as rate. That takes seconds, not a share, so the cut shrinks only where the window
    would otherwise become too short for the batches that bound the rate.
    """
    return min(RAMP_S, RAMP_SHARE * duration_s)


def estimate(samples: Sequence[Sample], *, since_s: float | None = None) -> Estimate | None:
    """The steady rate and its bounds, or None where no time passed.

    `samples`: time rising; the first is the start of the run and counts nothing yet. `since_s`: where the steady
    window begins, if somebody has judged that; else after the ramp cut.
    """
    if len(samples) < 2 or samples[-1].at_s <= samples[0].at_s:  # noqa: PLR2004 - two ends make a window
        return None
    start, end = samples[0].at_s, samples[-1].at_s
    window = start + ramp_cut_s(end - start) if since_s is None or not start <= since_s < end else since_s
    steady = _rates(samples, window, end, 1)[0]
    batches = min(MAX_BATCHES, int((end - window) / MIN_BATCH_S))
    half = max(FLOOR * steady, _half_width(_rates(samples, window, end, batches))) if batches > 1 else None
    return Estimate(
        mbps=steady,
        mean_mbps=_rates(samples, start, end, 1)[0],
        low_mbps=None if half is None else max(0.0, steady - half),
        high_mbps=None if half is None else steady + half,
        ramp_s=_ramp_s(samples, steady),
        duration_s=end - start,
    )


def steadiness(samples: Sequence[Sample], since_s: float, until_s: float, *, parts: int = 8) -> Steadiness:
    """How even the rate is in a window that lies within the samples."""
    batches = _rates(samples, since_s, until_s, parts)
    mean = statistics.fmean(batches)
    if mean <= 0:
        return Steadiness(0.0, math.inf, math.inf)
    half = parts // 2
    drift = abs(statistics.fmean(batches[half:]) - statistics.fmean(batches[:half])) / mean
    return Steadiness(mean, statistics.stdev(batches) / math.sqrt(parts) / mean, drift)


def median_rtt_us(samples: Sequence[Sample], since_s: float) -> float | None:
    """The median of the round trips from a moment on; None where none is known."""
    first = bisect_left(samples, since_s, key=lambda sample: sample.at_s)
    known = [sample.rtt_us for sample in samples[first:] if sample.rtt_us is not None]
    return statistics.median(known) if known else None


def rates(samples: Sequence[Sample]) -> list[float]:
    """The rate of every 100 ms from the start, in Mbit/s, at most 300 of them; a last, shorter one is left out."""
    if not samples:
        return []
    start = samples[0].at_s
    # A run of 10 s ends a few microseconds early or late; the last interval must not depend on that.
    steps = min(MAX_RATES, int((samples[-1].at_s - start) / RATE_STEP_S + 0.01))
    return _rates(samples, start, start + steps * RATE_STEP_S, steps)


def at(samples: Sequence[Sample], moment_s: float) -> float:
    """The counter at a moment, on the line between the samples around it; outside them, the nearest sample's."""
    after = bisect_left(samples, moment_s, key=lambda sample: sample.at_s)
    if after == 0:
        return samples[0].received
    if after == len(samples):
        return samples[-1].received
    before, then = samples[after - 1], samples[after]
    return before.received + (then.received - before.received) * (moment_s - before.at_s) / (then.at_s - before.at_s)


def _rates(samples: Sequence[Sample], start: float, end: float, parts: int) -> list[float]:
    """The rates in Mbit/s of `parts` equal parts of a window."""
    if parts < 1:
        return []
    length = (end - start) / parts
    counts = [at(samples, start + part * length) for part in range(parts + 1)]
    return [(then - before) * 8 / 1e6 / length for before, then in itertools.pairwise(counts)]


def _half_width(batches: list[float]) -> float:
    """Half the 95 % interval of the mean: batch means, nearly independent, and Student's t."""
    return T_95[len(batches) - 2] * statistics.stdev(batches) / math.sqrt(len(batches))


def _ramp_s(samples: Sequence[Sample], steady: float) -> float | None:
    if steady <= 0:
        return None
    for step, rate in enumerate(rates(samples), start=1):
        if rate >= STEADY_SHARE * steady:
            return round(step * RATE_STEP_S, 3)
    return None
