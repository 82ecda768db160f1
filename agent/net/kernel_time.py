"""When a datagram really came: the kernel's receive time, made safe against steps of the wall clock.

A busy event loop reads a packet milliseconds after it came; the kernel stamps it in time, but with CLOCK_REALTIME,
which may be set in mid-run. So each event reads both clocks. Their difference only changes by a step (slewing moves
both), and a stamp taken around a step is replaced by the time at which the loop read the packet.
"""

import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

TIMESTAMPNS: Final = 35  # SO_TIMESTAMPNS and its control message (asm-generic/socket.h)
CONTROL_SIZE: Final = 128
_SECOND_NS: Final = 1_000_000_000
_STEP_NS: Final = 500_000
_CLOSE_NS: Final = 50_000
_AGAIN: Final = 2


@dataclass(frozen=True, slots=True)
class Reading:
    """Both clocks at one moment, in nanoseconds: the wall clock since 1970, the monotonic one since whenever."""

    wall_ns: int
    monotonic_ns: int


ReadClocks = Callable[[], Reading]


def read_clocks() -> Reading:
    """Read both clocks so close together that being scheduled out between them does not look like a step."""
    width, reading = _read_once()
    for _ in range(_AGAIN):
        if width < _CLOSE_NS:
            break
        width, reading = min((width, reading), _read_once(), key=lambda found: found[0])
    return reading


def _read_once() -> tuple[int, Reading]:
    before = time.monotonic_ns()
    wall = time.time_ns()
    after = time.monotonic_ns()
    return after - before, Reading(wall, (before + after) // 2)


def enable(sock: socket.socket) -> bool:
    """Ask the kernel to stamp what `sock` receives; False where it cannot."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, TIMESTAMPNS, 1)
    except OSError:
        return False
    return True


def stamp_of(ancillary: Sequence[tuple[int, int, bytes]]) -> int | None:
    """Find the kernel's receive time (wall clock, ns) among control messages; None without one."""
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == TIMESTAMPNS:
            # a struct timespec of the machine's own long: two of 4 bytes on 32-bit boxes
            form = {16: "=qq", 8: "=ii"}.get(len(data))
            if form is not None:
                seconds, rest = struct.unpack(form, data)
                return int(seconds) * _SECOND_NS + int(rest)
    return None


class Timeline:
    """Puts the events of one run on the monotonic clock; `steps` counts how often the wall clock was set meanwhile."""

    def __init__(self) -> None:
        self.steps = 0
        self._offset_ns: int | None = None

    def note(self, now: Reading) -> bool:
        """Take a reading of the clocks; True if the wall clock was set since the last one."""
        offset_ns = now.wall_ns - now.monotonic_ns
        stepped = self._offset_ns is not None and abs(offset_ns - self._offset_ns) > _STEP_NS
        self._offset_ns = offset_ns
        self.steps += stepped
        return stepped

    def arrival_ns(self, now: Reading, stamp_ns: int | None, *, after_ns: int) -> int:
        """Give the monotonic time at which a packet came that was read `now` and cannot have come before `after_ns`."""
        stepped = self.note(now)
        if stamp_ns is None or stepped:
            return now.monotonic_ns
        came_ns = stamp_ns - (now.wall_ns - now.monotonic_ns)
        if came_ns < after_ns or came_ns > now.monotonic_ns + _STEP_NS:
            return now.monotonic_ns
        return min(came_ns, now.monotonic_ns)
