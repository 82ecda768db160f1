"""Gathers what the pages of incidents tell: asks casebook, calendar, registry and store, and hands out plain values."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from collector.chain.marks import World, steps
from collector.errors import StoreUnavailable
from collector.incidents.incident import Incident, Transition
from collector.incidents.maintenance import Window
from collector.places import placement
from collector.store.points import nanoseconds
from collector.web import incidents, pages
from collector.web.cases import evidence, listing, naming
from collector.web.cases.listing import Case
from collector.web.cases.naming import Names
from collector.web.site.period import Period
from collector.web.sources import Sources
from collector.web.words import Words

MOST: Final = 5000
"""So many active incidents are read, and so many resolved ones of a period."""
_BATCH: Final = 500
_DRAWN: Final = 2000


@dataclass(frozen=True, slots=True)
class Story:
    """One incident. `left`: active ones that its end has left; `figure`: None where nothing can be drawn."""

    case: Case
    names: Names
    history: Sequence[Transition]
    left: Sequence[Case]
    figure: evidence.Figure | None
    is_away: bool = False
    """The time series could not be asked."""


async def cases(sources: Sources, period: Period) -> tuple[list[Case], Names]:
    """What needs somebody now, and what a period touches of the rest; raises RegistryUnavailable."""
    active = await asyncio.to_thread(sources.casebook.search, active=True, limit=MOST)
    over = await asyncio.to_thread(_resolved, sources, period)
    found = [one for one in active if one.since <= period.end] + over
    names = await names_of(sources, found)
    return listing.cases(found, names), names


def _resolved(sources: Sources, period: Period) -> list[Incident]:
    """What was over in or after a period and began before its end. Blocks."""
    found: list[Incident] = []
    before: tuple[datetime, str] | None = None
    while len(found) < MOST:
        some = sources.casebook.search(active=False, limit=_BATCH, before=before)
        found += [one for one in some if one.since <= period.end and (one.resolved or one.updated) >= period.start]
        if len(some) < _BATCH or some[-1].updated < period.start:  # none ends after its last change
            break
        before = some[-1].updated, some[-1].id
    return found


async def names_of(sources: Sources, found: Sequence[Incident]) -> Names:
    """What these incidents are about, by name; raises RegistryUnavailable."""
    snapshot = await asyncio.to_thread(sources.places.snapshot)
    gazetteer = await asyncio.to_thread(sources.gazetteer)
    sites = {site: versions[-1].value for site, versions in snapshot.sites.items()}
    today = sources.now().astimezone(sources.zone).date()
    filed = naming.all_filed(found, sites)
    return Names(sites, {each: placement.called(gazetteer, *each, today) for each in filed})


async def work(sources: Sources) -> list[Window]:
    """Maintenance that goes on or is ahead; raises RegistryUnavailable."""
    found = await asyncio.to_thread(sources.calendar.list, since=sources.now())
    return [window for window in found if window.ended is None]


async def story(sources: Sources, incident: str, words: Words) -> Story:
    """One incident with all that is told of it; raises HTTPNotFound and RegistryUnavailable."""
    one = await incidents.found(sources, incident)
    history = await asyncio.to_thread(sources.casebook.transitions, incident)
    active = await asyncio.to_thread(sources.casebook.search, active=True, limit=MOST) if one.group else []
    left = [other for other in active if other.parent == one.id]
    names = await names_of(sources, [one, *left])
    try:
        drawn, is_away = await _figure(sources, one, words), False
    except StoreUnavailable:
        drawn, is_away = None, True
    (case,) = listing.cases([one], names)
    return Story(case, names, history or one.history, listing.cases(left, names), drawn, is_away)


async def _figure(sources: Sources, incident: Incident, words: Words) -> evidence.Figure | None:
    if incident.site is None:
        return None
    now = sources.now()
    start, end = evidence.span(incident, now)
    rows = await sources.store.samples(
        "throughput",
        site=incident.site,
        start_ns=nanoseconds(start),
        end_ns=nanoseconds(end + timedelta(minutes=1)),
        limit=_DRAWN,
    )
    snapshot = await asyncio.to_thread(sources.places.snapshot)
    versions = snapshot.sites.get(incident.site, ())
    references = await asyncio.to_thread(sources.figures.references) if sources.figures is not None else {}
    held = steps(versions, World(sources.plans, references), start=start, end=end)
    return evidence.figure(incident, [pages.measured("throughput", row) for row in rows], held, words, now)
