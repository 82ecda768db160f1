"""From the outbox to deliveries: each letter, once, to every route that it is for, in one transaction.

A kill before the end of it leaves the letter in the outbox, one after it finds the deliveries made: nothing is lost
and nothing is made twice. What a route was told of once it is told the rest of, whatever its filters say by then.
"""

import hashlib
import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from collector.incidents.tables import OUTBOX
from collector.registry.database import Transactions
from collector.tell.news import News, read_news
from collector.tell.route import Route
from collector.tell.tables import DELIVERIES, KNOWN

log = logging.getLogger(__name__)
_AT_ONCE: Final = 200  # letters in one transaction
_KEEP_LETTERS: Final = timedelta(days=7)
OPEN_STATES: Final = ("waiting", "held")


@dataclass(frozen=True, slots=True)
class New:
    """A delivery to be made. `key`: what the route is told once only."""

    route: str
    kind: str
    key: str
    body: str
    incident: str | None = None


def fan_out(database: Transactions, routes: Sequence[Route], at: datetime) -> int:
    """Make the deliveries of the oldest letters; how many letters that were. Raises RegistryUnavailable."""
    waiting = select(OUTBOX).where(OUTBOX.c.delivered.is_(None)).order_by(OUTBOX.c.id).limit(_AT_ONCE)
    with database.read() as connection:  # mostly there is none, and a write disturbs others
        if connection.execute(waiting.limit(1)).first() is None:
            return 0
    with database.write() as connection:
        letters = connection.execute(waiting).all()
        for letter in letters:
            _deliver(connection, letter.body, routes, at)
        done = OUTBOX.c.id.in_([letter.id for letter in letters])
        connection.execute(update(OUTBOX).where(done).values(delivered=at))
        connection.execute(delete(OUTBOX).where(OUTBOX.c.delivered < at - _KEEP_LETTERS))
    return len(letters)


def put(connection: Connection, new: New, at: datetime) -> str | None:
    """Make one delivery, and give its id; None when this route was told it, or is to be."""
    same = (DELIVERIES.c.route == new.route, DELIVERIES.c.key == new.key)
    if connection.execute(select(DELIVERIES.c.number).where(*same)).first() is not None:
        return None
    drawn = uuid.uuid4().hex
    connection.execute(
        insert(DELIVERIES).values(
            id=drawn,
            route=new.route,
            kind=new.kind,
            key=new.key,
            incident=new.incident,
            body=new.body,
            state="waiting",
            made=at,
            due=at,
            attempts=0,
        )
    )
    return drawn


def _deliver(connection: Connection, body: str, routes: Sequence[Route], at: datetime) -> None:
    try:
        news = read_news(body)
    except msgspec.MsgspecError as error:
        log.error("tell.unreadable fault=%r", str(error))  # noqa: TRY400 - the trace says nothing more
        return
    if news.active and not news.is_tellable:
        return
    key = f"{news.id}#{hashlib.sha256(body.encode()).hexdigest()[:16]}"
    for route in routes:
        if route.is_immediate and _is_for(connection, route, news):
            put(connection, New(route.name, "news", key, body, news.id), at)


def _is_for(connection: Connection, route: Route, news: News) -> bool:
    is_machine = route.kind == "webhook" and news.is_tellable  # it may have been told by other means that it was open
    if route.wanted.takes(news) and (news.active or is_machine):
        return True
    known = (KNOWN.c.route == route.name, KNOWN.c.incident == news.id, KNOWN.c.active == 1)
    if connection.execute(select(KNOWN.c.incident).where(*known)).first() is not None:
        return True
    on_its_way = (
        DELIVERIES.c.route == route.name,
        DELIVERIES.c.incident == news.id,
        DELIVERIES.c.state.in_(OPEN_STATES),
    )
    return connection.execute(select(DELIVERIES.c.number).where(*on_its_way).limit(1)).first() is not None
