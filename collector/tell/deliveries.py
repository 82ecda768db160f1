"""What each route is to be told, was told and answered: the table `deliveries`. Sync and thread-safe.

States: `waiting` (to be sent), `held` (a silence is on it), `sent` (confirmed), `silenced` (the silence outlasted the
incident), `summed` (told within a summary), `superseded` (a newer one says it), `expired` (given up). Everything here
raises RegistryUnavailable, and may be repeated.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, and_, delete, func, insert, or_, select, update

from collector.incidents.tables import INCIDENTS
from collector.registry.database import Transactions
from collector.tell.news import News, read_news
from collector.tell.outbox import OPEN_STATES, New, put
from collector.tell.pace import HOUR
from collector.tell.tables import DELIVERIES, KNOWN

FEW: Final = 50  # deliveries that one route has in memory
IN_SUMMARY: Final = 200
_D: Final = DELIVERIES.c
_K: Final = KNOWN.c


@dataclass(frozen=True, slots=True)
class Delivery:
    """One row, as far as sending needs it."""

    number: int
    id: str
    route: str
    kind: str
    incident: str | None
    body: str
    made: datetime
    attempts: int


@dataclass(frozen=True, slots=True)
class Known:
    """What a route was told last of an incident, and the delivery that told of it first."""

    incident: str
    thread: str
    body: str
    active: bool
    at: datetime
    reminded: datetime | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What one route has still to be told."""

    waiting: int
    held: int
    oldest: datetime | None


