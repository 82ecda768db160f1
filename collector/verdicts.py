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
from collector.judge.reasons import WORDS
from collector.judge.verdict import Verdict
from collector.registry.database import Transactions

METADATA: Final = MetaData()
PRESENT: Final = Table(
    "present_verdicts",
    METADATA,
    Column("site", String(63), primary_key=True),
    Column("revision", BigInteger, nullable=False, index=True),  # rises with every save
    Column("body", Text, nullable=False),  # `Present` as JSON; of an older version one verdict alone
)
_FOLLOW_S: Final = 10.0  # events are faster; this finds what they have lost
_SOON_S: Final = 10.0  # so long after a word of another process its verdicts may still be on their way
_EVERY_S: Final = 0.5
_ROWS: Final = 500


class Present(msgspec.Struct, frozen=True):
    """What is said of one site now: its verdicts, the one on its plan's download speed first; never none.

    `every_s`: how far apart its speed runs are, as far as that is known.
    """

    verdicts: list[Verdict]
    every_s: float | None = None

    @property
    def site(self) -> str:
        """The site's id."""
        return self.verdicts[0].site


class Verdicts:
    """What was judged last, of every site. For one event loop; `save` and `load` block: for threads."""

    def __init__(self) -> None:
        self._current: dict[str, Verdict] = {}
        self._present: dict[str, Present] = {}
        self._revision = 0
        self._soon_until = float("-inf")
        self._expected = asyncio.Event()

    def current(self) -> Mapping[str, Verdict]:
        """The newest verdict of each site on its plan's download speed, by its id."""
        return self._current

    def present(self) -> Mapping[str, Present]:
        """All that is said of each site, by its id."""
        return self._present

    def all(self) -> list[Verdict]:
        """Every verdict of every site."""
        return [verdict for present in self._present.values() for verdict in present.verdicts]

    def put(self, present: Present) -> None:
        """Take what is newest of a site."""
        self._present[present.site] = present
        self._current[present.site] = present.verdicts[0]

    def expect(self) -> None:
        """Another process says that it has judged: look soon. Its word is no verdict, those are in the database."""
        self._soon_until = monotonic() + _SOON_S
        self._expected.set()

    def save(self, database: Transactions, verdicts: Iterable[Present]) -> None:
        """Keep verdicts for other processes; the leader's to do. Raises RegistryUnavailable."""
        bodies = iter({present.site: msgspec.json.encode(present).decode() for present in verdicts}.items())
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

    def load(self, database: Transactions) -> list[Present]:
        """What was saved since the last call; raises RegistryUnavailable.

        What a leader of another version says in a way that we cannot read is left out.
        """
        database.open()
        with database.read() as connection:
            newest = connection.scalar(select(func.max(PRESENT.c.revision))) or 0
            after = self._revision if newest >= self._revision else 0  # a backup was restored
            query = select(PRESENT.c.revision, PRESENT.c.body).where(PRESENT.c.revision > after)
            rows = connection.execute(query).all() if newest != after else []
        self._revision = newest
        return [present for row in rows if (present := _read(row.body)) is not None]

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
                    for present in await asyncio.to_thread(self.load, database):
                        self.put(present)
                        if before:
                            tell(present.verdicts[0])
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


def _read(body: str) -> Present | None:
    """What a row says; the version of before said one verdict only, one that comes may say what we cannot read."""
    try:
        said = msgspec.json.decode(body)
        if "verdicts" in said:
            found = msgspec.convert(said, Present)
        else:
            said["reasons"] = [reason for reason in said.get("reasons", ()) if reason in WORDS]
            found = Present([msgspec.convert(said, Verdict)])
    except (msgspec.DecodeError, TypeError):
        return None
    return found if found.verdicts else None
