"""What to do next with a loaded line: go on, add streams, or stop. Pure: samples in, one word out.

Converged is not saturated. While the bottleneck's queue stands, what arrives is what the line carries; the queue shows
as a round trip longer than on the idle line. A rate that has settled without a queue was set by something else: losses
that hold TCP back, a window, or a peer that sends no faster. More streams tell which: they move what TCP has set, and
nothing else.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from agent.speed.engine import Early, Queue, Saturation
from agent.speed.estimate import Sample, Steadiness, at, median_rtt_us, steadiness

# The window: long enough for round trips and for a rate measured to 0.2 %, and never the first half of the run, which
# holds the ramp.
WINDOW_S: Final = 0.6
ROUND_TRIPS: Final = 8
SHARE: Final = 0.5
# A second passes before anything is believed, also on the shortest line: many shapers let a first burst through.
FIRST_S: Final = 1.0
ERROR: Final = 0.005
DRIFT: Final = 0.01
PARTS: Final = 8
LOOKS: Final = 2
STEP_S: Final = 0.3
# A queue: this share of the idle round trip, within these bounds (µs). Below half a millisecond no kernel's round trip
# tells; a receiver's own measure of a sender that only trickles is up to 5 ms long; and 8 ms are a queue on any line.
QUEUE_SHARE: Final = 0.25
QUEUE_US: Final = (500.0, 8000.0)
# How long a line may stay without a queue, after its ramp, until more streams are tried; and how many there may be.
PATIENCE_S: Final = 1.5
MORE: Final = 4
MOST: Final = 12
GAIN: Final = 1.03
# Sent again beyond this share without a queue: the line drops what exceeds it.
LOSSY: Final = 0.005

Move = Literal["go_on", "grow", "stop"]


@dataclass(slots=True)
class Steering:
    """Decides over one run, look by look.

    `idle_rtt_us`: the round trip before the load, None if nobody knows it (then a settled rate is taken as it is).
    `loss_based`: whether the sender takes a loss for a full line (None: not known). `full_length`: never stop early,
    but note what stopping would have said. `saturation`, once known: the line was `full`, TCP was `stuck`, or the limit
    is the `peer`'s. `since_s`: what counts begins here; later after each growth. `steady_since_s`: where the window
    begins whose rate ended the run. `queue`: with the least and the most that came while it stood: a full line gives
    one rate, so where these differ others had a part of it, or it changed, and a second cannot speak for an hour.
    """

    idle_rtt_us: float | None
    streams: int
    may_grow: bool = False
    loss_based: bool | None = None
    full_length: bool = False
    saturation: Saturation | None = None
    early: Early | None = None
    since_s: float | None = None
    steady_since_s: float | None = None
    queue: Queue | None = None
    _flat: int = 0
    _looked_s: float | None = None
    _before_mbps: float | None = None
    _gained: bool = True

    def look(self, samples: Sequence[Sample]) -> Move:
        """Judge the run so far; called once a tick, the newest sample last. Nothing new is no second look."""
        if samples[-1].at_s == self._looked_s:
            return "go_on"
        self._looked_s = samples[-1].at_s
        now, start = samples[-1].at_s, self.since_s if self.since_s is not None else samples[0].at_s
        gone = now - start
        window = max(WINDOW_S, ROUND_TRIPS * (samples[-1].rtt_us or self.idle_rtt_us or 0) / 1e6, SHARE * gone)
        if gone < max(FIRST_S, window):
            return "go_on"
        found = steadiness(samples, now - window, now, parts=PARTS)
        even = found.error <= ERROR and found.drift <= DRIFT and not _has_gap(samples, now - window, window / PARTS)
        self._flat = self._flat + 1 if even else 0
        full = self._is_full(samples, now - window)
        if full is not False:
            saturation: Saturation | None = "full" if full else None
            return self._settle(samples, found, saturation, window) if self._flat >= LOOKS else "go_on"
        if self._flat < LOOKS and gone < PATIENCE_S:
            return "go_on"
        return self._without_queue(samples, found, window)

    def close(self, samples: Sequence[Sample]) -> None:
        """The run was ended by another rule: say what the line was like in its second half, if that is not known."""
        if self.saturation is None and len(samples) > 1:
            middle = (samples[0].at_s + samples[-1].at_s) / 2
            full = self._is_full(samples, middle)
            if full is not None:
                self.saturation = "full" if full else "stuck"
        if self.saturation == "full":
            self.queue = self._queue(samples, (samples[0].at_s + samples[-1].at_s) / 2)

    def _without_queue(self, samples: Sequence[Sample], found: Steadiness, window_s: float) -> Move:
        now = samples[-1].at_s
        if self._before_mbps is not None:
            self._gained = found.mbps > GAIN * self._before_mbps
        # What was noted early must not be compared with what more streams got.
        if self._gained and self.may_grow and self.streams < MOST and self.early is None:
            self.streams += MORE
            self._before_mbps, self._flat, self.since_s = found.mbps, 0, now
            return "grow"
        # Where streams cannot be added nothing tells whose limit it is: a queue may yet come, or the time ends the run.
        if self._flat < LOOKS or self._before_mbps is None:
            return "go_on"
        return self._settle(samples, found, self._limit(_lost_share(samples, now - window_s)), window_s)

    def _limit(self, lost: float) -> Saturation:
        """What holds a settled rate down where no queue stands."""
        if self.loss_based is not False and lost > 0:
            return "stuck"
        if self._gained:
            return "stuck"
        return "full" if lost > LOSSY else "peer"

    def _settle(
        self, samples: Sequence[Sample], found: Steadiness, saturation: Saturation | None, window_s: float
    ) -> Move:
        """The rate is known: stop, or note it and go on."""
        self.saturation = saturation
        if not self.full_length:
            self.steady_since_s = samples[-1].at_s - window_s
            self.queue = self._queue(samples, self.steady_since_s) if saturation == "full" else None
            return "stop"
        if self.early is None:
            last = samples[-1]
            self.early = Early(found.mbps, last.at_s - samples[0].at_s, int(last.received))
        return "go_on"

    def _is_full(self, samples: Sequence[Sample], since_s: float) -> bool | None:
        """Whether a queue stands in the window; None if round trips are not known."""
        loaded, queued = median_rtt_us(samples, since_s), self._queued_us(samples)
        return None if loaded is None or queued is None else loaded >= queued

    def _queued_us(self, samples: Sequence[Sample]) -> float | None:
        """The round trip from which on a queue stands."""
        if self.idle_rtt_us is None:
            return None
        # A first round trip can be the long one: a radio that slept, a neighbour that had to be found.
        idle = min([self.idle_rtt_us, *(sample.rtt_us for sample in samples if sample.rtt_us is not None)])
        return idle + min(max(QUEUE_SHARE * idle, QUEUE_US[0]), QUEUE_US[1])

    def _queue(self, samples: Sequence[Sample], since_s: float) -> Queue | None:
        """The rate's extremes, in steps, from when the queue stood first, growth or not; its rise, since a moment."""
        queued = self._queued_us(samples)
        first = next(
            (s.at_s for s in samples if s.rtt_us is not None and queued is not None and s.rtt_us >= queued), None
        )
        if first is None:
            return None
        # What left the sender before the queue stood arrives for another round trip.
        start, now = first + (samples[-1].rtt_us or 0) / 1e6, samples[-1].at_s
        steps = int((now - start) / STEP_S)
        rates = [steadiness(samples, now - (n + 1) * STEP_S, now - n * STEP_S, parts=2).mbps for n in range(steps)]
        rates = rates or [steadiness(samples, since_s, now, parts=2).mbps]  # it has only begun to stand
        loaded = median_rtt_us(samples, since_s)
        rise = loaded / self.idle_rtt_us - 1 if loaded and self.idle_rtt_us else None
        return Queue((min(rates), max(rates)), rise)


def _has_gap(samples: Sequence[Sample], since_s: float, longest_s: float) -> bool:
    """Whether nothing was counted for longer than that: between two samples every rate looks even."""
    first = max(1, bisect_left(samples, since_s, key=lambda sample: sample.at_s))
    return any(after.at_s - before.at_s > longest_s for before, after in pairwise(samples[first - 1 :]))


def _lost_share(samples: Sequence[Sample], since_s: float) -> float:
    """Bytes sent again as a share of those that arrived, in a window; 0 where it is not known."""
    before = next((sample.retransmitted for sample in samples if sample.at_s >= since_s), None)
    last = samples[-1].retransmitted
    arrived = samples[-1].received - at(samples, since_s)
    return 0.0 if before is None or last is None or arrived <= 0 else max(0.0, last - before) / arrived
