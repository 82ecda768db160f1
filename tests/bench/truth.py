"""What a link carried, and could have carried: pure, from its own record of what was delivered when."""

import itertools
import statistics
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.netlab.counts import Moment
from tests.netlab.shaping import capacity_of
from tests.netlab.spec import LinkSpec, payload_ceiling

FULL_S: Final = 10.0
BIN_S: Final = 0.1
# A direction is loaded while it carries this share of what it can; replies to the other one are far below.
LOADED: Final = 0.05
# What is in the first seconds is the ramp
RAMP_S: Final = 1.0
LEAST_BINS: Final = 3


@dataclass(frozen=True, slots=True)
class Load:
    """When a direction was loaded (time.monotonic()) and the steady payload rate in Mbit/s that came out meanwhile."""

    start_s: float
    end_s: float
    carried_mbps: float | None


def ceiling_mbps(spec: LinkSpec, family: str) -> float:
    """The most TCP payload that comes out: of the rate (or a trace's mean rate), less what is lost behind it."""
    mean = capacity_of(spec, 0.0).mean * 8 / 1e6
    return payload_ceiling(mean, family) * (1 - spec.loss)


def possible_mbps(spec: LinkSpec, family: str, *, epoch: float, start_s: float, length_s: float = FULL_S) -> float:
    """The payload that a link (whose trace began at `epoch`) could carry from a moment on, as a rate."""
    carried = capacity_of(spec, epoch).between(start_s, start_s + length_s)
    return payload_ceiling(carried * 8 / 1e6 / length_s, family) * (1 - spec.loss)


def ten_seconds_bytes(spec: LinkSpec) -> float:
    """The IP bytes that a link carries in 10 s, a trace at its mean rate."""
    return capacity_of(spec, 0.0).mean * FULL_S


def loaded(moments: Sequence[Moment], *, since_s: float, limit_mbps: float) -> Load | None:
    """Find when a direction was loaded after `since_s`; None if it never was.

    `limit_mbps`: the payload that it can carry. The steady rate is the median of tenths of a second after the ramp,
    and None if there are too few of them.
    """
    moments = moments[bisect_left(moments, since_s, key=lambda moment: moment.time) :]
    bins = _bins(moments)
    busy = [(moment, rate) for moment, rate in bins if rate >= LOADED * limit_mbps]
    if not busy:
        return None
    start, end = busy[0][0], busy[-1][0] + BIN_S
    steady = [rate for moment, rate in busy if start + min(RAMP_S, (end - start) / 2) <= moment < end - 2 * BIN_S]
    return Load(start, end, statistics.median(steady) if len(steady) >= LEAST_BINS else None)


def _bins(moments: Sequence[Moment]) -> list[tuple[float, float]]:
    """Cut a record into tenths of a second: (begin, payload in Mbit/s)."""
    if not moments:
        return []
    times = [moment.time for moment in moments]
    start = times[0]
    count = int((times[-1] - start) / BIN_S)
    edges = [start + BIN_S * number for number in range(count + 1)]
    totals = [_at(moments, times, edge) for edge in edges]
    return [
        (edge, (later - earlier) * 8 / 1e6 / BIN_S)
        for edge, (earlier, later) in zip(edges, itertools.pairwise(totals), strict=False)
    ]


def _at(moments: Sequence[Moment], times: Sequence[float], edge: float) -> float:
    """The payload delivered until a moment; between two rows that are far apart nothing was on its way."""
    after = bisect_left(times, edge)
    if after == 0:
        return float(moments[0].tcp_payload_bytes)
    if after == len(times):
        return float(moments[-1].tcp_payload_bytes)
    before, then = moments[after - 1], moments[after]
    gap = then.time - before.time
    if gap > BIN_S / 2:
        return float(before.tcp_payload_bytes)
    return before.tcp_payload_bytes + (then.tcp_payload_bytes - before.tcp_payload_bytes) * (edge - before.time) / gap
