"""How busy this peer is, as it tells every client in its measurements, so that a result can be doubted.

Extra object of every text message: `"Peer":{"Tests":2,"MaxTests":4,"Paced":false,"CPURatio":0.42}`. `Tests` run now;
`Paced` with `PaceMbps`, the rate of a direction that all its streams share, if there is one. `CPURatio` is of the last
second, 0 to 1: the share of the time in which the peer ran or waited for a processor, or that interrupts (the network's
work) and the host of a virtual machine took of the busiest core, whichever is more. At 1 nothing is left. It is absent
until there is a fifth of a second to tell from. Clients of the protocols ignore objects that they do not know.
"""

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.peer.admission import Admission

_FRESH_S = 0.25
"""How old a reading may be: one serves all streams."""
_WINDOW_S = 1.0
_SHORTEST_S = 0.2
_STALE_S = 2.0
# Columns of /proc/stat behind a core's name (man 5 proc).
_IRQ, _SOFTIRQ, _STEAL, _COLUMNS = 5, 6, 7, 8


@dataclass(frozen=True, slots=True)
class Reading:
    """The processors at one moment: seconds wanted by this process, and per core (all ticks, ticks taken from it)."""

    at_s: float
    wanted_s: float
    cores: tuple[tuple[int, int], ...]


class Workload:
    """Counts what this peer does; `facts` is cheap enough for every message of every stream."""

    def __init__(
        self, admission: Admission, *, max_tests: int, pace_mbps: float | None, proc: Path = Path("/proc")
    ) -> None:
        self._admission = admission
        self._max_tests = max_tests
        self._pace_mbps = pace_mbps
        self._proc = proc
        self._readings: deque[Reading] = deque()
        self._ratio: float | None = None

    def facts(self, now: float) -> dict[str, object]:
        """The `Peer` object at `now` (monotonic seconds)."""
        if not self._readings or now - self._readings[-1].at_s >= _FRESH_S:
            self._look(now)
        said: dict[str, object] = {"Tests": self._admission.tests, "MaxTests": self._max_tests}
        said["Paced"] = self._pace_mbps is not None
        if self._pace_mbps is not None:
            said["PaceMbps"] = self._pace_mbps
        if self._ratio is not None:
            said["CPURatio"] = round(self._ratio, 3)
        return said

    def _look(self, now: float) -> None:
        """Read once more, and forget what is older than the window; after a pause begin anew."""
        readings = self._readings
        if readings and now - readings[-1].at_s > _STALE_S:
            readings.clear()
        readings.append(read(self._proc, now))
        while len(readings) > 1 and now - readings[1].at_s >= _WINDOW_S:
            readings.popleft()
        self._ratio = ratio(readings[0], readings[-1])


def read(proc: Path, now: float, process_s: Callable[[], float] = time.process_time) -> Reading:
    """Read the kernel's counters; what this kernel does not count is left out."""
    waited_s, cores = 0.0, []
    with suppress(OSError, ValueError, IndexError):
        # ran, waited (nanoseconds), slices: of the main thread, which is the one that serves.
        waited_s = int((proc / "self/schedstat").read_text().split()[1]) / 1e9
    with suppress(OSError, ValueError):
        for line in (proc / "stat").read_text().splitlines():
            name, *ticks = line.split()
            if name.startswith("cpu") and name != "cpu" and len(ticks) >= _COLUMNS:
                # The columns behind these are guests' and counted twice.
                counts = [int(tick) for tick in ticks[:_COLUMNS]]
                cores.append((sum(counts), counts[_IRQ] + counts[_SOFTIRQ] + counts[_STEAL]))
    return Reading(now, process_s() + waited_s, tuple(cores))


def ratio(before: Reading, after: Reading) -> float | None:
    """How much of what one event loop can get was taken between two readings, 0 to 1; None if they are too close."""
    passed_s = after.at_s - before.at_s
    if passed_s < _SHORTEST_S:
        return None
    taken = [(after.wanted_s - before.wanted_s) / passed_s]
    # A core may have been taken offline in between; then nothing is said of the cores.
    if len(before.cores) == len(after.cores):
        for (all_before, lost_before), (all_after, lost_after) in zip(before.cores, after.cores, strict=True):
            if all_after > all_before:
                taken.append((lost_after - lost_before) / (all_after - all_before))
    return min(1.0, max(0.0, *taken))
