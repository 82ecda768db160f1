"""M-Lab's msak throughput1, the client's vocabulary: what to ask, what is said over a stream, how frames grow.

Source: m-lab/msak, pkg/throughput1 (facts/protocols.md, 2.1). Pure; both directions use it.
"""

from typing import Final
from urllib.parse import urlencode

import msgspec

from agent import __version__
from agent.net.tcp_info import TcpInfo
from agent.speed.frames import binary_frames
from agent.speed.limits import Limits

SUBPROTOCOL: Final = "net.measurementlab.throughput.v1"
USER_AGENT: Final = f"linkgauge-agent/{__version__}"
CONGESTION: Final = "bbr"
MIN_MESSAGE: Final = 2**10
# The protocol lets a message grow to 2^20. A quarter of that costs no more CPU, and a server that counts whole
# messages then knows four times as precisely what it has received.
MAX_MESSAGE: Final = 2**18
MESSAGE_PERIOD_S: Final = 0.25
_GROWTH: Final = 16
_PATHS: Final = {"download": "/throughput/v1/download", "upload": "/throughput/v1/upload"}
# We end a run; the server's own end is a net below it. The client's clock starts with the first of the streams.
_SERVER_MARGIN_S: Final = 1.0
_RING: Final = 4


class Counters(msgspec.Struct, rename="pascal"):
    """Bytes over one stream since its upgrade, in the speaker's view."""

    bytes_sent: int = 0
    bytes_received: int = 0


class KernelFacts(msgspec.Struct, omit_defaults=True):
    """The documented part of TCPInfo: microseconds and bytes."""

    rtt: int | None = msgspec.field(default=None, name="RTT")
    min_rtt: int | None = msgspec.field(default=None, name="MinRTT")
    bytes_sent: int | None = msgspec.field(default=None, name="BytesSent")
    bytes_acked: int | None = msgspec.field(default=None, name="BytesAcked")
    bytes_received: int | None = msgspec.field(default=None, name="BytesReceived")
    bytes_retrans: int | None = msgspec.field(default=None, name="BytesRetrans")
    elapsed_us: int | None = msgspec.field(default=None, name="ElapsedTime")


class Measurement(msgspec.Struct, omit_defaults=True):
    """One text message. All parts are optional on the way in; `elapsed_us` counts from the speaker's upgrade."""

    congestion: str | None = msgspec.field(default=None, name="CC")
    application: Counters | None = msgspec.field(default=None, name="Application")
    network: Counters | None = msgspec.field(default=None, name="Network")
    elapsed_us: int | None = msgspec.field(default=None, name="ElapsedTime")
    kernel: KernelFacts | None = msgspec.field(default=None, name="TCPInfo")


_decoder: Final = msgspec.json.Decoder(Measurement)


def decode(payload: bytes) -> Measurement | None:
    """Read a text message; None for anything that is not one (such messages are advice, never an error)."""
    try:
        return _decoder.decode(payload)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
        return None


def measurement(*, sent: int, received: int, info: TcpInfo, elapsed_us: int) -> bytes:
    """Write our text message: payload bytes of a stream, the kernel's account of it, microseconds since its start."""
    return msgspec.json.encode(
        Measurement(
            application=Counters(bytes_sent=sent, bytes_received=received),
            network=Counters(bytes_sent=info.bytes_sent or 0, bytes_received=info.bytes_received or 0),
            elapsed_us=elapsed_us,
            kernel=KernelFacts(
                rtt=info.rtt_us,
                min_rtt=info.min_rtt_us,
                bytes_sent=info.bytes_sent,
                bytes_acked=info.bytes_acked,
                bytes_received=info.bytes_received,
                bytes_retrans=info.bytes_retrans,
                elapsed_us=elapsed_us,
            ),
        )
    )


def target(direction: str, limits: Limits, *, mid: str) -> str:
    """Path and query of one stream's request: `direction` is download or upload."""
    query = {
        "mid": mid,
        "streams": limits.streams,
        "duration": round((limits.seconds + _SERVER_MARGIN_S) * 1000),
        "delay": 0,
        "cc": CONGESTION,
        "client_name": "linkgauge",
        "client_version": __version__,
    }
    # On upload we stop ourselves, exactly; the server counts headers too and would end a little early.
    if limits.share is not None and direction == "download":
        query["bytes"] = limits.share
    return f"{_PATHS[direction]}?{urlencode(query)}"


def next_size(size: int, sent: int) -> int:
    """The size of the message after one of `size`, with `sent` bytes sent so far: doubled at a sixteenth of it."""
    return size * 2 if size < MAX_MESSAGE and size <= sent / _GROWTH else size


class Supply:
    """Upload frames of growing size for one stream, out of rings that all streams share; ends at `share` bytes."""

    def __init__(self, rings: dict[int, list[bytes]], share: int | None) -> None:
        self._rings = rings
        self._share = share
        self._size = MIN_MESSAGE
        self._turn = 0

    def __call__(self, written: int) -> tuple[bytes, int] | None:
        """The next frame and its payload size; None when the share is used up."""
        self._size = next_size(self._size, written)
        if self._share is not None and written + self._size > self._share:
            rest = self._share - written
            return (binary_frames(rest, 1, masked=True)[0], rest) if rest > 0 else None
        ring = self._rings.get(self._size)
        if ring is None:
            ring = self._rings[self._size] = binary_frames(self._size, _RING, masked=True)
        self._turn += 1
        return ring[self._turn % _RING], self._size
