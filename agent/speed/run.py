"""The watch over a loaded line, whatever moves the load: samples, the rules that end a run, and the live rate."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from agent.speed.engine import Early, Queue, Saturation, Watch
from agent.speed.estimate import Sample, at
from agent.speed.limits import Limits, Progress, Stop, stop
from agent.speed.steering import MORE, Steering
from agent.wire.failure import Failure

TICK_S: Final = 0.025
TELL_S: Final = 0.25
_LIVE_S: Final = 1.0


class Meter(Protocol):
    """What a run asks of the streams under it. `start_s`: the moment the first of them was open (loop's clock)."""

    start_s: float

    def sample(self, now: float) -> Sequence[Sample]:
        """Count now; give all samples so far, the start of the run first. Counts may be refined, but never fall."""

    def open_streams(self) -> int:
        """Streams that still run."""

    def failure(self) -> Failure | None:
        """Why the first stream ended that ended badly."""

    def idle_rtt_us(self) -> float | None:
        """The round trip before the load."""

    def sender_congestion(self) -> str | None:
        """The congestion control of whoever sends, if it is known by now."""

    def tell(self, now: float) -> None:
        """A quarter of a second has passed: talk to the peer, if the protocol does."""

    def grow(self, streams: int) -> bool:
        """Add streams; False if this engine cannot."""


@dataclass(slots=True)
class Ended:
    """How a run ended, and everything counted on the way; the last two as in `Steering`, None if it did not end it."""

    stop: Stop
    samples: Sequence[Sample] = field(default_factory=list)
    saturation: Saturation | None = None
    early: Early | None = None
    steady_since_s: float | None = None
    queue: Queue | None = None


async def until_stop(meter: Meter, limits: Limits, watch: Watch) -> Ended:
    """Sample every 25 ms until a rule ends the run."""
    loop = asyncio.get_running_loop()
    steering = Steering(meter.idle_rtt_us(), limits.streams, may_grow=limits.may_grow, full_length=not limits.early)
    rose_s = told_s = meter.start_s
    risen = 0.0
    while True:
        now = loop.time()
        samples = meter.sample(now)
        if samples[-1].received > risen:
            risen, rose_s = samples[-1].received, now
        progress = Progress(
            elapsed_s=now - meter.start_s,
            received=int(samples[-1].received),
            silent_s=now - rose_s,
            open=meter.open_streams(),
            failure=meter.failure(),
        )
        ending = stop(progress, limits)
        if ending is None:
            ending = _steer(steering, samples, meter)
        if ending is not None:
            if ending.word != "budget":  # too little was seen to judge, and its doubt is raised anyway
                steering.close(samples)
            return Ended(
                stop=ending,
                samples=samples,
                saturation=steering.saturation,
                early=steering.early,
                steady_since_s=steering.steady_since_s,
                queue=steering.queue,
            )
        if now - told_s >= TELL_S:
            told_s = now
            watch(now - meter.start_s, _live_mbps(samples, meter.start_s))
            meter.tell(now)
        tick = meter.start_s + TICK_S * (int((now - meter.start_s) / TICK_S) + 1)
        await asyncio.sleep(max(0.0, min(tick, meter.start_s + limits.seconds) - now))


def _steer(steering: Steering, samples: Sequence[Sample], meter: Meter) -> Stop | None:
    congestion = meter.sender_congestion()
    steering.loss_based = None if congestion is None else not congestion.startswith("bbr")
    move = steering.look(samples)
    if move == "grow" and not meter.grow(MORE):
        steering.may_grow = False
    return Stop("converged") if move == "stop" else None


def _live_mbps(samples: Sequence[Sample], start_s: float) -> float:
    now = samples[-1].at_s
    since = max(start_s, now - _LIVE_S)
    return (samples[-1].received - at(samples, since)) * 8 / 1e6 / max(now - since, TICK_S)
