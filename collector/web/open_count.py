"""How many incidents are open: the number that every page's navigation shows."""

import asyncio
import time
from typing import Final

from collector.errors import CollectorError
from collector.web.sources import Casebook

AGE_S: Final = 5.0
"""So old may it be: pages that are asked for all the time do not ask the database each time."""


class OpenCount:
    """The number, asked for at most once in `AGE_S`."""

    def __init__(self, casebook: Casebook) -> None:
        self._casebook = casebook
        self._known = 0
        self._due = 0.0

    async def now(self) -> int:
        """Give the number; the last one known while the database cannot be reached."""
        if self._due <= time.monotonic():
            self._due = time.monotonic() + AGE_S
            try:
                self._known = await asyncio.to_thread(self._casebook.count)
            except CollectorError:
                return self._known
        return self._known
