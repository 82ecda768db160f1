"""The last reports of a site, of all kinds or of one, page by page; and all of a period for a file."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from collector.web import pages
from collector.web.pages import Measured
from collector.web.plot import Column, Table
from collector.web.site import reading
from collector.web.site.period import Period
from collector.web.sources import Sources
from collector.web.views import KINDS

PAGE: Final = 50
ALL: Final = 20_000
"""So many reports of a kind go into one file, the newest."""
_AHEAD: Final = timedelta(days=1)
_COLUMNS: Final = (
    Column("started", "Time"),
    Column("kind", "Probe"),
    Column("agent", "Agent"),
    Column("download_mbps", "Download, Mbit/s", 1),
    Column("upload_mbps", "Upload, Mbit/s", 1),
    Column("rtt_ms_median", "Round trip, ms", 1),
    Column("loss_ratio", "Loss", 4),
    Column("status", "State"),
    Column("failure", "failed"),
    Column("doubts", "doubted"),
    Column("conclusive", "Counts?"),
    Column("family", "Family"),
    Column("engine", "Method"),
    Column("peer", "Peer"),
    Column("megabytes", "Data, MB", 1),
    Column("id", "Raw"),
)


@dataclass(frozen=True, slots=True)
class Reports:
    """A page of reports, newest first. `older`: where the next page begins, None on the last."""

    rows: list[Measured]
    kind: str | None
    older: str | None
    newer: bool


async def reports(sources: Sources, site: str, period: Period, *, kind: str | None, before: str | None) -> Reports:
    """One page; raises StoreUnavailable. What `kind` or `before` say that is nothing is not heard."""
    kinds = [kind] if kind in KINDS else list(KINDS)
    end = _moment(before)
    until = min(end or period.end + _AHEAD, sources.now() + _AHEAD)
    found: list[Measured] = []
    if until > period.start:
        for name in kinds:
            rows = await reading.read(sources, name, site, (period.start, until), limit=PAGE + 1)
            found += [pages.measured(name, row) for row in rows]
    found.sort(key=lambda report: report.at, reverse=True)
    shown = found[:PAGE]
    older = f"{shown[-1].at.timestamp():.6f}" if len(found) > PAGE else None
    return Reports(shown, kind if kind in KINDS else None, older, end is not None)


async def everything(sources: Sources, site: str, period: Period, kind: str | None) -> Table:
    """All reports of the period for a file, newest first; raises StoreUnavailable."""
    found: list[Measured] = []
    for name in [kind] if kind in KINDS else KINDS:
        span = (period.start, min(period.end, sources.now()) + _AHEAD)
        found += [pages.measured(name, row) for row in await reading.read(sources, name, site, span, limit=ALL)]
    found.sort(key=lambda report: report.at, reverse=True)
    return Table(_COLUMNS, tuple(_cells(one) for one in found))


def _cells(one: Measured) -> tuple[object, ...]:
    return (
        one.at, one.kind, one.agent, one.download_mbps, one.upload_mbps, one.rtt_ms, one.loss_ratio, one.status,
        one.failure, list(one.doubts), one.conclusive, one.family, one.engine, one.peer,
        None if one.data_bytes is None else one.data_bytes / 1e6, one.id,
    )  # fmt: skip


def _moment(text: str | None) -> datetime | None:
    """Where a page begins, as the page before it said."""
    try:
        return datetime.fromtimestamp(float(text), UTC) if text else None
    except (ValueError, OverflowError, OSError):
        return None
