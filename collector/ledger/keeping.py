"""What the leader does with the ledger: asks agents for what is missing, and works completeness out."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from time import monotonic
from typing import Final

from agent.wire.control import Resend
from collector.archive.intervals import Intervals, Range, subtract
from collector.config import CollectorConfig
from collector.errors import PointsRefused, RegistryUnavailable, StoreFull, StoreUnavailable
from collector.gaps import Gaps
from collector.ledger import reading
from collector.ledger.accounts import SiteDay
from collector.ledger.completeness import Completeness, fields_of
from collector.ledger.facts import Place, Why
from collector.ledger.ledger import Asked, Ledger
from collector.ledger.union import Union
from collector.registry.registry import Registry
from collector.registry.site import Snapshot
from collector.store.points import completeness_point
from collector.store.store import Point

LOG: Final = logging.getLogger(__name__)
_PLACES: Final = 1_000_000
_REPEAT: Final = timedelta(minutes=90)  # agents send again hourly what they were told to keep
_IN_VAIN: Final = 8  # requests for numbers of a spool that its agent has left behind
_LOOK_S: Final = 5.0
_FIRST_S: Final = 10.0
Request = Callable[[str, Resend], None]
Newest = Callable[[], Mapping[str, tuple[str, int]]]
Write = Callable[[Sequence[Point]], Awaitable[None]]


class Keeping:
    """For one event loop, and for one process at a time: the leader.

    `request` asks an agent to send again; `write` writes points and raises what a store raises; `newest` gives, by
    agent, the epoch and the highest number of which its last status spoke.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        settings: Callable[[], CollectorConfig],
        request: Request,
        write: Write,
        newest: Newest,
        now: Callable[[], datetime],
    ) -> None:
        self.ledger = Ledger(registry.database)
        self.completeness = Completeness(self.ledger)
        self._registry = registry
        self._settings = settings
        self._request = request
        self._write = write
        self._newest = newest
        self._now = now
        # What was deferred before may have been stored since, and lost with an archive that was restored: then its
        # agent has a receipt and will not repeat it. Asking once too often costs little.
        self._began = now()
        self._gaps = Gaps(settings().resend.grace_s, settings().resend.max_s)
        self._union = Union(limit=_PLACES)
        self._current: dict[str, str] = {}
        self._asked: dict[Place, Asked] = {}
        self._seen = (-1, -1)
        self._snapshot: Snapshot | None = None
        self.missing: Callable[[int], None] = lambda _: None
        """Takes how many reports are missing without an explanation."""

    async def run(self) -> None:
        """Until cancelled: ask for gaps, and write completeness where something changed."""
        due = monotonic() + min(_FIRST_S, self._settings().ledger.completeness_s)  # others come first
        failed = False
        while True:
            try:
                await self.ask()
                if monotonic() >= due:
                    await self.complete()
                    due = monotonic() + self._settings().ledger.completeness_s
            except (RegistryUnavailable, StoreUnavailable, StoreFull) as error:
                if not failed:
                    LOG.warning("ledger.keeping_failed error=%s; tried again", error)
                failed = True
            else:
                failed = False
            await asyncio.sleep(min(_LOOK_S, self._settings().resend.grace_s / 4))

    async def ask(self) -> None:
        """Ask agents for what has been missing for some time; raises RegistryUnavailable."""
        for agent, resend in await asyncio.to_thread(self._due, self._newest(), monotonic()):
            self._request(agent, resend)

    async def complete(self) -> None:
        """Work out completeness where something changed; raises as the registry and the store do."""
        snapshot = await asyncio.to_thread(self._places)
        now = self._now()
        work = await asyncio.to_thread(self.completeness.work, snapshot, now=now)
        for sites, start in work.parts:
            days = await asyncio.to_thread(self.completeness.work_out, sites, start, snapshot, now=now)
            if days:
                try:
                    await self._write([_point(day, snapshot) for day in days])
                except PointsRefused as error:
                    LOG.warning("ledger.refused_completeness error=%s", error)
                await asyncio.to_thread(self.completeness.save, days)
        await asyncio.to_thread(self.completeness.done, work)

    def _places(self) -> Snapshot:
        self._registry.open()
        self.ledger.open()
        if self._snapshot is None or self._registry.revision() != self._snapshot.revision:
            self._snapshot = self._registry.snapshot()
        return self._snapshot

    def _due(self, newest: Mapping[str, tuple[str, int]], now_s: float) -> list[tuple[str, Resend]]:
        snapshot, now = self._places(), self._now()
        resend = self._settings().resend
        self._gaps.grace_s, self._gaps.max_s = resend.grace_s, resend.max_s
        self._look(now_s)
        self._listen(newest, snapshot, now, now_s=now_s)
        with self.ledger.database.read() as connection:
            self._union.refresh(connection, [Place(*place) for place in self._gaps.places()])
            holes = [place for place in self._gaps.places() if self._missing(*place, self._gaps.asked(*place)[0])]
            whys = reading.explained(connection, holes, waited=max(now - _REPEAT, self._began))
        held = {place: _all(why) for place, why in whys.items()}
        gaps = {Place(*place): self._open(place, held) for place in holes}
        unexplained = {place for place, ranges in gaps.items() if ranges}
        self.missing(sum(last - first + 1 for ranges in gaps.values() for first, last in ranges))
        due = self._gaps.due(self._missing, held, now=now_s)
        asks = [(agent, ask) for agent, ask in due if snapshot.site_of(agent, now) is not None]
        self._note(asks, unexplained, now)
        return asks

    def _look(self, now_s: float) -> None:
        """See what all slots have stored since the last look; the first time, all epochs with holes."""
        revision, generation = self.ledger.state()
        if generation != self._seen[1]:
            for place, asked in self.ledger.asked().items():
                self._asked[place] = asked
                self._gaps.resume(*place, asked.top, times=asked.times, now=now_s)
            places = self.ledger.holes()
        elif revision != self._seen[0]:
            places = self.ledger.grown(after=self._seen[0])
        else:
            return
        for place, top in places:
            self._gaps.see(*place, top, now=now_s)
        self._seen = (revision, generation)

    def _listen(
        self, newest: Mapping[str, tuple[str, int]], snapshot: Snapshot, now: datetime, *, now_s: float
    ) -> None:
        for agent, (epoch, seq) in newest.items():
            if snapshot.site_of(agent, now) is not None:
                self._gaps.see(agent, epoch, seq, now=now_s)
                self._current[agent] = epoch

    def _missing(self, agent: str, epoch: str, up_to: int) -> list[Range]:
        return self._union.of(Place(agent, epoch)).missing(up_to)

    def _open(self, place: tuple[str, str], held: Mapping[tuple[str, str], Intervals]) -> list[Range]:
        missing = self._missing(*place, self._gaps.asked(*place)[0])
        return subtract(missing, held[place]) if place in held else missing

    def _note(self, asks: Sequence[tuple[str, Resend]], holes: set[Place], now: datetime) -> None:
        """Write down what was asked, forget what has come, and give up what its agent has left behind."""
        noted: dict[Place, Asked] = {}
        ended: dict[Place, Sequence[Range]] = {}
        for agent, resend in asks:
            place = Place(agent, resend.epoch)
            top, times = self._gaps.asked(*place)
            before = self._asked.get(place)
            noted[place] = Asked(top, times, before.first if before else now, now)
            if times >= _IN_VAIN and self._current.get(agent, resend.epoch) != resend.epoch:
                ended[place] = resend.ranges
        gone = [place for place in self._asked if place not in holes]
        if noted or gone:
            self.ledger.note_asked(noted, gone)
        if ended:
            self.ledger.explain_ranges("ended", ended, at=now)
        self._asked = {place: asked for place, asked in (self._asked | noted).items() if place in holes}


def _all(whys: Mapping[Why, Intervals]) -> Intervals:
    together = Intervals()
    for intervals in whys.values():
        for first, last in intervals.ranges():
            together.add(first, last)
    return together


def _point(day: SiteDay, snapshot: Snapshot) -> Point:
    at = datetime.combine(day.day, time(), UTC)
    site = snapshot.site_at(day.site, at) or snapshot.site(day.site)
    return completeness_point(site, fields_of(day), at)
