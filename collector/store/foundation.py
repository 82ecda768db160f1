"""What a store needs before its first point: database, bucket, retention, mapping, user. Looked at first, then made.

Every step says what it does before it is done, without secrets; what is there already is no step, so a second run
finds nothing to do.
"""

import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from collector.errors import StoreUnavailable, UsageError
from collector.store import influxql
from collector.store.answer import Answer
from collector.store.influx import HEADER_BYTES, InfluxStore, Server, unreached
from collector.store.open import Place
from collector.store.sqlite import SqliteStore

_V2: Final = 2
_V3: Final = 3
_FOUND: Final = 200
_DONE: Final = range(200, 300)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to make: in words, and how."""

    words: str
    do: Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the operator asked for. `keep` of raw measurements (None: for ever); `keep_given`: any word of it at all."""

    keep: timedelta | None = None
    keep_given: bool = False
    shorten: bool = False
    admin: str | None = None


async def steps_for(place: Place, wishes: Wishes) -> list[Step]:
    """What is still to be made; empty when all is there.

    Raises:
        UsageError: a wish that this engine, or this URL, cannot have.
        StoreUnavailable: the server cannot be reached, or does not let us.
    """
    server = place.server
    if wishes.keep_given and (server is None or server.version == _V3):
        raise UsageError("--keep-raw: this engine keeps raw measurements and roll-ups alike; leave it away")
    if wishes.keep_given and server is not None and not server.raw:
        raise UsageError(
            "--keep-raw: raw measurements need a policy of their own, or roll-ups would expire with them: "
            "write ?raw=raw (after an org: &raw=raw) at the end of store.url first"
        )
    if server is None:
        return _file_steps(place.path or Path())
    if server.version == _V2:
        return await _Buckets(server, place.org or "", wishes).steps()
    if server.version == _V3:
        return await _database3_steps(server)
    return await _Policies(server, wishes).steps()


def _file_steps(path: Path) -> list[Step]:
    if path.exists():
        return []

    async def make() -> None:
        store = SqliteStore(path)
        await store.open()
        await store.close()

    return [Step(f"make the file {path} with its tables", make)]


class _Policies:
    """InfluxDB 1.x: a database, a policy for raw measurements, a user with its rights."""

    def __init__(self, server: Server, wishes: Wishes) -> None:
        admin = None if wishes.admin is None else "Basic " + base64.b64encode(wishes.admin.encode()).decode()
        self._server = server
        self._wishes = wishes
        self._admin = replace(server, credentials=admin or server.credentials)
        self._name = influxql.name(server.database)

    async def steps(self) -> list[Step]:
        await self._check_kind()
        found = [name for (name,) in await self._rows("SHOW DATABASES")]
        there = self._server.database in found
        steps = (
            [] if there else [self._step(f"make the database {self._server.database}", f"CREATE DATABASE {self._name}")]
        )
        if self._server.raw:
            steps += await self._policy(there=there)
        if self._wishes.admin is not None and self._server.credentials:
            steps += await self._user()
        return steps

    async def _check_kind(self) -> None:
        """Some servers answer any statement with success, and do nothing; they do not name a version either."""
        store = InfluxStore(self._server)
        try:
            _, headers = await store.ask("/ping")
        finally:
            await store.close()
        if not any(name.lower().endswith("db-version") for name in headers):  # also openGemini's
            raise StoreUnavailable(f"{self._server.words} does not say that it is InfluxDB; look with: store check")

    async def _policy(self, *, there: bool) -> list[Step]:
        raw, keep = self._server.raw, self._wishes.keep
        duration = _duration(keep)
        words = f"keep raw measurements {kept(keep)} (policy {raw})"
        held = {row[0]: row[1] for row in await self._rows(f"SHOW RETENTION POLICIES ON {self._name}")} if there else {}
        statement = f"RETENTION POLICY {influxql.name(raw)} ON {self._name} DURATION {duration}"
        if raw not in held:
            return [self._step(words, f"CREATE {statement} REPLICATION 1")]
        before = seconds_of(held[raw])
        if not self._wishes.keep_given or before == (keep.total_seconds() if keep else 0):
            return []
        if keep is not None and (before == 0 or keep.total_seconds() < before):
            _check_shorten(self._wishes, f"policy {raw} keeps {kept(timedelta(seconds=before) if before else None)}")
        return [self._step(words, f"ALTER {statement}")]

    async def _user(self) -> list[Step]:
        name, _, password = (
            base64.b64decode((self._server.credentials or "").removeprefix("Basic ")).decode().partition(":")
        )
        user = influxql.name(name)
        steps: list[Step] = []
        if name not in [row[0] for row in await self._rows("SHOW USERS")]:
            made = f"CREATE USER {user} WITH PASSWORD {influxql.string(password)}"
            steps.append(self._step(f"make the user {name} with the configured password", made))
            granted: list[list[Any]] = []
        else:
            granted = await self._rows(f"SHOW GRANTS FOR {user}")
        if [self._server.database, "ALL PRIVILEGES"] not in granted:
            grant = f"GRANT ALL ON {self._name} TO {user}"
            steps.append(self._step(f"let the user {name} do everything in {self._server.database}", grant))
        return steps

    def _step(self, words: str, statement: str) -> Step:
        return Step(words, lambda: self._rows(statement, changes=True))

    async def _rows(self, statement: str, *, changes: bool = False) -> list[list[Any]]:
        store = InfluxStore(self._admin)
        try:
            answer, _ = await store.ask("/query", b"" if changes else None, q=statement)
        finally:
            await store.close()
        if answer.status in (401, 403):
            raise StoreUnavailable(
                f"{self._server.words} does not let us make things: {_hidden(answer.words)}; give an administrator's "
                f"user:password with --admin-file, or let one make them (see deploy/collector/README.md, The database)"
            )
        try:
            (result,) = msgspec.json.decode(answer.body)["results"]
            if "error" not in result:
                return [row for series in result.get("series", []) for row in series.get("values", [])]
            said = str(result["error"])
        except (msgspec.DecodeError, LookupError, TypeError, AttributeError, ValueError):
            said = answer.words
        raise StoreUnavailable(f"{self._server.words} did not do it: {_hidden(said)}")


