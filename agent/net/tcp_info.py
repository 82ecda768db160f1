"""What the kernel knows about one of our TCP sockets: `struct tcp_info` of Linux (include/uapi/linux/tcp.h)."""

import socket
import struct
from dataclasses import dataclass
from typing import Final

_UNKNOWN_U32: Final = 0xFFFFFFFF
SIZE: Final = 232
"""Bytes that are asked for; an older kernel has fewer."""

_LAYOUT: Final = {
    # name: (offset, format); times are microseconds in the kernel's struct
    "state": (0, "=B"),
    "ca_state": (1, "=B"),
    "app_limited": (7, "=B"),
    "snd_mss": (16, "=I"),
    "rcv_mss": (20, "=I"),
    "lost": (32, "=I"),
    "retrans": (36, "=I"),
    "pmtu": (60, "=I"),
    "rtt_us": (68, "=I"),
    "rtt_var_us": (72, "=I"),
    "snd_cwnd": (80, "=I"),
    "rcv_rtt_us": (92, "=I"),
    "total_retrans": (100, "=I"),
    "pacing_rate": (104, "=Q"),
    "bytes_acked": (120, "=Q"),
    "bytes_received": (128, "=Q"),
    "notsent_bytes": (144, "=I"),
    "min_rtt_us": (148, "=I"),
    "data_segs_in": (152, "=I"),
    "delivery_rate": (160, "=Q"),
    "busy_time_us": (168, "=Q"),
    "rwnd_limited_us": (176, "=Q"),
    "sndbuf_limited_us": (184, "=Q"),
    "delivered": (192, "=I"),
    "bytes_sent": (200, "=Q"),
    "bytes_retrans": (208, "=Q"),
    "dsack_dups": (216, "=I"),
    "rcv_ooo_packets": (224, "=I"),
}


@dataclass(frozen=True, slots=True)
class TcpInfo:
    """One reading. A field is None where this kernel's struct is too short for it or the value is not known yet.

    Counts of bytes are TCP payload; `rtt_us` is the smoothed round trip (right after connecting, the one of the
    SYN), `min_rtt_us` the smallest in the kernel's window, `rcv_rtt_us` the receiver's own measure of it; rates are
    bytes per second. `data_segs_in` (received) and `delivered` (sent, acknowledged in whatever way) count segments,
    those behind a hole too. `app_limited` is 1 while the program gives TCP too little to send.
    """

    state: int | None = None
    ca_state: int | None = None
    app_limited: int | None = None
    snd_mss: int | None = None
    rcv_mss: int | None = None
    lost: int | None = None
    retrans: int | None = None
    pmtu: int | None = None
    rtt_us: int | None = None
    rtt_var_us: int | None = None
    snd_cwnd: int | None = None
    rcv_rtt_us: int | None = None
    total_retrans: int | None = None
    pacing_rate: int | None = None
    bytes_acked: int | None = None
    bytes_received: int | None = None
    notsent_bytes: int | None = None
    min_rtt_us: int | None = None
    data_segs_in: int | None = None
    delivery_rate: int | None = None
    busy_time_us: int | None = None
    rwnd_limited_us: int | None = None
    sndbuf_limited_us: int | None = None
    delivered: int | None = None
    bytes_sent: int | None = None
    bytes_retrans: int | None = None
    dsack_dups: int | None = None
    rcv_ooo_packets: int | None = None


def parse(data: bytes) -> TcpInfo:
    """The fields that `data`, a tcp_info of whatever length, holds."""
    found: dict[str, int] = {}
    for name, (offset, layout) in _LAYOUT.items():
        if offset + struct.calcsize(layout) <= len(data):
            (found[name],) = struct.unpack_from(layout, data, offset)
    if "app_limited" in found:
        found["app_limited"] &= 1
    for name in ("rtt_us", "rtt_var_us", "min_rtt_us", "rcv_rtt_us"):
        if found.get(name) in (0, _UNKNOWN_U32):
            del found[name]
    return TcpInfo(**found)


def read(sock: socket.socket, *, size: int = SIZE) -> TcpInfo | None:
    """A reading of `sock`, or None if it is closed, not TCP, or the kernel is not Linux. `size`: bytes asked for."""
    if not hasattr(socket, "TCP_INFO"):
        return None
    try:
        return parse(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, size))
    except OSError:
        return None


def congestion(sock: socket.socket) -> str | None:
    """The name of the congestion control in force on `sock`, or None if it cannot be read."""
    try:
        name = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
    except (OSError, AttributeError):
        return None
    return name.partition(b"\0")[0].decode("ascii", "replace") or None


def set_congestion(sock: socket.socket, name: str) -> bool:
    """Ask for congestion control `name` on `sock`; False if this kernel does not have or allow it."""
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name.encode())
    except (OSError, AttributeError):
        return False
    return True
