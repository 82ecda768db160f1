"""Incidents on disk: what is recorded of each subject and cause, every transition, and what is still to be told."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, literal_column, or_, select, update

from collector.errors import UsageError
from collector.incidents.acts import Action, Decision, acted, unsilenced
from collector.incidents.calendar import windows
from collector.incidents.incident import Cause, Incident, Transition
from collector.incidents.maintenance import Window, maintained
from collector.incidents.tables import INCIDENTS, JUDGED, OUTBOX, TRANSITIONS
from collector.incidents.telling import settled, with_telling
from collector.registry.database import Transactions

Key = tuple[str, Cause]
Settling = Callable[[Sequence[Incident]], Sequence[Incident]]
_FEW = 500  # more names than this in one question cost more than reading all
_SHOWN = 200  # transitions in an incident's body; the table has all
_RESOLVED: ColumnElement[str] = literal_column(
    "'resolved'"
)  # literally, as the partial indexes have it: else they are of no use
_ACTIVE = INCIDENTS.c.state != _RESOLVED
_UNSETTLED = and_(INCIDENTS.c.state == _RESOLVED, INCIDENTS.c.told == literal_column("'open'"))
_BACK = timedelta(days=100)  # what was resolved longer ago is not looked at again


class History:
    """Incidents in the registry's database. Sync and thread-safe; raises RegistryUnavailable.

    With `tell`, a transition that people are told of is put in the outbox in the same transaction that records it.
    """

    def __init__(self, database: Transactions, *, tell: bool = False) -> None:
        self._database = database
        self._tell = tell

    def open(self) -> None:
        """Bring the tables up to date; harmless when they are."""
        self._database.open()

    def recorded(self, since: datetime, subjects: Collection[str] | None = None) -> dict[Key, list[Incident]]:
        """By subject and cause what is active or has changed since then, oldest first; of these subjects, or of all."""
        query = select(INCIDENTS.c.body).where(or_(_ACTIVE, INCIDENTS.c.updated >= since)).order_by(INCIDENTS.c.opened)
        if subjects is not None and len(subjects) <= _FEW:
            query = query.where(INCIDENTS.c.subject.in_(subjects))
        found: dict[Key, list[Incident]] = {}
        with self._database.read() as connection:
            for incident in map(_read, connection.scalars(query)):
                found.setdefault((incident.subject, incident.cause), []).append(incident)
        return found

    def settle(self, steps: Mapping[Key, Settling], *, at: datetime) -> list[Incident]:
        """Take these steps of the rules on what is recorded now, in one transaction; the incidents that changed.

        A step gets what is recorded of its subject and cause (active, or changed within 100 days; oldest first) and
        gives the incidents after one transition each, in order. `at` is now: it says which maintenance goes on.
        """
        changes: list[Incident] = []
        with self._database.write() as connection:
            work = windows(connection, since=at)
            for (subject, cause), step in steps.items():
                changes += self._keep(connection, step(_recorded(connection, subject, cause, at - _BACK)), work, at)
        return changes

    def wake(self, *, at: datetime) -> list[Incident]:
        """Do what time has brought: end silences, begin and end maintenance, tell what has settled."""
        query = select(INCIDENTS.c.body).where(_ACTIVE).union_all(select(INCIDENTS.c.body).where(_UNSETTLED))
        with self._database.read() as connection:
            work = windows(connection, since=at)
            due = [one.id for one in map(_read, connection.scalars(query)) if _woken(one, work, at)]
        if not due:
            return []
        changes: list[Incident] = []
        with self._database.write() as connection:
            work = windows(connection, since=at)
            for incident in due:
                found = _get(connection, incident)
                changes += self._keep(connection, _woken(found, work, at) if found else (), (), at)
        return changes

    def newest(self, sites: Collection[str] | None = None) -> dict[Key, Incident]:
        """The newest incident of each subject and cause, resolved ones too; of these only, or (None) of all."""
        key = (INCIDENTS.c.subject, INCIDENTS.c.cause)
        by_key = select(*key, func.max(INCIDENTS.c.opened).label("opened")).group_by(*key)
        if sites is not None and len(sites) <= _FEW:
            by_key = by_key.where(INCIDENTS.c.subject.in_(sites))
        newest = by_key.subquery()
        same = and_(*(column == newest.c[column.name] for column in (*key, INCIDENTS.c.opened)))
        query = select(INCIDENTS.c.body).join(newest, same).order_by(INCIDENTS.c.updated)
        with self._database.read() as connection:
            incidents = [_read(body) for body in connection.scalars(query)]
        return {(incident.subject, incident.cause): incident for incident in incidents}

    def search(
        self,
        *,
        active: bool | None = None,
        site: str | None = None,
        limit: int | None = 1000,
        before: tuple[datetime, str] | None = None,
    ) -> list[Incident]:
        """Incidents, the last changed first; only active or only resolved ones, only one subject's.

        `limit`: None for all of them, where something is counted or worked out of them.
        `before`: those that come after the one which changed then and has this id.
        """
        query = select(INCIDENTS.c.body).order_by(INCIDENTS.c.updated.desc(), INCIDENTS.c.id).limit(limit)
        if active is not None:
            query = query.where(_ACTIVE if active else ~_ACTIVE)
        if site is not None:
            query = query.where(INCIDENTS.c.subject == site)
        if before is not None:
            at, incident = before
            same = and_(INCIDENTS.c.updated == at, INCIDENTS.c.id > incident)
            query = query.where(or_(INCIDENTS.c.updated < at, same))
        with self._database.read() as connection:
            return [_read(body) for body in connection.scalars(query)]

    def count(self) -> int:
        """How many are active."""
        with self._database.read() as connection:
            return connection.scalar(select(func.count()).select_from(INCIDENTS).where(_ACTIVE)) or 0

    def get(self, incident: str) -> Incident | None:
        """One incident by its id."""
        with self._database.read() as connection:
            return _get(connection, incident)

    def transitions(self, incident: str) -> list[Transition]:
        """All that happened to an incident, oldest first; its body may hold less of a long history."""
        query = select(TRANSITIONS).where(TRANSITIONS.c.incident == incident).order_by(TRANSITIONS.c.number)
        with self._database.read() as connection:
            return [Transition(row.at, row.state, row.who, row.note, row.what) for row in connection.execute(query)]

    def act(self, incident: str, action: Action, *, who: str, note: str | None = None, at: datetime) -> Incident:
        """Record a person's decision that needs no more words than these; raises as `decide` does."""
        return self.decide(incident, Decision(action, who, note), at=at)

    def decide(self, incident: str, decision: Decision, *, at: datetime) -> Incident:
        """Record a person's decision; raises UsageError for an unknown incident and as `acted` does."""
        with self._database.write() as connection:
            found = _get(connection, incident)
            if found is None:
                raise UsageError(f"there is no incident {incident!r}")
            (changed,) = self._keep(connection, [acted(found, decision, at)], (), at)
        return changed

    def judged(self) -> dict[str, datetime]:
        """For each site the newest sample that the rules have seen."""
        with self._database.read() as connection:
            return {row.site: row.newest for row in connection.execute(select(JUDGED))}

    def set_judged(self, newest: Mapping[str, datetime]) -> None:
        """Remember the newest samples that the rules have seen, so that late data is known as late after a restart."""
        rows = [{"site": site, "newest": moment} for site, moment in newest.items()]
        if not rows:
            return
        with self._database.write() as connection:
            for first in range(0, len(rows), _FEW):
                some = rows[first : first + _FEW]
                connection.execute(delete(JUDGED).where(JUDGED.c.site.in_([row["site"] for row in some])))
                connection.execute(insert(JUDGED), some)

    def waiting(self) -> int:
        """How many letters nobody has made deliveries of yet."""
        with self._database.read() as connection:
            query = select(func.count()).select_from(OUTBOX).where(OUTBOX.c.delivered.is_(None))
            return connection.scalar(query) or 0

    def _keep(
        self, connection: Connection, changes: Sequence[Incident], work: Sequence[Window], at: datetime
    ) -> list[Incident]:
        """Save changes in order, with their letters; what is known of an incident is carried from each to the next."""
        kept: dict[str, dict[str, Any]] = {}
        saved = []
        for change in changes:
            incident = msgspec.structs.replace(change, **kept.get(change.id, {}))
            if incident.active and incident.history[-1].what in ("opened", "reopened", "flapping"):
                held = any(window.holds(at) and window.is_about(incident) for window in work)
                incident = msgspec.structs.replace(incident, maintenance=held)
            incident, is_told = with_telling(incident)
            kept[incident.id] = {"told": incident.told, "maintenance": incident.maintenance}
            saved.append(_save(connection, incident))
            if is_told and self._tell:
                body = msgspec.json.encode(saved[-1]).decode()
                connection.execute(insert(OUTBOX).values(incident=incident.id, body=body))
        return saved


