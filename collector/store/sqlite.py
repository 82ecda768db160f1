"""The embedded store: one SQLite file, WAL, `synchronous=FULL`, so what `write` returned from survives a power cut.

One thread writes and one reads, each with its own connection; the event loop never waits for the disk.
"""

import asyncio
import errno
import os
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from collector.errors import CollectorError, PointsRefused, StoreFull, StoreUnavailable
from collector.store import sqlite_reads
from collector.store.line import FIRST_NS, LAST_NS, PointError, check, clean_tags, field_value
from collector.store.points import ReportPoint
from collector.store.sqlite_schema import COLUMN_LIMIT, NAME, SERIES_CACHED, Layout, Shape, upsert
from collector.store.store import FieldValue, Point, Row, StoreInfo, Summary, Values

T = TypeVar("T")

_WAL_BYTES = 64 * 2**20
_ROOM_BYTES = 2**20
_GONE = (-1, -1)
_ROWS = (64, 16, 4, 1)
"""Rows of one statement: few sizes, because each is a statement that is kept ready."""
_STATEMENTS = 128
"""Statements kept ready. One of 64 rows takes 0.15 MB: agents whose fields always differ must not fill the memory."""
_VARIABLES = 30_000
_SITE_AND_TIME = itemgetter(0, 1)
_KINDS: dict[type, type] = {int: float}
"""A number is a number, however it is written."""


@dataclass(slots=True)
class _Side:
    """One connection and the only thread that may touch it."""

    name: str
    thread: ThreadPoolExecutor | None = None
    layout: Layout | None = None
    file: tuple[int, int] = (0, 0)

    async def run(self, work: Callable[[], T]) -> T:
        """Do work in the thread, which is started when first needed."""
        if self.thread is None:
            self.thread = ThreadPoolExecutor(1, thread_name_prefix=f"series-{self.name}")
        return await asyncio.get_running_loop().run_in_executor(self.thread, work)

    def drop_connection(self) -> None:
        """Close the connection, in its thread; the next work opens another."""
        layout, self.layout = self.layout, None
        if layout is not None:
            with suppress(sqlite3.Error):
                layout.connection.close()


