"""The delay that small packets meet beside a load, and how much may be spent on asking. Pure.

Only what was sent while the line was full counts: after the ramp, until the load ended. A run may end before a queue
has grown to its full length, and then the delay is that of the queue as it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from agent.net import stamp
from agent.net.small_request import Timed
from agent.speed.responsiveness import Parameters, Probe, Probes
from agent.wire.results import Spread

PER_S: Final = 20.0
SHARE: Final = 0.02
STAMP_PORT: Final = stamp.PORT
LEAST: Final = 3
"""Fewer round trips than this are no figure."""
P95_FROM: Final = 20
"""Among fewer the largest would pass for the 95th percentile."""
_DIGITS: Final = 3
# What a probe costs on the line, there and back, headers and acknowledgements counted; a new connection with TLS as the
# draft estimates it (draft-ietf-ippm-responsiveness-09, 5.3), the others by count.
ECHO_BYTES: Final = 2 * (44 + 48)
CONNECT_BYTES: Final = 400
REQUEST_BYTES: Final = 1500
SECURE_BYTES: Final = 5000
LOOK_BYTES: Final = 6000
# A budget that leaves less than this for probes is all the test's.
RESERVE_LEAST: Final = 20_000
# A new connection is dearer than a packet, and a TLS handshake costs processors at both ends.
_RARER: Final = {CONNECT_BYTES: 2, REQUEST_BYTES: 2, SECURE_BYTES: 4}


class Echo(NamedTuple):
    """One small packet that was answered: its number, when it was sent (the loop's clock), how long it took."""

    seq: int
    sent_s: float
    ms: float


class Spent(NamedTuple):
    """Bytes that probes moved at about a moment."""

    at_s: float
    sent: int
    received: int


@dataclass(frozen=True, slots=True)
class Rules:
    """How often to ask: at most `per_s` packets, and a part of that in connections; at most a share of the rate.

    The draft's MPS and PTC; half of the share goes to packets and half to connections.
    """

    per_s: float = PER_S
    share: float = SHARE
    stamp_port: int = STAMP_PORT
    parameters: Parameters = field(default_factory=Parameters)

    def packet_gap_s(self, mbps: float) -> float:
        """The time from one packet to the next beside a load of this rate."""
        return self._gap_s(ECHO_BYTES, 1, mbps)

    def connection_gap_s(self, cost: int, mbps: float) -> float:
        """The time from one connection of so many bytes to the next."""
        return self._gap_s(cost, _RARER.get(cost, 1), mbps)

    def reserve(self, cost: int, seconds: float, max_bytes: int | None) -> int | None:
        """What a direction's probes may take of its byte budget: 0 is nothing, None is no bound."""
        if max_bytes is None:
            return None
        most = seconds * (self.per_s * ECHO_BYTES + self.per_s / _RARER.get(cost, 1) * cost)
        left = int(min(most, self.share * max_bytes))
        return left if left >= RESERVE_LEAST else 0

    def _gap_s(self, cost: int, rarer: int, mbps: float) -> float:
        allowed = self.share / 2 * max(mbps, 1e-6) * 1e6 / 8
        return max(rarer / self.per_s, cost / allowed)


@dataclass(slots=True)
class Purse:
    """Bytes that may still be spent; None is no bound."""

    left: int | None = None

    def take(self, cost: int) -> bool:
        """Spend, if there is enough."""
        if self.left is None:
            return True
        if cost > self.left:
            return False
        self.left -= cost
        return True


@dataclass(frozen=True, slots=True)
class Beside:
    """What the probes beside one direction met.

    `requests`: whether connections asked for something, or only connected. `secure`: they spoke TLS.
    """

    echoes: Sequence[Echo] = ()
    parts: Sequence[Timed] = ()
    spent: Sequence[Spent] = ()
    requests: bool = False
    secure: bool = False
    parameters: Parameters = field(default_factory=Parameters)

    def probes(self, own: Sequence[Probe]) -> Probes:
        """The draft's sets; `own`: the loaded connections' round trips."""
        tls = [Probe(part.begun_s, part.ms) for part in self.parts if part.name == "tls"]
        return Probes(self.of("tcp"), self.of("http"), own, tls if self.secure else None)

    def of(self, name: str) -> list[Probe]:
        """One part of all connections."""
        return [Probe(part.begun_s, part.ms) for part in self.parts if part.name == name]

    def octets(self, way: str, start_s: float, end_s: float) -> int:
        """What the probes themselves moved in the direction of the load."""
        inside = [spent for spent in self.spent if start_s <= spent.at_s <= end_s]
        return sum(spent.received if way == "download" else spent.sent for spent in inside)


@dataclass(frozen=True, slots=True)
class Latency:
    """Delay beside a load, how it was asked for, and the share of packets that got no answer (of `stamp` only)."""

    ms: Spread
    method: str
    loss_ratio: float | None = None


def latency(beside: Beside, start_s: float, end_s: float) -> Latency | None:
    """The delay of what was sent between two moments: of packets if enough were answered, else of connections."""
    echoes = [echo for echo in beside.echoes if start_s <= echo.sent_s <= end_s]
    if len(echoes) >= LEAST:
        numbers = {echo.seq for echo in echoes}
        # Packets leave in order of their numbers: one without an answer between two with one is lost, a later one may
        # only be on its way.
        asked = max(numbers) - min(numbers) + 1
        first = {echo.seq: echo.ms for echo in reversed(echoes)}
        return Latency(_spread(list(first.values())), "stamp", round(1 - len(numbers) / asked, 6))
    connects = [probe.ms for probe in beside.of("tcp") if start_s <= probe.at_s <= end_s]
    return Latency(_spread(connects), "tcp") if len(connects) >= LEAST else None


def _spread(times_ms: list[float]) -> Spread:
    ordered = sorted(times_ms)
    count = len(ordered)
    middle = (ordered[(count - 1) // 2] + ordered[count // 2]) / 2
    return Spread(
        min=round(ordered[0], _DIGITS),
        median=round(middle, _DIGITS),
        mean=round(sum(ordered) / count, _DIGITS),
        # nearest rank, in whole numbers
        p95=round(ordered[-(-95 * count // 100) - 1], _DIGITS) if count >= P95_FROM else None,
        max=round(ordered[-1], _DIGITS),
    )
