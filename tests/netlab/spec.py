"""What one direction of a link is set to, and its form on a control socket. Pure."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from tests.netlab.trace import Step, checked

MTU: Final = 1500
# IP header, TCP header and timestamps option
OVERHEAD: Final = {"ipv4": 52, "ipv6": 72}


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """One direction: rates count IP bytes; ValueError (one line) for what makes no sense.

    `rate_mbps` None is as fast as the machine; a `trace` replaces it. `rtt_ms` adds half of itself to this direction's
    `delay_ms`. `jitter_ms` is the standard deviation of the delay (normal, cut at 0, correlated over 5 ms, never
    reordering). `loss` is a share (0.005 is 0.5 %) of segments lost after they passed the bottleneck; `burst` is the
    mean number lost in a row (None: independent). The queue drops at its tail: `queue_ms` (at the rate, or at a trace's
    mean rate) or `queue_bytes`; 50 ms if neither is given, and no limit without a rate.
    """

    rate_mbps: float | None = None
    delay_ms: float = 0.0
    rtt_ms: float = 0.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    burst: float | None = None
    queue_ms: float | None = None
    queue_bytes: int | None = None
    trace: tuple[Step, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("delay_ms", "rtt_ms", "jitter_ms"):
            _require(_amount(getattr(self, name)), f"{name} must be 0 or more, not {getattr(self, name)}")
        for name in ("rate_mbps", "queue_ms", "queue_bytes"):
            value = getattr(self, name)
            _require(value is None or (_amount(value) and value > 0), f"{name} must be above 0, not {value}")
        _require(_amount(self.loss) and self.loss <= 1, f"loss must be a share from 0 to 1, not {self.loss}")
        _require(
            self.burst is None or (_amount(self.burst) and self.burst >= 1), f"burst must be 1 or more: {self.burst}"
        )
        short = self.burst is not None and self.loss > self.burst * (1 - self.loss)
        _require(not short or self.loss == 1, f"bursts of {self.burst} cannot add up to a loss of {self.loss}")
        _require(
            self.queue_ms is None or self.queue_bytes is None, "give the queue as queue_ms or queue_bytes, not both"
        )
        _require(self.rate_mbps is None or self.trace is None, "give a rate or a trace, not both")
        if self.trace is not None:
            checked(self.trace)

    @property
    def one_way_ms(self) -> float:
        """The delay of this direction without its queue."""
        return self.delay_ms + self.rtt_ms / 2

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON values; `from_json` reads them."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Read what `to_json` gave; ValueError or TypeError if it is something else."""
        trace = document.get("trace")
        return cls(**{**document, "trace": tuple(Step(**step) for step in trace) if trace is not None else None})


def payload_ceiling(rate_mbps: float, family: str = "ipv4", mtu: int = MTU) -> float:
    """Give the most TCP payload (Mbit/s) that a link of this IP rate can carry, with timestamps and full segments."""
    return rate_mbps * (mtu - OVERHEAD[family]) / mtu


def _amount(value: float) -> bool:
    return math.isfinite(value) and value >= 0


def _require(condition: bool, complaint: str) -> None:  # noqa: FBT001 - reads as an assertion
    if not condition:
        raise ValueError(complaint)
