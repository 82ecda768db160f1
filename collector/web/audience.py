"""Who watches live, and how many are told at the price of one.

Events are gathered once, a few times a second. Viewers that ask the same form a group: what it is told is encoded
once, and each viewer gets the same bytes in one write. A viewer that does not take what it is told is let go; its
browser comes back by itself and asks for the whole page.

A page carries the number of the last event before it was made. Its stream begins with what came after that: nothing
that happens while a page travels is missed.
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Final, get_args

import msgspec

from collector.errors import CollectorError
from collector.events import BACKLOG, Bus, Event, Subscription, Topic

TICK_S: Final = 0.25
"""How long events wait for each other; the bus keeps so many back as a province of 4,000 reports a second makes."""
DIGEST_S: Final = 1.0
HEARTBEAT_S: Final = 15.0
STALL_S: Final = 20.0
"""How long one write may take before a viewer counts as gone."""
MOST_VIEWERS: Final = 500
MOST_WAITING_BYTES: Final = 1_000_000
"""What may wait for a viewer that reads slowly. It is shared: of a group's viewers all hold the same bytes."""
MOST_EVENTS: Final = 5 * BACKLOG
"""What may wait for a digest that takes its time."""
ALL: Final[frozenset[Topic]] = frozenset(get_args(Topic))
LINGER_S: Final = 30.0
"""So long after a page was made its viewer is expected: events are kept for it."""
_HEARTBEAT: Final = b":\n\n"
_ROOM: Final = 2**32
"""Each process numbers its events from somewhere else; a browser's numbers hold 53 bits."""

Digest = Callable[[Sequence[Event]], Awaitable[bytes | None]]
"""What a page wants to know of the events since the last time, as one line of JSON; None: nothing."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a viewer asks for: events of one site or of all, of some topics; or instead of them a digest."""

    site: str | None = None
    topics: frozenset[Topic] = ALL
    digest: str | None = None


class Viewer:
    """What waits to be written to one open page."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._wake = asyncio.Event()
        self._over = False

    def hand(self, text: bytes) -> None:
        """Have it written as soon as the viewer takes it; too much, and it is let go."""
        if not text:
            return
        self._waiting.append(text)
        self._bytes += len(text)
        if self._bytes > MOST_WAITING_BYTES:
            self.end()
        self._wake.set()

    def end(self) -> None:
        """Write nothing any more."""
        self._over = True
        self._waiting.clear()
        self._wake.set()

    async def feed(self, write: Callable[[bytes], Awaitable[None]], *, stall_s: float = STALL_S) -> None:
        """Write until the end. Raises TimeoutError when the viewer takes nothing any more, ConnectionError."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._over:
                return
            text = self._waiting[0] if len(self._waiting) == 1 else b"".join(self._waiting)
            self._waiting.clear()
            async with asyncio.timeout(stall_s):
                await write(text)
            self._bytes = sum(map(len, self._waiting))


@dataclass(slots=True)
class _Group:
    wish: Wish
    viewers: set[Viewer] = field(default_factory=set)
    waiting: deque[Event] = field(default_factory=lambda: deque(maxlen=MOST_EVENTS))
    late: list[tuple[Viewer, Sequence[Event]]] = field(default_factory=list)
    """Who has missed what, before the digest of it."""
    due: float = 0.0

    def hand(self, text: bytes) -> None:
        for viewer in self.viewers:
            viewer.hand(text)


