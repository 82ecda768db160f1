"""InfluxDB 1.x and what speaks its `/write` and InfluxQL `/query`: 3.x, openGemini, and 2.x for reading."""

import base64
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import msgspec

from collector.errors import StoreUnavailable
from collector.store import influxql
from collector.store.answer import Answer, patience
from collector.store.delivery import Pace, deliver
from collector.store.keeping import outlives_raw, write_apart
from collector.store.store import Point, Row, StoreInfo, Summary, Values

_OK: Final = (200, 204)
_PROBE: Final = 'SELECT "x" FROM "_linkgauge" LIMIT 1'
"""Finds nothing, quickly, and fails without the database or the right to read it."""
ANSWER_BYTES: Final = 256 * 2**20
"""More than a question of ours needs; a server that sends without end must not fill our memory."""
_WORD_BYTES: Final = 8 * 2**20  # an error may repeat every line of a piece
HEADER_BYTES: Final = 2**20
"""InfluxDB repeats a whole refused line in a header; aiohttp's own limit of 8 KB would turn that into an outage."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where the series live. `credentials` is a whole Authorization header, and never shown; `raw`: see `keeping`."""

    base: str
    database: str
    version: int
    timeout_s: float
    credentials: str | None = field(default=None, repr=False)
    raw: str = ""

    @property
    def words(self) -> str:
        """The server as an operator names it, without secrets."""
        return f"InfluxDB {self.version} at {self.base.partition('://')[2]}, database {self.database}"

    def policy(self, measurement: str) -> dict[str, str]:
        """The retention policy that a measurement is kept under, as a request names it."""
        return {"rp": self.raw} if self.raw and measurement and not outlives_raw(measurement) else {}


def basic(user: str, password: str) -> str:
    """An Authorization header for a user and password."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def unreached(server: Server, error: Exception) -> StoreUnavailable:
    """The operator's words for a request that got no whole answer."""
    if isinstance(error, TimeoutError):
        return StoreUnavailable(f"{server.words} gave no answer in {server.timeout_s:g} s; it is tried again")
    said = " ".join(str(error).split()) or type(error).__name__
    return StoreUnavailable(f"{server.words} cannot be reached: {said}; is it running?")


