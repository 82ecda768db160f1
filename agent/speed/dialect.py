"""How a throughput protocol over WebSocket speaks: what to ask, what is said over a stream, how frames grow.

msak and ndt7 differ in these words only; the streams, the load and the counting are the same. Pure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

from agent import __version__
from agent.net.tcp_info import TcpInfo
from agent.speed.engine import Leg, PeerLoad, Way
from agent.speed.frames import binary_frames

USER_AGENT: Final = f"linkgauge-agent/{__version__}"
# What no machine can mean is not read: one number that cannot be makes the whole message mere advice.
Amount = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Word = Annotated[str, msgspec.Meta(max_length=64)]
# Below nothing is kept, to be told from silence: it is not our bytes that are counted there.
Counted = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
_GROWTH: Final = 16
_RING: Final = 4


class KernelFacts(msgspec.Struct, omit_defaults=True):
    """The part of TCPInfo that is used, in the names of M-Lab's servers: microseconds and bytes."""

    rtt: Amount | None = msgspec.field(default=None, name="RTT")
    min_rtt: Amount | None = msgspec.field(default=None, name="MinRTT")
    bytes_sent: Amount | None = msgspec.field(default=None, name="BytesSent")
    bytes_acked: Amount | None = msgspec.field(default=None, name="BytesAcked")
    bytes_received: Counted | None = msgspec.field(default=None, name="BytesReceived")
    bytes_retrans: Amount | None = msgspec.field(default=None, name="BytesRetrans")
    app_limited: Amount | bool | None = msgspec.field(default=None, name="AppLimited")
    busy_us: Amount | None = msgspec.field(default=None, name="BusyTime")
    rwnd_limited_us: Amount | None = msgspec.field(default=None, name="RWndLimited")
    sndbuf_limited_us: Amount | None = msgspec.field(default=None, name="SndBufLimited")
    pmtu: Amount | None = msgspec.field(default=None, name="PMTU")
    elapsed_us: Amount | None = msgspec.field(default=None, name="ElapsedTime")


def kernel_facts(info: TcpInfo, elapsed_us: int) -> KernelFacts:
    """Our kernel's account of one stream, as we tell it to a peer."""
    return KernelFacts(
        rtt=info.rtt_us,
        min_rtt=info.min_rtt_us,
        bytes_sent=info.bytes_sent,
        bytes_acked=info.bytes_acked,
        bytes_received=info.bytes_received,
        bytes_retrans=info.bytes_retrans,
        elapsed_us=elapsed_us,
    )


class LoadFacts(msgspec.Struct, rename="pascal"):
    """How busy one of our own peers says it is; M-Lab's servers do not send it."""

    tests: Amount | None = None
    max_tests: Amount | None = None
    cpu_ratio: float | None = msgspec.field(default=None, name="CPURatio")
    paced: bool = False
    pace_mbps: float | None = None

    def load(self) -> PeerLoad:
        """The same in the words that all engines share."""
        return PeerLoad(self.tests, self.max_tests, self.cpu_ratio, self.paced, self.pace_mbps)


@dataclass(frozen=True, slots=True)
class Said:
    """What one text message of a peer says. `received`: payload that it has of us, after `elapsed_s` by its clock.

    Its kernel's own count, `kernel.bytes_received`, is of all TCP payload since the connection began.
    """

    elapsed_s: float | None = None
    received: int | None = None
    kernel: KernelFacts | None = None
    congestion: str | None = None
    load: PeerLoad | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What we tell a peer of one stream: payload sent and received, the kernel's account, time since its start."""

    way: Way
    sent: int
    received: int
    info: TcpInfo
    elapsed_us: int


@dataclass(frozen=True, slots=True)
class Dialect:
    """One protocol. `target` gives path and query of a stream; `decode` reads a text, None if it says nothing.

    Frames of an upload have `first_bytes` of payload, doubling up to `largest_bytes` as the total grows.
    `receiver_must_count`: an upload's receiver says what it has, so one that does not gives no result. Where a receiver
    need not, the figure of one that says nothing is for reference only.
    """

    name: str
    subprotocol: str
    target: Callable[[Leg], str]
    decode: Callable[[bytes], Said | None]
    tell: Callable[[Told], bytes]
    first_bytes: int
    largest_bytes: int
    receiver_must_count: bool = True

    def next_size(self, size: int, sent: int) -> int:
        """The size of the message after one of `size`, with `sent` bytes sent so far: doubled at a sixteenth of it."""
        return size * 2 if size < self.largest_bytes and size <= sent / _GROWTH else size


class Supply:
    """Upload frames of growing size for one stream, out of rings that all streams share; ends at `share` bytes."""

    def __init__(self, dialect: Dialect, rings: dict[int, list[bytes]], share: int | None) -> None:
        self._dialect = dialect
        self._rings = rings
        self._share = share
        self._size = dialect.first_bytes
        self._turn = 0

    def __call__(self, written: int) -> tuple[bytes, int] | None:
        """The next frame and its payload size; None when the share is used up."""
        self._size = self._dialect.next_size(self._size, written)
        if self._share is not None and written + self._size > self._share:
            rest = self._share - written
            return (binary_frames(rest, 1, masked=True)[0], rest) if rest > 0 else None
        ring = self._rings.get(self._size)
        if ring is None:
            ring = self._rings[self._size] = binary_frames(self._size, _RING, masked=True)
        self._turn += 1
        return ring[self._turn % _RING], self._size
