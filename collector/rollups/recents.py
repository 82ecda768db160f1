"""Where each site's `Recent` stands: one row a site in the registry's database, so that all sites are one question.

Derived, like a roll-up, but of the present: a series of it would cost an engine one look at every field of every site.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import Column, MetaData, String, Table, Text, delete, insert, select

from collector.registry.database import Transactions, Utc
from collector.rollups.recent import COLUMNS, KIND, Recent, recent_of, span
from collector.store.points import nanoseconds
from collector.store.store import Store

METADATA: Final = MetaData()
RECENT: Final = Table(
    "site_recent",
    METADATA,
    Column("site", String(63), primary_key=True),
    Column("at", Utc, nullable=False),
    Column("body", Text, nullable=False),  # as JSON
)
_AT_ONCE: Final = 500


class Recents:
    """The table. Sync, for threads; raises RegistryUnavailable."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def read(self) -> dict[str, Recent]:
        """Every site's."""
        self._database.open()
        with self._database.read() as connection:
            bodies = connection.scalars(select(RECENT.c.body)).all()
        known = msgspec.json.decode(f"[{','.join(bodies)}]", type=list[Recent])
        return {recent.site: recent for recent in known}

    def since(self, at: datetime) -> set[str]:
        """The sites that were looked at since a moment."""
        with self._database.read() as connection:
            return {*connection.scalars(select(RECENT.c.site).where(RECENT.c.at >= at))}

    def save(self, recents: Iterable[Recent]) -> None:
        """Put sites' into the table, in place of what stood there."""
        rows = [
            {"site": one.site, "at": one.at, "body": msgspec.json.encode(one).decode()}
            for one in {one.site: one for one in recents}.values()
        ]
        with self._database.write() as connection:
            for first in range(0, len(rows), _AT_ONCE):
                some = rows[first : first + _AT_ONCE]
                connection.execute(delete(RECENT).where(RECENT.c.site.in_([row["site"] for row in some])))
                connection.execute(insert(RECENT), some)


async def compute(store: Store, sites: Sequence[str] | Collection[str], at: datetime) -> dict[str, Recent]:
    """Work sites' out from raw rows, also of those that have none; raises StoreUnavailable."""
    start, end = (nanoseconds(edge) for edge in span(at))
    found = await store.values(KIND, COLUMNS, sites=list(sites), start_ns=start, end_ns=end)
    return await asyncio.to_thread(lambda: {site: recent_of(site, found.get(site, []), at) for site in sites})