def _woken(incident: Incident, work: Sequence[Window], at: datetime) -> Sequence[Incident]:
    """What time has brought, each after one transition, in order."""
    changes: list[Incident] = []
    for change in (unsilenced, lambda one, at: maintained(one, work, at), settled):
        changed = change(changes[-1] if changes else incident, at)
        if changed is not None:
            changes.append(changed)
    return changes


def _recorded(connection: Connection, subject: str, cause: Cause, since: datetime) -> list[Incident]:
    query = (
        select(INCIDENTS.c.body)
        .where(INCIDENTS.c.subject == subject, INCIDENTS.c.cause == cause)
        .where(or_(_ACTIVE, INCIDENTS.c.updated >= since))
        .order_by(INCIDENTS.c.opened)
    )
    return [_read(body) for body in connection.scalars(query)]


def _save(connection: Connection, incident: Incident) -> Incident:
    """Write an incident and its newest transition; the body as it was written."""
    last = incident.history[-1]
    if len(incident.history) > _SHOWN:
        shown = [incident.history[0], *incident.history[1 - _SHOWN :]]
        incident = msgspec.structs.replace(incident, history=shown)
    body = msgspec.json.encode(incident).decode()
    values = {"state": incident.state, "updated": incident.updated, "told": incident.told, "body": body}
    changed = connection.execute(update(INCIDENTS).where(INCIDENTS.c.id == incident.id).values(**values))
    if not changed.rowcount:
        key = {"id": incident.id, "subject": incident.subject, "cause": incident.cause, "opened": incident.opened}
        connection.execute(insert(INCIDENTS).values(**key, **values))
    query = select(TRANSITIONS).where(TRANSITIONS.c.incident == incident.id).order_by(TRANSITIONS.c.number.desc())
    before = connection.execute(query.limit(1)).one_or_none()
    number = 1 if before is None else before.number + (last.what != "joined" or before.what != "joined")
    here = and_(TRANSITIONS.c.incident == incident.id, TRANSITIONS.c.number == number)
    connection.execute(delete(TRANSITIONS).where(here))  # a group that grows has one line for it
    row = {"at": last.at, "state": last.state, "who": last.who, "note": last.note, "what": last.what}
    connection.execute(insert(TRANSITIONS).values(incident=incident.id, number=number, **row))
    return incident


def _get(connection: Connection, incident: str) -> Incident | None:
    body = connection.scalar(select(INCIDENTS.c.body).where(INCIDENTS.c.id == incident))
    return _read(body) if body else None


def _read(body: str) -> Incident:
    return msgspec.json.decode(body, type=Incident)