@dataclass(slots=True)
class SqliteStore:
    """A time series in one file. `busy_s`: how long to wait for another program's lock; `series_cached`: in memory."""

    path: Path
    busy_s: float = 5.0
    series_cached: int = SERIES_CACHED
    _writer: _Side = field(default_factory=lambda: _Side("write"))
    _reader: _Side = field(default_factory=lambda: _Side("read"))

    async def open(self) -> None:
        """Create the file and its tables when missing; raises StoreUnavailable or StoreFull."""
        await self._writer.run(lambda: self._guarded(self._writer, lambda layout: layout.refresh()))

    async def close(self) -> None:
        """Close the file; harmless when not open, and the store may be opened again."""
        for side in (self._reader, self._writer):
            thread = side.thread
            if thread is not None:
                await side.run(side.drop_connection)
                side.thread = None
                thread.shutdown()

    async def write(self, points: Sequence[Point]) -> None:
        """Make points durable: one transaction, on the disk before this returns. Errors: see `Store`."""
        refused = await self._writer.run(lambda: self._guarded(self._writer, lambda layout: _write(layout, points)))
        if refused:
            index, why = next(iter(refused.items()))
            raise PointsRefused(
                f"{len(refused)} of {len(points)} points can never be stored; the first, {points[index].measurement}:"
                f" {why}",
                tuple(refused),
            )

    async def samples(
        self, measurement: str, *, site: str, start_ns: int, end_ns: int, limit: int | None = None
    ) -> list[Row]:
        """One site's rows, oldest first; with a limit, the newest so many of them."""
        count = -1 if limit is None else max(0, limit)
        return await self._read(
            lambda layout: sqlite_reads.samples(layout, measurement, site, (start_ns, end_ns), count)
        )

    async def recent(
        self, measurement: str, *, start_ns: int, per_site: int, fields: Sequence[str] | None = None
    ) -> dict[str, list[Row]]:
        """Each site's newest rows since `start_ns`, oldest first."""
        count = max(0, per_site)
        return await self._read(lambda layout: sqlite_reads.recent(layout, measurement, start_ns, count, fields))

    async def summary(self, measurement: str, field: str, *, start_ns: int, end_ns: int) -> dict[str, Summary]:
        """Each site's number and median of a field over its conclusive rows."""
        return await self._read(lambda layout: sqlite_reads.summary(layout, measurement, field, (start_ns, end_ns)))

    async def having(
        self, measurement: str, field: str, *, start_ns: int, end_ns: int, beside: Sequence[str] = ()
    ) -> list[Row]:
        """Rows of all sites in which a field stands, oldest first."""
        return await self._read(
            lambda layout: sqlite_reads.having(layout, measurement, (field, *beside), (start_ns, end_ns))
        )

    async def values(
        self, measurement: str, fields: Sequence[str], *, sites: Sequence[str] | None, start_ns: int, end_ns: int
    ) -> dict[str, list[Values]]:
        """Each site's rows that hold any of these fields, oldest first."""
        window = (start_ns, end_ns)
        return await self._read(lambda layout: sqlite_reads.values(layout, measurement, fields, sites, window))

    async def drop(self) -> None:
        """Delete every point."""

        def drop(layout: Layout) -> None:
            with _transaction(layout):
                layout.drop()
                layout.create()

        await self._writer.run(lambda: self._guarded(self._writer, drop))

    async def info(self) -> StoreInfo:
        """Say what this engine is."""
        return StoreInfo("sqlite", sqlite3.sqlite_version, await self._read(_count))

    async def _read(self, work: Callable[[Layout], T]) -> T:
        def read(layout: Layout) -> T:
            layout.refresh()
            return work(layout)

        if self._writer.layout is None:
            await self.open()
        return await self._reader.run(lambda: self._guarded(self._reader, read))

    def _guarded(self, side: _Side, work: Callable[[Layout], T]) -> T:
        """Run work on a side's connection, in its thread; its errors become ours, and a bad connection is dropped.

        The file is looked up again afterwards: what was written to a deleted file is on no disk.
        """
        try:
            if side.layout is None:
                side.layout = self._connect(create=side is self._writer)
                side.file = _identity(self.path)
            done = work(side.layout)
        except (sqlite3.Error, OSError) as error:
            side.drop_connection()
            raise self._named(error) from error
        now = _identity(self.path)
        if now != side.file or now == _GONE:
            side.drop_connection()
            raise StoreUnavailable(f"{self.path} was moved or deleted while in use; it is made anew at the next try")
        return done

    def _connect(self, *, create: bool) -> Layout:
        if create:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        address = f"file:{quote(str(self.path.absolute()))}?mode={'rwc' if create else 'rw'}"
        connection = sqlite3.connect(
            address, timeout=self.busy_s, isolation_level=None, uri=True, cached_statements=_STATEMENTS
        )
        try:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", f"journal_size_limit={_WAL_BYTES}"):
                connection.execute(f"PRAGMA {pragma}")
            layout = Layout(connection, self.series_cached)
            if create:
                with _transaction(layout):
                    layout.create()
        except BaseException:
            connection.close()
            raise
        return layout

    def _named(self, error: sqlite3.Error | OSError) -> CollectorError:
        """The operator's words for what SQLite or the file system said."""
        if isinstance(error, OSError) and error.errno not in (errno.ENOSPC, errno.EDQUOT):
            return StoreUnavailable(f"cannot use {self.path}: {error.strerror}; check the folder and its rights")
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        full = code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_full(self.path))
        if full or isinstance(error, OSError):
            return StoreFull(f"no room left for {self.path}: free some space; the reports wait at the agents")
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return StoreUnavailable(f"{self.path} is locked by another program: {error}; it is tried again")
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return StoreUnavailable(
                f"{self.path} is damaged or no series file: {error}; move it away and fill a new one from the archive"
            )
        return StoreUnavailable(f"cannot use {self.path}: {error}; check the disk and the folder's rights")


@contextmanager
def _transaction(layout: Layout) -> Iterator[None]:
    """All or nothing; after a failure the layout's ids, which may never have reached the disk, are forgotten."""
    layout.connection.execute("BEGIN IMMEDIATE")
    try:
        layout.refresh()
        yield
        layout.connection.execute("COMMIT")
    except BaseException:
        layout.forget()
        with suppress(sqlite3.Error):
            layout.connection.execute("ROLLBACK")
        raise


