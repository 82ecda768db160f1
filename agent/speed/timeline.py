"""Counters of several streams, read by the far end's clocks, put on one time axis of ours. Pure.

A receiver reports "after e seconds I had b bytes", and the news reaches us at a. The smallest a - e of a stream is
its clock's offset plus the fastest way back; with it every reading gets a moment of our clock, free of the delay
that its own message met. Adding the streams up at common moments avoids the classic mistake of adding rates of
times that do not overlap.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.speed.estimate import Sample, at

STEP_S: Final = 0.05


class Reading(NamedTuple):
    """One message of a receiver: when it came (our clock), the receiver's elapsed time, its bytes so far."""

    came_s: float
    elapsed_s: float
    received: int


def placed(readings: Sequence[Reading]) -> list[Sample]:
    """A stream's readings on our axis, from its zero on; readings that go back in time or bytes are left out."""
    if not readings:
        return []
    offset = min(reading.came_s - reading.elapsed_s for reading in readings)
    samples = [Sample(offset, 0)]
    for reading in readings:
        sample = Sample(offset + reading.elapsed_s, reading.received)
        if sample.at_s > samples[-1].at_s and sample.received >= samples[-1].received:
            samples.append(sample)
    return samples


def joined(streams: Sequence[Sequence[Sample]]) -> list[Sample]:
    """The sum of all streams, every 50 ms from the first one's start until the first one falls silent.

    Every part must be known: with a stream that has no sample at all, or no common time, the answer is empty.
    """
    if not streams or not all(streams):
        return []
    start = min(samples[0].at_s for samples in streams)
    end = min(samples[-1].at_s for samples in streams)
    if end <= start:
        return []
    steps = int((end - start) / STEP_S)
    moments = [start + step * STEP_S for step in range(steps + 1)]
    if end - moments[-1] > STEP_S / 100:
        moments.append(end)
    return [Sample(moment, sum(at(samples, moment) for samples in streams)) for moment in moments]


def lacking(ours: Sequence[Sample], theirs: Sequence[Sample]) -> float:
    """How many bytes the peer lacked of what we counted, at least, all through the second half of what it said.

    A message that was long on its way makes the peer look behind, and nothing makes it look ahead: so the smallest
    difference is the true one. 0 where the peer said nothing.
    """
    later = theirs[len(theirs) // 2 :]
    return min((at(ours, sample.at_s) - sample.received for sample in later), default=0.0)
