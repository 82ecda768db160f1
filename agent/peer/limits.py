"""Every bound that protects the peer from its clients, with its default beside it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a stranger may take: seconds, bytes, connections.

    `msak_s` and `ndt7_s` are the protocols' own hard deadlines, counted from the end of the WebSocket handshake.
    A stream gets what it asked for plus `grace_s` to finish its last message and its close, never more than them.
    `between_s` is how long the place of a test is kept for its upload, once, after its download.
    """

    handshake_s: float = 7.0
    idle_s: float = 7.0
    grace_s: float = 3.0
    msak_s: float = 25.0
    ndt7_s: float = 15.0
    between_s: float = 5.0
    stream_bytes: int = 1 << 35
    streams_per_test: int = 16
    spare_connections: int = 64
    header_bytes: int = 8192
