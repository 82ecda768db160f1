"""When a packet leaves the link: capacity, queue, delay and loss. Pure: the time is a parameter, the dice are seeded.

Times are seconds on the caller's clock, sizes are IP bytes, rates are bytes per second.
"""

import math
from bisect import bisect_left, bisect_right
from itertools import accumulate
from random import Random
from typing import Final, Protocol

from tests.netlab.spec import LinkSpec
from tests.netlab.trace import Step

DEFAULT_QUEUE_MS: Final = 50.0
# How long a delay that jitters remembers itself
JITTER_MEMORY_S: Final = 0.005
# A chance so small that no test lives to see it
NEVER: Final = 1e-15
BYTES_PER_MEGABIT: Final = 125_000.0


class Capacity(Protocol):
    """What the bottleneck can carry between two moments."""

    mean: float  # math.inf: no limit

    def finish(self, start: float, size: int) -> float:
        """When the last of `size` bytes has passed, if the first begins at `start`."""
        ...

    def between(self, start: float, end: float) -> float:
        """How many bytes pass from `start` to `end`."""
        ...

    def rate(self, moment: float) -> float:
        """The rate at a moment."""
        ...


class Unlimited:
    """As fast as the machine."""

    mean = math.inf

    def finish(self, start: float, size: int) -> float:  # noqa: ARG002 - the protocol's
        return start

    def between(self, start: float, end: float) -> float:
        return math.inf if end > start else 0.0

    def rate(self, moment: float) -> float:  # noqa: ARG002 - the protocol's
        return math.inf


class Steady:
    """One rate for ever."""

    def __init__(self, mean: float) -> None:
        self.mean = mean
        self._seconds = 1 / mean

    def finish(self, start: float, size: int) -> float:
        return start + size * self._seconds

    def between(self, start: float, end: float) -> float:
        return max(0.0, end - start) * self.mean

    def rate(self, moment: float) -> float:  # noqa: ARG002 - the protocol's
        return self.mean


class Looping:
    """A trace that begins at `epoch` and repeats."""

    def __init__(self, steps: tuple[Step, ...], epoch: float) -> None:
        self._epoch = epoch
        self._rates = [step.rate_mbps * BYTES_PER_MEGABIT for step in steps]
        self._starts = [0.0, *accumulate(step.ms / 1000 for step in steps)]
        self._sums = [0.0, *accumulate(r * step.ms / 1000 for r, step in zip(self._rates, steps, strict=True))]
        self.mean = self._sums[-1] / self._starts[-1]

    def finish(self, start: float, size: int) -> float:
        return max(start, self._moment(self._carried(start) + size))

    def between(self, start: float, end: float) -> float:
        return self._carried(end) - self._carried(start) if end > start else 0.0

    def rate(self, moment: float) -> float:
        return self._rates[self._step((moment - self._epoch) % self._starts[-1])]

    def _step(self, offset: float) -> int:
        return min(bisect_right(self._starts, offset), len(self._rates)) - 1

    def _carried(self, moment: float) -> float:
        loops, offset = divmod(moment - self._epoch, self._starts[-1])
        step = self._step(offset)
        return loops * self._sums[-1] + self._sums[step] + self._rates[step] * (offset - self._starts[step])

    def _moment(self, total: float) -> float:
        """Give the earliest moment at which `total` bytes have passed since the epoch."""
        loops, rest = divmod(total, self._sums[-1])
        if rest == 0:
            loops, rest = loops - 1, self._sums[-1]
        step = bisect_left(self._sums, rest) - 1
        inside = self._starts[step] + (rest - self._sums[step]) / self._rates[step]
        return self._epoch + loops * self._starts[-1] + inside


class Loss:
    """Which segments are lost: runs of good and bad ones with geometric lengths (Gilbert); its dice are its own."""

    def __init__(self, share: float, burst: float | None, dice: Random) -> None:
        self._dice = dice
        self._always = share >= 1
        mean_bad = burst if burst is not None else 1 / (1 - share) if share < 1 else 1.0
        self._end_bad = 1 / mean_bad
        self._end_good = min(1.0, share / (mean_bad * (1 - share))) if share < 1 else 1.0
        self._bad = False
        self._left: float = self._length(self._end_good)

    def survivors(self, first: int, last: int) -> list[tuple[int, int]]:
        """Give the runs of segments, as half-open ranges within first..last, that are not lost."""
        if self._always:
            return []
        if not self._bad and self._left > last - first:
            self._left -= last - first
            return [(first, last)]
        runs = []
        while first < last:
            step = int(min(last - first, self._left))
            if not self._bad and step:
                runs.append((first, first + step))
            first += step
            self._left -= step
            if self._left <= 0:
                self._turn()
        return runs

    def _turn(self) -> None:
        self._bad = not self._bad
        self._left = self._length(self._end_bad if self._bad else self._end_good)

    def _length(self, end: float) -> float:
        if end < NEVER:
            return math.inf
        if end >= 1:
            return 1
        return 1 + math.floor(math.log(1 - self._dice.random()) / math.log1p(-end))


