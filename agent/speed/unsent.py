"""How much a sender keeps in the kernel that is not on the wire yet: ten milliseconds of its own rate.

Less, and TCP runs dry whenever the event loop is busy elsewhere: the rate read is the device's, not the line's. More,
and a stop wastes data, and small messages stand behind seconds of load on a slow line. A fixed amount is wrong on one
side or the other: 128 KiB are 4 s at 256 kbit/s, and at 4 Gbit/s a wake-up every 100 us, which costs half as much CPU
again as 4 MiB do.
"""

import contextlib
import socket
from typing import Final, Protocol

_TCP_NOTSENT_LOWAT: Final = 25
HELD_S: Final = 0.01
FIRST_BYTES: Final = 1 << 17
LEAST_BYTES: Final = 1 << 16
MOST_BYTES: Final = 1 << 22
EVERY_S: Final = 0.05


class Options(Protocol):
    """What is needed of a socket."""

    def setsockopt(self, level: int, name: int, value: int, /) -> None:
        """Set an option; raises OSError."""


def wanted(bytes_per_s: float) -> int:
    """The power of two that holds ten milliseconds of a rate, within bounds."""
    held = max(1, int(bytes_per_s * HELD_S) - 1)
    return min(max(1 << held.bit_length(), LEAST_BYTES), MOST_BYTES)


class Unsent:
    """Fits one socket's limit of unsent data to its rate, `bytes_per_s` (0 until it is known).

    A kernel that refuses is left as it is.
    """

    def __init__(self, sock: Options, now: float) -> None:
        self.bytes_per_s = 0.0
        self._sock = sock
        self._written = 0
        self._looked_s = now
        self._limit = 0
        self._set(FIRST_BYTES)

    def fit(self, written: int, now: float) -> None:
        """Look at the rate since the last look, if that is long enough ago. `written`: bytes so far, `now`: seconds."""
        passed_s = now - self._looked_s
        if passed_s < EVERY_S:
            return
        self.bytes_per_s = (written - self._written) / passed_s
        self._set(wanted(self.bytes_per_s))
        self._written, self._looked_s = written, now

    def _set(self, limit: int) -> None:
        if limit != self._limit:
            self._limit = limit
            with contextlib.suppress(OSError):
                self._sock.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, limit)
