"""What has crossed the line, from the kernel's counters of several streams: pure.

In-order bytes stand still behind a lost packet and then jump; a line that is full all the time looks like one that
stalls. Segments are counted as they cross, holes or not (`tcpi_data_segs_in` at a receiver, `tcpi_delivered` at a
sender), and they become bytes by a stream's own bytes per segment: the best ratio it has ever shown, which is the one
of a moment without a hole.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.speed.estimate import Sample

ENOUGH_SEGMENTS: Final = 40
# The ratio must be that of full segments: where sizes vary (loopback, offloading, a sender that trickles) it tells
# nothing, and in-order bytes are all there is.
FULL: Final = (0.95, 1.02)
_BETTER: Final = 1e-4


class Count(NamedTuple):
    """One stream's counters since it was opened: payload in order, segments with payload, and the largest of these.

    `holes`: out-of-order packets (at a receiver) or bytes sent again (at a sender) so far; with none, in order is all.
    The last three are None where the kernel does not tell.
    """

    in_order: int
    segments: int | None = None
    largest: int | None = None
    holes: int | None = None


class Arrivals:
    """Turns counters into samples of everything that has arrived, over all streams. Streams may join later."""

    def __init__(self, start_s: float) -> None:
        self.samples: list[Sample] = [Sample(start_s, 0)]
        self._rows: list[Sequence[Count]] = [()]
        self._ratios: list[float | None] = []

    def add(
        self, at_s: float, counts: Sequence[Count], *, rtt_us: float | None = None, retransmitted: float | None = None
    ) -> None:
        """Take the counters of all streams at one moment; a stream keeps its place in the sequence."""
        better = False
        for place, count in enumerate(counts):
            if place == len(self._ratios):
                self._ratios.append(None)
            better |= self._learn(place, count)
        self._rows.append(tuple(counts))
        self.samples.append(Sample(at_s, 0, rtt_us, retransmitted))
        for place in range(1 if better else len(self.samples) - 1, len(self.samples)):
            self._fill(place)

    def in_order(self, streams: int) -> list[Sample]:
        """What had arrived in order over the first so many streams, at the same moments: what a receiver has."""
        return [
            Sample(sample.at_s, sum(count.in_order for count in row[:streams]))
            for sample, row in zip(self.samples, self._rows, strict=True)
        ]

    def _learn(self, place: int, count: Count) -> bool:
        """Keep the best ratio; whether it changed what earlier counters mean."""
        if not count.segments or not count.largest or count.segments < ENOUGH_SEGMENTS:
            return False
        ratio, best = count.in_order / count.segments, self._ratios[place]
        if best is not None and ratio <= best * (1 + _BETTER):
            return False
        if not FULL[0] * count.largest <= ratio <= FULL[1] * count.largest:
            return False
        self._ratios[place] = ratio
        return bool(count.holes)

    def _fill(self, place: int) -> None:
        arrived = sum(
            max(count.in_order, (count.segments or 0) * ratio) if ratio is not None and count.holes else count.in_order
            for count, ratio in zip(self._rows[place], self._ratios, strict=False)
        )
        # An ended stream's last counters may be unreadable; what has crossed stays crossed.
        before = self.samples[place - 1].received
        self.samples[place] = self.samples[place]._replace(received=max(arrived, before))
