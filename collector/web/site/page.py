"""One site: verdict, charts, facts and the last reports; and how its verdict was found."""

from datetime import timedelta
from typing import Final

from aiohttp import web

from collector.judge.verdict import Verdict
from collector.registry.site import Site
from collector.web import api, explain, rendering, views, whereabouts
from collector.web.chart import Chart, Line, Mark, draw
from collector.web.pages import Measured
from collector.web.sources import Sources
from collector.web.trend import Span, Trend, bands, targets
from collector.web.words import Words

PERIODS: Final = (1, 7, 30, 90, 365)
BEFORE_FIRST: Final = 0.04
"""Share of a new site's chart that is left free before its first test."""


def add_routes(app: web.Application, _: Sources) -> None:
    """Add the pages of a site."""
    app.add_routes(
        [
            web.get("/sites/{site}", _site),
            web.get("/sites/{site}/explain", _explain),
        ]
    )


async def _site(request: web.Request) -> web.Response:
    sources = request.app[rendering.SOURCES]
    snapshot, site = await api.site_of(request, sources)
    asked = request.query.get("days", "30")
    days = next((days for days in PERIODS if str(days) == asked), 30)
    found = await views.site_page(sources, site, snapshot, days=days)
    words = rendering.words_of(request)
    verdict = found.row.verdict
    return rendering.page(
        request,
        "site.html",
        here="sites",
        row=found.row,
        places=await whereabouts.whereabouts(sources, site),
        sentence=getattr(verdict.sentence, words.language) if verdict else words.say("No throughput test yet."),
        basis=getattr(verdict.basis, words.language) if verdict else None,
        source=_source(sources, verdict),
        incidents=found.incidents,
        others=_others(sources, site),
        charts=_trends(sources, words, found.trend, days) if found.trend else _charts(sources, words, found, days),
        trend=found.trend,
        reports=found.reports,
        period_days=days,
        periods=PERIODS,
    )


def _others(sources: Sources, site: Site) -> list[Verdict]:
    """What is said of a site besides its plan's download speed."""
    present = sources.judged.present().get(site.id)
    return list(present.verdicts[1:]) if present else []


async def _explain(request: web.Request) -> web.Response:
    sources = request.app[rendering.SOURCES]
    snapshot, site = await api.site_of(request, sources)
    found = await explain.explained(sources, site, snapshot, plan=request.query.get("plan"))
    if found is None:
        raise web.HTTPNotFound(text="This site is not registered yet.")
    return rendering.page(request, "explain.html", here="sites", found=found, clock=explain.clock, most=explain.STEPS)


def _charts(sources: Sources, words: Words, found: views.SitePage, days: int) -> list[tuple[str, str, Chart]]:
    end = sources.now()
    start = end - timedelta(days=days)
    if found.throughput:  # a new site's first minutes should fill its chart
        oldest = min(report.at for report in found.throughput)
        start = max(start, oldest - max((end - oldest) * BEFORE_FIRST, timedelta(seconds=15)))
    offset = words.offset(end)
    target = [Line(None, found.row.target_mbps)] if found.row.target_mbps else []

    def marks(direction: str) -> list[Mark]:
        return [_mark(words, report, getattr(report, f"{direction}_mbps")) for report in found.throughput]

    return [
        (
            "download",
            words.say("Download, Mbit/s"),
            draw(marks("download"), start=start, end=end, target=target, zone_offset=offset),
        ),
        (
            "upload",
            words.say("Upload, Mbit/s"),
            draw(marks("upload"), start=start, end=end, target=[], zone_offset=offset),
        ),
    ]


def _trends(sources: Sources, words: Words, found: Trend, days: int) -> list[tuple[str, str, Chart]]:
    end = sources.now()
    start, offset = end - timedelta(days=days), words.offset(end)
    ways = (("download", "Download, Mbit/s", found.download), ("upload", "Upload, Mbit/s", found.upload))
    return [
        (
            name,
            words.say(title),
            draw(
                [_day(words, span) for span in spans],
                start=start, end=end, target=targets(spans), zone_offset=offset, bands=bands(spans),
            ),
        )
        for name, title, spans in ways
    ]  # fmt: skip


def _day(words: Words, span: Span) -> Mark:
    among = f"{words.number(span.p5)}…{words.number(span.p95)}"
    label = f"{words.time(span.start, 'dd/MM/yyyy')} · {words.number(span.median)} Mbit/s ({among}) · n = {span.n}"
    return Mark(span.start + (span.end - span.start) / 2, span.median, "median", label)


def _mark(words: Words, report: Measured, value: float | None) -> Mark:
    said = report.failure if value is None else f"{words.number(value)} Mbit/s"
    doubts = f" · {words.say('doubt:')} {words.listing(report.doubts)}" if report.doubts else ""
    label = f"{words.time(report.at)} · {said}{doubts}"
    return Mark(report.at, value, report.look(value), label, f"/api/v1/reports/{report.id}")


def _source(sources: Sources, verdict: Verdict | None) -> str | None:
    """The place in the plan that a verdict rests on."""
    plan = sources.plans.get(verdict.plan or "") if verdict else None
    if verdict is None or plan is None:
        return None
    return next((target.section for target in plan.targets if target.id == verdict.target_id), None)
