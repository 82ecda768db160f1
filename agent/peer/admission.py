"""Who may measure now. Pure: time is a parameter.

A busy peer that takes one more test spoils every figure it hands out, so the N+1st is told to come back.
"""

import math
from dataclasses import dataclass


@dataclass(slots=True)
class _Running:
    """One admitted test: its open streams and when the last of them must be over."""

    streams: int
    ends_at: float


class Admission:
    """At most `max_tests` tests at once; the streams of one test share its place, up to `streams_per_test`."""

    def __init__(self, max_tests: int, *, streams_per_test: int) -> None:
        self._max_tests = max_tests
        self._streams_per_test = streams_per_test
        self._running: dict[object, _Running] = {}

    @property
    def tests(self) -> int:
        """Tests running now."""
        return len(self._running)

    @property
    def streams(self) -> int:
        """Streams running now."""
        return sum(test.streams for test in self._running.values())

    def enter(self, test: object, *, ends_at: float) -> bool:
        """Take a place for one stream of `test`; False means busy. Every True is owed one `leave`."""
        running = self._running.get(test)
        if running is None:
            if len(self._running) >= self._max_tests:
                return False
            self._running[test] = _Running(1, ends_at)
            return True
        if running.streams >= self._streams_per_test:
            return False
        running.streams += 1
        running.ends_at = max(running.ends_at, ends_at)
        return True

    def leave(self, test: object) -> None:
        """Give one stream's place back."""
        running = self._running[test]
        running.streams -= 1
        if running.streams == 0:
            del self._running[test]

    def retry_after_s(self, now: float) -> int:
        """Whole seconds until the first running test must be over; at least 1."""
        soonest = min((test.ends_at for test in self._running.values()), default=now)
        return max(1, math.ceil(soonest - now))