def _write(layout: Layout, points: Sequence[Point]) -> dict[int, str]:
    """Write what can be written, and give the refused ones' places with the reason."""
    refused: dict[int, str] = {}
    with _transaction(layout):
        shapes: dict[Shape, list[tuple[Any, ...]]] = defaultdict(list)
        for index, point in enumerate(points):
            try:
                fields = _checked(point)
                known = isinstance(point, ReportPoint)  # whose names say what they are
                shape = (point.measurement, tuple(fields), () if known else tuple(map(type, fields.values())))
                if not layout.fits(shape):
                    _make_fit(layout, shape, fields.values())
            except PointError as error:
                refused[index] = str(error)
                continue
            series, site = layout.series(point.tags if isinstance(point, ReportPoint) else clean_tags(point.tags))
            shapes[shape].append((site, point.time_ns, series, *fields.values()))
        for (measurement, names, _), rows in shapes.items():
            _write_rows(layout, measurement, names, rows)
    return refused


def _checked(point: Point) -> Mapping[str, FieldValue]:
    """A point's fields as they are stored; raises PointError for one that cannot be."""
    if isinstance(point, ReportPoint) and FIRST_NS <= point.time_ns <= LAST_NS:
        return point.fields  # which come as they are stored
    check(point)
    kept = {name: value for name, raw in point.fields.items() if (value := field_value(raw)) is not None}
    if not kept:
        raise PointError("a point needs a field")
    if not NAME.fullmatch(point.measurement):
        raise PointError(f"measurement {point.measurement!r} is not [a-z][a-z0-9_]*")
    return kept


def _make_fit(layout: Layout, shape: Shape, values: Iterable[FieldValue]) -> None:
    """Add the columns that are missing, so types are fixed by the first; raises PointError where that cannot be."""
    measurement, names, _ = shape
    columns = layout.columns(measurement)
    types = (_KINDS.get(type(value), type(value)) for value in values)
    new = {name: kind for name, kind in zip(names, types, strict=True) if columns.get(name) is not kind}
    if new:
        _check_new(measurement, columns, new)
        layout.widen(measurement, new)
    layout.fit(shape)


def _check_new(measurement: str, columns: dict[str, type], new: dict[str, type]) -> None:
    """Raise PointError for a field that changes its type, or that no column can be made for."""
    for name, kind in new.items():
        if name in columns:
            raise PointError(f"field {name} is {kind.__name__}, but is already {columns[name].__name__} in the series")
        if not NAME.fullmatch(name):
            raise PointError(f"field {name!r} is not [a-z][a-z0-9_]*")
    if len(columns) + len(new) > COLUMN_LIMIT:
        raise PointError(f"more than {COLUMN_LIMIT} fields in {measurement}")


def _write_rows(layout: Layout, measurement: str, names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """Write rows of one shape, many with each statement: between two the thread has to wait its turn in Python."""
    rows.sort(key=_SITE_AND_TIME)  # as they lie on the disk
    at_most = max(1, _VARIABLES // len(rows[0]))
    start = 0
    for size in _ROWS:
        while len(rows) - start >= size and size <= at_most:
            values = list(chain.from_iterable(rows[start : start + size]))
            layout.connection.execute(upsert(measurement, names, size), values)
            start += size


def _count(layout: Layout) -> int:
    counts = (
        layout.connection.execute(f'SELECT count(*) FROM "_{measurement}"').fetchone()[0]  # noqa: S608 - names are checked
        for measurement in layout.measurements()
    )
    return sum(counts)


def _identity(path: Path) -> tuple[int, int]:
    """Which file a path names now; `_GONE` when there is none, or its folder cannot be looked into."""
    try:
        found = path.stat()
    except OSError:
        return _GONE
    return (found.st_dev, found.st_ino)


def _is_full(path: Path) -> bool:
    try:
        room = os.statvfs(path.parent)
    except OSError:
        return False
    return room.f_bavail * room.f_frsize < _ROOM_BYTES
