"""Gathers what a site's page tells: asks store, registry, casebook and fleet, and hands out plain values."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from collector.chain.marks import Step, World, steps
from collector.fleet import AgentState
from collector.incidents.incident import Incident
from collector.incidents.maintenance import Window
from collector.judge.verdict import Verdict
from collector.registry.site import Site, Snapshot, Version
from collector.rollups.buckets import Resolution, bucket_of, resolution
from collector.store.points import nanoseconds
from collector.store.store import Row
from collector.web import pages, views
from collector.web.pages import Measured, SiteRow
from collector.web.site.budget import Budget, budget
from collector.web.site.notes import Change
from collector.web.site.period import Period
from collector.web.site.strip import Stood, presence, standing, usual_gap
from collector.web.sources import Sources
from collector.web.trend import Trend, trend

CHARTED: Final = ("throughput", "latency", "radio")
MOST: Final = 5000
"""So many raw reports of a kind are drawn at most, the newest."""
_USUAL: Final = timedelta(hours=6)
_OFTEN: Final = timedelta(hours=1)
_LOOK_BACK: Final = timedelta(days=35)
_CLOSE: Final = timedelta(hours=1)
_LOOKS: Final = 40
_STATUS: Final = ("software", "profile")


@dataclass(frozen=True, slots=True)
class Course:
    """A kind's rows of a period, oldest first, and what they are: raw reports or roll-ups."""

    rows: list[Row] = field(default_factory=list)
    level: Resolution = "raw"


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that the page of one site tells of a period."""

    site: Site
    versions: Sequence[Version[Site]]
    row: SiteRow
    others: list[Verdict]
    open: list[Incident]
    """What goes on there now, whatever the period."""
    incidents: list[Incident]
    work: list[Window]
    courses: Mapping[str, Course]
    steps: list[Step]
    changes: list[Change]
    heard: list[Stood]
    stood: list[Stood]
    agents: Mapping[str, AgentState | None]
    budgets: Mapping[str, Budget]
    used_bytes: float | None
    tests: list[Measured]
    """The throughput reports of the period, where they are not too many to show."""
    trend: Trend | None = None


async def gather(sources: Sources, site: Site, snapshot: Snapshot, period: Period) -> Material:
    """All of it; raises StoreUnavailable and RegistryUnavailable."""
    courses = {kind: await _course(sources, site.id, kind, period) for kind in CHARTED}
    present = sources.judged.present().get(site.id)
    versions = snapshot.sites[site.id]
    references = await asyncio.to_thread(sources.figures.references) if sources.figures is not None else {}
    row = await views.one_row(sources, site, snapshot)
    found = await asyncio.to_thread(sources.casebook.search, site=site.id)
    work = await asyncio.to_thread(sources.calendar.list, since=period.start)
    agents = {name: sources.fleet.agents.get(name) for name in row.contact.agents}
    return Material(
        site=site,
        versions=versions,
        row=row,
        others=list(present.verdicts[1:]) if present else [],
        open=[one for one in found if one.active],
        incidents=[one for one in found if _touches(one, period)],
        work=[one for one in work if one.starts < period.end and one.covers(site.id, _about(site))],
        courses=courses,
        steps=steps(versions, World(sources.plans, references), start=period.start, end=period.end),
        changes=await _changes(sources, site.id, period),
        heard=await _heard(sources, site.id, courses["throughput"], period),
        stood=await _stood(sources, site, row.verdict, period),
        agents=agents,
        budgets={name: told for name, state in agents.items() if (told := budget(state, sources.now())) is not None},
        used_bytes=await _used(sources, site.id),
        tests=_tests(courses["throughput"]),
        trend=await _trend(sources, site.id, courses["throughput"], period),
    )


def _tests(course: Course) -> list[Measured]:
    return [pages.measured("throughput", row) for row in course.rows] if course.level == "raw" else []


def _touches(incident: Incident, period: Period) -> bool:
    until = None if incident.active else incident.resolved
    return incident.since <= period.end and (until is None or until > period.start)


def _about(site: Site) -> dict[str, str]:
    told = {"province": site.province, "commune": site.commune, "provider": site.provider}
    return {name: value for name, value in told.items() if value}


async def _course(sources: Sources, site: str, kind: str, period: Period) -> Course:
    """Raw where that stays quick; else roll-ups, unless nothing was rolled up yet."""
    level = resolution(period.span, kind)
    if level != "raw":
        start = bucket_of(level, period.start, sources.zone).start
        rows = await read(sources, f"{kind}_{level}", site, (start, period.end))
        if rows:
            return Course(rows, level)
    return Course(await read(sources, kind, site, (period.start, _reach(sources, period)), limit=MOST))


def _reach(sources: Sources, period: Period) -> datetime:
    """Until when reports of the period are read: a device's clock may be ahead."""
    return (
        period.end + timedelta(days=1)
        if period.days is not None
        else min(period.end, sources.now() + timedelta(days=1))
    )


