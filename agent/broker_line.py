"""How fast the line to the broker is, judged by how long its acknowledgements take. Pure: time comes in."""

from typing import Final

_WEIGHTY: Final = 4096  # bytes: below this, an acknowledgement tells the round trip, not the rate
_LEAST_S: Final = 0.001
_WINDOW_S: Final = 8.0  # a window should cross the line in this time, well within any keepalive
_LEAST_BYTES: Final = 8192


class Line:
    """A running estimate of one line's rate, and the window of bytes that it deserves."""

    def __init__(self, *, window_bytes: int, slow_window_bytes: int, slow_mbps: float) -> None:
        self._window = window_bytes
        self._slow_window = slow_window_bytes
        self._slow = slow_mbps * 1e6 / 8
        self._round_trip_s: float | None = None
        self._rate: float | None = None

    @property
    def mbps(self) -> float | None:
        """The estimate in 10^6 bit/s; None while nothing weighty was acknowledged."""
        return None if self._rate is None else self._rate * 8 / 1e6

    @property
    def window_bytes(self) -> int:
        """How many bytes may be under way. A line counts as slow until it has shown better."""
        if self._rate is None:
            return self._slow_window
        if self._rate >= self._slow:
            return self._window
        return min(self._slow_window, max(_LEAST_BYTES, int(self._rate * _WINDOW_S)))

    def acknowledged(self, under_way_bytes: int, seconds: float) -> None:
        """Learn from one PUBACK: so many bytes were under way when its message left, that message included."""
        known = self._round_trip_s
        self._round_trip_s = seconds if known is None else min(known, seconds)
        if under_way_bytes < _WEIGHTY:
            return
        sample = under_way_bytes / max(_LEAST_S, seconds - (known or 0.0))
        self._rate = sample if self._rate is None else (self._rate + sample) / 2

    def broke(self) -> None:
        """The connection ended with messages under way: perhaps the window choked it, so try half."""
        self._rate = (self._slow if self._rate is None else min(self._rate, self._slow)) / 2
