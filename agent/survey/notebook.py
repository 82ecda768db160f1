"""Where a walk's samples go: the survey's spool, durable before the next sample is taken."""

import asyncio
import os
import threading
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from agent import handover
from agent.clock import Clock, is_set
from agent.errors import SpoolError, UsageError
from agent.identity import Identity
from agent.spool import Undated
from agent.wire.report import Measurement

_RANDOM: Final = 2


class Notebook:
    """Keeps measurements of one walk. A power cut costs what was being measured, and nothing else."""

    def __init__(self, folder: Path, *, identity: Identity, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._spool = handover.survey_spool(folder, identity=identity)
        self._closing = threading.Lock()
        self._closed = self._left = False  # left: an earlier walk of this boot may wait for its time, too
        self.undated = 0
        """How many were kept without a time so far, and may still wait for it."""

    def open(self) -> None:
        """Begin; nobody else may write here meanwhile.

        Raises:
            UsageError: the folder cannot be used by this user.
            SpoolError: somebody walks already, or the disk refuses.
        """
        place = self._folder / handover.NAME
        try:
            place.mkdir(parents=True, exist_ok=True, mode=0o750)
        except OSError as error:
            raise UsageError(f"agent.data: cannot use {place}: {error.strerror}; run it with sudo") from error
        if not os.access(place, os.W_OK | os.X_OK):
            raise UsageError(f"agent.data: this user cannot write in {place}; run it with sudo")
        try:
            self._spool.open()
        except SpoolError as error:
            if isinstance(error.__cause__, BlockingIOError):
                why = "another survey is running on this device (or its end is just being read); end that one first"
                raise SpoolError(why) from error
            raise
        self._left = handover.is_flagged(self._folder)
        try:
            handover.raise_flag(self._folder)
            handover.give_to_owner(self._folder)
        except OSError as error:
            raise SpoolError(f"{place}: {error.strerror}; check the folder and the disk") from error

    async def keep(self, measurement: Measurement[Any], began_s: float) -> None:
        """Keep a measurement; `began_s`: when it began, in seconds since boot. Raises SpoolError.

        What waits for its time and can have it now comes first, so that the order on the way is the order of seq.
        """
        await self.date()
        undated = None if is_set(measurement.started) else Undated(self._clock.boot_id(), began_s)
        await asyncio.to_thread(self._put, measurement, undated)
        self.undated += undated is not None
        await self.date()

    def _put(self, measurement: Measurement[Any], undated: Undated | None) -> None:
        with self._closing:  # one that comes after the end must not open the spool again
            if not self._closed:
                self._spool.put(measurement, undated=undated)

    async def date(self) -> None:
        """Give those that wait for it their time, if it is known now. Raises SpoolError."""
        if is_set(self._clock.now()) and (self.undated or self._left):
            await asyncio.to_thread(self._date)
            self.undated, self._left = 0, False

    def _date(self) -> None:
        with self._closing:
            if not self._closed:
                self._spool.date(self._clock.now(), self._clock.boottime(), self._clock.boot_id())

    def close(self) -> None:
        """End. Nothing is lost by not calling it."""
        with self._closing:
            self._closed = True
            self._spool.close()
        handover.give_to_owner(self._folder)


def walk_id(at: datetime, random: bytes) -> str:
    """Name a walk: by its beginning, if that is known, and two random bytes."""
    when = f"{at:%Y%m%d_%H%M}" if is_set(at) else "undated"
    return f"{when}_{random[:_RANDOM].hex()}"
