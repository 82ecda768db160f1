"""Whether a store will do, in words: reached, lets us in, takes a probe point and gives it back, merges repetitions.

The probe is one point of the measurement `linkgauge_check`, without a site, so no page or verdict sees it; it is
deleted afterwards where we may.
"""

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote

import msgspec

from collector.errors import CollectorError, PointsRefused, StoreFull, StoreUnavailable
from collector.store import influxql
from collector.store.delivery import PIECE_BYTES
from collector.store.foundation import kept, seconds_of
from collector.store.influx import InfluxStore, Server
from collector.store.line import encode_line
from collector.store.open import Place
from collector.store.store import Point, Row, Store

Level = Literal["good", "note", "bad"]
PROBE: Final = "linkgauge_check"
_WORD: Final = "Hữu Lũng"
_SKEW: Final = timedelta(seconds=5)
_ROOM_BYTES: Final = 2**30
_LEAST_BYTES: Final = 64 * 2**20
_REMOTE: Final = ("nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "afs", "ceph")
_INFLUX_DATA: Final = Path("/var/lib/influxdb")
_OK: Final = (200, 204)
_LOCAL: Final = ("127.0.0.1", "localhost", "[::1]")


@dataclass(slots=True)
class Findings:
    """What was found, in the order of looking."""

    said: list[tuple[Level, str]] = field(default_factory=list)

    def good(self, words: str) -> None:
        """As it should be."""
        self.said.append(("good", words))

    def note(self, words: str) -> None:
        """Something an operator should know, that stops nothing."""
        self.said.append(("note", words))

    def bad(self, words: str) -> None:
        """With this the store will not do."""
        self.said.append(("bad", words))

    @property
    def will_do(self) -> bool:
        """Whether nothing is in the way."""
        return all(level != "bad" for level, _ in self.said)


async def examine(place: Place, store: Store, now: Callable[[], datetime]) -> Findings:
    """Look at a store; what cannot be reached is a finding, never an error."""
    findings = Findings()
    if place.server is None:
        _examine_file(place.path or Path(), findings)
        return findings
    reads = InfluxStore(place.server)
    try:
        if await _is_there(reads, place.server, findings, now):
            await _Examination(place.server, reads, store, findings).run(now())
    except CollectorError as error:
        findings.bad(str(error))
    finally:
        await reads.close()
    return findings


def _examine_file(path: Path, findings: Findings) -> None:
    kind = _file_system(path)
    if kind in _REMOTE:
        findings.bad(f"{path} lies on a network folder ({kind}): SQLite cannot be used there safely; take a local disk")
    if not path.exists():
        if os.access(_nearest(path), os.W_OK):
            findings.note(f"{path} is not there yet: store init, or the first start, makes it")
        else:
            findings.bad(f"{path} is not there, and {_nearest(path)} cannot be written to; check its owner and rights")
    else:
        _examine_tables(path, findings)
    room = os.statvfs(_nearest(path))
    free = room.f_bavail * room.f_frsize
    words = f"{free / 2**30:.1f} GiB are free on its disk"
    if free < _LEAST_BYTES:
        findings.bad(f"{words}: reports would wait at the agents; free some space")
    elif free < _ROOM_BYTES:
        findings.note(f"{words}: a report takes about 0.5 KB; watch it")
    else:
        findings.good(words)
    findings.good("repeated points are merged, as SQLite always does here")


def _examine_tables(path: Path, findings: Findings) -> None:
    address = f"file:{quote(str(path.absolute()))}?mode=rw"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=5.0, isolation_level=None)) as connection:
            connection.execute("SELECT count(*) FROM _site").fetchone()
            findings.good(f"{path} is a series file of {path.stat().st_size / 2**20:.1f} MiB, and can be read")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(f'CREATE TABLE "_{PROBE}_probe" (x)')
            connection.execute("ROLLBACK")
            findings.good("it can be written to")
    except sqlite3.Error as error:
        findings.bad(f"{path}: {error}; is it the right file, is it yours, and does no other program hold it?")


async def _is_there(reads: InfluxStore, server: Server, findings: Findings, now: Callable[[], datetime]) -> bool:
    """Reached at all, by which version, and what its clock shows."""
    before = now()
    answer, headers = await reads.ask("/ping")
    after = now()
    if answer.status not in _OK:
        findings.bad(f"{server.words} answers with {answer.status} ({answer.words}): is it the database, or a proxy?")
        return False
    version = headers.get("X-Influxdb-Version")
    took = round((after - before).total_seconds() * 1000)
    findings.good(f"{server.words} answers in {took} ms" + (f", version {version}" if version else ""))
    _examine_clock(headers.get("Date", ""), before, after, findings)
    if version is not None and server.version == 1 and version.lstrip("v").startswith(("2", "3")):
        findings.note(f"it says it is version {version}: write influxdb{version.lstrip('v')[0]}:// into store.url")
    if version is None and await _is_victoria(reads):
        findings.bad(
            "it is VictoriaMetrics: it takes numbers, but turns words into 0 (ids, failures, doubts), rounds times to "
            "the millisecond, drops what it does not understand without a word, and answers no InfluxQL: no page and "
            "no verdict can be made from it"
        )
        await _examine_victoria(reads, findings, after)
        return False
    return True


