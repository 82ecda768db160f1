"""Each site's present verdict: in memory for the pages, in the registry's database for processes that do not judge."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from time import monotonic
from typing import Final

import msgspec
from sqlalchemy import BigInteger, Column, MetaData, String, Table, Text, delete, func, insert, select

from collector.errors import RegistryUnavailable
from collector.judge.verdict import Verdict
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
_SOON_S: Final = 10.0  # so long after a word of another process its verdicts may still be on their way
_EVERY_S: Final = 0.5
_ROWS: Final = 500


class Verdicts:
    """What was judged last, of every site. For one event loop; `save` and `load` block: for threads."""

    def __init__(self) -> None:
        self._current: dict[str, Verdict] = {}
        self._revision = 0
        self._soon_until = float("-inf")
        self._expected = asyncio.Event()

    def current(self) -> Mapping[str, Verdict]:
        """The newest verdict of each site, by its id."""
        return self._current

    def put(self, verdict: Verdict) -> None:
        """Take a site's newest verdict."""
        self._current[verdict.site] = verdict

    def expect(self) -> None:
        """Another process says that it has judged: look soon. Its word is no verdict, those are in the database."""
        self._soon_until = monotonic() + _SOON_S
        self._expected.set()

    def save(self, database: Transactions, verdicts: Iterable[Verdict]) -> None:
        """Keep verdicts for other processes; the leader's to do. Raises RegistryUnavailable."""
        bodies = iter({verdict.site: msgspec.json.encode(verdict).decode() for verdict in verdicts}.items())
        some = dict(islice(bodies, _ROWS))  # no statement takes those of a whole nation
        if not some:
            return
        with database.write() as connection:
            revision = (connection.scalar(select(func.max(PRESENT.c.revision))) or 0) + 1
            while some:
                connection.execute(delete(PRESENT).where(PRESENT.c.site.in_(some)))
                rows = [{"site": site, "revision": revision, "body": body} for site, body in some.items()]
                connection.execute(insert(PRESENT), rows)
                some = dict(islice(bodies, _ROWS))

    def load(self, database: Transactions) -> list[Verdict]:
        """Verdicts that were saved since the last call; raises RegistryUnavailable.

        What a leader of another version says in a way that we cannot read is left out.
        """
        database.open()
        with database.read() as connection:
            newest = connection.scalar(select(func.max(PRESENT.c.revision))) or 0
            after = self._revision if newest >= self._revision else 0  # a backup was restored
            query = select(PRESENT.c.revision, PRESENT.c.body).where(PRESENT.c.revision > after)
            rows = connection.execute(query).all() if newest != after else []
        self._revision = newest
        return [verdict for row in rows if (verdict := _read(row.body)) is not None]

    async def follow(
        self, database: Transactions, *, leading: Callable[[], bool], tell: Callable[[Verdict], None] = lambda _: None
    ) -> None:
        """Until cancelled: take over what another process judged. The leader's own verdicts are the newest.

        `tell` gets each verdict that is new, but for those that were there at the start.
        """
        before = False
        while True:
            if not leading():
                with contextlib.suppress(RegistryUnavailable):  # said by whoever watches the registry
                    for verdict in await asyncio.to_thread(self.load, database):
                        self.put(verdict)
                        if before:
                            tell(verdict)
                    before = True
            await self._rest()

    async def _rest(self) -> None:
        """Wait until it is time to look again."""
        if monotonic() < self._soon_until:
            await asyncio.sleep(_EVERY_S)
            return
        self._expected.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FOLLOW_S):
                await self._expected.wait()


def _read(body: str) -> Verdict | None:
    try:
        return msgspec.json.decode(body, type=Verdict)
    except msgspec.DecodeError:
        return None
