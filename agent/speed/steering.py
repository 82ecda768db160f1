"""What to do next with a loaded line: go on, add streams, or stop. Pure: samples in, one word out.

Converged is not saturated. A rate that has settled while the round trip is no longer than on the idle line was not set
by a queue at the bottleneck: TCP may be stuck (losses, windows), or the peer sends no faster. More streams tell which.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from agent.speed.engine import Early, Saturation
from agent.speed.estimate import Sample, settled

GROWTH: Final = 4
MAX_STREAMS: Final = 12
GAIN: Final = 1.03

Move = Literal["go_on", "grow", "stop"]


@dataclass(slots=True)
class Steering:
    """Decides over one run. `full_length`: never stop early, but note what stopping would have said.

    `idle_rtt_us`: the round trip before the load, None if nobody knows it. `may_grow`: whether streams can be added.
    """

    idle_rtt_us: float | None
    streams: int
    may_grow: bool = False
    full_length: bool = False
    saturation: Saturation | None = None
    early: Early | None = None
    since: int = 0
    _before: float | None = None

    def look(self, samples: Sequence[Sample]) -> Move:
        """Judge the run so far; called once a tick, the newest sample last."""
        found = settled(samples[self.since :], idle_rtt_us=self.idle_rtt_us)
        if found is None:
            return "go_on"
        if not self.full_length:
            return "stop"
        if self.early is None:
            last = samples[-1]
            self.early = Early(found, last.at_s - samples[0].at_s, int(last.received))
        return "go_on"
