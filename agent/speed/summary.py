"""From a transfer to the report's words: pure."""

import math
import statistics
from collections.abc import Sequence
from typing import Final

from agent.speed.engine import Transfer
from agent.speed.estimate import Estimate, estimate, ramp_cut_s, rates
from agent.speed.limits import Limits
from agent.wire.failure import Failure, Reason, Stage
from agent.wire.results import Direction, Spread

BRIEF_S: Final = 0.05
# Others on the line go on taking and giving after the second that was looked at.
WIDER: Final = 1.5
# However even a second was, it says no more than this of a minute: beside a cubic flow, which comes back after each of
# its losses, 119 of 120 runs of 1 to 4 s were within 3.4 % of the minute's share.
SHORT: Final = 0.03
_DIGITS: Final = 3


def direction(transfer: Transfer, limits: Limits) -> Direction:
    """One direction of the result: numbers, or the failure that ended it and what was seen before it."""
    if transfer.figure_mbps is not None and transfer.stop.failure is None:
        return _figure(transfer, transfer.figure_mbps)
    found = estimate(transfer.samples, since_s=transfer.steady_since_s)
    failure = transfer.stop.failure
    if failure is None and (found is None or found.mbps <= 0 or _too_brief(transfer, found.duration_s)):
        failure = _nothing(transfer, limits)
    seen = Direction(
        bytes=transfer.received,
        duration_s=None if found is None else round(found.duration_s, _DIGITS),
        streams=transfer.streams,
        stop="error" if failure is not None else transfer.stop.word,
        rates_mbps=[round(rate, 2) for rate in rates(transfer.samples)] or None,
        failure=failure,
    )
    if failure is not None or found is None:
        return seen
    low, high = _bounds(found, transfer)
    return Direction(
        mbps=_rounded(found.mbps),
        mean_mbps=_rounded(found.mean_mbps),
        low_mbps=_rounded(low),
        high_mbps=_rounded(high),
        bytes=seen.bytes,
        duration_s=seen.duration_s,
        streams=seen.streams,
        stop=seen.stop,
        ramp_s=found.ramp_s,
        retransmit_ratio=_ratio(transfer),
        loaded_rtt_ms=_loaded(transfer),
        rates_mbps=seen.rates_mbps,
    )


def _bounds(found: Estimate, transfer: Transfer) -> tuple[float | None, float | None]:
    """The bounds of the window, widened to what the rate was off by while the line was full, and half as much again.

    To both sides: where others give way slowly the rate was too low all the time, and never above what it will be.

    A budget may end a run in its ramp: what its bytes show is how much the line carries at least, and no upper bound.
    """
    low, high, queue = found.low_mbps, found.high_mbps, transfer.queue
    if low is not None and high is not None:
        off = SHORT * found.mbps if transfer.stop.word == "converged" else 0.0
        if queue is not None:
            off = max(off, WIDER * max(abs(extreme - found.mbps) for extreme in queue.spread_mbps))
        low, high = max(0.0, min(low, found.mbps - off)), max(high, found.mbps + off)
    return low, None if transfer.stop.word == "budget" else high


def _figure(transfer: Transfer, mbps: float) -> Direction:
    """What an engine says that gives a figure and no samples: no bounds, no curve."""
    return Direction(
        mbps=_rounded(mbps),
        bytes=transfer.received or None,
        streams=transfer.streams or None,
        stop=transfer.stop.word,
        retransmit_ratio=_ratio(transfer),
    )


def spread_ms(rtts_us: Sequence[int]) -> Spread | None:
    """Minimum, median and 95th percentile (nearest rank) of round trips in microseconds; None without any."""
    if not rtts_us:
        return None
    ordered = sorted(rtts_us)
    return Spread(
        min=round(ordered[0] / 1000, _DIGITS),
        median=round(statistics.median(ordered) / 1000, _DIGITS),
        p95=round(ordered[math.ceil(0.95 * len(ordered)) - 1] / 1000, _DIGITS),
    )


def idle_ms(rtts_us: Sequence[int]) -> Spread | None:
    """Minimum and median of a few round trips before the load: too few for a percentile."""
    found = spread_ms(rtts_us)
    return None if found is None else Spread(min=found.min, median=found.median)


def _too_brief(transfer: Transfer, duration_s: float) -> bool:
    """Whether a budget was gone before there was a rate to see: slow start, or a whole load between two counts."""
    return transfer.stop.word == "budget" and duration_s < BRIEF_S


def _nothing(transfer: Transfer, limits: Limits) -> Failure:
    if transfer.stop.word == "budget":
        allowed = f"{limits.max_bytes} bytes are" if limits.max_bytes else "what the service allows is"
        return Failure(Stage.DEVICE, Reason.BUDGET, f"{allowed} too little to measure this line")
    return Failure(Stage.PEER, Reason.PROTOCOL, "the peer did not say for every stream what it had received")


def _loaded(transfer: Transfer) -> Spread | None:
    """Round trips once the line is full: after the ramp cut."""
    full, _ = full_span(transfer)
    return spread_ms([rtt for moment, rtt in transfer.rtts_us if moment >= full])


def full_span(transfer: Transfer) -> tuple[float, float]:
    """From when the ramp ended, or the steady rate began, to the last count; `transfer` has samples."""
    first, last = transfer.samples[0].at_s, transfer.samples[-1].at_s
    return transfer.steady_since_s or first + ramp_cut_s(last - first), last


def _ratio(transfer: Transfer) -> float | None:
    if not transfer.sent_bytes or transfer.retransmitted_bytes is None:
        return None
    return round(min(1.0, max(0.0, transfer.retransmitted_bytes / transfer.sent_bytes)), 6)


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, _DIGITS)
