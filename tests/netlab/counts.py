"""What happened to packets on a link: counted by the emulator, read by whoever asks it. Pure."""

from dataclasses import dataclass, field, fields
from typing import Self


@dataclass(slots=True)
class Count:
    """Packets and IP bytes of one family in one direction, and the TCP payload bytes delivered: the truth for goodput.

    `dropped` did not fit into the queue, `lost` was lost on the line behind it; packets are those of the wire, however
    many of them travelled together.
    """

    packets_in: int = 0
    bytes_in: int = 0
    packets_delivered: int = 0
    bytes_delivered: int = 0
    packets_dropped: int = 0
    bytes_dropped: int = 0
    packets_lost: int = 0
    bytes_lost: int = 0
    tcp_payload_bytes: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})

    def __sub__(self, other: Self) -> Self:
        return type(self)(**{f.name: getattr(self, f.name) - getattr(other, f.name) for f in fields(self)})


@dataclass(frozen=True, slots=True)
class Ways:
    """One direction of a link; `epoch` is when its settings, and its trace, began (time.monotonic()).

    `waiting_bytes` are in the queue or on their way, `queue_bytes` those of them that have not passed the bottleneck
    yet: at its rate, the delay of the queue. In a sound run `refused` (frames the kernel would not take) and
    `overruns` (frames that came too fast to be read) are 0. `late_s` is the latest delivery so far: the noise here.
    """

    ipv4: Count
    ipv6: Count
    waiting_bytes: int
    queue_bytes: int
    refused: int
    overruns: int
    late_s: float
    epoch: float
    total: Count = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "total", self.ipv4 + self.ipv6)


@dataclass(frozen=True, slots=True)
class Counters:
    """The whole link at `time` (time.monotonic()); `cpu_s` is what the emulator used so far."""

    time: float
    cpu_s: float
    down: Ways
    up: Ways


@dataclass(frozen=True, slots=True)
class Moment:
    """Bytes delivered until `time` (time.monotonic()), and those that stood before the bottleneck then."""

    time: float
    ip_bytes: int
    tcp_payload_bytes: int
    queue_bytes: int = 0
