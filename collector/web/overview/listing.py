"""Gathers what the list and its live news are made of: asks registry, casebook and judge, and hands plain values on."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import msgspec

from collector.errors import RegistryUnavailable
from collector.events import Event
from collector.registry.site import Site, Snapshot
from collector.web import views, whereabouts
from collector.web.overview import glance
from collector.web.overview.line import Line, lines, since
from collector.web.overview.wrongs import Wrongs, wrongs
from collector.web.pages import Contact
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


async def listing(sources: Sources, *, named: bool) -> Listing:
    """All sites; `named`: with all that their places are called, for the search. Raises StoreUnavailable."""
    found = await views.overview(sources)
    sites = [row.site for row in found.rows]
    names = await whereabouts.names(sources, sites) if named else {}
    called = await whereabouts.called(sources, sites)
    return Listing(
        lines(found.rows, called, names, since(found.incidents)),
        found,
        wrongs(found.incidents, {site.id: site.name for site in sites}),
    )


async def one_line(sources: Sources, site: Site, snapshot: Snapshot) -> Line:
    """One site's line; raises StoreUnavailable."""
    row = await views.one_row(sources, site, snapshot)
    incidents = await asyncio.to_thread(sources.casebook.search, active=True)
    called = await whereabouts.called(sources, [site])
    return lines([row], called, {}, since(incidents))[0]


async def wrong_now(sources: Sources) -> Wrongs:
    """The short list of what is wrong; raises RegistryUnavailable."""
    snapshot = await asyncio.to_thread(sources.places.snapshot)
    incidents = await asyncio.to_thread(sources.casebook.search, active=True)
    return wrongs(incidents, {name: versions[-1].value.name for name, versions in snapshot.sites.items()})


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
            incidents = await asyncio.to_thread(self.sources.casebook.search, active=True)
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
