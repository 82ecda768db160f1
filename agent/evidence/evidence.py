"""What was gathered around a run, as data: readings per direction, and what they say between two moments. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from agent.evidence import cpu
from agent.evidence.counters import CounterReading, Own, other_mbps
from agent.evidence.cpu import CpuReading, CpuUse
from agent.evidence.gateway import Answer
from agent.evidence.heat import Heat
from agent.wire.report import Link, Wifi

Way = Literal["download", "upload"]

R = TypeVar("R", CpuReading, Answer)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The readings while one direction was measured; moments are the event loop's time, in seconds."""

    way: Way
    cpu: tuple[CpuReading, ...] = ()
    counters: tuple[CounterReading, ...] = ()
    gateway: tuple[Answer, ...] = ()
    wifi: Wifi | None = None

    def cpu_use(self, start_s: float, end_s: float) -> CpuUse | None:
        """The processors in that time; None where fewer than two readings fall into it."""
        inside = _within(self.cpu, start_s, end_s)
        return cpu.between(inside[0], inside[-1]) if len(inside) > 1 else None

    def gateway_us(self, start_s: float, end_s: float) -> list[int]:
        """Round trips to the first router under load, those that the kernel timed."""
        return [answer.rtt_us for answer in _within(self.gateway, start_s, end_s) if not answer.late]

    def other_mbps(self, own: Own) -> float | None:
        """What others moved in this direction meanwhile; None if unknown."""
        return other_mbps(self.counters, "rx" if self.way == "download" else "tx", own)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that is known about the device around a run; what is not known is None, empty, or absent.

    `before_mbps`: what went through the interface, by direction, while nothing was measured. `gateway_us`: round trips
    to the first router then. `reasons`: in plain words, what could not be measured and why.
    """

    link: Link = field(default_factory=Link)
    tunnel: bool = False
    before_mbps: Mapping[Way, float] = field(default_factory=dict)
    gateway_us: tuple[int, ...] = ()
    heat: Heat = field(default_factory=Heat)
    loaded: Mapping[Way, Loaded] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()


def _within(readings: Sequence[R], start_s: float, end_s: float) -> list[R]:
    return [reading for reading in readings if start_s <= reading.at_s <= end_s]
