"""Whole series read in order to be copied: every measurement and every point, a window at a time, in bounded memory."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote

import aiohttp
import msgspec

from collector.errors import StoreUnavailable
from collector.store import influxql
from collector.store.influx import ANSWER_BYTES, HEADER_BYTES, Server, unreached
from collector.store.sqlite_schema import Layout, tags_of
from collector.store.store import Row

Window = tuple[int, int]
BATCH: Final = 2_000
_NEVER: Final = 2**62


class Shelf(Protocol):
    """Everything that a store holds. Times are Unix nanoseconds; all methods raise StoreUnavailable."""

    async def measurements(self) -> list[str]:
        """Every measurement's name."""

    async def ends(self, measurement: str, start_ns: int) -> Window | None:
        """The times of the first point at or after a moment, and of the last; None when there is none."""

    def rows(self, measurement: str, window: Window) -> AsyncIterator[Sequence[Row]]:
        """Every point in start ≤ t < end, also of no site, in any order, a few thousand at a time."""

    async def close(self) -> None:
        """Let go of what is open."""


@dataclass(slots=True)
class SqliteShelf:
    """The embedded store's file, read through a connection that cannot write; a running service is not disturbed."""

    path: Path
    busy_s: float = 5.0

    async def measurements(self) -> list[str]:
        """Every measurement that has a table."""
        found: list[str] = await asyncio.to_thread(self._ask, lambda layout: layout.measurements())
        return found

    async def ends(self, measurement: str, start_ns: int) -> Window | None:
        """The times of the first point at or after a moment, and of the last."""

        def ends(layout: Layout) -> Window | None:
            own = f'FROM "_{measurement}" WHERE _site = site.id AND _time >= ?1'
            first, last = layout.connection.execute(
                f"SELECT min((SELECT min(_time) {own})), max((SELECT max(_time) {own})) FROM _site AS site",  # noqa: S608 - a table's name
                (start_ns,),
            ).fetchone()
            return None if first is None else (first, last)

        found: Window | None = await asyncio.to_thread(self._ask, ends)
        return found

    async def rows(self, measurement: str, window: Window) -> AsyncIterator[Sequence[Row]]:
        """Every point of a window."""
        with closing(await asyncio.to_thread(self._connect)) as connection:
            layout = Layout(connection)
            columns = tuple(layout.columns(measurement).items())
            names = "".join(f', point."{name}"' for name, _ in columns)
            cursor = await asyncio.to_thread(
                connection.execute,
                f"SELECT point._time, series.tags{names} FROM _site AS site"  # noqa: S608 - names of columns
                f' CROSS JOIN "_{measurement}" AS point ON point._site = site.id'
                " JOIN _series AS series ON series.id = point._series WHERE point._time >= ? AND point._time < ?",
                window,
            )
            while True:
                try:
                    found = await asyncio.to_thread(cursor.fetchmany, BATCH)
                except sqlite3.Error as error:
                    raise self._named(error) from error
                if not found:
                    return
                yield [_row(columns, one) for one in found]

    async def close(self) -> None:
        """Nothing stays open between questions."""

    def _ask(self, question: Any) -> Any:  # noqa: ANN401 - what the question answers
        try:
            with closing(self._connect()) as connection:
                return question(Layout(connection))
        except sqlite3.Error as error:
            raise self._named(error) from error

    def _connect(self) -> sqlite3.Connection:
        address = f"file:{quote(str(self.path.absolute()))}?mode=ro"
        try:
            connection = sqlite3.connect(address, timeout=self.busy_s, uri=True, check_same_thread=False)
            connection.execute("PRAGMA query_only = 1")
        except sqlite3.Error as error:
            raise self._named(error) from error
        return connection

    def _named(self, error: sqlite3.Error) -> StoreUnavailable:
        return StoreUnavailable(f"cannot read {self.path}: {error}; is it a series file, and may you read it?")


@dataclass(slots=True)
class InfluxShelf:
    """A database over InfluxQL, whose answers are streamed: neither side holds more than a piece of them."""

    server: Server
    _session: aiohttp.ClientSession | None = None

    async def measurements(self) -> list[str]:
        """Every measurement's name."""
        found = [series async for series in self._stream("SHOW MEASUREMENTS", "")]
        return [str(name) for series in found for (name,) in series["values"]]

    async def ends(self, measurement: str, start_ns: int) -> Window | None:
        """The times of the first point at or after a moment, and of the last."""
        times: list[int] = []
        for order in ("ASC", "DESC"):
            asked = f"{_select(measurement, (max(start_ns, 0), _NEVER))} ORDER BY time {order} LIMIT 1"
            times += [
                int(values[0]) async for series in self._stream(asked, measurement) for values in series["values"]
            ]
        return (min(times), max(times)) if times else None

    async def rows(self, measurement: str, window: Window) -> AsyncIterator[Sequence[Row]]:
        """Every point of a window, one series after the other."""
        async for series in self._stream(f"{_select(measurement, window)} GROUP BY *", measurement):
            yield influxql.rows([series])

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _stream(self, statement: str, measurement: str) -> AsyncIterator[influxql.Series]:
        query = {"q": statement, "db": self.server.database, "epoch": "ns", "chunked": "true", "chunk_size": str(BATCH)}
        session = self._opened()
        try:
            async with session.get(
                f"{self.server.base}/query", params=query | self.server.policy(measurement), allow_redirects=False
            ) as response:
                async for line in _lines(response):
                    for series in self._series(response.status, line):
                        yield series
        except (aiohttp.ClientError, OSError) as error:
            raise unreached(self.server, error) from error

    def _series(self, status: int, line: bytes) -> list[influxql.Series]:
        try:
            (result,) = msgspec.json.decode(line)["results"]
            series: list[influxql.Series] = result.get("series", [])
        except (msgspec.DecodeError, LookupError, TypeError, AttributeError, ValueError) as error:
            said = " ".join(line[:300].decode("utf-8", "replace").split())
            raise StoreUnavailable(f"{self.server.words} did not answer a question: {said} ({status})") from error
        if "error" in result:
            raise StoreUnavailable(f"{self.server.words} did not answer a question: {result['error']}")
        return series

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None, connect=self.server.timeout_s, sock_read=60.0),
                headers={"Authorization": self.server.credentials} if self.server.credentials else None,
                max_field_size=HEADER_BYTES,
                max_line_size=HEADER_BYTES,
            )
        return self._session


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The lines of an answer: each is one JSON document."""
    held = bytearray()
    async for part in response.content.iter_any():
        held += part
        *whole, rest = held.split(b"\n") if b"\n" in part else [held]
        for line in filter(None, whole):
            yield bytes(line)
        held = rest
        if len(held) > ANSWER_BYTES:
            raise StoreUnavailable("the database answers in pieces too large to hold: is it one?")
    if held:
        yield bytes(held)


def _select(measurement: str, window: Window) -> str:
    start, end = window
    return f"SELECT * FROM {influxql.name(measurement)} WHERE time >= {start} AND time < {end}"  # noqa: S608 - all parts are quoted


def _row(columns: tuple[tuple[str, type], ...], found: tuple[Any, ...]) -> Row:
    time_ns, tags, *values = found
    fields = {
        name: bool(value) if kind is bool else value
        for (name, kind), value in zip(columns, values, strict=True)
        if value is not None
    }
    return Row(time_ns, tags_of(tags), fields)
