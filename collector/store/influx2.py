"""InfluxDB 2.x: writes through its own client (imported only here, it costs 50 MB), reads through InfluxQL.

Reading uses the 1.x-compatible `/query`; InfluxDB 2 maps a database name to the bucket of that name (DBRP).
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

import aiohttp

from collector.errors import StoreUnavailable
from collector.store.answer import Answer, patience
from collector.store.delivery import Pace, deliver
from collector.store.influx import HEADER_BYTES, InfluxStore, Server, unreached
from collector.store.keeping import write_apart
from collector.store.store import Point, Row, StoreInfo, Summary, Values

if TYPE_CHECKING:
    from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync

_FIRST: Final = "1970-01-01T00:00:00Z"
_LAST: Final = "2262-04-11T23:47:16Z"


class Influx2Store:
    """Points in a bucket of InfluxDB 2.x. The bucket is made by the operator, as its retention is."""

    def __init__(self, server: Server, *, org: str, token: str) -> None:
        self._server = server
        self._pace = Pace()
        self._org = org
        self._token = token
        self._reads = InfluxStore(server)
        self._client: InfluxDBClientAsync | None = None

    async def open(self) -> None:
        """See that the server answers; raises StoreUnavailable."""
        await self._reads.open()

    async def close(self) -> None:
        """Close the connections; harmless when not open."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()  # type: ignore[no-untyped-call] # the client has no annotations
        await self._reads.close()

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
        return await self._reads.samples(measurement, site=site, start_ns=start_ns, end_ns=end_ns, limit=limit)

    async def recent(
        self, measurement: str, *, start_ns: int, per_site: int, fields: Sequence[str] | None = None
    ) -> dict[str, list[Row]]:
        """Each site's newest rows since `start_ns`, oldest first."""
        return await self._reads.recent(measurement, start_ns=start_ns, per_site=per_site, fields=fields)

    async def summary(self, measurement: str, field: str, *, start_ns: int, end_ns: int) -> dict[str, Summary]:
        """Each site's number and median of a field over its conclusive rows."""
        return await self._reads.summary(measurement, field, start_ns=start_ns, end_ns=end_ns)

    async def having(
        self, measurement: str, field: str, *, start_ns: int, end_ns: int, beside: Sequence[str] = ()
    ) -> list[Row]:
        """Rows of all sites in which a field stands, oldest first."""
        return await self._reads.having(measurement, field, start_ns=start_ns, end_ns=end_ns, beside=beside)

    async def values(
        self, measurement: str, fields: Sequence[str], *, sites: Sequence[str] | None, start_ns: int, end_ns: int
    ) -> dict[str, list[Values]]:
        """Each site's rows that hold any of these fields, oldest first."""
        return await self._reads.values(measurement, fields, sites=sites, start_ns=start_ns, end_ns=end_ns)

    async def drop(self) -> None:
        """Delete every point; InfluxQL of 2.x cannot, so the client's delete does it."""
        from influxdb_client.client.exceptions import InfluxDBError

        try:
            for bucket in self._buckets():
                await self._connected().delete_api().delete(_FIRST, _LAST, "", bucket, self._org)
        except InfluxDBError as error:
            raise StoreUnavailable(f"{self._server.words} did not delete: {_answer(error).words}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise unreached(self._server, error) from error

    async def info(self) -> StoreInfo:
        """Say what this engine is; raises StoreUnavailable."""
        return await self._reads.info()

    def _connected(self) -> "InfluxDBClientAsync":
        if self._client is None:
            from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync

            self._client = InfluxDBClientAsync(
                url=self._server.base,
                token=self._token,
                org=self._org,
                timeout=round(self._server.timeout_s * 1000),
                allow_redirects=False,
                client_session_kwargs={"max_field_size": HEADER_BYTES, "max_line_size": HEADER_BYTES},
            )
        return self._client

    async def _deliver(self, points: Sequence[Point], raw: bool = False) -> None:  # noqa: FBT001, FBT002 - a callback
        bucket = f"{self._server.database}/{self._server.raw}" if raw else self._server.database
        await deliver(points, partial(self._send, bucket), self._no_bucket, self._server.words, self._pace)

    async def _send(self, bucket: str, body: bytes) -> Answer:
        from influxdb_client.client.exceptions import InfluxDBError

        try:
            stored = await self._connected().write_api().write(bucket, self._org, body)
        except InfluxDBError as error:
            return _answer(error)
        except (aiohttp.ClientError, OSError) as error:
            raise unreached(self._server, error) from error
        return Answer(204 if stored else 200, "")

    def _buckets(self) -> list[str]:
        name, raw = self._server.database, self._server.raw
        return [name, f"{name}/{raw}"] if raw else [name]

    async def _no_bucket(self) -> None:
        raise StoreUnavailable(
            f"{self._server.words}: no such bucket or organization; make it with `linkgauge-collector store init`"
        )


def _answer(error: Exception) -> Answer:
    """The HTTP answer that the client wrapped in its exception."""
    body = getattr(error, "body", None) or b""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body)
    headers = getattr(error, "headers", None) or {}
    asked = patience(headers.get("Retry-After"), headers.get("Date"))
    return Answer(int(getattr(error, "status", None) or 0), text, asked, headers.get("Location", ""))
