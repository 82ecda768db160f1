"""Gathers what the list and its live news are made of: asks registry, casebook and judge, and hands plain values on."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import msgspec

from collector.errors import RegistryUnavailable
from collector.events import Event
from collector.incidents.incident import Incident
from collector.registry.site import Site, Snapshot
from collector.web import pages, views, whereabouts
from collector.web.cases.reading import names_of
from collector.web.overview import glance
from collector.web.overview.line import Line, Since, lines, since
from collector.web.overview.selection import Filters, chosen
from collector.web.overview.wrongs import Wrongs, wrongs
from collector.web.pages import Contact, SiteRow
from collector.web.sources import Sources
from collector.web.views import Overview

_ENCODER: Final = msgspec.json.Encoder()
_AGAIN: Final = timedelta(seconds=30)
"""So often incidents are looked at without any news of them: news of another process may be lost."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Every line with what stands beside the list."""

    lines: Sequence[Line]
    overview: Overview
    wrongs: Wrongs


async def listing(sources: Sources, filters: Filters) -> Listing:
    """All sites, and what is wrong at those that the tiles count. Raises StoreUnavailable."""
    found = await views.overview(sources)
    every = await _lines(sources, found.rows, filters, since(found.incidents))
    names = {row.site.id: row.site.name for row in found.rows} | await _groups(sources, found.incidents)
    return Listing(every, found, wrongs(found.incidents, names, among=_among(every, filters)))


async def _lines(sources: Sources, rows: Sequence[SiteRow], filters: Filters, known: Since) -> Sequence[Line]:
    """The rows' lines; where text is sought, with all that their places are called."""
    sites = [row.site for row in rows]
    names = await whereabouts.names(sources, sites) if filters.text else {}
    return lines(rows, await whereabouts.called(sources, sites), names, known)


def _among(every: Sequence[Line], filters: Filters) -> Collection[str] | None:
    """The sites that the tiles count; None: all."""
    if not filters.is_of_some:
        return None
    return {line.row.site.id for line in chosen(every, filters.place)}


async def one_line(sources: Sources, site: Site, snapshot: Snapshot) -> Line:
    """One site's line; raises StoreUnavailable."""
    row = await views.one_row(sources, site, snapshot)
    incidents = await asyncio.to_thread(sources.casebook.search, active=True, limit=None)
    called = await whereabouts.called(sources, [site])
    return lines([row], called, {}, since(incidents))[0]


async def wrong_now(sources: Sources, filters: Filters) -> Wrongs:
    """The short list of what is wrong at the sites that the tiles count; raises RegistryUnavailable.

    Of the sites only what the registry says is looked at: no store is asked.
    """
    snapshot = await asyncio.to_thread(sources.places.snapshot)
    incidents = await asyncio.to_thread(sources.casebook.search, active=True, limit=None)
    sites = [versions[-1].value for versions in snapshot.sites.values()]
    every: Sequence[Line] = ()
    if filters.is_of_some:
        rows = [pages.site_row(site, None, [], None, Contact()) for site in sites]
        every = await _lines(sources, rows, filters, Since({}))
    names = {site.id: site.name for site in sites} | await _groups(sources, incidents)
    return wrongs(incidents, names, among=_among(every, filters))


async def _groups(sources: Sources, incidents: Sequence[Incident]) -> dict[str, str]:
    """What groups of sites are called, by incident; raises RegistryUnavailable."""
    groups = [one for one in incidents if one.group is not None]
    if not groups:
        return {}
    known = await names_of(sources, groups)
    return {one.id: known.group(one) for one in groups}


@dataclass(slots=True)
class LiveList:
    """The digest `list`: for one event loop, shared by all who look.

    Of the databases only the registry's revision is asked for, and incidents when there is news of them.
    """

    sources: Sources
    _snapshot: Snapshot = field(default_factory=lambda: Snapshot(-1))
    _sites: Mapping[str, Site] = field(default_factory=dict)
    _agents: Mapping[str, Sequence[str]] = field(default_factory=dict)
    _opened: glance.Opened | None = None
    _opened_at: datetime | None = None

    async def digest(self, events: Sequence[Event]) -> bytes | None:
        """What these events change, as JSON; None while nothing of the list does, or the registry is away."""
        try:
            opened = await self._know(any(event.topic == "incident" for event in events))
        except RegistryUnavailable:
            return None
        sites = glance.touched(events) & self._sites.keys()
        known = glance.Known(
            self._sites, self.sources.judged.current(), {site: self._contact(site) for site in sites}, opened
        )
        return _ENCODER.encode(glance.news(events, known))

    async def _know(self, is_news: bool) -> glance.Opened:  # noqa: FBT001 - one flag
        """Read what has changed of the databases; raises RegistryUnavailable."""
        snapshot = await asyncio.to_thread(self.sources.places.snapshot)
        if snapshot is not self._snapshot:
            self._take(snapshot)
        now = self.sources.now()
        old = self._opened_at is None or not timedelta(0) <= now - self._opened_at < _AGAIN
        if self._opened is None or is_news or old:
            incidents = await asyncio.to_thread(self.sources.casebook.search, active=True, limit=None)
            self._opened = glance.opened(incidents, {site.id: site.name for site in self._sites.values()})
            self._opened_at = now
        return self._opened

    def _take(self, snapshot: Snapshot) -> None:
        agents: dict[str, list[str]] = {}
        for agent, versions in snapshot.agents.items():
            agents.setdefault(versions[-1].value or "", []).append(agent)
        self._snapshot, self._agents = snapshot, agents
        self._sites = {name: versions[-1].value for name, versions in snapshot.sites.items()}

    def _contact(self, site: str) -> Contact:
        states = (self.sources.fleet.agents.get(agent) for agent in self._agents.get(site, ()))
        return Contact(seen=max((state.last_seen for state in states if state and state.last_seen), default=None))
