"""When a bucket is computed next (pure), and the table that remembers which buckets have to be.

A bucket that reports fell into is computed soon, but not with every report: one that is still open once a pace, one
that is over once late reports have had a moment to come together. What waits here survives a crash, and is bounded by
sites, kinds and buckets, however many reports come.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from collector.config import RollupSettings
from collector.ledger.facts import Touched
from collector.ledger.tables import TOUCHED
from collector.registry.database import Database, Utc
from collector.rollups.buckets import HOUR, LEVELS, Bucket, Level, bucket_of
from collector.rollups.fields import FIELDS
from collector.rollups.recent import KIND as SHOWN
from collector.rollups.verdicts import JUDGED

METADATA: Final = MetaData()
DUE: Final = Table(
    "rollup_due",
    METADATA,
    Column("measurement", String(32), primary_key=True),
    Column("site", String(63), primary_key=True),
    Column("level", String(8), primary_key=True),
    Column("start", Utc, primary_key=True),
    Column("due", Utc, nullable=False),
    Column("stamp", BigInteger, nullable=False),  # rises with every touch
)
Index("rollup_due_next", DUE.c.due)

Work = Literal["hour", "day", "month", "verdict", "recent"]
_LEVELS: Final[Mapping[Work, Level]] = {"hour": "hour", "day": "day", "month": "month"}
_KEY: Final = ("measurement", "site", "level", "start")
_SLACK: Final = timedelta(minutes=1)
_MOMENT: Final = timedelta(microseconds=1)
_bucket = lru_cache(maxsize=8192)(bucket_of)
"""Hours and days that many sites share: after an outage the same few are asked for hundreds of thousands of times."""


class Task(NamedTuple):
    """A bucket to compute. `verdict`: the verdicts that samples of a local day can change, from that day on.

    `recent`: what pages tell of the site now, because something of a local day came or a new day began.
    """

    measurement: str
    site: str
    level: Work
    start: datetime
    stamp: int = 0


@dataclass(frozen=True, slots=True)
class Pace:
    """How often an open bucket is computed at most, by level, and how long late reports may gather, in seconds."""

    settings: RollupSettings
    zone: tzinfo

    def due(self, task: Task, now: datetime) -> datetime:
        """When a bucket that was touched now is to be computed; sites are spread over the pace."""
        late = timedelta(seconds=self.settings.late_s)
        level = _LEVELS.get(task.level)
        if level is None:
            return now + late
        bucket = _bucket(level, task.start, self.zone)
        if bucket.end <= now:
            return now + late
        pace = self.every(level)
        offset = zlib.crc32(task.site.encode()) / 2**32
        ticks = int(now.timestamp() / pace - offset) + 1
        tick = datetime.fromtimestamp((ticks + offset) * pace, now.tzinfo)
        return min(tick, bucket.end + late * offset)

    def every(self, level: Level) -> float:
        """The pace of a level, in seconds."""
        match level:
            case "hour":
                return self.settings.hour_s
            case "day":
                return self.settings.day_s
            case "month":
                return self.settings.month_s

    @property
    def longest(self) -> timedelta:
        """Nothing is ever due later than this from now: what is, was set by a clock that ran ahead."""
        return timedelta(seconds=max(map(self.every, LEVELS)) + self.settings.late_s) + _SLACK

    def bucket(self, task: Task) -> Bucket:
        """The span of a task of a level."""
        return _bucket(_LEVELS.get(task.level, "day"), task.start, self.zone)

    def day(self, at: datetime) -> datetime:
        """The start of the local day of an hour."""
        return _bucket("day", at, self.zone).start

    def tasks(self, touched: Touched) -> list[Task]:
        """What an hour that reports fell into makes to do: its hour, day and month; of a judged kind more."""
        if touched.measurement not in FIELDS:
            return []
        edges = (touched.hour, touched.hour + HOUR - _MOMENT)  # in half-hour zones two days may share an hour
        levels: list[tuple[Work, Level]] = [("hour", "hour"), ("day", "day"), ("month", "month")]
        if touched.measurement == SHOWN:
            levels.append(("recent", "day"))
        if touched.measurement in JUDGED:
            levels.append(("verdict", "day"))
        spans = {(work, _bucket(level, edge, self.zone).start) for work, level in levels for edge in edges}
        return [Task(touched.measurement, touched.site, work, start) for work, start in sorted(spans)]


class Due:
    """The buckets that wait. Sync; raises RegistryUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self) -> None:
        """Connect, and bring the tables up to date; harmless when done."""
        self._database.open()

    def add(self, tasks: Iterable[Task], pace: Pace, now: datetime) -> None:
        """Remember buckets, durably. One that waits already keeps its time, and a stamp of its own."""
        rows = {task[:4]: task for task in tasks}
        values = [{**_key(task), "due": pace.due(task, now), "stamp": 1} for task in rows.values()]
        if not values:
            return
        with self._database.write() as connection:
            insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            connection.execute(
                insert(DUE).on_conflict_do_update(index_elements=_KEY, set_={"stamp": DUE.c.stamp + 1}), values
            )

    def add_hours(self, due: datetime, *, since: datetime, until: datetime) -> None:
        """Remember every hour that was touched within a span, in one statement: years of a fleet are millions."""
        hours = select(TOUCHED.c.measurement, TOUCHED.c.site, literal("hour"), TOUCHED.c.hour, literal(due, Utc), 1)
        wanted = hours.where(TOUCHED.c.measurement.in_(FIELDS), TOUCHED.c.hour >= since, TOUCHED.c.hour < until)
        with self._database.write() as connection:
            insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            made = insert(DUE).from_select([*_KEY, "due", "stamp"], wanted)
            connection.execute(made.on_conflict_do_nothing(index_elements=_KEY))

    def ready(self, pace: Pace, now: datetime, limit: int) -> list[Task]:
        """Give the buckets whose time has come, the longest due first."""
        query = (
            select(*(DUE.c[name] for name in _KEY), DUE.c.stamp)
            .where(or_(DUE.c.due <= now, DUE.c.due > now + pace.longest))
            .order_by(DUE.c.due)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [Task._make(row) for row in connection.execute(query)]

    def done(self, tasks: Sequence[Task], pace: Pace, now: datetime) -> None:
        """Forget buckets that were computed; one touched meanwhile gets a new time."""
        if not tasks:
            return
        same = [DUE.c[name] == bindparam(f"of_{name}") for name in _KEY]
        rows = [{f"of_{name}": value for name, value in _key(task).items()} for task in tasks]
        with self._database.write() as connection:
            connection.execute(
                delete(DUE).where(*same, DUE.c.stamp == bindparam("of_stamp")),
                [row | {"of_stamp": task.stamp} for row, task in zip(rows, tasks, strict=True)],
            )
            connection.execute(
                update(DUE).where(*same).values(due=bindparam("next")),
                [row | {"next": pace.due(task, now)} for row, task in zip(rows, tasks, strict=True)],
            )

    def waiting(self) -> int:
        """How many buckets wait, open ones included."""
        with self._database.read() as connection:
            return connection.scalar(select(func.count()).select_from(DUE)) or 0

    def unsettled(self, since: datetime, until: datetime) -> int:
        """Of how many sites hours, days or months that begin within a span are still to be computed."""
        query = select(func.count(func.distinct(DUE.c.site))).where(
            DUE.c.start >= since, DUE.c.start < until, DUE.c.level.in_(_LEVELS)
        )
        with self._database.read() as connection:
            return connection.scalar(query) or 0

    def overdue_s(self, now: datetime) -> float:
        """How long the bucket that is due the longest has been so, in seconds."""
        with self._database.read() as connection:
            first = connection.scalar(select(func.min(DUE.c.due, type_=Utc)))
        return 0.0 if first is None else max(0.0, (now - first).total_seconds())


def _key(task: Task) -> dict[str, Any]:
    return dict(zip(_KEY, task[:4], strict=True))
