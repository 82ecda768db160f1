"""The only place on the agent that reads clocks. Everything else is given a `Clock`, or a time.

Three clocks: the wall clock (UTC, may be wrong, may jump), the monotonic one (for durations) and the time since boot
(counts suspend too, so it dates what was measured before the wall clock was set).
"""

import ctypes
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

SET_SINCE: Final = datetime(2024, 1, 1, tzinfo=UTC)
_TIMESYNCD: Final = Path("/run/systemd/timesync/synchronized")
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_TIME_ERROR: Final = 5  # adjtimex(2): the clock is not synchronized


class Clock(Protocol):
    """What the agent wants to know of time."""

    def now(self) -> datetime:
        """Wall clock, UTC."""

    def monotonic(self) -> float:
        """Seconds for durations."""

    def boottime(self) -> float:
        """Seconds since boot, suspend included."""

    def boot_id(self) -> str:
        """Name of this boot."""

    def synchronized(self) -> bool | None:
        """Whether something keeps the wall clock right; None if nobody can tell."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """Wall clock, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds for durations."""
        return time.monotonic()

    def boottime(self) -> float:
        """Seconds since boot, suspend included."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def boot_id(self) -> str:
        """Name of this boot; where the kernel does not tell, the second of the boot stands in for it."""
        try:
            return _BOOT_ID.read_text("ascii").strip()
        except OSError:
            return f"boot-{int(self.now().timestamp() - self.boottime())}"

    def synchronized(self) -> bool | None:
        """Ask the kernel's clock discipline, then systemd-timesyncd; None if neither can tell."""
        state = _adjtimex()
        if state is None:
            return True if _TIMESYNCD.exists() else None
        return state != _TIME_ERROR


def is_set(at: datetime) -> bool:
    """Whether a wall clock that shows `at` can have been set at all: boxes without a battery start in 1970 or so."""
    return at >= SET_SINCE


def uuid7(at: datetime, random: bytes) -> str:
    """Make a UUIDv7 (RFC 9562) from a time and 10 random bytes: sorts by time, to the millisecond."""
    if len(random) != 10:  # noqa: PLR2004 - 74 random bits, rounded up to bytes
        raise ValueError(f"10 random bytes, not {len(random)}")
    milliseconds = max(0, int(at.timestamp() * 1000)) & 0xFFFF_FFFF_FFFF
    number = milliseconds << 80 | int.from_bytes(random, "big")
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _adjtimex() -> int | None:
    """Read the kernel's clock state; None where the call does not exist or is forbidden."""
    try:
        call = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None
    # struct timex is at most 208 bytes; all zero means "read only".
    state = int(call(ctypes.create_string_buffer(512)))
    return state if state >= 0 else None