class Deliveries:
    """The deliveries of all routes."""

    def __init__(self, database: Transactions) -> None:
        self.database = database

    def backlog(self) -> dict[str, Backlog]:
        """What is still to be told, by route."""
        query = (
            select(_D.route, _D.state, func.count().label("n"), func.min(_D.made).label("oldest"))
            .where(_D.state.in_(OPEN_STATES))
            .group_by(_D.route, _D.state)
        )
        found: dict[str, dict[str, Any]] = {}
        with self.database.read() as connection:
            for row in connection.execute(query):
                found.setdefault(row.route, {})[row.state] = row
        return {route: _backlog(rows) for route, rows in found.items()}

    def ready(self, route: str, at: datetime, *, max_wait_s: float) -> list[Delivery]:
        """The oldest delivery of each incident, those that are due: news of one incident stay in order.

        Who has waited longest comes first: what fails again and again keeps none of the others back. One that is due
        later than anything can be was made before the clock was set back: it is due now.
        """
        mine = (_D.route == route, _D.state == "waiting")
        first = select(func.min(_D.number)).where(*mine).group_by(func.coalesce(_D.incident, _D.id))
        is_due = or_(_D.due <= at, _D.due > at + timedelta(seconds=2 * max_wait_s))
        query = select(DELIVERIES).where(_D.number.in_(first), is_due).order_by(_D.due, _D.number).limit(FEW)
        with self.database.read() as connection:
            return [_delivery(row) for row in connection.execute(query)]

    def untried(self, route: str) -> list[Delivery]:
        """The oldest news that no attempt was made of, of incidents that nothing older waits of."""
        tried = select(_D.incident).where(
            _D.route == route, _D.state == "waiting", _D.attempts > 0, _D.incident.is_not(None)
        )
        news = (_D.route == route, _D.state == "waiting", _D.kind == "news", _D.attempts == 0)
        query = select(DELIVERIES).where(*news, _D.incident.not_in(tried)).order_by(_D.number).limit(IN_SUMMARY)
        with self.database.read() as connection:
            return [_delivery(row) for row in connection.execute(query)]

    def sent_at(self, route: str, at: datetime) -> list[datetime]:
        """When messages went to a route within the last hour; tests are not counted."""
        query = select(_D.told).where(_D.route == route, _D.told > at - HOUR, _D.state == "sent", _D.kind != "test")
        with self.database.read() as connection:
            return list(connection.scalars(query))

    def known(self, route: str, incidents: Sequence[str]) -> dict[str, Known]:
        """What a route was told last of these incidents."""
        with self.database.read() as connection:
            rows = connection.execute(select(KNOWN).where(_K.route == route, _K.incident.in_(incidents)))
            return {row.incident: _known(row) for row in rows}

    def active(self, route: str, *, after: str = "", limit: int = 500) -> list[Known]:
        """What a route was told of and believes to go on, in order of the incidents' ids, from after one."""
        mine = (_K.route == route, _K.active == 1, _K.incident > after)
        with self.database.read() as connection:
            return [
                _known(row) for row in connection.execute(select(KNOWN).where(*mine).order_by(_K.incident).limit(limit))
            ]

    def present(self, incidents: Sequence[str]) -> dict[str, str]:
        """These incidents as they are recorded now, as JSON."""
        query = select(INCIDENTS.c.id, INCIDENTS.c.body).where(INCIDENTS.c.id.in_(incidents))
        with self.database.read() as connection:
            return {row.id: row.body for row in connection.execute(query)}

    def begin(self, delivery: Delivery, at: datetime, *, due: datetime) -> None:
        """Note an attempt before it is made, and when the next one is due: who may not write any more makes none."""
        values = {"attempts": _D.attempts + 1, "tried": at, "due": due}
        self._set(_D.number == delivery.number, values)

    def failed(self, delivery: Delivery, *, due: datetime, answer: str) -> None:
        """An attempt failed; when the next one may be made."""
        self._set(and_(_D.number == delivery.number, _D.state == "waiting"), {"due": due, "answer": answer})

    def hurry(self, route: str, at: datetime, *, answer: str) -> None:
        """Let everything that had this answer be tried again at once."""
        waits = and_(_D.route == route, _D.state == "waiting", _D.answer.startswith(answer, autoescape=True))
        self._set(and_(waits, _D.due > at), {"due": at})

    def confirmed(self, delivery: Delivery, news: Iterable[News], *, at: datetime, answer: str) -> None:
        """A receiver has taken it: that, and what the route knows now, in one transaction."""
        with self.database.write() as connection:
            done = {"state": "sent", "told": at, "answer": answer}
            connection.execute(update(DELIVERIES).where(_D.number == delivery.number).values(**done))
            bodies = {each.id: each for each in news}
            for each in bodies.values():
                _learn(connection, delivery, each, at)

    def hold(self, delivery: Delivery, by: str) -> None:
        """A silence is on it."""
        waits = and_(_D.number == delivery.number, _D.state == "waiting")
        self._set(waits, {"state": "held", "silenced_by": by})

    def held(self, route: str, *, after: int = 0, limit: int = 500) -> list[Delivery]:
        """The newest held delivery of each incident, in order of their numbers, from after one."""
        mine = (_D.route == route, _D.state == "held")
        newest = select(func.max(_D.number)).where(*mine).group_by(_D.incident)
        query = select(DELIVERIES).where(_D.number.in_(newest), _D.number > after).order_by(_D.number).limit(limit)
        with self.database.read() as connection:
            return [_delivery(row) for row in connection.execute(query)]

    def held_by(self, route: str, incidents: Sequence[str]) -> dict[str, str]:
        """Of which of these incidents something is held, and by what."""
        query = select(_D.incident, _D.silenced_by).where(
            _D.route == route, _D.state == "held", _D.incident.in_(incidents)
        )
        with self.database.read() as connection:
            return {row.incident: row.silenced_by for row in connection.execute(query)}

    def release(self, delivery: Delivery, *, tell: bool, at: datetime) -> None:
        """Its silence is over: tell it, if it still matters; the older ones of its incident are never told."""
        mine = and_(_D.route == delivery.route, _D.incident == delivery.incident, _D.state == "held")
        with self.database.write() as connection:
            older = and_(mine, _D.number < delivery.number)
            connection.execute(update(DELIVERIES).where(older).values(state="superseded" if tell else "silenced"))
            state = "waiting" if tell else "silenced"
            own = and_(_D.number == delivery.number, _D.state == "held")
            connection.execute(update(DELIVERIES).where(own).values(state=state, due=at))

    def sum_up(self, route: str, deliveries: Sequence[Delivery], at: datetime) -> None:
        """Make one delivery of many."""
        numbers = [delivery.number for delivery in deliveries]
        body = "[" + ",".join(delivery.body for delivery in deliveries) + "]"
        with self.database.write() as connection:
            drawn = put(connection, New(route, "summary", f"summary#{numbers[0]}", body), at)
            if drawn is not None:
                waits = and_(_D.number.in_(numbers), _D.state == "waiting")
                connection.execute(update(DELIVERIES).where(waits).values(state="summed", answer=f"in {drawn}"))

    def make(self, new: New, at: datetime) -> str | None:
        """Make one delivery, and give its id; None when there is one already."""
        with self.database.write() as connection:
            return put(connection, new, at)

    def remind(self, route: str, known: Known, at: datetime) -> None:
        """Make a reminder of an incident, as it is recorded now."""
        with self.database.write() as connection:
            body = connection.scalar(select(INCIDENTS.c.body).where(INCIDENTS.c.id == known.incident))
            mine = (_K.route == route, _K.incident == known.incident)
            connection.execute(update(KNOWN).where(*mine).values(reminded=at))
            if body is not None and (news := read_news(body)).state == "open" and news.is_tellable:
                key = f"{known.incident}#reminder#{at:%Y%m%dT%H%M%S}"
                put(connection, New(route, "reminder", key, body, known.incident), at)

    def forget(self, route: str, incidents: Sequence[str], at: datetime) -> None:
        """Note that a route knows of the end of these incidents."""
        with self.database.write() as connection:
            mine = (_K.route == route, _K.incident.in_(incidents))
            connection.execute(update(KNOWN).where(*mine).values(active=0, at=at))

    def record_test(self, route: str, answer: str, *, at: datetime, sent: bool) -> None:
        """Keep that a person tried a route, and what came of it; it is not tried again."""
        with self.database.write() as connection:
            drawn = put(connection, New(route, "test", f"test#{at:%Y%m%dT%H%M%S.%f}", "{}"), at)
            values = {"attempts": 1, "tried": at, "answer": answer, "state": "sent" if sent else "expired"}
            told = {"told": at} if sent else {}
            connection.execute(update(DELIVERIES).where(_D.id == drawn).values(**values, **told))

    def begin_digests(self, route: str, at: datetime) -> bool:
        """Keep from when a route's digests are gathered; whether that was not known already."""
        with self.database.write() as connection:
            drawn = put(connection, New(route, "digest", "digest#first", "{}"), at)
            values = {"state": "superseded", "answer": "the first digest goes after one whole day"}
            connection.execute(update(DELIVERIES).where(_D.id == drawn).values(**values))
            return drawn is not None

    def has(self, route: str, key: str) -> bool:
        """Whether a route was told this, or is to be."""
        with self.database.read() as connection:
            return connection.scalar(select(_D.number).where(_D.route == route, _D.key == key)) is not None

    def made(self, route: str, key: str) -> datetime | None:
        """When this was made for a route; None: it was not."""
        with self.database.read() as connection:
            found: datetime | None = connection.scalar(select(_D.made).where(_D.route == route, _D.key == key))
            return found

    def newest(self, route: str, kind: str, *, before: datetime) -> datetime | None:
        """When the newest delivery of a kind was made for a route, before then: a clock that ran ahead counts not."""
        query = select(_D.made).where(_D.route == route, _D.kind == kind, _D.made < before)
        with self.database.read() as connection:
            found: datetime | None = connection.scalar(query.order_by(_D.made.desc()).limit(1))
            return found

    def expire(self, before: datetime) -> int:
        """Give up what has waited since before then; how many that were."""
        return self._set(and_(_D.state == "waiting", _D.made < before), {"state": "expired"})

    def clean(self, before: datetime) -> None:
        """Forget what was over before then."""
        with self.database.write() as connection:
            connection.execute(delete(DELIVERIES).where(_D.made < before, _D.state.not_in(OPEN_STATES)))
            connection.execute(delete(KNOWN).where(_K.at < before, _K.active == 0))

    def search(self, *, route: str | None = None, state: str | None = None, limit: int = 50) -> list[Row[Any]]:
        """The newest deliveries first, as rows of the table."""
        query = select(DELIVERIES).order_by(_D.number.desc()).limit(limit)
        if route is not None:
            query = query.where(_D.route == route)
        if state is not None:
            query = query.where(_D.state == state)
        with self.database.read() as connection:
            return list(connection.execute(query))

    def _set(self, where: Any, values: Mapping[str, Any]) -> int:  # noqa: ANN401 - any condition
        with self.database.write() as connection:
            changed: int = connection.execute(update(DELIVERIES).where(where).values(**values)).rowcount
            return changed


def _learn(connection: Connection, delivery: Delivery, news: News, at: datetime) -> None:
    """Note what a route knows now; a summary that came late makes nobody forget what he has heard since."""
    mine = (_K.route == delivery.route, _K.incident == news.id)
    before = connection.scalar(select(_K.body).where(*mine))
    if before is not None and read_news(before).updated > news.updated:
        return
    values = {"body": _body_of(delivery, news), "active": int(news.active), "at": at}
    if not connection.execute(update(KNOWN).where(*mine).values(**values)).rowcount:
        connection.execute(insert(KNOWN).values(route=delivery.route, incident=news.id, thread=delivery.id, **values))


def _body_of(delivery: Delivery, news: News) -> str:
    return delivery.body if delivery.kind != "summary" else msgspec.json.encode(news).decode()


def _backlog(rows: Mapping[str, Any]) -> Backlog:
    waiting, held = rows.get("waiting"), rows.get("held")
    return Backlog(waiting.n if waiting else 0, held.n if held else 0, waiting.oldest if waiting else None)


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(row.number, row.id, row.route, row.kind, row.incident, row.body, row.made, row.attempts)


def _known(row: Row[Any]) -> Known:
    return Known(row.incident, row.thread, row.body, bool(row.active), row.at, row.reminded)
