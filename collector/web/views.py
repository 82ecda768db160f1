"""Gathers what a page shows: asks store, registry and judge, and hands plain values to `pages`."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from collector.errors import StoreUnavailable
from collector.incidents.incident import Incident
from collector.judge.verdict import Verdict
from collector.ledger.accounts import Told
from collector.registry.changes import Waiting
from collector.registry.site import Site, Snapshot
from collector.rollups.recent import COMPARED, KIND, WAYS, WINDOW, Recent
from collector.rollups.recents import compute
from collector.store.points import nanoseconds
from collector.store.store import Row, Summary
from collector.verdicts import Present
from collector.web import completeness, fleet, judged, pages
from collector.web.completeness import Page as Completeness
from collector.web.fleet import Device, DoubtCount, EarlyStop
from collector.web.pages import Contact, Measured, SiteRow
from collector.web.sources import Sources

KINDS: Final = ("throughput", "latency", "ipv6", "dns", "web", "path", "radio")
BEHIND: Final = 50
"""So many sites of which something newer is known are worked out for a page; more wait for the leader's roll-ups."""
OLD: Final = timedelta(days=2)


async def completeness_page(sources: Sources, window: tuple[date, date], *, site: str | None = None) -> Completeness:
    """What became of what was planned, by site and day of the window."""
    days = await asyncio.to_thread(sources.completeness.read, *window, sites=None if site is None else [site])
    return completeness.page(days, await asyncio.to_thread(sources.places.snapshot), window)


async def least_complete(sources: Sources, window: tuple[date, date], *, most: int) -> Completeness:
    """The same of the worst sites only, with the ratio of all: the days of all are many times as dear."""
    told = await asyncio.to_thread(sources.completeness.told, *window)
    snapshot = await asyncio.to_thread(sources.places.snapshot)
    names = completeness.worst(told, snapshot, most)
    days = await asyncio.to_thread(sources.completeness.read, *window, sites=names)
    found = completeness.page(days, snapshot, window)
    more = sum(site in snapshot.sites for site in told) - len(found.rows)
    return replace(found, ratio=sum(told.values(), Told()).share, more=more)


@dataclass(frozen=True, slots=True)
class Overview:
    """The list of sites, all of them, with what waits beside it."""

    rows: list[SiteRow]
    waiting: list[Waiting]
    incidents: list[Incident]
    behind: int = 0
    """Sites whose newest results are not among the rows yet."""


@dataclass(frozen=True, slots=True)
class FleetPage:
    """All devices, what is doubted about their throughput, and how far stopping early is off."""

    devices: list[Device]
    doubts: list[DoubtCount]
    early_stop: list[EarlyStop]


async def overview(sources: Sources) -> Overview:
    """All sites; raises StoreUnavailable."""
    snapshot = await asyncio.to_thread(sources.places.snapshot)
    waiting = await asyncio.to_thread(sources.places.waiting)
    incidents = await asyncio.to_thread(sources.casebook.search, active=True, limit=None)
    recents, behind = await _recents(sources, snapshot)
    verdicts = sources.judged.current()
    contacts = contacts_of(sources, snapshot, verdicts)
    newest = _newest_reports(sources, snapshot)
    troubles = pages.troubles(incidents)
    present, now = sources.judged.present(), sources.now()
    rows = [
        _with_level(
            present.get(site_id),
            pages.site_row(
                versions[-1].value,
                verdicts.get(site_id),
                *_told(recents.get(site_id)),
                contacts[site_id],
            ),
            newest.get(site_id),
            now,
        )
        for site_id, versions in snapshot.sites.items()
    ]
    rows = [pages.with_trouble(row, troubles.get(row.site.id, ())) for row in rows]
    return Overview(rows, waiting, incidents, behind)


async def one_row(sources: Sources, site: Site, snapshot: Snapshot) -> SiteRow:
    """One site's line; raises StoreUnavailable."""
    now = sources.now()
    rows = await _rows(sources, site.id, "throughput", now - WINDOW)
    verdicts = sources.judged.current()
    contact = contacts_of(sources, snapshot, verdicts)[site.id]
    row = pages.site_row(site, verdicts.get(site.id), rows[-1:], _summary(rows), contact)
    incidents = await asyncio.to_thread(sources.casebook.search, active=True, limit=None)
    row = pages.with_trouble(row, pages.troubles(incidents).get(site.id, ()))
    present = sources.judged.present().get(site.id)
    return _with_level(present, row, _newest_reports(sources, snapshot).get(site.id), now)


