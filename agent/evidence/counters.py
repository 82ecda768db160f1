"""The interface's own counters, and what others moved through it: interface minus test. Pure but for one reader."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from agent.evidence.places import Places, number

Way = Literal["rx", "tx"]

_WRAP: Final = 2**32
HEADERS_BYTES: Final = 100
"""Around one packet's payload at most: Ethernet with VLAN and check sum 22, PPPoE 8, IPv6 40, TCP with options 30."""
PAYLOAD_BYTES: Final = 1200
"""Of one packet at least, where the path's largest packet is not known."""
SMALLEST_BYTES: Final = 536
"""Of our packets on the whole: TCP's payload where no side says more. Smaller ones are of others, headers and all."""
FRAMING: Final = 0.005
"""TLS adds 22 bytes to 16 KiB, WebSocket 10 to a frame of some KiB: below half a percent together."""
IN_KERNEL_S: Final = 0.1
"""What the interface has counted and the program not yet read: at most this long at the run's rate."""


class Count(NamedTuple):
    """Bytes and packets of one way since the interface came up."""

    octets: int
    packets: int


@dataclass(frozen=True, slots=True)
class CounterReading:
    """The counters of one interface at one moment; None where the interface is gone or does not count."""

    at_s: float
    rx: Count | None = None
    tx: Count | None = None


def read(places: Places, interface: str, *, at_s: float) -> CounterReading:
    """Take a reading."""
    # Two sorts of path are built by hand: pathlib would cost more than the reading.
    folder = f"{places.sysfs}/class/net/{interface}/statistics"
    rx, tx = _count(folder, "rx"), _count(folder, "tx")
    return CounterReading(at_s, rx, tx)


def rate_mbps(first: CounterReading, last: CounterReading, way: Way) -> float | None:
    """All that went through between two readings, in Mbit/s; None if it cannot be told."""
    moved = _moved(first, last, way)
    seconds = last.at_s - first.at_s
    return None if moved is None or seconds <= 0 else moved.octets * 8 / 1e6 / seconds


@dataclass(frozen=True, slots=True)
class Own:
    """What a test moved over the interface itself: TCP payload with what was sent again, between two moments."""

    start_s: float
    end_s: float
    octets: int
    pmtu_bytes: int | None = None


def other_mbps(readings: Sequence[CounterReading], way: Way, own: Own) -> float | None:
    """What others moved that way while the test ran, in Mbit/s; None if it cannot be told.

    The test's own share is taken generously, so a test alone never looks like traffic of others: packets have the
    largest headers that occur, and what the kernel may still hold is added. Traffic below about an eighth of the
    test's rate is therefore not seen in a run of 2 s, and below a twelfth in one of 10 s.
    """
    seconds = own.end_s - own.start_s
    first, last = _at(readings, own.start_s), _at(readings, own.end_s)
    if first is None or last is None or seconds <= 0:
        return None
    moved = _moved(first, last, way)
    if moved is None:
        return None
    payload = max(PAYLOAD_BYTES, own.pmtu_bytes - 80) if own.pmtu_bytes else PAYLOAD_BYTES
    # An interface that leaves cutting to the hardware counts few large packets, some with the headers of all.
    packets = max(min(moved.packets, own.octets / SMALLEST_BYTES), own.octets / payload)
    ours = own.octets * (1 + FRAMING + IN_KERNEL_S / seconds) + packets * HEADERS_BYTES
    return max(0.0, moved.octets - ours) * 8 / 1e6 / seconds


def _count(folder: str, way: Way) -> Count | None:
    octets, packets = number(f"{folder}/{way}_bytes"), number(f"{folder}/{way}_packets")
    return None if octets is None or packets is None else Count(octets, packets)


def _moved(first: CounterReading, last: CounterReading, way: Way) -> Count | None:
    """The growth of both counters; None if the interface is gone or began again from zero.

    Some 32-bit drivers count bytes in 32 bits. Bytes that fell while packets rose have wrapped; if packets fell too,
    the interface was made anew.
    """
    old, new = (first.rx, last.rx) if way == "rx" else (first.tx, last.tx)
    if old is None or new is None or new.packets < old.packets:
        return None
    octets = new.octets - old.octets
    if octets < 0:
        octets += _WRAP
    return Count(octets, new.packets - old.packets) if octets >= 0 and _plausible(old, new) else None


def _plausible(old: Count, new: Count) -> bool:
    """Whether a fall of the byte counter can be a wrap: it was below 2^32, and packets came."""
    return new.octets >= old.octets or (old.octets < _WRAP and new.packets > old.packets)


def _at(readings: Sequence[CounterReading], at_s: float) -> CounterReading | None:
    """The counters at a moment: on the straight line between the readings around it; the nearest one outside."""
    if not readings:
        return None
    place = bisect_right([reading.at_s for reading in readings], at_s)
    if place in (0, len(readings)):
        return readings[min(place, len(readings) - 1)]
    before, after = readings[place - 1], readings[place]
    share = (at_s - before.at_s) / (after.at_s - before.at_s)
    return CounterReading(at_s, _mixed(before, after, "rx", share), _mixed(before, after, "tx", share))


def _mixed(before: CounterReading, after: CounterReading, way: Way, share: float) -> Count | None:
    moved = _moved(before, after, way)
    old = before.rx if way == "rx" else before.tx
    if moved is None or old is None:
        return None
    return Count(old.octets + round(moved.octets * share), old.packets + round(moved.packets * share))
