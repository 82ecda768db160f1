"""One total rate shared by many streams. Pure: time is a parameter.

A virtual clock instead of a bucket of tokens: every reservation moves `_free_at` by its own time at the rate, so
streams are served in the order they ask, and timers that fire late are made up for.
"""


class Pace:
    """Hands out send (or read) times so that all streams together move `bytes_per_s`."""

    LATE_S = 0.1
    """What a stalled event loop may catch up with. More would be a burst, less would lose rate on a busy machine."""

    def __init__(self, mbps: float) -> None:
        self.bytes_per_s = mbps * 1e6 / 8
        self.chunk = min(max(int(self.bytes_per_s * 0.002), 4096), 1 << 17)
        self._free_at = 0.0
        self._streams = 0

    def join(self, now: float) -> None:
        """Count one more stream in; the first one starts without credit from the idle time before it."""
        if self._streams == 0:
            self._free_at = max(self._free_at, now)
        self._streams += 1

    def leave(self) -> None:
        """Count one stream out."""
        self._streams -= 1

    def reserve(self, size: int, now: float) -> float:
        """Book `size` bytes; returns the seconds from `now` until they may move (0: at once)."""
        starts_at = max(self._free_at, now - self.LATE_S)
        self._free_at = starts_at + size / self.bytes_per_s
        return max(0.0, starts_at - now)

    def book(self, size: int, now: float) -> float:
        """Book `size` bytes that have moved already; returns the seconds from `now` to rest before the next."""
        self._free_at = max(self._free_at, now - self.LATE_S) + size / self.bytes_per_s
        return max(0.0, self._free_at - now)