class _Buckets:
    """InfluxDB 2.x: buckets with their retention, and mappings so that InfluxQL finds them."""

    def __init__(self, server: Server, org: str, wishes: Wishes) -> None:
        self._server = server
        self._org = org
        self._wishes = wishes
        self._org_id = ""

    async def steps(self) -> list[Step]:
        orgs = (await self._get("/api/v2/orgs", org=self._org)).get("orgs") or []
        if not orgs:
            raise StoreUnavailable(
                f"{self._server.words}: there is no organization {self._org!r}, or the token may not see it"
            )
        self._org_id = str(orgs[0]["id"])
        steps = await self._bucket(self._server.database, "autogen", None, given=False)
        if self._server.raw:
            name = f"{self._server.database}/{self._server.raw}"
            steps += await self._bucket(name, self._server.raw, self._wishes.keep, given=self._wishes.keep_given)
        return steps

    async def _bucket(self, name: str, policy: str, keep: timedelta | None, *, given: bool) -> list[Step]:
        found = (await self._get("/api/v2/buckets", orgID=self._org_id, name=name)).get("buckets") or []
        rules = [{"type": "expire", "everySeconds": round(keep.total_seconds())}] if keep else []
        default = policy == "autogen"
        mapping = {
            "orgID": self._org_id,
            "database": self._server.database,
            "retention_policy": policy,
            "default": default,
        }
        mapped = f"let InfluxQL find it as database {self._server.database}, policy {policy} (DBRP mapping)"
        if not found:
            body = {"orgID": self._org_id, "name": name, "retentionRules": rules}
            made: dict[str, str] = {}

            async def make() -> None:
                made["id"] = str((await self._change("POST", "/api/v2/buckets", body))["id"])

            async def map_new() -> None:
                await self._change("POST", "/api/v2/dbrps", mapping | {"bucketID": made["id"]})

            return [Step(f"make the bucket {name}, kept {kept(keep)}", make), Step(mapped, map_new)]
        bucket = found[0]
        steps = self._retention(bucket, rules, keep) if given else []
        known = (await self._get("/api/v2/dbrps", orgID=self._org_id, db=self._server.database)).get("content") or []
        if not any(one.get("bucketID") == bucket["id"] and one.get("retention_policy") == policy for one in known):
            both = mapping | {"bucketID": bucket["id"]}
            steps.append(Step(mapped, lambda: self._change("POST", "/api/v2/dbrps", both)))
        return steps

    def _retention(self, bucket: Mapping[str, Any], rules: list[dict[str, Any]], keep: timedelta | None) -> list[Step]:
        before = next((int(rule.get("everySeconds", 0)) for rule in bucket.get("retentionRules") or []), 0)
        after = round(keep.total_seconds()) if keep else 0
        if before == after:
            return []
        if after and (before == 0 or after < before):
            _check_shorten(
                self._wishes, f"bucket {bucket['name']} keeps {kept(timedelta(seconds=before) if before else None)}"
            )
        change = {"retentionRules": rules}
        path = f"/api/v2/buckets/{bucket['id']}"
        return [Step(f"keep the bucket {bucket['name']} {kept(keep)}", lambda: self._change("PATCH", path, change))]

    async def _get(self, path: str, **query: str) -> dict[str, Any]:
        answer = await _request(self._server, "GET", path, query=query)
        if answer.status == 404:  # noqa: PLR2004 - 2.x says so of an unknown name
            return {}
        return _object(self._server, answer)

    async def _change(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return _object(self._server, await _request(self._server, method, path, body=body))


async def _database3_steps(server: Server) -> list[Step]:
    path = "/api/v3/configure/database"
    listed = await _request(server, "GET", path, query={"format": "json"})
    if listed.status not in _DONE:
        _object(server, listed)
    try:
        names = [str(next(iter(row.values()))) for row in msgspec.json.decode(listed.body)]
    except (msgspec.DecodeError, AttributeError, StopIteration, TypeError) as error:
        raise StoreUnavailable(f"{server.words} did not list its databases: {listed.words}") from error
    if server.database in names:
        return []

    async def make() -> None:
        _object(server, await _request(server, "POST", path, body={"db": server.database}), bare=True)

    return [Step(f"make the database {server.database}", make)]


async def _request(
    server: Server,
    method: str,
    path: str,
    *,
    query: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
) -> Answer:
    headers = {"Authorization": server.credentials} if server.credentials else {}
    if body is not None:
        headers["Content-Type"] = "application/json"
    data = None if body is None else msgspec.json.encode(body)
    timeout = aiohttp.ClientTimeout(total=server.timeout_s)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=headers, max_field_size=HEADER_BYTES) as session,
            session.request(method, server.base + path, params=query, data=data, allow_redirects=False) as response,
        ):
            return Answer(response.status, (await response.read()).decode("utf-8", "replace"))
    except (aiohttp.ClientError, OSError) as error:
        raise unreached(server, error) from error


