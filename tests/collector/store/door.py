"""The outer interface of InfluxDB 2 and 3 in front of a real InfluxDB 1: what runs behind it is a real engine.

Neither 2.x nor 3.x can be had here. Their storage engines are not this one; what this shows is that our requests and
our reading of their answers fit what they document: paths, tokens, buckets, status codes and the words of errors.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import msgspec
from aiohttp import web

from tests.collector.store.http_server import serving

TOKEN = "t0ken"  # noqa: S105 - a test's own
ORG = "so-tttt"


class Door:
    """Speaks as one version outside and as 1.x inside."""

    def __init__(self, version: int, behind: str) -> None:
        self._version = version
        self._behind = behind

    async def answer(self, request: web.Request) -> web.Response:
        """Pass a request on in the words of 1.x, and its answer back in those of our version."""
        if request.path == "/ping":
            return web.Response(status=204, headers={"X-Influxdb-Version": f"v{self._version}.9.9"})
        if request.headers.get("Authorization") != f"{'Token' if self._version == 2 else 'Bearer'} {TOKEN}":
            return web.json_response({"code": "unauthorized", "message": "unauthorized access"}, status=401)
        if request.path == "/query":
            status, text = await self._asked(request.method, dict(request.query))
            return web.Response(status=status, text=text, content_type="application/json")
        return await self._changed(request)

    async def _changed(self, request: web.Request) -> web.Response:
        match self._version, request.path:
            case 2, "/api/v2/write":
                database, _, policy = request.query["bucket"].partition("/")
                query = {"db": database, "precision": request.query["precision"]} | ({"rp": policy} if policy else {})
                return await self._written(query, await request.read())
            case 2, "/api/v2/delete":
                return await self._delete(request.query["bucket"])
            case 3, "/write":
                return await self._written(dict(request.query), await request.read())
            case _:
                return web.json_response({"code": "not found", "message": "path not found"}, status=404)

    async def _written(self, query: dict[str, str], body: bytes) -> web.Response:
        async with self._session() as session, session.post(f"{self._behind}/write", params=query, data=body) as answer:
            if answer.status == 204:
                return web.Response(status=204)
            error = msgspec.json.decode(await answer.read())["error"]
        words = {"code": "unprocessable entity", "message": f"failure writing points to database: {error}"}
        if self._version == 3:
            words = {"error": "partial write of line protocol occurred", "data": error}
        elif "unable to parse" in error:
            words = {"code": "invalid", "message": error}
        status = 422 if "unprocessable" in words.get("code", "") else 400
        return web.json_response(words, status=status)

    async def _delete(self, bucket: str) -> web.Response:
        database = bucket.partition("/")[0]
        found = msgspec.json.decode((await self._asked("GET", {"q": "SHOW MEASUREMENTS", "db": database}))[1])
        for series in found["results"][0].get("series", []):
            for (name,) in series["values"]:
                await self._asked("POST", {"q": f'DROP MEASUREMENT "{name}"', "db": database})
        return web.Response(status=204)

    async def _asked(self, method: str, query: dict[str, str]) -> tuple[int, str]:
        async with (
            self._session() as session,
            session.request(method, f"{self._behind}/query", params=query) as answer,
        ):
            return answer.status, await answer.text()

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(max_field_size=2**20, max_line_size=2**20)


@asynccontextmanager
async def door(version: int, behind: str) -> AsyncIterator[int]:
    """Open the door; gives its port."""
    async with serving(Door(version, behind).answer) as port:
        yield port
