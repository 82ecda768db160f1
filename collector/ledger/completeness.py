"""Completeness by site and day: worked out by the leader for what changed, read by everybody."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Select, case, func, select

from collector.ledger import entries, reading
from collector.ledger.accounts import AgentDay, SiteDay, Told, agent_days, fates, site_day
from collector.ledger.ledger import Ledger
from collector.ledger.tables import COMPLETENESS, STATE
from collector.registry.site import Snapshot

_SEEN: Final = 2  # the row of STATE
_SITES: Final = 100  # at a time
_LONG: Final = timedelta(days=45)
_BACK: Final = timedelta(days=400)
_AGENTS_REPEAT: Final = timedelta(minutes=90)  # what agents were told to keep they send again hourly
_JSON: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Work:
    """What to work out: parts of sites with the first day of each, and how far the ledger was then."""

    parts: Sequence[tuple[Sequence[str], date]]
    revision: int
    generation: int
    today: date


class Completeness:
    """The table of completeness. Sync and thread-safe; raises RegistryUnavailable like the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def work(self, snapshot: Snapshot, *, now: datetime) -> Work:
        """Say what has to be worked out again: sites of agents of which something changed, and all on a new day."""
        today = now.date()
        with self._ledger.database.read() as connection:
            revision, generation = _state(connection, 1)
            seen, edition = _state(connection, _SEEN)
            newest = connection.scalar(select(COMPLETENESS.c.day).order_by(COMPLETENESS.c.day.desc()).limit(1))
            changes = reading.changed(connection, after=seen if edition == generation else -1)
        starts = {agent: day for agent, day in changes if agent in snapshot.agents}
        if newest is None or newest < today.isoformat():
            since = today - timedelta(days=1) if newest is None else date.fromisoformat(newest)
            for agent in snapshot.agents:
                starts[agent] = min(starts.get(agent, since), since)
        sites: dict[str, date] = {}
        for agent, start in starts.items():
            for site in _sites(snapshot, agent):
                sites[site] = min(sites.get(site, today), max(start, today - _BACK))
        ordered = sorted(sites, key=lambda site: (sites[site], site))
        parts = [ordered[first : first + _SITES] for first in range(0, len(ordered), _SITES)]
        return Work([(part, min(sites[site] for site in part)) for part in parts], revision, generation, today)

    def work_out(self, sites: Sequence[str], start: date, snapshot: Snapshot, *, now: datetime) -> list[SiteDay]:
        """Work out the days of sites from `start` to today; gives those that are not in the table like that."""
        today = now.date()
        agents = sorted({agent for agent in snapshot.agents if not _sites(snapshot, agent).isdisjoint(sites)})
        by_site: dict[tuple[str, date], list[AgentDay]] = {}
        with self._ledger.database.read() as connection:
            for chunk in reading.chunks(agents):
                found = reading.records(connection, chunk, start=start, end=today, waited=now - _AGENTS_REPEAT)
                for agent, known in found.items():
                    fate = fates(known.numbers, known.spans, today=today)
                    window = (start, today)
                    for day in agent_days(agent, known.days, fate, window=window, since=known.since, today=today):
                        site = snapshot.site_of(agent, _end_of(day.day))
                        if site is not None:
                            by_site.setdefault((site.id, day.day), []).append(day)
            before = {(one.site, one.day): one for one in _read(connection, start, today, sites)}
        made = (site_day(site, day, days) for (site, day), days in sorted(by_site.items()) if site in set(sites))
        return [one for one in made if before.get((one.site, one.day)) != one]

    def save(self, days: Iterable[SiteDay]) -> None:
        """Put days into the table."""
        rows = [
            {name: getattr(day, name) for name in _NUMBERS}
            | {"site": day.site, "day": day.day.isoformat(), "ratio": day.ratio, "accounted": int(day.accounted)}
            | {"skipped": _JSON.encode(day.skipped).decode()}
            for day in days
        ]
        names = (*_NUMBERS, "ratio", "accounted", "skipped")
        with self._ledger.database.write() as connection:
            entries.upsert(connection, COMPLETENESS, rows, lambda new: {name: new[name] for name in names})

    def done(self, work: Work) -> None:
        """Note that the ledger has been worked out as far as it was."""
        row = {"id": _SEEN, "revision": work.revision, "generation": work.generation}
        with self._ledger.database.write() as connection:
            entries.upsert(
                connection, STATE, [row], lambda new: {"revision": new.revision, "generation": new.generation}
            )

    def read(self, start: date, end: date, *, sites: Sequence[str] | None = None) -> list[SiteDay]:
        """Give the days of sites (None: of all) from `start` to `end`, both included, by site and day."""
        with self._ledger.database.read() as connection:
            return _read(connection, start, end, sites)

    def told(self, start: date, end: date) -> dict[str, Told]:
        """Give what the days of each site say together: of a long time far cheaper than the days."""
        with self._ledger.database.read() as connection:
            return {
                site: Told(*(number or 0 for number in row)) for site, *row in connection.execute(_told(start, end))
            }


