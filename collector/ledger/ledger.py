"""Read and write the ledger's tables."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Delete, delete, select

from collector.ledger.facts import Touched
from collector.ledger.tables import METADATA, SCHEMA_VERSION, TOUCHED
from collector.registry.database import Database


class Ledger:
    """The ledger in the registry's database. Sync and thread-safe.

    Every method raises RegistryUnavailable when the database cannot be used now.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def open(self) -> None:
        """Create what is missing; the database must be open. Harmless when done."""
        self.database.create(METADATA, part="ledger", version=SCHEMA_VERSION)

    def touched(self, limit: int) -> list[Touched]:
        """Give at most `limit` hours that reports fell into and that nobody has settled, the oldest hours first."""
        query = select(TOUCHED).order_by(TOUCHED.c.hour, TOUCHED.c.measurement, TOUCHED.c.site).limit(limit)
        with self.database.read() as connection:
            return [Touched(*row) for row in connection.execute(query)]

    def settle(self, done: Sequence[Touched]) -> int:
        """Forget hours that were recomputed, but not those that reports fell into since; gives how many went."""
        with self.database.write() as connection:
            return sum(connection.execute(_settling(one)).rowcount for one in done)

    def touch(self, hours: Iterable[Touched]) -> None:
        """Have hours recomputed; their `stamp` is not looked at."""
        raise NotImplementedError


def _settling(one: Touched) -> Delete:
    return delete(TOUCHED).where(
        TOUCHED.c.measurement == one.measurement,
        TOUCHED.c.site == one.site,
        TOUCHED.c.hour == one.hour,
        TOUCHED.c.stamp == one.stamp,
    )
