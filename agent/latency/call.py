"""What a call over a line would suffer, from the packets that were sent as if they were one. Pure.

A receiver plays speech evenly, so it must wait for the slow packets: the delay that counts is not the mean but the one
that nearly all packets keep. Here the jitter buffer holds what comes up to the 99th percentile, between 20 and 200 ms
beyond the mean; what comes later still is lost to the listener. Mouth to ear:

    20 ms of speech in a packet + mean round trip / 2 + buffer

The worse direction counts, where the reflector lets them be told apart; else the round trip stands in for it. So do
packets of which nobody knows the direction: that makes the line look worse than it is and never better.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent.latency import e_model
from agent.net.round_trips import Answer, first_answers, losses_by_direction, percentile, ways

_MS: Final = 1_000_000
_PACKET_MS: Final = 20.0
_BUFFER_MS: Final = (20.0, 200.0)
_KEPT: Final = 0.99
_FEW_LOSSES: Final = 0.02
_BURST_MAX: Final = 2.0


@dataclass(frozen=True, slots=True)
class Call:
    """The rating (G.107) with what it rests on: delay from mouth to ear, and share of packets that are not heard."""

    r_factor: float
    mos: float
    mouth_to_ear_ms: float
    loss_ratio: float


def rate(sent: int, answers: Sequence[Answer], *, timeout_ns: int, codec: e_model.Codec) -> Call | None:
    """Rate a run that sent `sent` packets; None if nothing came back in time."""
    timely = [answer for answer in first_answers(answers) if answer.rtt_ns <= timeout_ns]
    if not timely:
        return None
    delays = [delays for delays in ways(timely) if delays] or [[answer.rtt_ns for answer in timely]]
    buffer_ms, late_ratio = max(_buffered(way) for way in delays)
    lost_ratio = _lost(sent, answers, received=len(timely))
    loss_ratio = lost_ratio + (1 - lost_ratio) * late_ratio
    delay_ms = _PACKET_MS + statistics.fmean(answer.rtt_ns for answer in timely) / 2 / _MS + buffer_ms
    burst = burst_ratio(sent, {answer.seq for answer in timely})
    rating = e_model.r_factor(mouth_to_ear_ms=delay_ms, loss_ratio=loss_ratio, codec=codec, burst_ratio=burst)
    return Call(
        r_factor=round(rating, 1),
        mos=round(e_model.mos(rating), 2),
        mouth_to_ear_ms=round(delay_ms, 1),
        loss_ratio=round(loss_ratio, 6),
    )


def burst_ratio(sent: int, received: set[int]) -> float:
    """Give G.107's BurstR, at least 1: the mean length of runs of lost packets, over that of random loss.

    Where more than 2 % are lost G.107 vouches for its formula up to 2 only, so it is no more than 2 there.
    """
    lost = [seq for seq in range(1, sent + 1) if seq not in received]
    share = len(lost) / sent
    runs = sum(seq == 1 or seq - 1 in received for seq in lost)
    if not runs or share == 1:
        return 1.0
    ratio = len(lost) / runs * (1 - share)
    return max(1.0, min(ratio, _BURST_MAX) if share > _FEW_LOSSES else ratio)


def _buffered(delays_ns: Sequence[int]) -> tuple[float, float]:
    """Size the buffer for one way: its delay beyond the mean in ms, and the share of packets that miss it."""
    mean_ns = statistics.fmean(delays_ns)
    low, high = _BUFFER_MS
    buffer_ms = min(high, max(low, (percentile(sorted(delays_ns), _KEPT) - mean_ns) / _MS))
    late = sum(delay_ns - mean_ns > buffer_ms * _MS for delay_ns in delays_ns)
    return buffer_ms, late / len(delays_ns)


def _lost(sent: int, answers: Sequence[Answer], *, received: int) -> float:
    """Give the worse way's share of lost packets: what came back, but for what is known to be the better way's loss.

    Late packets, and those after the last answer, are in neither way's count, and are lost to the listener.
    """
    losses = losses_by_direction(answers)
    excused = min(losses.forward, losses.backward) if losses else 0.0
    return max(0.0, 1 - received / sent / (1 - excused))
