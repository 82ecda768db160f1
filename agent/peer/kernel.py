"""What the kernel says of one TCP socket, in the names that M-Lab's clients read, and what is asked of it.

`_FIELDS` is `struct tcp_info` of include/uapi/linux/tcp.h in order: byte counts, microseconds (milliseconds for the
`Last…` ones). MaxPacingRate is signed, because "no limit" is all ones and Go's int64 would overflow.
"""

import contextlib
import socket
import struct
from dataclasses import dataclass

from agent.net import tcp_info

_TCP_CC_INFO = 26
_SO_MAX_PACING_RATE = 47
_LAYOUT = struct.Struct("=8B24IQq2Q6I4Q2I2Q4I")
_BBR = struct.Struct("=IIIII")
# fmt: off
_FIELDS = (
    "State", "CAState", "Retransmits", "Probes", "Backoff", "Options", "WScale", "AppLimited",
    "RTO", "ATO", "SndMSS", "RcvMSS", "Unacked", "Sacked", "Lost", "Retrans", "Fackets",
    "LastDataSent", "LastAckSent", "LastDataRecv", "LastAckRecv",
    "PMTU", "RcvSsThresh", "RTT", "RTTVar", "SndSsThresh", "SndCwnd", "AdvMSS",
    "Reordering", "RcvRTT", "RcvSpace", "TotalRetrans",
    "PacingRate", "MaxPacingRate", "BytesAcked", "BytesReceived",
    "SegsOut", "SegsIn", "NotsentBytes", "MinRTT", "DataSegsIn", "DataSegsOut",
    "DeliveryRate", "BusyTime", "RWndLimited", "SndBufLimited",
    "Delivered", "DeliveredCE", "BytesSent", "BytesRetrans", "DSackDups", "ReordSeen", "RcvOooPack", "SndWnd",
)
# fmt: on


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One reading of a socket; `bbr` only while BBR is in force."""

    tcp: dict[str, int]
    bbr: dict[str, int] | None = None


def tcp_fields(data: bytes) -> dict[str, int]:
    """Name the fields of a `tcp_info` as long as this kernel makes it; what an older kernel lacks is zero."""
    values = _LAYOUT.unpack_from(data.ljust(_LAYOUT.size, b"\0"))
    fields = dict(zip(_FIELDS, values, strict=True))
    # One bit of its byte; the two above it tell of TCP Fast Open.
    fields["AppLimited"] &= 1
    return fields


def bbr_fields(data: bytes) -> dict[str, int]:
    """Name the fields of a `tcp_bbr_info`: bandwidth in bytes per second, gains times 256."""
    low, high, min_rtt, pacing_gain, cwnd_gain = _BBR.unpack_from(data)
    return {"BW": high << 32 | low, "MinRTT": min_rtt, "PacingGain": pacing_gain, "CwndGain": cwnd_gain}


def read(sock: socket.socket) -> Snapshot | None:
    """Read the socket's state; None once it is closed."""
    try:
        tcp = tcp_fields(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAYOUT.size))
    except OSError:
        return None
    if tcp_info.congestion(sock) != "bbr":
        return Snapshot(tcp)
    try:
        raw = sock.getsockopt(socket.IPPROTO_TCP, _TCP_CC_INFO, _BBR.size)
    except OSError:
        return Snapshot(tcp)
    return Snapshot(tcp, bbr_fields(raw) if len(raw) == _BBR.size else None)


def prepare(sock: socket.socket, *, user_timeout_s: float, pace_bytes_per_s: float | None) -> None:
    """Set what every accepted socket gets: BBR if there is, small messages at once, an end for dead peers, a pace.

    asyncio leaves accepted sockets as they are: a small message would wait for an acknowledgement, for up to 40 ms.
    Each is a refinement that a kernel may refuse; none is needed for a measurement.
    """
    tcp_info.set_congestion(sock, "bbr")
    options = [
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(user_timeout_s * 1000)),
    ]
    if pace_bytes_per_s is not None:
        # A quarter above the rate: it only spreads bursts out, the rate itself is kept by `pace`.
        options.append((socket.SOL_SOCKET, _SO_MAX_PACING_RATE, min(int(pace_bytes_per_s * 1.25), 2**32 - 2)))
    for level, name, value in options:
        with contextlib.suppress(OSError):
            sock.setsockopt(level, name, struct.pack("=I", value))


def drop_at_once(sock: socket.socket) -> None:
    """Make the next close a reset that throws away unsent data, so that a dead peer holds no kernel memory."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
