"""Read what the accounts are made of: agents' days, their numbers, and why numbers are missing."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Select, and_, func, select

from collector.archive.intervals import Intervals
from collector.ledger.accounts import KindDay, Numbers, Span
from collector.ledger.facts import Why
from collector.ledger.tables import ASKED, DAYS, EXPLAINED, SPANS, STORED
from collector.registry.tables import AGENTS

AT_ONCE: Final = 200  # agents in one query


@dataclass(slots=True)
class Records:
    """One agent's from some day on, and the last account from before."""

    days: dict[date, list[KindDay]] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    numbers: dict[str, Numbers] = field(default_factory=dict)
    since: date | None = None


def records(
    connection: Connection, agents: Sequence[str], *, start: date, end: date, waited: datetime
) -> dict[str, Records]:
    """Read what is known of at most `AT_ONCE` agents; deferred numbers count as such if noted after `waited`."""
    found = {agent: Records() for agent in agents}
    _read_days(connection, found, start, end)
    _read_spans(connection, found, start, end)
    _read_numbers(connection, found, start, waited)
    entered = select(AGENTS.c.agent, func.min(AGENTS.c.entered)).where(AGENTS.c.agent.in_(agents))
    for agent, at in connection.execute(entered.group_by(AGENTS.c.agent)):
        found[agent].since = at.date()
    oldest = select(DAYS.c.agent, func.min(DAYS.c.day)).where(DAYS.c.agent.in_(agents))
    for agent, day in connection.execute(oldest.group_by(DAYS.c.agent)):
        first, since = date.fromisoformat(day), found[agent].since
        found[agent].since = first if since is None else min(first, since)
    return found


def changed(connection: Connection, *, after: int) -> list[tuple[str, date]]:
    """Give each agent of which something changed after a revision, with the first day to look at again."""
    days = select(DAYS.c.agent, func.min(DAYS.c.day)).where(DAYS.c.revision > after).group_by(DAYS.c.agent)
    found = {agent: date.fromisoformat(day) for agent, day in connection.execute(days)}
    explained = select(EXPLAINED.c.agent, func.min(EXPLAINED.c.at)).where(EXPLAINED.c.revision > after)
    for agent, at in connection.execute(explained.group_by(EXPLAINED.c.agent)):
        found[agent] = min(found.get(agent, at.date()), at.date())
    return sorted(found.items())


def explained(
    connection: Connection, places: Iterable[tuple[str, str]], *, waited: datetime
) -> dict[tuple[str, str], dict[Why, Intervals]]:
    """Give why numbers of these epochs are not stored."""
    found: dict[tuple[str, str], dict[Why, Intervals]] = {}
    agents = sorted({agent for agent, _ in places})
    for chunk in chunks(agents):
        for row in connection.execute(_explanations(chunk, waited)):
            whys = found.setdefault((row.agent, row.epoch), {})
            whys.setdefault(row.why, Intervals()).add(row.first, row.last)
    return found


def chunks(agents: Iterable[str]) -> Iterator[list[str]]:
    """Give agents as many at a time as go into one query."""
    rest = iter(agents)
    while chunk := list(islice(rest, AT_ONCE)):
        yield chunk


def _read_days(connection: Connection, found: dict[str, Records], start: date, end: date) -> None:
    within = DAYS.c.agent.in_(list(found)) & DAYS.c.day.between(start.isoformat(), end.isoformat())
    newest = (
        select(DAYS.c.agent, func.max(DAYS.c.day).label("day"))
        .where(DAYS.c.agent.in_(list(found)), DAYS.c.day < start.isoformat(), DAYS.c.planned.is_not(None))
        .group_by(DAYS.c.agent)
        .subquery()
    )
    before = select(DAYS).join(newest, and_(DAYS.c.agent == newest.c.agent, DAYS.c.day == newest.c.day))
    for query in (select(DAYS).where(within), before):
        for row in connection.execute(query):
            skipped = msgspec.json.decode(row.skipped, type=dict[str, int]) if row.skipped else {}
            kind = KindDay(row.kind, row.planned, row.run, skipped, row.received, row.late, row.duplicate)
            found[row.agent].days.setdefault(date.fromisoformat(row.day), []).append(kind)


def _read_spans(connection: Connection, found: dict[str, Records], start: date, end: date) -> None:
    within = SPANS.c.agent.in_(list(found)) & SPANS.c.day.between(start.isoformat(), end.isoformat())
    for row in connection.execute(select(SPANS).where(within)):
        found[row.agent].spans.append(Span(row.epoch, date.fromisoformat(row.day), row.last))


def _read_numbers(connection: Connection, found: dict[str, Records], start: date, waited: datetime) -> None:
    agents = list(found)
    stored: dict[tuple[str, str], Intervals] = {}
    for row in connection.execute(select(STORED).where(STORED.c.agent.in_(agents))):
        stored.setdefault((row.agent, row.epoch), Intervals()).add(row.first, row.last)
    begins = _by_epoch(
        connection,
        select(SPANS.c.agent, SPANS.c.epoch, func.max(SPANS.c.last))
        .where(SPANS.c.agent.in_(agents), SPANS.c.day < start.isoformat())
        .group_by(SPANS.c.agent, SPANS.c.epoch),
    )
    tops = _by_epoch(connection, select(ASKED.c.agent, ASKED.c.epoch, ASKED.c.top).where(ASKED.c.agent.in_(agents)))
    whys = explained(connection, ((agent, "") for agent in agents), waited=waited)
    for agent, epoch in {*stored, *tops}:
        place = (agent, epoch)
        known, why = stored.get(place, Intervals()), whys.get(place, {})
        found[agent].numbers[epoch] = Numbers(
            begin=begins.get(place, 0) + 1,
            top=max(known.top, tops.get(place, 0)),
            stored=known,
            dropped=why.get("dropped", Intervals()),
            rejected=why.get("rejected", Intervals()),
            deferred=why.get("deferred", Intervals()),
            ended=why.get("ended", Intervals()),
        )


def _by_epoch(connection: Connection, query: Select[Any]) -> dict[tuple[str, str], int]:
    return {(agent, epoch): number for agent, epoch, number in connection.execute(query)}


def _explanations(agents: Sequence[str], waited: datetime) -> Select[Any]:
    fresh = (EXPLAINED.c.why != "deferred") | (EXPLAINED.c.at >= waited)
    return select(EXPLAINED).where(EXPLAINED.c.agent.in_(agents), fresh)