def _examine_clock(date: str, before: datetime, after: datetime, findings: Findings) -> None:
    try:
        theirs = parsedate_to_datetime(date)
    except ValueError:
        findings.note("it does not tell the time, so its clock could not be compared")
        return
    # An answer's date is cut to the second.
    apart = max(theirs - after, before - theirs - timedelta(seconds=1))
    if apart <= _SKEW:
        findings.good("its clock and ours agree")
    else:
        side = "ahead of" if theirs > after else "behind"
        findings.note(
            f"its clock is {round(apart.total_seconds())} s {side} ours: set one of them; times of points are the "
            "agents', but retention is counted by its clock"
        )


async def _is_victoria(reads: InfluxStore) -> bool:
    answer, _ = await reads.ask("/api/v1/status/buildinfo")
    try:
        return bool(msgspec.json.decode(answer.body)["status"] == "success")
    except (msgspec.DecodeError, LookupError, TypeError):
        return False


async def _examine_victoria(reads: InfluxStore, findings: Findings, at: datetime) -> None:
    """How often a point counts that was written twice."""
    time_ns = int(at.timestamp()) * 10**9
    line = encode_line(Point(PROBE, (), {"value": 1.0}, time_ns))
    for _ in range(2):
        await reads.ask("/write", line, db=PROBE, precision="ns")
        await reads.ask("/internal/force_flush")
    match = f'{PROBE}_value{{db="{PROBE}"}}'
    answer, _ = await reads.ask("/api/v1/export", **{"match[]": match, "start": str(time_ns // 10**9 - 1)})
    times = [stamp for line in answer.body.splitlines() for stamp in json.loads(line).get("timestamps", [])]
    counted = times.count(time_ns // 10**6)
    if counted == 1:
        findings.good("as a second copy of the numbers: a point written twice counts once")
    else:
        findings.bad(
            f"a point written twice counts {counted} times: start it with -dedup.minScrapeInterval=1ms, or every "
            "retried batch doubles what is counted"
        )


class _Examination:
    """One look at an InfluxDB-like server that is there."""

    def __init__(self, server: Server, reads: InfluxStore, store: Store, findings: Findings) -> None:
        self._server = server
        self._reads = reads
        self._store = store
        self._findings = findings

    async def run(self, now: datetime) -> None:
        if not await self._lets_us_read():
            return
        await self._policies()
        if await self._takes_a_point(int(now.timestamp() * 10**6) * 1000):
            await self._takes_a_body()
        await self._may_create()
        await self._series()
        self._room()

    async def _lets_us_read(self) -> bool:
        said = await self._error_of(f'SELECT "value" FROM "{PROBE}" LIMIT 1')  # noqa: S608 - a fixed name
        if said is None:
            self._findings.good(f"database {self._server.database} is there, answers InfluxQL, and we may read it")
            return True
        hint = (
            "make it with: linkgauge-collector store init"
            if "not found" in said
            else "check user, password or token; what is not there yet is made by: linkgauge-collector store init"
        )
        self._findings.bad(f"no question about database {self._server.database} is answered: {said}; {hint}")
        return False

    async def _policies(self) -> None:
        rows = await self._rows(f"SHOW RETENTION POLICIES ON {influxql.name(self._server.database)}")
        held = {str(row[0]): str(row[1]) for row in rows if len(row) > 1}
        default = next((str(row[0]) for row in rows if row and row[-1] is True), None)
        for name, duration in held.items():
            what = (
                "raw measurements" if name == self._server.raw else "everything" if not self._server.raw else "the rest"
            )
            if name not in (self._server.raw, default):
                continue
            self._findings.good(
                f"it keeps {what} {kept(timedelta(seconds=seconds_of(duration)) or None)} (policy {name})"
            )
        if default is not None and seconds_of(held[default]):
            self._findings.note(
                f"policy {default} expires: roll-ups and verdicts go with it; see store init --keep-raw"
            )
        if self._server.raw and held and self._server.raw not in held:
            self._findings.bad(f"there is no policy {self._server.raw}: make it with: linkgauge-collector store init")

    async def _takes_a_point(self, time_ns: int) -> bool:
        point = Point(PROBE, (("probe", "1"),), {"value": 1.0, "word": _WORD, "flag": True}, time_ns)
        try:
            await self._store.write([point])
            await self._store.write([point, Point(PROBE, point.tags, {"value": 2.0}, time_ns)])
        except (StoreUnavailable, StoreFull, PointsRefused) as error:
            self._findings.bad(f"it did not take a probe point: {error}")
            return False
        self._findings.good("it took a probe point")
        where = f"WHERE time >= {time_ns - 10**6} AND time < {time_ns + 10**6}"
        series = await self._reads.select(f"SELECT * FROM {influxql.name(PROBE)} {where} GROUP BY *", PROBE)  # noqa: S608 - a fixed name
        self._compare(influxql.rows(series), time_ns)
        await self._forget()
        return True

    def _compare(self, rows: list[Row], time_ns: int) -> None:
        findings = self._findings
        if not rows:
            findings.bad("the probe point cannot be read back: does the mapping or the policy fit? see store init")
        elif len(rows) > 1:
            findings.bad(f"a point written twice is there {len(rows)} times: every retried batch would double it")
        elif rows[0] == Row(time_ns, {"probe": "1"}, {"value": 2.0, "word": _WORD, "flag": True}):
            findings.good("it reads back as written, to the nanosecond; a repeated point merges into the first")
        else:
            findings.bad(f"the probe point came back changed: {rows[0]}")

    async def _forget(self) -> None:
        if self._server.version == 1:
            answer, _ = await self._reads.ask("/query", b"", q=f'DELETE FROM "{PROBE}"', db=self._server.database)  # noqa: S608 - a fixed name
            if _error(answer.body) is None and answer.status in _OK:
                return
        self._findings.note(f"the probe point stays, in the measurement {PROBE}; nothing of ours looks at it")

    async def _takes_a_body(self) -> None:
        """Offer as many bytes as our largest piece has, all of them a comment."""
        if self._server.version != 1:
            return
        answer, _ = await self._reads.ask("/write", b"#" * PIECE_BYTES, db=self._server.database, precision="ns")
        if answer.status == 413:  # noqa: PLR2004 - Payload Too Large
            self._findings.note(
                f"it takes less than {PIECE_BYTES} bytes at once: batches are halved; raise max-body-size"
            )
        else:
            self._findings.good(f"it takes {PIECE_BYTES} bytes at once")

    async def _may_create(self) -> None:
        if self._server.version != 1:
            return
        name = influxql.name(self._server.database)  # which is there: making it again changes nothing
        answer, _ = await self._reads.ask("/query", b"", q=f"CREATE DATABASE {name}")
        if answer.status in _OK and _error(answer.body) is None:
            words = "we may make databases" + (
                "" if self._server.credentials else ": it lets anybody in; see auth-enabled"
            )
            (self._findings.good if self._server.credentials else self._findings.note)(words)
        else:
            self._findings.good("we may not make databases, and need not: this one is there")

    async def _series(self) -> None:
        rows = await self._rows(f"SHOW SERIES CARDINALITY ON {influxql.name(self._server.database)}")
        if self._server.version == 1 and rows and rows[0]:
            self._findings.good(f"it holds {rows[0][-1]} series (InfluxDB's default limit is 1,000,000 a database)")

    def _room(self) -> None:
        host = self._server.base.partition("://")[2].rpartition(":")[0]
        if host in _LOCAL and _INFLUX_DATA.is_dir():
            room = os.statvfs(_INFLUX_DATA)
            self._findings.good(
                f"{room.f_bavail * room.f_frsize / 2**30:.1f} GiB are free on the disk of {_INFLUX_DATA}"
            )
        else:
            self._findings.note("it does not say how much room its disk has: watch that there")

    async def _rows(self, statement: str) -> list[list[Any]]:
        """The rows of a statement that not everybody may ask; none when it is not answered."""
        try:
            return [row for series in await self._reads.select(statement) for row in series.get("values", [])]
        except StoreUnavailable:
            return []

    async def _error_of(self, statement: str) -> str | None:
        answer, _ = await self._reads.ask("/query", q=statement, db=self._server.database)
        said = _error(answer.body)
        if said is not None or answer.status in _OK:
            return said
        return f"{answer.words} ({answer.status})"


def _error(body: str) -> str | None:
    """What an answer to InfluxQL complains of; None when it is a good one."""
    try:
        found: Any = msgspec.json.decode(body)
        if "results" not in found:
            return str(found.get("error") or found.get("message") or "it does not speak InfluxQL")
        said = next((one["error"] for one in found["results"] if "error" in one), None)
    except (msgspec.DecodeError, LookupError, TypeError, AttributeError):
        return "it does not speak InfluxQL"
    return None if said is None else str(said)


def _nearest(path: Path) -> Path:
    """The nearest folder above a path that is there."""
    return next(folder for folder in path.absolute().parents if folder.is_dir())


def _file_system(path: Path) -> str:
    """The kind of file system that a path lies on; empty where the system does not say."""
    folder = str(_nearest(path).resolve())
    try:
        lines = Path("/proc/mounts").read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    mounts = [(parts[1], parts[2]) for line in lines if len(parts := line.split()) > 2]  # noqa: PLR2004 - device, place, kind
    fitting = [mount for mount in mounts if folder == mount[0] or folder.startswith(mount[0].rstrip("/") + "/")]
    return max(fitting, key=lambda mount: len(mount[0]), default=("", ""))[1]
