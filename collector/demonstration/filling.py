"""Fills a demonstration's past: every made-up report goes the way of a real one, while a clock of its own runs ahead.

The collector's pipeline stores and archives, its judge opens and resolves incidents at the moments at which it would
have, its roll-ups sum up. Nothing is written past them.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from agent.wire.codec import encode
from agent.wire.topics import topic
from collector.demonstration.clock import Clock, Progress
from collector.demonstration.people import ACTS, Act, chosen, due
from collector.demonstration.statuses import status_of
from collector.demonstration.sums import Sums
from collector.demonstration.world import Chunk, World
from collector.events import Event
from collector.figures.figures import Figures
from collector.incidents.acts import Decision
from collector.ingest import Arrival, unpack
from collector.judging.judging import Judging
from collector.parts import Parts
from collector.pipeline import Pipeline
from collector.upkeep import Upkeep

_NEVER_S: Final = 1e9
_HEARD: Final = timedelta(hours=12)
_AT_ONCE: Final = 4000
_SILENCED: Final = timedelta(days=21)


@dataclass(slots=True)
class Filling:
    """One filling, over parts that nobody else uses. `progress` hears what is done, and how much of it (0 to 1)."""

    world: World
    parts: Parts
    clock: Clock
    progress: Progress
    upkeep: Upkeep = field(init=False)
    pipeline: Pipeline = field(init=False)
    judging: Judging = field(init=False)
    _acts: list[Act] = field(init=False, default_factory=list)
    _held: dict[str, list[Event]] = field(init=False, default_factory=lambda: defaultdict(list))
    _looks: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        """Put together what a leading collector has."""
        parts = self.parts
        self.upkeep = Upkeep(parts)
        self.pipeline = Pipeline(parts, self.upkeep)
        began = self.clock.at
        self.judging = Judging(
            store=parts.series,
            registry=parts.registry,
            plans=parts.plans,
            fleet=parts.fleet,
            bus=parts.bus,
            clock=self.clock.now,
            settings=parts.settings().judge,
            listening_since=lambda: began,
            late_s=_HEARD.total_seconds,
            verdicts=parts.verdicts,
            references=Figures(parts.registry.database).references,
            refresh_s=_NEVER_S,
            reread_s=_NEVER_S,
        )

    async def run(self, chunks: AsyncIterator[Chunk], until: datetime) -> None:
        """Take all chunks in, then sum up."""
        await self.upkeep.refresh()
        await self.parts.series.open()
        await self.judging.start()
        start = self.clock.at
        async for chunk in chunks:
            self.clock.at = chunk.until
            await self._take(chunk)
            await self._look(chunk.until, last=chunk.until >= until)
            self.progress("past", (chunk.until - start) / (until - start))
        await self.sum_up()

    async def _take(self, chunk: Chunk) -> None:
        """Store and archive what has arrived."""
        arrivals: list[Arrival] = []
        for agent, raw in chunk.sent:
            arrivals += unpack(topic(agent, "report"), raw)
        for first in range(0, len(arrivals), _AT_ONCE):
            await self.pipeline.process(arrivals[first : first + _AT_ONCE])
        self._note(arrivals)
        if self.parts.journal is not None:
            self.parts.journal.flush()

    def _note(self, arrivals: Iterable[Arrival]) -> None:
        for arrival in arrivals:
            report = getattr(arrival.decoded, "report", None)
            if report is not None:
                data = {"kind": report.kind, "started": report.started}
                self._held[report.agent].append(Event("report", report.agent, self.clock.at, data))

    async def _look(self, at: datetime, *, last: bool) -> None:
        """Let agents be heard, judge whoever is worth it, and let people act."""
        self._looks += 1
        for one in self.world.sites:
            if self.world.is_heard(one, at):
                self.parts.fleet.heard(one.site.id, status_of(one, at), at)
                if self._looks % 4 == 0 or last:
                    self.upkeep.status(one.site.id, encode(status_of(one, at)), retained=False)
            if last or (one.number + self._looks) % self.world.turns(one, at) == 0:
                for event in self._held.pop(one.site.id, ()):
                    self.judging.hear(event)
        await self.pipeline.write_statuses()
        await self.judging.catch_up()
        await self._act(at)

    async def _act(self, at: datetime) -> None:
        for act in due(ACTS, self.world.origin, at):
            if act in self._acts or self.world.origin - act.ago < self.world.start:
                continue
            found = chosen(act, self.judging.history.search(active=True), at)
            if found is None:
                continue
            self._acts.append(act)
            until = at + _SILENCED if act.action == "silence" else None
            self.judging.history.decide(found.id, Decision(act.action, act.who, act.note, until), at=at)

    async def sum_up(self) -> None:
        """Sum up what pages show first, and leave the hours to the service; say how complete each day is."""
        await Sums(self.parts, self.clock, self.progress).work_out()