def _object(server: Server, answer: Answer, *, bare: bool = False) -> dict[str, Any]:
    if answer.status in (401, 403):
        raise StoreUnavailable(
            f"{server.words} does not let us: {answer.words}; the token needs the right to write buckets and mappings "
            "(an operator's or all-access token; afterwards a token for this bucket alone will do)"
        )
    if answer.status not in _DONE:
        raise StoreUnavailable(f"{server.words} did not do it: {answer.words} ({answer.status})")
    if bare:
        return {}
    try:
        found: Any = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        found = None
    if not isinstance(found, dict):
        raise StoreUnavailable(f"{server.words} answered with something else: {answer.words}; is it InfluxDB?")
    return found


def _check_shorten(wishes: Wishes, now: str) -> None:
    if not wishes.shorten:
        raise UsageError(f"--keep-raw: {now}; keeping less deletes what is older, for good: say --shorten too")


def kept(keep: timedelta | None) -> str:
    """How long something is kept, in words."""
    return "for ever" if keep is None else f"{keep.total_seconds() / 86400:g} days"


def _duration(keep: timedelta | None) -> str:
    return "INF" if keep is None else f"{round(keep.total_seconds() / 3600)}h"


def seconds_of(duration: str) -> float:
    """Read InfluxDB's `9600h0m0s`; 0 is for ever."""
    hours, _, rest = duration.rpartition("h")
    minutes, _, seconds = rest.rpartition("m")
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds.rstrip("s") or 0)


def _hidden(said: str) -> str:
    """The server's words without a password that it repeats."""
    head, found, _ = said.partition("WITH PASSWORD")
    return f"{head}{found} ..." if found else said
