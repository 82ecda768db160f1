"""What pages tell of a site's newest throughput, from raw rows: its last report, its median, doubts, early stops. Pure.

Exact, like every roll-up: always from all rows of the time, never from other figures.
"""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec

from collector.store.points import nanoseconds
from collector.store.store import FieldValue, Values

Way = Literal["download", "upload"]
WAYS: Final[tuple[Way, ...]] = ("download", "upload")
KIND: Final = "throughput"
WINDOW: Final = timedelta(days=30)
# Runs of full length are one in twenty: it takes longer until they say something.
COMPARED: Final = timedelta(days=90)
AHEAD: Final = timedelta(days=1)
"""How far ahead of us a device's clock may run."""
LAST: Final = ("conclusive", "download_mbps", "failure", "download_failure", "upload_failure", "doubts")
_RATES: Final = tuple(f"{way}_{name}" for way in WAYS for name in ("early_mbps", "mbps", "bytes", "early_bytes"))
COLUMNS: Final = tuple(dict.fromkeys((*LAST, *_RATES, "agent", "peer")))
"""The fields and tags that a row holds after its time."""


class Doubted(msgspec.Struct, frozen=True):
    """One agent's doubted reports of `WINDOW`, and how many of them carry which doubt."""

    reports: int
    by_doubt: dict[str, int]


class Recent(msgspec.Struct, frozen=True, kw_only=True):
    """A site's newest throughput, as of `at`.

    `last`: what `LAST` names of the newest report of `WINDOW`, which started at `newest_ns`. `n`, `median`: of the
    conclusive downloads of `WINDOW`, Mbit/s. `early`: of each run of full length of `COMPARED` how far stopping early
    was off, (early - full) / full, and the share of the data that it would have spared, None if that was not counted.
    """

    site: str
    at: datetime
    newest_ns: int | None = None
    last: dict[str, FieldValue] = {}
    peer: str | None = None
    n: int = 0
    median: float | None = None
    doubted: dict[str, Doubted] = {}
    early: dict[Way, list[tuple[float, float | None]]] = {}


def span(at: datetime) -> tuple[datetime, datetime]:
    """The time whose rows are wanted."""
    return at - COMPARED, at + AHEAD


def recent_of(site: str, rows: Sequence[Values], at: datetime) -> Recent:
    """What a site's rows of `span`, each its time and `COLUMNS`, oldest first, say as of a moment."""
    told: list[Mapping[str, Any]] = [dict(zip(("time", *COLUMNS), row, strict=True)) for row in rows]
    window = [row for row in told if row["time"] >= nanoseconds(at - WINDOW)]
    newest = next((row for row in reversed(window) if any(row[name] is not None for name in LAST)), None)
    speeds = [
        float(row["download_mbps"]) for row in window if row["conclusive"] is True and row["download_mbps"] is not None
    ]
    return Recent(
        site=site,
        at=at,
        newest_ns=newest["time"] if newest else None,
        last={name: newest[name] for name in LAST if newest[name] is not None} if newest else {},
        peer=newest["peer"] if newest else None,
        n=len(speeds),
        median=statistics.median(speeds) if speeds else None,
        doubted=_doubted(window),
        early={way: runs for way in WAYS if (runs := _runs(way, told))},
    )


def _doubted(rows: Iterable[Mapping[str, Any]]) -> dict[str, Doubted]:
    reports: dict[str, int] = defaultdict(int)
    doubts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        if row["doubts"]:
            agent = row["agent"] or ""
            reports[agent] += 1
            for doubt in filter(None, row["doubts"].split(",")):
                doubts[agent][doubt] += 1
    return {agent: Doubted(count, dict(doubts[agent])) for agent, count in reports.items()}


def _runs(way: Way, rows: Iterable[Mapping[str, Any]]) -> list[tuple[float, float | None]]:
    """The runs of full length of one direction: the error of stopping early, and the share of data spared."""
    found: list[tuple[float, float | None]] = []
    for row in rows:
        early, full = row[f"{way}_early_mbps"], row[f"{way}_mbps"]
        if early is not None and full:
            part, whole = row[f"{way}_early_bytes"], row[f"{way}_bytes"]
            found.append(((early - full) / full, 1 - part / whole if part is not None and whole else None))
    return found
