"""What has crossed the line, from the kernel's counters of several streams: pure.

In-order bytes stand still behind a lost packet and then jump; a line that is full all the time looks like one that
stalls. Segments are counted as they cross, holes or not (`tcpi_data_segs_in` at a receiver, `tcpi_delivered` at a
sender). From the first hole of a stream on, each of them stands for a full one, if its segments have been full: small
ones are sent at the start alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from agent.speed.estimate import Sample

ENOUGH_SEGMENTS: Final = 40
# Where segments are not full (loopback, offloading, a sender that trickles) they tell nothing, and bytes in order are
# all there is. In a stretch without a new hole the bytes are those of its segments.
FULL: Final = (0.98, 1.005)


class Count(NamedTuple):
    """One stream's counters since it was opened: payload in order, segments with payload, and the largest of these.

    `holes`: out-of-order packets (at a receiver) or bytes sent again (at a sender) so far; with none, in order is all.
    `most`: what can have crossed at most, because no more was sent. All but the first are None where the kernel does
    not tell.
    """

    in_order: int
    segments: int | None = None
    largest: int | None = None
    holes: int | None = None
    most: int | None = None


_NOTHING: Final = Count(0, 0)


@dataclass(slots=True)
class _Stream:
    """What is known of one stream: its last counters before the first hole, and whether its segments are full.

    `mark`: where the present stretch of at least 40 segments began, to be compared with its end.
    """

    before_holes: Count = _NOTHING
    mark: Count = _NOTHING
    is_full: bool = False

    def learn(self, count: Count) -> bool:
        """Take the next counters; whether they changed what earlier ones mean."""
        if not count.holes:
            self.before_holes = count
        if count.segments is None or not count.largest:
            return False
        segments = count.segments - (self.mark.segments or 0)
        if segments < ENOUGH_SEGMENTS:
            return False
        size = (count.in_order - self.mark.in_order) / segments
        full, was = FULL[0] * count.largest <= size <= FULL[1] * count.largest, self.is_full
        # Across a hole a stretch may look like anything; without one its segments are what they are. A receiver knows
        # that none is open when nothing comes out of order; a sender (it has a `most`) may not have sent again yet.
        if full or (count.most is None and count.holes == self.mark.holes):
            self.is_full = full
        self.mark = count
        return self.is_full and not was and bool(count.holes)

    def arrived(self, count: Count) -> int:
        """Payload bytes that have crossed when the counters stood so."""
        anchor = self.before_holes
        if not (self.is_full and count.holes and count.largest) or count.segments is None or anchor.segments is None:
            return count.in_order
        crossed = anchor.in_order + (count.segments - anchor.segments) * count.largest
        return max(count.in_order, crossed if count.most is None else min(crossed, count.most))


class Arrivals:
    """Turns counters into samples of everything that has arrived, over all streams. Streams may join later."""

    def __init__(self, start_s: float) -> None:
        self.samples: list[Sample] = [Sample(start_s, 0)]
        self._rows: list[Sequence[Count]] = [()]
        self._streams: list[_Stream] = []

    def add(
        self, at_s: float, counts: Sequence[Count], *, rtt_us: float | None = None, retransmitted: float | None = None
    ) -> None:
        """Take the counters of all streams at one moment; a stream keeps its place in the sequence."""
        self._streams += [_Stream() for _ in counts[len(self._streams) :]]
        changed = [stream.learn(count) for stream, count in zip(self._streams, counts, strict=False)]
        self._rows.append(tuple(counts))
        self.samples.append(Sample(at_s, 0, rtt_us, retransmitted))
        for place in range(1 if any(changed) else len(self.samples) - 1, len(self.samples)):
            self._fill(place)

    def in_order(self, streams: int) -> list[Sample]:
        """What had arrived in order over the first so many streams, at the same moments: what a receiver has."""
        return [
            Sample(sample.at_s, sum(count.in_order for count in row[:streams]))
            for sample, row in zip(self.samples, self._rows, strict=True)
        ]

    def _fill(self, place: int) -> None:
        row = self._rows[place]
        arrived = sum(stream.arrived(count) for stream, count in zip(self._streams, row, strict=False))
        # An ended stream's last counters may be unreadable; what has crossed stays crossed.
        before = self.samples[place - 1].received
        self.samples[place] = self.samples[place]._replace(received=max(arrived, before))
