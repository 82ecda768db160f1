"""Who may connect, and who may measure now. Pure: time is a parameter.

A busy peer that takes one more test spoils every figure it hands out, so the N+1st is told to come back. A test that
was let in is let in whole: its place is kept for a moment between its directions, but only once, so that nobody can
hold a place without measuring.
"""

import ipaddress
import math
from collections import Counter
from dataclasses import dataclass


class Crowd:
    """At most `most` connections at once, and half of them from one client: nobody alone can shut out the others."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._by_client: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._by_client.total()

    def enter(self, client: str) -> bool:
        """Let one more connection in; False means no. Every True is owed one `leave`."""
        if len(self) >= self._most or self._by_client[client] >= max(1, self._most // 2):
            return False
        self._by_client[client] += 1
        return True

    def leave(self, client: str) -> None:
        """End one connection."""
        self._by_client[client] -= 1
        if not self._by_client[client]:
            del self._by_client[client]


def client_of(host: str) -> str:
    """Name who is behind an address: all of an IPv6 /64 is one client, who could use any address of it."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    return str(address)


@dataclass(slots=True)
class _Place:
    """One admitted test: its open streams, when it must be over, and whether its place has been kept already."""

    streams: int
    ends_at: float
    kept: bool = False


class Admission:
    """At most `max_tests` tests at once; the streams of one test share its place, up to `streams_per_test`."""

    def __init__(self, max_tests: int, *, streams_per_test: int) -> None:
        self._max_tests = max_tests
        self._streams_per_test = streams_per_test
        self._places: dict[object, _Place] = {}

    @property
    def tests(self) -> int:
        """Tests that have streams running now."""
        return sum(place.streams > 0 for place in self._places.values())

    @property
    def places(self) -> int:
        """Places taken, those included that were kept for a test between its directions when last looked at."""
        return len(self._places)

    @property
    def streams(self) -> int:
        """Streams running now."""
        return sum(place.streams for place in self._places.values())

    def enter(self, test: object, *, now: float, ends_at: float) -> bool:
        """Take a place for one stream of `test`; False means busy. Every True is owed one `leave`."""
        self._clear(now)
        place = self._places.get(test)
        if place is None:
            if len(self._places) >= self._max_tests:
                return False
            self._places[test] = _Place(1, ends_at)
            return True
        if place.streams >= self._streams_per_test:
            return False
        place.ends_at = max(place.ends_at, ends_at) if place.streams else ends_at
        place.streams += 1
        return True

    def leave(self, test: object, *, keep_until: float | None = None) -> None:
        """End one stream. With the last one the place is free, or kept until `keep_until` if it never was before."""
        place = self._places[test]
        place.streams -= 1
        if place.streams > 0:
            return
        if keep_until is None or place.kept:
            del self._places[test]
            return
        place.kept = True
        place.ends_at = keep_until

    def retry_after_s(self, now: float) -> int:
        """Whole seconds until the first place must be free; at least 1."""
        soonest = min((place.ends_at for place in self._places.values()), default=now)
        return max(1, math.ceil(soonest - now))

    def _clear(self, now: float) -> None:
        """Give away the places of those who did not come back."""
        for test in [test for test, place in self._places.items() if not place.streams and place.ends_at <= now]:
            del self._places[test]
