"""What a fleet did so far, in numbers that can be added up over its processes. Pure."""

import math
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

_STEPS: Final = 16  # buckets of latency to each doubling: 4.4 % wide
_LEAST_S: Final = 0.0005


class Tally(msgspec.Struct, kw_only=True):
    """One process's numbers. All but the first five only rise. `latency`: buckets, see `bucket`."""

    agents: int = 0
    opened: int = 0
    connected: int = 0
    spooled: int = 0
    unregistered: int = 0
    produced: int = 0
    refused: int = 0
    receipted: int = 0
    rejected: int = 0
    dropped: int = 0
    connects: int = 0
    behind_s: float = 0
    cpu_s: float = 0
    rss_bytes: int = 0
    done: bool = False
    latency: dict[int, int] = {}


def bucket(seconds: float) -> int:
    """Number of the bucket that a latency falls into."""
    return max(0, math.ceil(math.log2(max(seconds, _LEAST_S) / _LEAST_S) * _STEPS))


def seconds_of(number: int) -> float:
    """Upper end of a bucket."""
    return _LEAST_S * math.exp2(number / _STEPS)


def quantile(buckets: Mapping[int, int], share: float) -> float | None:
    """Give the latency that this share of reports did not exceed, in seconds; None without any."""
    left = share * sum(buckets.values())
    for number in sorted(buckets):
        left -= buckets[number]
        if left <= 0:
            return seconds_of(number)
    return None


def together(tallies: Iterable[Tally]) -> Tally:
    """Add up what several processes did; behind is who is furthest behind."""
    total = Tally(done=True)
    for tally in tallies:
        for name in Tally.__struct_fields__:
            value = getattr(tally, name)
            if isinstance(value, bool):
                total.done = total.done and value
            elif name == "behind_s":
                total.behind_s = max(total.behind_s, value)
            elif isinstance(value, int | float):
                setattr(total, name, getattr(total, name) + value)
        total.latency = _added(total.latency, tally.latency)
    return total


def _added(one: Mapping[int, int], other: Mapping[int, int]) -> dict[int, int]:
    return {number: one.get(number, 0) + other.get(number, 0) for number in one.keys() | other.keys()}
