"""The queue between the broker and the pipeline: bounded, fair to every agent, it drops and counts.

Dropping is safe, because agents send again what has no receipt; growing is not. Each agent has a line of its own and
the lines are served in turn, so who sends much waits longer and nobody else does. What is above an agent's rate is not
taken in; when there is no room, the newest of whoever holds the most goes, not whoever comes last.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final, Literal

import msgspec

from agent.wire.topics import ROOT
from collector.allowance import EACH, Allowance

Dropped = Literal["closed", "rate", "full"]
RATE: Final = 1024 * 1024
BURST: Final = 8 * 1024 * 1024
_START: Final = len(f"{ROOT}/")
_LONGEST: Final = 63  # of an agent's id


class Letter(msgspec.Struct, frozen=True, gc=False):
    """One message as it came. `at`: when, in seconds of the inbox's clock; 0.0 when nobody noted it."""

    topic: str
    payload: bytes
    at: float = 0.0


class _Line(msgspec.Struct):
    """What waits of one agent. `level` says roughly how much it is: twice as much is one more."""

    letters: deque[Letter]
    weight: int = 0
    level: int = 0


class Inbox:
    """Letters in the order of their arrival, agent by agent in turn. For one event loop.

    Whoever `known` denies shares one line and one rate with all others like it: names cost an attacker nothing.
    `rate` (bytes a second) and `burst` (bytes) are each agent's; `dropped` hears the reason for each letter lost.
    """

    def __init__(
        self,
        *,
        limit_messages: int,
        limit_bytes: int,
        rate: float = RATE,
        burst: float = BURST,
        dropped: Callable[[Dropped], None] = lambda _: None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.limit_messages = limit_messages
        self.limit_bytes = limit_bytes
        self.bytes = 0
        self.allowance = Allowance(rate, burst)
        self.dropped = dropped
        self.known: Callable[[str], bool] = lambda _: True
        self._clock = clock
        self._count = 0
        self._lines: dict[str, _Line] = {}
        self._turns: deque[str] = deque()
        self._levels: list[dict[str, None]] = [{} for _ in range(64)]
        self._filled = asyncio.Event()
        self._closing = asyncio.Event()

    def __len__(self) -> int:
        return self._count

    def admits(self, topic: str, size: int) -> bool:
        """Whether whoever writes to this topic may send so many bytes now, by its rate; for what is not queued here."""
        admitted = self.allowance.admits(self._sender(topic), size, self._clock())
        if not admitted:
            self.dropped("rate")
        return admitted

    def offer(self, letter: Letter) -> bool:
        """Take a letter in; False if it is above its agent's rate, there is no room, or the inbox is closed."""
        agent, size = self._sender(letter.topic), len(letter.payload)
        if self._closing.is_set():
            self.dropped("closed")
            return False
        if not self.allowance.admits(agent, size, self._clock()):
            self.dropped("rate")
            return False
        line = self._lines.get(agent)
        if not self._has_room(size) and not self._make_room(size, line):
            self.dropped("full")
            return False
        line = self._lines.get(agent)  # it may have been the greediest, and have lost its all
        if line is None:
            line = self._lines[agent] = _Line(deque())
            self._turns.append(agent)
        line.letters.append(letter)
        self._weigh(agent, line, size, 1)
        self._filled.set()
        return True

    def take(self) -> Letter | None:
        """Give the oldest letter of the agent whose turn it is; None when there is none."""
        if not self._turns:
            return None
        agent = self._turns.popleft()
        line = self._lines[agent]
        letter = line.letters.popleft()
        if line.letters:
            self._turns.append(agent)
        self._weigh(agent, line, -len(letter.payload), -1)
        if not self._count and not self._closing.is_set():
            self._filled.clear()
        return letter

    def charge(self, letter: Letter, pieces: int) -> None:
        """Say how many reports a letter held: an agent's rate is in pieces of work as well as in bytes."""
        self.allowance.charge(self._sender(letter.topic), pieces)

    def oldest_s(self) -> float:
        """How long the letter that came first has been waiting, in seconds; looks at every line."""
        came = [line.letters[0].at for line in self._lines.values() if line.letters[0].at]
        return max(0.0, self._clock() - min(came)) if came else 0.0

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

    def _has_room(self, size: int) -> bool:
        return self._count < self.limit_messages and self.bytes + size <= self.limit_bytes

    def _make_room(self, size: int, newcomer: _Line | None) -> bool:
        """Drop the newest letters of those who hold the most; False when the newcomer is one of them."""
        own = 0 if newcomer is None else newcomer.level
        while not self._has_room(size):
            level = next((number for number in range(63, 0, -1) if self._levels[number]), 0)
            if level <= max(own, (size + EACH).bit_length()):
                return False
            agent = next(iter(self._levels[level]))
            line = self._lines[agent]
            letter = line.letters.pop()
            if not line.letters:
                self._turns.remove(agent)
            self._weigh(agent, line, -len(letter.payload), -1)
            self.dropped("full")
        return True

    def _weigh(self, agent: str, line: _Line, size: int, count: int) -> None:
        """Note what came to a line or went from it; an empty line is forgotten."""
        self.bytes += size
        self._count += count
        line.weight += size + count * EACH
        level = line.weight.bit_length()
        if level != line.level:
            self._levels[line.level].pop(agent, None)
            line.level = level
            if level:
                self._levels[level][agent] = None
        if not level:
            del self._lines[agent]

    def _sender(self, topic: str) -> str:
        """Name whose line a topic belongs to; that of strangers has no name."""
        name = topic[_START:].partition("/")[0]
        return name if len(name) <= _LONGEST and self.known(name) else ""