class InfluxStore:
    """Points in an InfluxDB-like server, over its 1.x interface."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._pace = Pace()
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """See that the server answers and lets us in, and make a missing database; raises StoreUnavailable."""
        if self._server.version == 1:
            answer, _ = await self.ask("/query", q=_PROBE, db=self._server.database)
            missing = answer.status == _OK[0] and _first_error(answer.body).startswith("database not found")
            if missing:
                await self._create()
            else:
                _series(self._server, answer)
        else:
            await self.info()

    async def close(self) -> None:
        """Close the connections; harmless when not open, and the store may be opened again."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def write(self, points: Sequence[Point]) -> None:
        """Make points durable. Errors: see `Store`."""
        if not self._server.raw:
            return await self._deliver(points)
        await write_apart(points, self._deliver)
        return None

    async def samples(
        self, measurement: str, *, site: str, start_ns: int, end_ns: int, limit: int | None = None
    ) -> list[Row]:
        """One site's rows, oldest first; with a limit, the newest so many of them."""
        if limit is not None and limit <= 0:
            return []
        rows = influxql.rows(
            await self.select(influxql.samples(measurement, site, (start_ns, end_ns), limit), measurement)
        )
        return rows if limit is None else rows[-limit:]

    async def recent(
        self, measurement: str, *, start_ns: int, per_site: int, fields: Sequence[str] | None = None
    ) -> dict[str, list[Row]]:
        """Each site's newest rows since `start_ns`, oldest first."""
        if per_site <= 0:
            return {}
        sites: dict[str, list[Row]] = defaultdict(list)
        for row in influxql.rows(
            await self.select(influxql.recent(measurement, start_ns, per_site, fields), measurement)
        ):
            if "site" in row.tags:
                sites[row.tags["site"]].append(row)
        return {site: rows[-per_site:] for site, rows in sites.items()}

    async def summary(self, measurement: str, field: str, *, start_ns: int, end_ns: int) -> dict[str, Summary]:
        """Each site's number and median of a field over its conclusive rows."""
        found = await self.select(influxql.summary(measurement, field, (start_ns, end_ns)), measurement)
        return influxql.summaries(found)

    async def having(
        self, measurement: str, field: str, *, start_ns: int, end_ns: int, beside: Sequence[str] = ()
    ) -> list[Row]:
        """Rows of all sites in which a field stands, oldest first."""
        found = influxql.rows(
            await self.select(influxql.having(measurement, field, beside, (start_ns, end_ns)), measurement)
        )
        return [row for row in found if "site" in row.tags]

    async def values(
        self, measurement: str, fields: Sequence[str], *, sites: Sequence[str] | None, start_ns: int, end_ns: int
    ) -> dict[str, list[Values]]:
        """Each site's rows that hold any of these fields, oldest first."""
        found: dict[str, list[Values]] = {}
        for names in influxql.groups(sites):
            series = await self.select(influxql.values(measurement, fields, names, (start_ns, end_ns)), measurement)
            found |= influxql.tuples(series)
        return found

    async def drop(self) -> None:
        """Delete every point, one measurement after the other; rights and retention rules of the database stay."""
        for series in await self.select("SHOW MEASUREMENTS"):
            for (measurement,) in series["values"]:
                await self._run(f"DROP MEASUREMENT {influxql.name(measurement)}", self._server.database)

    async def info(self) -> StoreInfo:
        """Say what this engine is; raises StoreUnavailable. Points are too dear to count."""
        answer, headers = await self.ask("/ping")
        _check_admitted(self._server, answer)
        if answer.status not in _OK:
            raise StoreUnavailable(f"{self._server.words} does not answer: {answer.words}")
        return StoreInfo(f"influxdb{self._server.version}", headers.get("X-Influxdb-Version", "unknown"))

    async def _deliver(self, points: Sequence[Point], raw: bool = False) -> None:  # noqa: FBT001, FBT002 - a callback
        policy = {"rp": self._server.raw} if raw else {}

        async def send(body: bytes) -> Answer:
            answer, _ = await self.ask("/write", body, db=self._server.database, precision="ns", **policy)
            return answer

        await deliver(points, send, self._create, self._server.words, self._pace)

    async def _create(self) -> None:
        await self._run(f"CREATE DATABASE {influxql.name(self._server.database)}")

    async def _run(self, statement: str, database: str = "") -> None:
        """Run a statement that changes something."""
        answer, _ = await self.ask("/query", b"", q=statement, db=database)
        _series(self._server, answer)

    async def select(self, statement: str, measurement: str = "") -> list[influxql.Series]:
        """The series that answer a question; `measurement` says under which policy they are kept."""
        policy = self._server.policy(measurement)
        answer, _ = await self.ask("/query", q=statement, db=self._server.database, epoch="ns", **policy)
        return _series(self._server, answer)

    async def ask(self, path: str, body: bytes | None = None, /, **query: str) -> tuple[Answer, dict[str, str]]:
        """One request and its whole answer; raises StoreUnavailable when there is none in time."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._server.timeout_s),
                headers={"Authorization": self._server.credentials} if self._server.credentials else None,
                max_field_size=HEADER_BYTES,
                max_line_size=HEADER_BYTES,
            )
        method = "GET" if body is None else "POST"
        try:
            async with self._session.request(
                method, self._server.base + path, params=query, data=body, allow_redirects=False
            ) as response:
                text = await self._text(response, ANSWER_BYTES if path == "/query" else _WORD_BYTES)
                asked = patience(response.headers.get("Retry-After"), response.headers.get("Date"))
                answer = Answer(response.status, text, asked, response.headers.get("Location", ""))
                return answer, dict(response.headers)
        except (aiohttp.ClientError, OSError) as error:
            raise unreached(self._server, error) from error

    async def _text(self, response: aiohttp.ClientResponse, limit: int) -> str:
        """An answer's body, of words the beginning; raises StoreUnavailable for a question's that has no end."""
        body = bytearray()
        async for part in response.content.iter_any():
            body += part
            if len(body) > limit:
                break
        if len(body) > limit == ANSWER_BYTES:
            raise StoreUnavailable(f"{self._server.words} answers with more than {limit >> 20} MiB; ask for less")
        return body[:limit].decode("utf-8", "replace")


def _check_admitted(server: Server, answer: Answer) -> None:
    if answer.status in (401, 403):
        raise StoreUnavailable(f"{server.words} does not let us in: {answer.words}; check user, password or token")


def _series(server: Server, answer: Answer) -> list[influxql.Series]:
    """The series of a query's answer; raises StoreUnavailable when the server says anything else."""
    _check_admitted(server, answer)
    try:
        result: dict[str, Any] = msgspec.json.decode(answer.body)["results"][0]
        series: list[influxql.Series] = result.get("series", [])
    except (msgspec.DecodeError, LookupError, TypeError, AttributeError) as error:
        raise StoreUnavailable(f"{server.words} did not answer a question: {answer.words} ({answer.status})") from error
    if "error" in result:
        raise StoreUnavailable(f"{server.words} did not answer a question: {result['error']}")
    if result.get("partial") or any(one.get("partial") for one in series):
        raise StoreUnavailable(f"{server.words} cuts its answers short: raise its max-row-limit")
    return series


def _first_error(body: str) -> str:
    try:
        found = msgspec.json.decode(body)["results"][0].get("error", "")
    except (msgspec.DecodeError, LookupError, TypeError, AttributeError):
        return ""
    return str(found)
