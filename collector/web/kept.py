"""Answers that were dear to find are given again for a while, so that many readers cost as much as one."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

T = TypeVar("T")

DEAR_S: Final = 0.1
"""What was found quicker is never kept: a small province always sees its newest."""
TIMES: Final = 20
"""An answer is kept so many times as long as it took: at most a twentieth of the time goes into finding it."""


@dataclass(slots=True)
class _Entry:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    value: Any = None
    until: float = 0.0


@dataclass(slots=True)
class Kept:
    """Answers by the name of their question; as many as there are questions. For one event loop."""

    clock: Callable[[], float] = time.monotonic
    _entries: dict[str, _Entry] = field(default_factory=dict)

    async def get(self, question: str, find: Callable[[], Awaitable[T]]) -> T:
        """The answer that is kept, or a new one; who asks meanwhile waits for the same. Raises what `find` raises."""
        entry = self._entries.setdefault(question, _Entry())
        async with entry.lock:
            if self.clock() >= entry.until:
                began = self.clock()
                entry.value = await find()
                took = self.clock() - began
                entry.until = self.clock() + TIMES * took if took >= DEAR_S else 0.0
            found: T = entry.value
            if not entry.until:
                entry.value = None
            return found