def _with_level(present: Present | None, row: SiteRow, newest: datetime | None, now: datetime) -> SiteRow:
    """The line with how long speed results have been missing."""
    known = max((at for at in (newest, row.last_at) if at is not None), default=None)
    return replace(row, level=judged.silence(present, known, now))


async def fleet_page(sources: Sources) -> FleetPage:
    """Every device, with the doubts and the runs of full length of the last time; raises StoreUnavailable."""
    snapshot = await asyncio.to_thread(sources.places.snapshot)
    found, _ = await _recents(sources, snapshot)
    recents = found.values()
    early = (fleet.early_stop(way, recents) for way in WAYS)
    return FleetPage(
        devices=fleet.devices(snapshot, sources.fleet.agents, fleet.doubted_by_agent(recents)),
        doubts=fleet.doubt_counts(recents),
        early_stop=[one for one in early if one is not None],
    )


async def last_of_each_kind(sources: Sources, site_id: str) -> dict[str, Measured]:
    """The newest report of each kind within the window; raises StoreUnavailable."""
    start = sources.now() - WINDOW
    rows = {kind: await _rows(sources, site_id, kind, start, limit=1) for kind in KINDS}
    return {kind: pages.measured(kind, found[-1]) for kind, found in rows.items() if found}


def contacts_of(sources: Sources, snapshot: Snapshot, verdicts: Mapping[str, Verdict]) -> dict[str, Contact]:
    """The newest sign of life of each site's agents."""
    agents: dict[str, list[str]] = {site_id: [] for site_id in snapshot.sites}
    for agent, versions in snapshot.agents.items():
        site_id = versions[-1].value
        if site_id in agents:
            agents[site_id].append(agent)
    contacts, heard = {}, sources.fleet.agents
    for site_id, names in agents.items():
        states = [heard[name] for name in names if name in heard]
        verdict = verdicts.get(site_id)
        contacts[site_id] = Contact(
            seen=max((state.last_seen for state in states if state.last_seen), default=None),
            online=any(state.state == "online" for state in states),
            silent=verdict is not None and "silent" in verdict.reasons,
            agents=tuple(sorted(names)),
        )
    return contacts


async def _recents(sources: Sources, snapshot: Snapshot) -> tuple[Mapping[str, Recent], int]:
    """What is known of each site's newest throughput, and of how many sites newer is stored than that.

    Mostly as the leader rolled it up. Of a few sites, whose reports have just come in, it is worked out here.
    """
    now = sources.now()
    known = await asyncio.to_thread(sources.recents)
    newest = _newest_reports(sources, snapshot)
    behind = [site for site in snapshot.sites if _is_behind(known.get(site), newest.get(site), now)]
    behind.sort(key=lambda site: newest.get(site, now - COMPARED), reverse=True)
    if not behind:
        return known, 0
    try:
        own = await compute(sources.store, behind[:BEHIND], now)
    except StoreUnavailable:
        if not known:
            raise
        return known, len(behind)
    return {**known, **own}, len(behind[BEHIND:])


def _newest_reports(sources: Sources, snapshot: Snapshot) -> dict[str, datetime]:
    """When the newest throughput report that was heard of started, by site."""
    found: dict[str, datetime] = {}
    for agent, versions in snapshot.agents.items():
        site, heard = versions[-1].value, sources.fleet.agents.get(agent)
        at = heard.last_report.get(KIND) if heard else None
        if site is not None and at is not None:
            found[site] = max(at, found.get(site, at))
    return found


def _is_behind(recent: Recent | None, newest: datetime | None, now: datetime) -> bool:
    if recent is None or recent.at < now - OLD:
        return True
    return newest is not None and newest > now - WINDOW and nanoseconds(newest) > (recent.newest_ns or 0)


def _told(recent: Recent | None) -> tuple[list[Row], Summary | None]:
    """What a line of the list tells of throughput: the newest report, and the median of the window."""
    if recent is None or recent.newest_ns is None:
        return [], None
    tags = {"peer": recent.peer} if recent.peer else {}
    summary = None if recent.median is None else Summary(recent.n, recent.median)
    return [Row(recent.newest_ns, tags, recent.last)], summary


async def _rows(sources: Sources, site_id: str, kind: str, start: datetime, *, limit: int | None = None) -> list[Row]:
    end = sources.now() + timedelta(days=1)
    return await sources.store.samples(kind, site=site_id, start_ns=_ns(start), end_ns=_ns(end), limit=limit)


def _summary(rows: list[Row]) -> Summary | None:
    values = sorted(
        value
        for row in rows
        if row.fields.get("conclusive") is True and (value := pages.number(row, "download_mbps")) is not None
    )
    if not values:
        return None
    middle = len(values) // 2
    return Summary(len(values), values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2)


def _ns(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000_000
