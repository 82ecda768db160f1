"""What a peer said over one stream, as far as it can be true. Pure."""

from dataclasses import dataclass, field
from typing import Final

from agent.speed.dialect import Dialect, KernelFacts, Said
from agent.speed.engine import PeerLoad
from agent.speed.timeline import Reading

MAX_MESSAGES: Final = 2000
# TCP carries more than the messages' payload: frame headers, TLS records, pongs.
OVERHEAD: Final = 1.05
OVERHEAD_BYTES: Final = 64 * 1024
# A peer's clock began with the connection: before ours by TLS and the upgrade, if these took their time.
BEGAN_BEFORE_S: Final = 30.0


@dataclass(slots=True)
class Heard:
    """Keeps what one stream's text messages say.

    `opened_s`: when the stream was open, and `before`: the TCP payload that the peer had received by then; both None
    until it is. `readings` are what the peer has received since, by its kernel's count where it tells (`by_kernel`),
    else by its program's. `refused` counts messages that cannot be true.
    """

    dialect: Dialect
    opened_s: float | None = None
    before: int | None = None
    readings: list[Reading] = field(default_factory=list)
    by_kernel: bool = True
    refused: int = 0
    rtts_us: list[tuple[float, int]] = field(default_factory=list)
    congestion: str | None = None
    kernel: KernelFacts | None = None
    load: PeerLoad | None = None
    messages: int = 0
    app_limited: int = 0

    def hear(self, sent: int, came_s: float, payload: bytes) -> None:
        """Keep what a text message says; one that is not a measurement is advice that we do not take."""
        self.messages += 1
        said = None if self.messages > MAX_MESSAGES else self.dialect.decode(payload)
        if said is None:
            return
        self.congestion = self.congestion or said.congestion
        self.load = said.load or self.load
        if said.kernel is not None:
            self._hear_kernel(said.kernel, came_s)
        self._count(said, sent, came_s)

    def _hear_kernel(self, kernel: KernelFacts, came_s: float) -> None:
        self.kernel = kernel
        self.app_limited += bool(kernel.app_limited)
        if kernel.rtt is not None and kernel.rtt > 0:
            self.rtts_us.append((came_s, kernel.rtt))

    def _count(self, said: Said, sent: int, came_s: float) -> None:
        if self.opened_s is None:
            return  # it came with the upgrade, and nothing had been sent
        received, most = said.received, float(sent)
        wire = None if said.kernel is None else said.kernel.bytes_received
        if wire is not None and self.before is not None:
            received, most = wire - self.before, sent * OVERHEAD + OVERHEAD_BYTES
        if received is None or (said.elapsed_s is not None and said.elapsed_s <= 0):
            return
        # A message without the speaker's time has ours: it is then as late as it was on its way.
        gone_s = came_s - self.opened_s
        elapsed_s = gone_s if said.elapsed_s is None else said.elapsed_s
        # A receiver cannot have more than was sent; one that says so is not counting our bytes.
        if not -OVERHEAD_BYTES <= received <= most or elapsed_s > gone_s + BEGAN_BEFORE_S:
            self.refused += 1
            return
        self.by_kernel &= wire is not None
        self.readings.append(Reading(came_s, elapsed_s, max(0, received)))