class Shaper:
    """One direction of a link as a virtual clock: a late caller loses no capacity while the link was busy."""

    def __init__(self, spec: LinkSpec, seed: str, now: float) -> None:
        self._seed = seed
        self._changes = 0
        self.free_at = now  # when everything accepted so far has passed the bottleneck
        self._last_due = now
        self._set(spec, now)

    def _set(self, spec: LinkSpec, now: float) -> None:
        self.spec = spec
        self.epoch = now
        self.capacity = capacity_of(spec, now)
        self.limit = _queue_bytes(spec, self.capacity)
        dice = Random(f"{self._seed}/{self._changes}")  # noqa: S311 - repeatable on purpose
        self.loss = Loss(spec.loss, spec.burst, dice)
        self._dice = dice
        self._delay = spec.one_way_ms / 1000
        self._jitter = spec.jitter_ms / 1000
        self._offset, self._offset_at = 0.0, -math.inf

    def room(self, arrival: float) -> float:
        """How many bytes more the queue takes; no limit (inf) when it is empty, so that any packet passes some time."""
        if self.free_at <= arrival:
            return math.inf if self.limit is math.inf else max(self.limit, 1.0)
        return self.limit - self.capacity.between(arrival, self.free_at)

    def backlog(self, now: float) -> int:
        """How many bytes stand before the bottleneck."""
        return round(self.capacity.between(now, self.free_at)) if self.free_at > now else 0

    def serve(self, arrival: float, size: int) -> float:
        """Pass `size` bytes through the bottleneck behind all others; gives when the last has passed."""
        self.free_at = self.capacity.finish(max(self.free_at, arrival), size)
        return self.free_at

    def due(self, finish: float) -> float:
        """When what passed the bottleneck at `finish` comes out; never before what passed earlier."""
        delay = self._delay
        if self._jitter:
            delay = max(0.0, delay + self._wander(finish))
        self._last_due = max(self._last_due, finish + delay)
        return self._last_due

    def change(self, spec: LinkSpec, now: float, finishes: list[float], behind: float) -> list[tuple[float, float]]:
        """Take new settings. Gives (finish, due) anew for what has not passed yet (`finishes` > now, in order).

        `behind` is when the last of what has passed comes out: nothing overtakes it.
        """
        before, free_at = self.capacity, self.free_at
        self._changes += 1
        self._set(spec, now)
        self.free_at = min(free_at, now)
        self._last_due = behind
        since, replanned = now, []
        for finish in finishes:
            left = before.between(since, finish)
            since = finish
            end = self.serve(now, round(left))
            replanned.append((end, self.due(end)))
        if free_at > since:
            self.serve(now, round(before.between(since, free_at)))
        return replanned

    def _wander(self, moment: float) -> float:
        kept = math.exp(-max(0.0, moment - self._offset_at) / JITTER_MEMORY_S)
        fresh = self._dice.gauss(0.0, self._jitter)
        self._offset = kept * self._offset + math.sqrt(1 - kept * kept) * fresh
        self._offset_at = moment
        return self._offset


def capacity_of(spec: LinkSpec, epoch: float) -> Capacity:
    """Give the capacity of a direction whose trace, if it has one, began at `epoch`."""
    if spec.trace is not None:
        return Looping(spec.trace, epoch)
    return Unlimited() if spec.rate_mbps is None else Steady(spec.rate_mbps * BYTES_PER_MEGABIT)


def _queue_bytes(spec: LinkSpec, capacity: Capacity) -> float:
    if spec.queue_bytes is not None:
        return float(spec.queue_bytes)
    if capacity.mean == math.inf:
        return math.inf
    return capacity.mean * (DEFAULT_QUEUE_MS if spec.queue_ms is None else spec.queue_ms) / 1000
