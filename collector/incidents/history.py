"""Incidents on disk: the newest of each site and cause, every transition, and what is still to be told."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, and_, delete, func, insert, select, update

from collector.errors import UsageError
from collector.incidents.incident import Cause, Incident
from collector.incidents.rules import Action, acted
from collector.incidents.tables import INCIDENTS, JUDGED, OUTBOX, TRANSITIONS
from collector.registry.database import Transactions

Step = Callable[[Incident | None], Incident | None]
_KEEP_TOLD = timedelta(days=7)
_FEW = 500  # more names than this in one question cost more than reading all
_ACTIVE = INCIDENTS.c.state != "resolved"


@dataclass(frozen=True, slots=True)
class Letter:
    """One transition that a receiver has not confirmed: the incident as it was then, as JSON."""

    id: int
    incident: str
    body: bytes


class History:
    """Incidents in the registry's database. Sync and thread-safe; raises RegistryUnavailable.

    With `tell`, every transition is put in the outbox in the same transaction that records it.
    """

    def __init__(self, database: Transactions, *, tell: bool = False) -> None:
        self._database = database
        self._tell = tell

    def open(self) -> None:
        """Bring the tables up to date; harmless when they are."""
        self._database.open()

    def newest(self, sites: Collection[str] | None = None) -> dict[tuple[str, Cause], Incident]:
        """The newest incident of each site and cause, resolved ones too; of these sites only, or (None) of all."""
        key = (INCIDENTS.c.site, INCIDENTS.c.cause)
        by_key = select(*key, func.max(INCIDENTS.c.opened).label("opened")).group_by(*key)
        if sites is not None and len(sites) <= _FEW:
            by_key = by_key.where(INCIDENTS.c.site.in_(sites))
        newest = by_key.subquery()
        same = and_(*(column == newest.c[column.name] for column in (*key, INCIDENTS.c.opened)))
        query = select(INCIDENTS.c.body).join(newest, same).order_by(INCIDENTS.c.updated)
        with self._database.read() as connection:
            incidents = [_read(body) for body in connection.scalars(query)]
        return {(incident.site, incident.cause): incident for incident in incidents}

    def search(self, *, active: bool | None = None, site: str | None = None, limit: int = 1000) -> list[Incident]:
        """Incidents, the last changed first; only active or only resolved ones, only one site's."""
        query = select(INCIDENTS.c.body).order_by(INCIDENTS.c.updated.desc(), INCIDENTS.c.id).limit(limit)
        if active is not None:
            query = query.where(_ACTIVE if active else ~_ACTIVE)
        if site is not None:
            query = query.where(INCIDENTS.c.site == site)
        with self._database.read() as connection:
            return [_read(body) for body in connection.scalars(query)]

    def get(self, incident: str) -> Incident | None:
        """One incident by its id."""
        with self._database.read() as connection:
            return _get(connection, incident)

    def advance(self, site: str, cause: Cause, step: Step) -> Incident | None:
        """Take one step of the rules on what is stored now; the incident if it changed."""
        query = (
            select(INCIDENTS.c.body)
            .where(INCIDENTS.c.site == site, INCIDENTS.c.cause == cause)
            .order_by(INCIDENTS.c.opened.desc(), INCIDENTS.c.updated.desc())
            .limit(1)
        )
        with self._database.write() as connection:
            body = connection.scalar(query)
            changed = step(_read(body) if body else None)
            if changed is not None:
                self._save(connection, changed)
        return changed

    def act(self, incident: str, action: Action, *, who: str, note: str | None = None, at: datetime) -> Incident:
        """Record a person's decision; raises UsageError for an unknown or resolved incident, or without a name."""
        with self._database.write() as connection:
            found = _get(connection, incident)
            if found is None:
                raise UsageError(f"there is no incident {incident!r}")
            changed = acted(found, action, who=who, note=note, at=at)
            self._save(connection, changed)
        return changed

    def judged(self) -> dict[str, datetime]:
        """For each site the newest sample that the rules have seen."""
        with self._database.read() as connection:
            return {row.site: row.newest for row in connection.execute(select(JUDGED))}

    def set_judged(self, newest: Mapping[str, datetime]) -> None:
        """Remember the newest samples that the rules have seen, so that late data is known as late after a restart."""
        with self._database.write() as connection:
            for site, moment in newest.items():
                changed = connection.execute(update(JUDGED).where(JUDGED.c.site == site).values(newest=moment))
                if not changed.rowcount:
                    connection.execute(insert(JUDGED).values(site=site, newest=moment))

    def pending(self, *, limit: int = 1000) -> list[Letter]:
        """The oldest letter of each incident that has any, oldest first: one incident's news stay in order."""
        first = select(func.min(OUTBOX.c.id)).where(OUTBOX.c.delivered.is_(None)).group_by(OUTBOX.c.incident)
        query = select(OUTBOX).where(OUTBOX.c.id.in_(first)).order_by(OUTBOX.c.id).limit(limit)
        with self._database.read() as connection:
            return [Letter(row.id, row.incident, row.body.encode()) for row in connection.execute(query)]

    def waiting(self) -> int:
        """How many letters no receiver has confirmed."""
        with self._database.read() as connection:
            query = select(func.count()).select_from(OUTBOX).where(OUTBOX.c.delivered.is_(None))
            return connection.scalar(query) or 0

    def delivered(self, letter: int, *, at: datetime) -> None:
        """A receiver has confirmed a letter; letters told a week ago are forgotten."""
        with self._database.write() as connection:
            connection.execute(update(OUTBOX).where(OUTBOX.c.id == letter).values(delivered=at))
            connection.execute(delete(OUTBOX).where(OUTBOX.c.delivered < at - _KEEP_TOLD))

    def _save(self, connection: Connection, incident: Incident) -> None:
        body = msgspec.json.encode(incident).decode()
        values = {"state": incident.state, "updated": incident.updated, "body": body}
        changed = connection.execute(update(INCIDENTS).where(INCIDENTS.c.id == incident.id).values(**values))
        if not changed.rowcount:
            key = {"id": incident.id, "site": incident.site, "cause": incident.cause, "opened": incident.opened}
            connection.execute(insert(INCIDENTS).values(**key, **values))
        number, last = len(incident.history), incident.history[-1]
        row = {"at": last.at, "state": last.state, "who": last.who, "note": last.note}
        connection.execute(insert(TRANSITIONS).values(incident=incident.id, number=number, **row))
        if self._tell:
            connection.execute(insert(OUTBOX).values(incident=incident.id, body=body))


def _get(connection: Connection, incident: str) -> Incident | None:
    body = connection.scalar(select(INCIDENTS.c.body).where(INCIDENTS.c.id == incident))
    return _read(body) if body else None


def _read(body: str) -> Incident:
    return msgspec.json.decode(body, type=Incident)