class Audience:
    """All who watch. `run` does the work; without viewers nobody listens to the bus, and nothing is done."""

    def __init__(self, bus: Bus, digests: Mapping[str, Digest]) -> None:
        self.digests = digests
        self._bus = bus
        self._groups: dict[Wish, _Group] = {}
        self._heard: Subscription | None = None
        self._listening = ExitStack()
        self._somebody = asyncio.Event()
        self._past: deque[Event] = deque(maxlen=MOST_EVENTS)
        self._told = secrets.randbelow(2**20) * _ROOM
        self._expected_until = float("-inf")
        self._closed = False
        self.digested = 0
        """The mark of the newest digest: what an answer must know that is asked for because of one."""

    def __len__(self) -> int:
        """How many watch."""
        return sum(len(group.viewers) for group in self._groups.values())

    @property
    def full(self) -> bool:
        """Whether nobody else is let in."""
        return self._closed or len(self) >= MOST_VIEWERS

    def mark(self) -> int:
        """Give the number of the last event until now; a page that is made from now on may join `since` it."""
        self._expected_until = time.monotonic() + LINGER_S
        self._hear()
        return self._told

    @contextmanager
    def join(self, wish: Wish, *, since: int | None = None) -> Iterator[Viewer]:
        """Be told what happens from now on, or has happened `since` a mark, as long as the context is open."""
        self._hear()
        group = self._groups.setdefault(wish, _Group(wish))
        viewer = Viewer()
        if since is not None:
            self._catch_up(group, viewer, self._told - since)
        group.viewers.add(viewer)
        try:
            yield viewer
        finally:
            group.viewers.discard(viewer)
            if not group.viewers:
                self._groups.pop(wish, None)
            self._rest()

    def close(self) -> None:
        """Let everybody go: the process stops."""
        self._closed = True
        for group in self._groups.values():
            for viewer in group.viewers:
                viewer.end()

    async def run(self) -> None:
        """Gather and tell until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._gather(), name="live events")
            group.create_task(self._digest(), name="live digests")
            group.create_task(self._beat(), name="live heartbeat")

    def _hear(self) -> None:
        """Listen from now on; what has been heard until now is told at once."""
        if self._heard is None:
            self._heard = self._listening.enter_context(self._bus.listen())
        self._somebody.set()
        self._tell(*_drained(self._heard))

    def _rest(self) -> None:
        """Listen no more, when nobody watches and no page is on its way."""
        if self._groups or time.monotonic() < self._expected_until:
            return
        self._somebody.clear()
        self._heard = None
        self._listening.close()
        self._past.clear()
        self._told += 1  # whatever happens now is missed by the marks that were given

    def _catch_up(self, group: _Group, viewer: Viewer, missed: int) -> None:
        """Tell one viewer the last so many events; that more than we keep are missing, or all of another process."""
        if not 0 <= missed <= len(self._past):
            viewer.hand(_lost(len(self._past) + 1))
            return
        said = _Said(list(self._past)[len(self._past) - missed :])
        wanted = said.wanted(group.wish)
        if wanted and group.wish.digest is not None:
            group.late.append((viewer, [said.events[number] for number in wanted]))
        elif wanted:
            viewer.hand(b"".join(said.text(number) for number in wanted))

    async def _gather(self) -> None:
        while True:
            await self._somebody.wait()
            if self._heard is not None:
                self._tell(*_drained(self._heard))
            self._rest()
            await asyncio.sleep(TICK_S)

    async def _digest(self) -> None:
        while True:
            await self._somebody.wait()
            for group in list(self._groups.values()):
                late, group.late = group.late, []
                for viewer, events in late:
                    viewer.hand(await self._summed_up(events, group.wish.digest or ""))
                if group.waiting and group.due <= time.monotonic():
                    group.due = time.monotonic() + DIGEST_S
                    waiting = tuple(group.waiting)
                    group.waiting.clear()
                    group.hand(await self._summed_up(waiting, group.wish.digest or ""))
            await asyncio.sleep(TICK_S)

    async def _summed_up(self, events: Sequence[Event], name: str) -> bytes:
        """The digest as the stream carries it, with the mark of a page that knows as much; empty where it is none."""
        self.digested = self._told
        mark = b"%d" % self._told
        try:
            body = await self.digests[name](events)
        except CollectorError:
            return _lost(len(events))  # a database is away; the page asks again for all of itself
        return b"event: " + name.encode() + b"\ndata: " + body + b"\nid: " + mark + b"\n\n" if body else b""

    async def _beat(self) -> None:
        while True:
            await self._somebody.wait()
            await asyncio.sleep(HEARTBEAT_S)
            for group in list(self._groups.values()):
                group.hand(_HEARTBEAT)

    def _tell(self, events: Sequence[Event], lost: int) -> None:
        if lost:
            self._past.clear()
        self._past.extend(events)
        self._told += lost + len(events)
        said = _Said(events)
        for group in self._groups.values():
            if lost:
                group.hand(_lost(lost))
            wanted = said.wanted(group.wish)
            if not wanted:
                continue
            if group.wish.digest is not None:
                group.waiting.extend(events[number] for number in wanted)
            else:
                group.hand(b"".join(said.text(number) for number in wanted))


class _Said:
    """The events of one tick, each encoded at most once, and found by site without a search."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events
        self._texts: dict[int, bytes] = {}
        self._by_site: dict[str | None, list[int]] = {}
        for number, event in enumerate(events):
            self._by_site.setdefault(event.site, []).append(number)

    def wanted(self, wish: Wish) -> Sequence[int]:
        numbers = range(len(self.events)) if wish.site is None else self._by_site.get(wish.site, ())
        if wish.topics == ALL:
            return numbers
        return [number for number in numbers if self.events[number].topic in wish.topics]

    def text(self, number: int) -> bytes:
        known = self._texts.get(number)
        if known is None:
            known = self._texts[number] = text_of(self.events[number])
        return known


def text_of(event: Event) -> bytes:
    """An event as the stream carries it."""
    body = msgspec.json.encode({"site": event.site, "at": event.at, **event.data})
    return b"event: " + event.topic.encode() + b"\ndata: " + body + b"\n\n"


def _drained(heard: Subscription) -> tuple[list[Event], int]:
    events = [heard.queue.get_nowait() for _ in range(heard.queue.qsize())]
    lost, heard.lost = heard.lost, 0
    return events, lost


def _lost(count: int) -> bytes:
    """So many events did not come through: what a page shows may be old."""
    return b'event: lost\ndata: {"events":%d}\n\n' % count
