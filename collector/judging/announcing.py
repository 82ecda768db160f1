"""Telling the rest of the product what was judged: the live pages, the time series, the database of present verdicts.

What is written to the series waits here while the store is away.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec

from collector.errors import PointsRefused, StoreFull, StoreUnavailable
from collector.events import Bus, Event
from collector.incidents.incident import RULES, Incident
from collector.judge.verdict import Verdict
from collector.judging.opinion import Opinion, same
from collector.judging.standings import Standings
from collector.judging.windows import slices
from collector.registry.database import Transactions
from collector.registry.site import Site, Snapshot
from collector.store.points import incident_point, verdict_point
from collector.store.store import Point, Store
from collector.verdicts import Present, Verdicts

log = logging.getLogger(__name__)
_MOST: Final = 50_000
"""Points that wait; older ones can be computed again."""


@dataclass(slots=True)
class Announcing:
    """For one event loop."""

    store: Store
    bus: Bus
    verdicts: Verdicts
    own: dict[str, Present] = field(default_factory=dict)
    _standings: Standings = field(default_factory=Standings)
    _points: list[Point] = field(default_factory=list)
    _unsaved: dict[str, Present] = field(default_factory=dict)

    async def open(self, database: Transactions) -> None:
        """Learn what was said before a restart: it is not told again. Raises RegistryUnavailable."""
        for present in await asyncio.to_thread(Verdicts().load, database):
            self.own.setdefault(present.site, present)
            self.verdicts.put(self.own[present.site])

    def verdict(self, site: str, opinion: Opinion, snapshot: Snapshot, now: datetime) -> None:
        """Take a site's verdicts; those that say something new are told."""
        before = self.own.get(site)
        told = {key_of(one): one for one in before.verdicts} if before else {}
        every_s = None if opinion.every is None else round(opinion.every.total_seconds())
        kept: list[Verdict] = []
        for one in opinion.verdicts:
            last = told.pop(key_of(one), None)
            if last is not None and same(last, one):
                kept.append(last)
                continue
            kept.append(one)
            data = msgspec.to_builtins(one)
            if one.n:
                self._points.append(verdict_point(data, snapshot.site_at(site, one.window.end)))
            self.bus.publish(Event("verdict", site, now, data))
        present = Present(kept, every_s)
        if present != before:
            self.own[site] = self._unsaved[site] = present
            self.verdicts.put(present)
        place = snapshot.site(site)
        if place is not None:
            former = [one.value for one in snapshot.sites[site][:-1]]
            self._points += self._standings.told(place, self.own[site], now, former)

    def census(self, sites: Iterable[Site], now: datetime) -> None:
        """Take how many sites stand where, when it is time for that again."""
        self._points += self._standings.census(((one, self.own[one.id]) for one in sites if one.id in self.own), now)

    async def incidents(self, changed: Sequence[Incident], snapshot: Snapshot) -> None:
        """Say what is recorded already: in the series (later, while the store is away), a log line, the live page."""
        async for one in slices(changed):
            self._points.append(incident_point(msgspec.to_builtins(one), _place(snapshot, one)))
        with contextlib.suppress(StoreUnavailable, StoreFull):
            await self.write()
        async for incident in slices(changed):
            last = incident.history[-1]
            who = last.who if last.who == RULES else "person"
            log.warning(
                "incident.%s id=%s site=%s cause=%s severity=%s what=%s quiet=%s by=%s",
                incident.state, incident.id, incident.subject, incident.cause, incident.severity, last.what,
                incident.quiet, who,
            )  # fmt: skip
            self.bus.publish(Event("incident", incident.site, incident.updated, msgspec.to_builtins(incident)))

    async def write(self) -> None:
        """Write the points that wait; raises what the store raises, and then they go on waiting."""
        points, self._points = self._points, []
        try:
            if points:
                await self.store.write(points)
        except PointsRefused as error:
            log.error("judging.point_refused error=%r", str(error))  # noqa: TRY400 - the store's reason says it all
        except (StoreUnavailable, StoreFull):
            self._points = [*points, *self._points][-_MOST:]
            raise

    async def save(self, database: Transactions) -> None:
        """Keep present verdicts for other processes; raises RegistryUnavailable."""
        saved = dict(self._unsaved)
        await asyncio.to_thread(self.verdicts.save, database, list(saved.values()))
        for site, present in saved.items():
            if self._unsaved.get(site) is present:
                del self._unsaved[site]


def key_of(verdict: Verdict) -> tuple[str | None, ...]:
    """What tells the verdicts of a site apart: two plans of a province may ask the same."""
    return verdict.plan, verdict.question, verdict.indicator, verdict.scope, verdict.rule


def _place(snapshot: Snapshot, incident: Incident) -> Site | None:
    return None if incident.site is None else snapshot.site_at(incident.site, incident.updated)