_NUMBERS: Final = (
    "planned", "run", "produced", "received", "late", "rejected", "dropped", "missing", "duplicate",
)  # fmt: skip

_COLUMNS: Final = tuple(COMPLETENESS.c[field.name] for field in fields(SiteDay))


def fields_of(day: SiteDay) -> Mapping[str, float]:
    """The fields of a day's point in the series `completeness`."""
    found = {name: float(getattr(day, name)) for name in _NUMBERS}
    found["skipped"] = float(sum(day.skipped.values()))
    if day.ratio is not None:
        found["ratio"] = day.ratio
    return found


def _read(connection: Connection, start: date, end: date, sites: Sequence[str] | None) -> list[SiteDay]:
    query = select(*_COLUMNS).where(COMPLETENESS.c.day.between(start.isoformat(), end.isoformat()))
    if sites is not None:
        query = query.where(COMPLETENESS.c.site.in_(sites))
    return [_day(*row) for row in connection.execute(query.order_by(COMPLETENESS.c.site, COMPLETENESS.c.day))]


def _told(start: date, end: date) -> Select[Any]:
    """By site; of a long time row by row as they lie, for which no index may be used but that of the sites."""
    day, planned, ratio = COMPLETENESS.c.day, COMPLETENESS.c.planned, COMPLETENESS.c.ratio
    when = day if end - start < _LONG else day.concat("")
    return (
        select(
            COMPLETENESS.c.site,
            func.sum(ratio * planned),
            func.sum(case((ratio.is_not(None), planned * 1.0))),
        )
        .where(when.between(start.isoformat(), end.isoformat()))
        .group_by(COMPLETENESS.c.site)
    )


def _day(site: str, day: str, planned: int, run: int, skipped: str, *rest: Any) -> SiteDay:  # noqa: ANN401 - columns
    *numbers, ratio, accounted = rest
    produced, received, late, rejected, dropped, missing, duplicate = numbers
    ratio = ratio if planned else None  # older versions wrote 0 of a day of which no plan is known
    return SiteDay(
        site, _date(day), planned, run, _reasons(skipped), produced, received, late, rejected, dropped, missing,
        duplicate, ratio, bool(accounted),
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _date(text: str) -> date:
    return date.fromisoformat(text)


@lru_cache(maxsize=4096)
def _reasons(text: str) -> Mapping[str, int]:
    return MappingProxyType(msgspec.json.decode(text, type=dict[str, int]))


def _state(connection: Connection, number: int) -> tuple[int, int]:
    row = connection.execute(select(STATE).where(STATE.c.id == number)).one_or_none()
    return (0, 0) if row is None else (row.revision, row.generation)


def _sites(snapshot: Snapshot, agent: str) -> set[str]:
    return {version.value for version in snapshot.agents.get(agent, ()) if version.value is not None}


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time(23, 59, 59), UTC)
