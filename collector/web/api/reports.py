"""Reports: of one site, newest first, from the series; and each one's exact bytes, from the archive."""

import asyncio
from datetime import datetime, time, timedelta
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from aiohttp import web

from collector.ledger.period import period
from collector.store.points import nanoseconds
from collector.store.store import Row
from collector.web import pages, views
from collector.web.api import cursor, shapes
from collector.web.api.answers import Blob, site_named
from collector.web.api.asked import PLAIN, Paged, Period, SiteId
from collector.web.api.asking import says
from collector.web.api.here import Here

Kind = Literal["throughput", "latency", "ipv6", "dns", "web", "path", "radio"]
_DAY: Final = timedelta(days=1)
_SLACK: Final = 50
"""Rows of one nanosecond, of several agents: the page before may have ended among them."""
_FOREVER: Final = {"Cache-Control": "max-age=31536000, immutable"}
_NUMBERS: Final = ("download_mbps", "upload_mbps", "rtt_ms", "loss_ratio")


class _Key(NamedTuple):
    """What tells a site's reports apart, in their order."""

    time_ns: Annotated[int, msgspec.Meta(ge=0, lt=2**63 - 1)]
    kind: str
    id: str


class Reports(Paged, frozen=True, kw_only=True):
    """Of which site, kind and time."""

    site: SiteId
    kind: Annotated[Kind, says("Loại phép đo; không nêu thì mọi loại", "The kind of probe; all without it")] | None = (
        None
    )
    period: Period | None = None


class OneReport(msgspec.Struct, frozen=True, kw_only=True):
    """One report."""

    report: Annotated[str, says("Mã báo cáo", "The report's id", min_length=1, max_length=100, pattern=PLAIN)]


async def reports(asked: Reports, here: Here) -> object:
    """A page of a site's reports, newest first; of a period, or of all time."""
    _, site = await site_named(asked.site, here.sources)
    after = cursor.read("reports", asked.cursor, _Key)
    start, end = _window(asked, here)
    if after is not None:
        end = min(end, after.time_ns + 1)
    rows: list[tuple[_Key, Row]] = []
    for kind in [asked.kind] if asked.kind else views.KINDS:
        limit = asked.limit + _SLACK
        found = await here.sources.store.samples(kind, site=site.id, start_ns=start, end_ns=end, limit=limit)
        rows += [(_Key(row.time_ns, kind, str(row.fields.get("id", ""))), row) for row in found]
    rows.sort(key=lambda one: one[0], reverse=True)
    left = (one for one in rows if after is None or one[0] < after)
    items, following = cursor.page("reports", left, asked.limit, lambda one: one[0])
    return shapes.Listing([_report(key.kind, row) for key, row in items], following)


def _window(asked: Reports, here: Here) -> tuple[int, int]:
    """From when to before when, in ns; without a period, until a day from now, as clocks may run ahead."""
    if asked.period is None:
        return 0, nanoseconds(here.sources.now() + _DAY)
    first, last = (datetime.combine(day, time(), here.sources.zone) for day in period(asked.period))
    return nanoseconds(first), nanoseconds(last + _DAY)


def _report(kind: str, row: Row) -> shapes.Report:
    found = pages.measured(kind, row)
    return shapes.Report(
        time=found.at,
        kind=kind,
        id=found.id,
        href=f"/api/v1/reports/{found.id}",
        agent=row.tags.get("agent"),
        family=found.family,
        peer=row.tags.get("peer"),
        conclusive=found.conclusive,
        **{name: getattr(found, name) for name in _NUMBERS},
        status=found.status,
        doubts=list(found.doubts),
        failure=found.failure,
    )


async def report(asked: OneReport, here: Here) -> object:
    """The exact bytes of one report."""
    try:
        raw = await asyncio.to_thread(here.sources.originals.read, asked.report)
    except ValueError:
        raw = None  # no report has such an id
    if raw is None:
        raise web.HTTPNotFound(text="There is no such report in the archive.")
    return Blob(raw, "application/json", _FOREVER)
