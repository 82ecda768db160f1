"""What was produced, what is in the series, what is in the archive: read independently of the code under test."""

import contextlib
import json
import sqlite3
import subprocess
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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


def unreceipted(spool: Path) -> int:
    """How many reports of a spool have no receipt yet."""
    return len(_ask(spool, "SELECT 1 FROM reports WHERE receipted IS NULL"))


def _ask(spool: Path, query: str) -> list[tuple[Any, ...]]:
    """Nothing from a spool whose agent was killed before it had made its tables."""
    with contextlib.closing(sqlite3.connect(f"file:{spool}?mode=ro", uri=True, timeout=5)) as db:
        if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'reports'").fetchone():
            return []
        return db.execute(query).fetchall()


def influx(base: str, database: str, query: str) -> list[dict[str, Any]]:
    """Ask a real InfluxDB; one dictionary a row."""
    url = f"{base}/query?" + urllib.parse.urlencode({"db": database, "q": query})
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - our own loopback server
        body = json.load(answer)
    rows: list[dict[str, Any]] = []
    for result in body["results"]:
        for series in result.get("series", ()):
            tags = series.get("tags", {})
            rows += [dict(zip(series["columns"], values, strict=True)) | tags for values in series["values"]]
    return rows


def points(base: str, database: str) -> list[dict[str, Any]]:
    """Every report's point in the series, with its id and commune."""
    return influx(base, database, "SELECT id FROM throughput, latency, ipv6 GROUP BY commune, site, agent")


def archived(folder: Path) -> list[bytes]:
    """Every archived report, read as anyone could with zstdcat: received, length, raw."""
    found = []
    for path in sorted(folder.rglob("*.zst")):
        data = subprocess.run(["zstdcat", path], stdout=subprocess.PIPE, check=True).stdout  # noqa: S603, S607 - a standard tool
        while data:
            _, length, data = data.split(b"\t", 2)
            found.append(data[: int(length)])
            data = data[int(length) + 1 :]
    return found
