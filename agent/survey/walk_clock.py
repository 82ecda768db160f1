"""The time while walking: the box's own clock, or the satellites' where the box cannot know better."""

from datetime import datetime, timedelta
from typing import Final

from agent.clock import Clock, is_set

_WRONG_S: Final = 5.0


class WalkClock:
    """A clock that believes satellites while nothing keeps the box's own clock right.

    Boxes without a battery start in 1970, or at the minute of their last shutdown; on the way there is no network to
    set them. A receiver's fix names its moment to well below a second.
    """

    def __init__(self, own: Clock) -> None:
        self._own = own
        self._at_boot: datetime | None = None

    @property
    def by_satellites(self) -> bool:
        """Whether the satellites' time is used now."""
        return self._at_boot is not None

    def hear(self, stamp: datetime | None) -> None:
        """Take in the moment of a fresh fix; None for a fix that does not name its day."""
        if self._own.synchronized() is True:
            self._at_boot = None
        elif stamp is not None and is_set(stamp) and abs((stamp - self.now()).total_seconds()) > _WRONG_S:
            self._at_boot = stamp - timedelta(seconds=self._own.boottime())

    def now(self) -> datetime:
        """Wall clock, UTC."""
        if self._at_boot is None:
            return self._own.now()
        return self._at_boot + timedelta(seconds=self._own.boottime())

    def monotonic(self) -> float:
        """Seconds for durations."""
        return self._own.monotonic()

    def boottime(self) -> float:
        """Seconds since boot, suspend included."""
        return self._own.boottime()

    def boot_id(self) -> str:
        """Name of this boot."""
        return self._own.boot_id()

    def synchronized(self) -> bool | None:
        """Whether something keeps the box's own clock right."""
        return self._own.synchronized()
