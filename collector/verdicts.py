"""Each site's present verdict: in memory for the pages, in the registry's database for processes that do not judge."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec
from sqlalchemy import BigInteger, Column, MetaData, String, Table, Text, delete, func, insert, select

from collector.errors import RegistryUnavailable
from collector.judge import Verdict
from collector.registry.database import Transactions

METADATA: Final = MetaData()
PRESENT: Final = Table(
    "present_verdicts",
    METADATA,
    Column("site", String(63), primary_key=True),
    Column("revision", BigInteger, nullable=False, index=True),  # rises with every save
    Column("body", Text, nullable=False),  # the verdict as JSON
)
_FOLLOW_S: Final = 10.0  # events are faster; this finds what they have lost


class Verdicts:
    """What was judged last, of every site. For one event loop; `save` and `load` block: for threads."""

    def __init__(self) -> None:
        self._current: dict[str, Verdict] = {}
        self._revision = 0

    def current(self) -> Mapping[str, Verdict]:
        """The newest verdict of each site, by its id."""
        return self._current

    def put(self, verdict: Verdict) -> None:
        """Take a site's newest verdict."""
        self._current[verdict.site] = verdict

    def save(self, database: Transactions, verdicts: Iterable[Verdict]) -> None:
        """Keep verdicts for other processes; the leader's to do. Raises RegistryUnavailable."""
        bodies = {verdict.site: msgspec.json.encode(verdict).decode() for verdict in verdicts}
        if not bodies:
            return
        with database.write() as connection:
            revision = (connection.scalar(select(func.max(PRESENT.c.revision))) or 0) + 1
            connection.execute(delete(PRESENT).where(PRESENT.c.site.in_(bodies)))
            rows = [{"site": site, "revision": revision, "body": body} for site, body in bodies.items()]
            connection.execute(insert(PRESENT), rows)

    def load(self, database: Transactions) -> list[Verdict]:
        """Verdicts that were saved since the last call; raises RegistryUnavailable."""
        database.open()
        query = select(PRESENT.c.revision, PRESENT.c.body).where(PRESENT.c.revision > self._revision)
        with database.read() as connection:
            rows = connection.execute(query).all()
        self._revision = max([self._revision, *(row.revision for row in rows)])
        return [msgspec.json.decode(row.body, type=Verdict) for row in rows]

    async def follow(self, database: Transactions, *, leading: Callable[[], bool]) -> None:
        """Until cancelled: take over what another process judged. The leader's own verdicts are the newest."""
        while True:
            if not leading():
                try:
                    found = await asyncio.to_thread(self.load, database)
                except RegistryUnavailable:
                    found = []  # said by whoever watches the registry
                for verdict in found:
                    self.put(verdict)
            await asyncio.sleep(_FOLLOW_S)