async def read(
    sources: Sources, measurement: str, site: str, span: tuple[datetime, datetime], *, limit: int | None = None
) -> list[Row]:
    """A site's rows, oldest first; raises StoreUnavailable."""
    start, end = (nanoseconds(at.astimezone(UTC)) for at in span)
    return await sources.store.samples(measurement, site=site, start_ns=start, end_ns=end, limit=limit)


async def _trend(sources: Sources, site: str, course: Course, period: Period) -> Trend | None:
    if course.level == "raw":
        return None
    first = bucket_of("month", period.start, sources.zone).start
    months = await read(sources, "throughput_month", site, (first, period.end))
    return trend(course.rows, months, course.level, sources.zone)


async def _heard(sources: Sources, site: str, course: Course, period: Period) -> list[Stood]:
    """How long speed results were missing; from roll-ups of days where the period is long."""
    present = sources.judged.present().get(site)
    every = timedelta(seconds=present.every_s) if present is not None and present.every_s else _USUAL
    before = await read(sources, "throughput", site, (period.start - _LOOK_BACK, period.start), limit=1)
    times = [pages.time_of(row) for row in (*before, *course.rows)]
    every = max(every, usual_gap(times))  # a schedule that is quicker now makes nothing late that came before it
    if course.level == "day":  # a day with results stands for all of its day
        every = max(every, timedelta(days=1))
    return presence(sorted(times), max(every, _OFTEN), period.start, min(period.end, sources.now()))


async def _stood(sources: Sources, site: Site, verdict: Verdict | None, period: Period) -> list[Stood]:
    """How the verdict on the plan's download speed stood."""
    if verdict is None or verdict.plan is None:
        return []
    columns = ("verdict", "plan", "scope", "indicator")
    start, end = nanoseconds((period.start - _LOOK_BACK).astimezone(UTC)), nanoseconds(period.end.astimezone(UTC))
    found = await sources.store.values("verdict", columns, sites=[site.id], start_ns=start, end_ns=end)
    points = [
        (datetime.fromtimestamp(time_ns / 1e9, UTC), str(said))
        for time_ns, said, plan, scope, indicator in found.get(site.id, [])
        if said and plan == verdict.plan and scope == verdict.scope and indicator in (None, verdict.indicator)
    ]
    return standing(points, period.start, min(period.end, sources.now()))


async def _used(sources: Sources, site: str) -> float | None:
    """Bytes of this month's speed tests; None where none told."""
    now = sources.now()
    start = bucket_of("month", now, sources.zone).start
    fields = ("download_bytes", "upload_bytes")
    found = await sources.store.values(
        "throughput", fields, sites=[site], start_ns=nanoseconds(start), end_ns=nanoseconds(now + timedelta(days=1))
    )
    told = [value for _, *values in found.get(site, []) for value in values if value is not None]
    return sum(told) if told else None


async def _changes(sources: Sources, site: str, period: Period) -> list[Change]:
    """When agents' software or profile became another, to the hour: found by halving, statuses are too many to read."""
    end = min(period.end, sources.now())
    if end <= period.start:
        return []
    budget = [_LOOKS]

    async def at(moment: datetime) -> dict[str, Mapping[str, str]]:
        budget[0] -= 1
        rows = await read(sources, "status", site, (moment - _LOOK_BACK, moment), limit=8)
        return {row.tags.get("agent", ""): _told(row) for row in rows if _told(row)}

    async def between(
        start: datetime, first: Mapping[str, Mapping[str, str]], end: datetime, last: Mapping[str, Mapping[str, str]]
    ) -> list[Change]:
        found = list(_differences(first, last, end))
        began = any(agent not in first for agent in last)  # what it was at first is to be found too
        if not (found or began) or end - start <= _CLOSE or budget[0] <= 0:
            return found
        middle = start + (end - start) / 2
        there = await at(middle)
        return await between(start, first, middle, there) + await between(middle, there, end, last)

    return await between(period.start, await at(period.start), end, await at(end))


def _told(row: Row) -> Mapping[str, str]:
    return {name: value for name in _STATUS if (value := pages.text(row, name)) is not None}


def _differences(
    first: Mapping[str, Mapping[str, str]], last: Mapping[str, Mapping[str, str]], at: datetime
) -> Sequence[Change]:
    return [
        Change(at, agent, "software" if name == "software" else "profile", first[agent][name], told[name])
        for agent, told in last.items()
        for name in _STATUS
        if agent in first and name in first[agent] and name in told and first[agent][name] != told[name]
    ]
