"""What a latency run is to send: by which method, how much, how often. Pure."""

import math
from dataclasses import dataclass, replace
from typing import Final, Literal

from agent.errors import Failed
from agent.net import stamp
from agent.net.echo_session import Pace
from agent.wire.failure import Reason, Stage

Method = Literal["stamp", "icmp", "tcp"]

FEW: Final = 20  # fewer packets than this say little about loss or a 95th percentile
_HEADERS: Final = 48  # of IPv6, and of UDP or ICMP
_CONNECT_BYTES: Final = 160  # a connection's SYN, ACK and reset over IPv6, or its SYN-ACK and what answers that
_ICMP_BYTES: Final = 56  # as ping


@dataclass(frozen=True, slots=True)
class Plan:
    """One run. `codec` is set where it is to be rated as a call; `cut`: the budget left too few packets."""

    method: Method = "stamp"
    count: int = 200
    interval_s: float = 0.05
    timeout_s: float = 2.0
    port: int = stamp.PORT
    key: bytes | None = None
    size: int = 0
    codec: str | None = None
    cut: bool = False

    @property
    def pace(self) -> Pace:
        """The rhythm alone."""
        return Pace(self.count, self.interval_s, self.timeout_s)

    @property
    def packet_bytes(self) -> int | None:
        """Payload of each packet: on UDP, or after the head of ICMP echo; None for a connect, which carries none."""
        match self.method:
            case "stamp":
                return max(self.size, stamp.base_size(self.key))
            case "icmp":
                return self.size or _ICMP_BYTES
            case "tcp":
                return None

    @property
    def seconds(self) -> float:
        """How long the run takes at most, if nothing comes back."""
        return (self.count - 1) * self.interval_s + self.timeout_s

    @property
    def line_bytes(self) -> int:
        """What one packet or connect costs on the line, both ways together, IP headers included."""
        size = self.packet_bytes
        return 2 * (_CONNECT_BYTES if size is None else size + _HEADERS)


def within(plan: Plan, *, max_bytes: int | None, max_seconds: float | None) -> Plan:
    """Cut a plan to a budget of bytes on the line, both ways, and seconds, waiting included.

    A plan that is left with fewer than 20 packets says so (`cut`). Raises Failed if not one packet fits.
    """
    count, timeout_s = plan.count, plan.timeout_s
    if max_seconds is not None:
        timeout_s = min(timeout_s, max_seconds / 2)
        count = min(count, 1 + math.floor((max_seconds - timeout_s) / plan.interval_s + 1e-9))
    if max_bytes is not None:
        count = min(count, max_bytes // plan.line_bytes)
    if count < 1 or timeout_s <= 0:
        raise Failed(Stage.DEVICE, Reason.BUDGET, "the budget does not allow a single packet")
    return replace(plan, count=count, timeout_s=timeout_s, cut=count < min(plan.count, FEW))
