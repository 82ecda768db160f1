"""When digests are due, and gathering what they tell.

One a day and route, on the province's day; a late one is made as soon as there is somebody to make it. It covers what
has happened since the one before. A new route's first one covers a whole day at least.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from typing import Final

import msgspec
from sqlalchemy import select

from collector.incidents.tables import INCIDENTS
from collector.registry.database import Transactions
from collector.tell.deliveries import Deliveries
from collector.tell.digest import Day, Standing, digest_of
from collector.tell.message import Reader
from collector.tell.news import News, read_news
from collector.tell.outbox import New
from collector.tell.place import Called
from collector.tell.route import Route

_DAY: Final = timedelta(days=1)
_MOST: Final = 5000  # incidents that one digest looks at


def due_day(route: Route, now: datetime, zone: tzinfo) -> str | None:
    """The day whose digest should be made by now; None before its time."""
    local = now.astimezone(zone)
    if route.daily is None or local.time() < route.daily:
        return None
    return f"{local:%Y-%m-%d}"


def make_due(
    deliveries: Deliveries,
    route: Route,
    reader: Reader,
    *,
    now: datetime,
    sites: Callable[[], Sequence[Standing]],
    places: Callable[[], Called],
) -> str | None:
    """Make a route's digest if it is due and was not made; gives its id. Blocks; raises RegistryUnavailable."""
    day = due_day(route, now, reader.zone)
    before = deliveries.newest(route.name, "digest", before=now)
    if before is None and deliveries.begin_digests(route.name, now):
        return None
    key = f"digest#{day}"
    if day is None or deliveries.has(route.name, key) or _is_early(deliveries, route, reader, now):
        return None
    since = before if before is not None and now - before < 7 * _DAY else now - _DAY
    whole = gather(deliveries.database, since, now)
    message = digest_of(replace(whole, sites=sites()).wanted(route.wanted).called(places()), reader)
    body = msgspec.json.encode(message).decode()
    return deliveries.make(New(route.name, "digest", key, body), now)


def _is_early(deliveries: Deliveries, route: Route, reader: Reader, now: datetime) -> bool:
    """Whether the route was not there for a whole day when today's digest was due."""
    begun = deliveries.made(route.name, "digest#first")
    if begun is None or route.daily is None or begun >= now:  # a clock that ran ahead counts not
        return False
    due = datetime.combine(now.astimezone(reader.zone), route.daily, reader.zone)
    return due - begun < _DAY


def gather(database: Transactions, since: datetime, now: datetime) -> Day:
    """What is active now, and what has changed since then."""
    active = select(INCIDENTS.c.body).where(INCIDENTS.c.state != "resolved").limit(_MOST)
    changed = select(INCIDENTS.c.body).where(INCIDENTS.c.updated >= since).limit(_MOST)
    with database.read() as connection:
        return Day(since, now, _read(connection.scalars(active)), _read(connection.scalars(changed)))


def _read(bodies: Iterable[str]) -> list[News]:
    return [read_news(body) for body in bodies]
