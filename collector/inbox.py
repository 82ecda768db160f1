"""The bounded queue between the broker and the pipeline: bounded by number and by bytes, it drops and counts.

Dropping is safe, because agents send again what has no receipt; growing is not.
"""

import asyncio
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Letter:
    """One message as it came."""

    topic: str
    payload: bytes


class Inbox:
    """Letters in the order of their arrival. For one event loop."""

    def __init__(self, *, limit_messages: int, limit_bytes: int) -> None:
        self.limit_messages = limit_messages
        self.limit_bytes = limit_bytes
        self.bytes = 0
        self._letters: deque[Letter] = deque()
        self._filled = asyncio.Event()
        self._closing = asyncio.Event()

    def __len__(self) -> int:
        return len(self._letters)

    def offer(self, letter: Letter) -> bool:
        """Take a letter in; False if there was no room, or the inbox is closed."""
        room = len(self._letters) < self.limit_messages and self.bytes + len(letter.payload) <= self.limit_bytes
        if self._closing.is_set() or not room:
            return False
        self._letters.append(letter)
        self.bytes += len(letter.payload)
        self._filled.set()
        return True

    def take(self) -> Letter | None:
        """Give the oldest letter; None when there is none."""
        if not self._letters:
            return None
        letter = self._letters.popleft()
        self.bytes -= len(letter.payload)
        if not self._letters and not self._closing.is_set():
            self._filled.clear()
        return letter

    async def filled(self) -> None:
        """Wait until there is a letter, or the inbox is closed."""
        await self._filled.wait()

    @property
    def closed(self) -> bool:
        """Whether no more letters are taken in; what is inside can still be taken."""
        return self._closing.is_set()

    async def stopping(self, wait_s: float) -> bool:
        """Wait so long, but no longer than until the inbox is closed; True if it is."""
        try:
            async with asyncio.timeout(wait_s):
                await self._closing.wait()
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Take no more letters in, and wake who waits."""
        self._closing.set()
        self._filled.set()
