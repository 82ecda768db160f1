"""From answers to numbers: loss, order and round-trip times of one latency run. Pure.

Definitions. A packet is *received* if an answer came within the timeout; *late* if the only answer came after it, and
then it is lost too: sent = received + lost. *Duplicate*: an answer beyond the first to the same packet. *Reordered*
(RFC 4737): a first answer to an earlier packet than one already answered. Percentiles are by nearest rank, so each is a
time that was really seen; the median of an even number is the mean of the middle two. Jitter is RFC 3550's (gain 1/16)
over the round trips in order of arrival. Late answers are in no time statistic.

By direction. T2 - T1 and T4 - T3 are off by the difference of the two clocks, which is as good as constant for the
seconds of a run: so the jitter of each way needs no common clock. A clock that is set in mid-run betrays itself when a
way seems to change by more than a whole round trip, which none can; then nothing is said of either.
"""

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent.wire.results import Latency, Spread

FIRST_SEQ: Final = 1
_MS: Final = 1_000_000
_GAIN: Final = 1 / 16
_CLOCK_NOISE_NS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: to which of our packets, the reflector's own count if it has one, and the times that it took.

    `forward_ns` and `backward_ns`: the ways there and back by both ends' clocks. They are delays only if both clocks
    follow UTC (`synchronized`); their differences say how steady each way is, whatever the clocks show.
    `at_ns`: when our packet left, on the monotonic clock.
    """

    seq: int
    reflector_seq: int | None
    rtt_ns: int
    forward_ns: int | None = None
    backward_ns: int | None = None
    synchronized: bool = False
    at_ns: int = 0


@dataclass(frozen=True, slots=True)
class Losses:
    """Share of packets lost on the way there, and of those reflected, on the way back."""

    forward: float
    backward: float


def summarize(sent: int, answers: Sequence[Answer], *, timeout_ns: int, method: str = "stamp") -> Latency:
    """Give the result of a run that sent `sent` packets (not none) from FIRST_SEQ on; answers in order of arrival."""
    first = first_answers(answers)
    timely = [answer for answer in first if answer.rtt_ns <= timeout_ns]
    rtts = [answer.rtt_ns for answer in timely]
    rtt = spread(rtts)
    losses = losses_by_direction(answers)
    forward = _one_way([answer.forward_ns for answer in timely if answer.synchronized], among=len(timely))
    backward = _one_way([answer.backward_ns for answer in timely if answer.synchronized], among=len(timely))
    there, back = ways(timely)
    lost = sent - len(timely)
    return Latency(
        method=method,
        sent=sent,
        received=len(timely),
        lost=lost,
        duplicate=len(answers) - len(first),
        reordered=_reordered(first),
        late=len(first) - len(timely),
        rtt_ms=rtt,
        jitter_ms=jitter_ms(rtts),
        variation_ms=None if rtt is None else _variation(rtt),
        loss_ratio=round(lost / sent, 6),
        forward_loss_ratio=losses.forward if losses else None,
        backward_loss_ratio=losses.backward if losses else None,
        forward_ms=forward if backward else None,
        backward_ms=backward if forward else None,
        forward_jitter_ms=jitter_ms(there),
        backward_jitter_ms=jitter_ms(back),
        reflector=reflector(answers),
    )


def spread(times_ns: Sequence[int]) -> Spread | None:
    """Describe times in milliseconds, to the microsecond; None without any."""
    if not times_ns:
        return None
    ordered = sorted(times_ns)
    return Spread(
        min=_ms(ordered[0]),
        median=_ms(statistics.median(ordered)),
        mean=_ms(statistics.fmean(ordered)),
        p95=_ms(percentile(ordered, 0.95)),
        p99=_ms(percentile(ordered, 0.99)),
        max=_ms(ordered[-1]),
    )


def percentile(ordered: Sequence[int], share: float) -> int:
    """Give the smallest value that at least `share` of the sorted values do not exceed (nearest rank)."""
    # The rank is rounded first: 0.95 * 20 is 19.000000000000004 in some orders of multiplication.
    return ordered[max(1, math.ceil(round(share * len(ordered), 9))) - 1]


def ways(timely: Sequence[Answer]) -> tuple[list[int], list[int]]:
    """Give the times of the way there and of the way back, each off by some constant; empty if they say nothing."""
    there = [answer.forward_ns for answer in timely if answer.forward_ns is not None]
    back = [answer.backward_ns for answer in timely if answer.backward_ns is not None]
    if len(there) < len(timely) or len(back) < len(timely):
        return [], []
    for earlier, later in itertools.pairwise(timely):
        change_ns = abs((later.forward_ns or 0) - (earlier.forward_ns or 0))
        if change_ns > max(earlier.rtt_ns, later.rtt_ns) + _CLOCK_NOISE_NS:
            return [], []
    return there, back


def reflector(answers: Sequence[Answer]) -> str | None:
    """Tell what the reflector's numbers are: `stateful` (its own count), `stateless` (copies of ours); None: none.

    Ours begin at 1 and a count at 0, so one answer is enough, unless exactly the right packets were lost before it.
    """
    numbered = [answer for answer in answers if answer.reflector_seq is not None]
    if not numbered:
        return None
    return "stateless" if _copies(numbered) else "stateful"


def jitter_ms(rtts_ns: Sequence[int]) -> float | None:
    """Smooth the differences of successive times as RFC 3550 does; None for fewer than two."""
    if len(rtts_ns) < 2:  # noqa: PLR2004 - one has no neighbour
        return None
    jitter = 0.0
    for earlier, later in itertools.pairwise(rtts_ns):
        jitter += (abs(later - earlier) - jitter) * _GAIN
    return _ms(jitter)


def losses_by_direction(answers: Sequence[Answer]) -> Losses | None:
    """Tell where packets were lost, if the reflector counts for itself.

    None if it copies our numbers, or if its count is none of our packets alone: it restarted, began again after its
    largest number, or counts others' packets, too. Our numbers begin at 1 so that a reflector that counts from 0 can be
    told from one that copies. Only what lies between the first and the last answer can be told apart; a tail without
    any answer belongs to neither direction.
    """
    if _copies(answers):
        return None
    counted_by = [(answer.reflector_seq, answer.seq) for answer in answers if answer.reflector_seq is not None]
    reflected = dict(counted_by)
    if len(counted_by) < len(answers) or any(reflected[count] != seq for count, seq in counted_by):
        return None
    low, high = min(reflected), max(reflected)
    begin, end = reflected[low], max(reflected.values())
    if low <= begin - FIRST_SEQ:  # a session of its own: the count says what was lost before the first answer, too
        low, begin = 0, FIRST_SEQ
    sent, counted = end - begin + 1, high - low + 1
    again = len(reflected) - len(set(reflected.values()))
    forward = sent - (counted - again)
    if forward < 0:  # more than we sent
        return None
    return Losses(_ratio(forward, sent), _ratio(counted - len(reflected), counted))


def _copies(answers: Sequence[Answer]) -> bool:
    return all(answer.reflector_seq == answer.seq for answer in answers)


def first_answers(answers: Sequence[Answer]) -> list[Answer]:
    """Leave out what answers a packet a second time."""
    first: dict[int, Answer] = {}
    for answer in answers:
        first.setdefault(answer.seq, answer)
    return list(first.values())


def _reordered(first: Sequence[Answer]) -> int:
    count, highest = 0, 0
    for answer in first:
        count += answer.seq < highest
        highest = max(highest, answer.seq)
    return count


def _variation(rtt: Spread) -> float | None:
    return None if rtt.p95 is None or rtt.min is None else round(rtt.p95 - rtt.min, 3)


def _one_way(times_ns: Sequence[int | None], *, among: int) -> Spread | None:
    """Describe one direction, unless some time is unknown or below zero: then the clocks do not agree after all."""
    known = [time_ns for time_ns in times_ns if time_ns is not None and time_ns >= 0]
    return spread(known) if len(known) == among else None


def _ratio(part: int, whole: int) -> float:
    return round(min(1.0, max(0.0, part / whole)), 6) if whole > 0 else 0.0


def _ms(time_ns: float) -> float:
    return round(time_ns / _MS, 3)
