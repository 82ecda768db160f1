"""What was produced, what is in the series, what is in the archive: read independently of the code under test."""

import contextlib
import gzip
import io
import json
import sqlite3
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

KINDS = ("throughput", "latency", "ipv6", "dns", "web", "path", "radio", "ledger")
ASKED_S = 300


@dataclass(frozen=True)
class Produced:
    """Everything that one spool holds."""

    bodies: dict[str, bytes]
    """Exact bytes by report id."""
    seqs: dict[str, list[int]]
    """Sequence numbers by epoch, sorted."""
    unreceipted: int


def produced(spool: Path) -> Produced:
    """Read a spool's file as it lies on disk."""
    rows = _ask(spool, "SELECT receipted, body FROM reports")
    reports = [json.loads(body) for _, body in rows]
    seqs: dict[str, list[int]] = {}
    for report in reports:
        seqs.setdefault(report["epoch"], []).append(report["seq"])
    return Produced(
        bodies={report["id"]: body for report, (_, body) in zip(reports, rows, strict=True)},
        seqs={epoch: sorted(numbers) for epoch, numbers in seqs.items()},
        unreceipted=sum(receipted is None for receipted, _ in rows),
    )


def count(spool: Path) -> int:
    """How many reports a spool holds."""
    rows = _ask(spool, "SELECT count(*) FROM reports")
    return int(rows[0][0]) if rows else 0


def unreceipted(spool: Path) -> int:
    """How many reports of a spool have no receipt yet."""
    return len(_ask(spool, "SELECT 1 FROM reports WHERE receipted IS NULL"))


def _ask(file: Path, query: str, table: str = "reports") -> list[tuple[Any, ...]]:
    """Nothing from a file whose owner was killed before it had made its tables."""
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=5)) as db:
        if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)).fetchone():
            return []
        return db.execute(query).fetchall()


def booked(registry: Path) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """What the ledger says is stored: ranges of seq by agent and epoch."""
    ranges: dict[tuple[str, str], list[tuple[int, int]]] = {}
    query = "SELECT agent, epoch, first, last FROM ledger_stored ORDER BY first"
    for agent, epoch, first, last in _ask(registry, query, "ledger_stored"):
        ranges.setdefault((agent, epoch), []).append((first, last))
    return ranges


def received(registry: Path) -> int:
    """How many reports the ledger counted, without those that came again."""
    rows = _ask(registry, "SELECT coalesce(sum(received), 0) FROM ledger_days", "ledger_days")
    return int(rows[0][0]) if rows else 0


def influx(base: str, database: str, query: str) -> list[dict[str, Any]]:
    """Ask a real InfluxDB; one dictionary a row."""
    url = f"{base}/query?" + urllib.parse.urlencode({"db": database, "q": query})
    with urllib.request.urlopen(url, timeout=ASKED_S) as answer:  # noqa: S310 - our own loopback server
        body = json.load(answer)
    rows: list[dict[str, Any]] = []
    for result in body["results"]:
        for series in result.get("series", ()):
            tags = series.get("tags", {})
            rows += [dict(zip(series["columns"], values, strict=True)) | tags for values in series["values"]]
    return rows


def points(base: str, database: str) -> list[dict[str, Any]]:
    """Every report's point in the series, with its id and place; one without an id is a point that nobody sent."""
    query = f"SELECT id, conclusive FROM {', '.join(KINDS)} GROUP BY commune, site, agent"  # noqa: S608 - our own words
    return influx(base, database, query)


def archived(folder: Path) -> list[bytes]:
    """Every archived report, read as anyone could with zstdcat and zcat: received, length, raw."""
    return [raw for path in sorted(folder.rglob("*")) for raw in _lines(_text(path))]


def _text(path: Path) -> bytes:
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if path.suffix == ".zst" and path.stat().st_size:
        with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(path.read_bytes()), read_across_frames=True) as text:
            return text.read()
    return b""


def _lines(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        first = data.index(b"\t", at)
        second = data.index(b"\t", first + 1)
        end = second + 1 + int(data[first + 1 : second])
        yield data[second + 1 : end]
        at = end + 1
