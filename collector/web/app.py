"""The web application: pages, their fragments, security headers. The JSON surface is in `api`, events in `live`."""

import asyncio
from datetime import UTC, datetime, time, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import jinja2
import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from collector.errors import CollectorError, RegistryUnavailable, UsageError
from collector.judge.verdict import Verdict
from collector.ledger.period import period
from collector.registry.site import Site
from collector.rollups.recent import COMPARED, WINDOW
from collector.web import (
    api,
    explain,
    fleet,
    incident_pages,
    incidents,
    live,
    pages,
    pipe,
    quarantine,
    scoreboard,
    views,
    whereabouts,
)
from collector.web.chart import Chart, Line, Mark, draw
from collector.web.pages import Filters, Measured
from collector.web.sources import Sources
from collector.web.trend import Span, Trend, bands, targets
from collector.web.words import LANGUAGES, Words, choose

SOURCES: Final = web.AppKey("sources", Sources)
TEMPLATES: Final = web.AppKey("templates", jinja2.Environment)
COMPRESSED_BYTES: Final = 16_384
"""Pages and lists from this size on are compressed: those of two thousand devices are a twentieth then."""
STATIC: Final = Path(str(files("collector.web") / "static"))
PERIODS: Final = (1, 7, 30, 90, 365)
WORST: Final = 200
"""Sites that a list shows unless asked for all: more take longer to lay out than to find."""
CELLS: Final = 6000
FEWEST: Final = 20
"""Of completeness so many sites that their days are no more than `CELLS`, but some at least."""
STRIP: Final = {"full": 20, "most": 16, "part": 10, "none": 4, "open": 20}
"""How high a day stands in a strip of completeness: shown by form, not by colour alone."""
BEFORE_FIRST: Final = 0.04
"""Share of a new site's chart that is left free before its first test."""
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def make_app(sources: Sources) -> web.Application:
    """Put pages, API and live events together; health and metrics are added by the service."""
    app = web.Application(middlewares=[_with_headers, _with_errors])
    app[SOURCES] = sources
    app[scoreboard.BOARDS] = {}
    app[TEMPLATES] = jinja2.Environment(
        loader=jinja2.PackageLoader("collector.web", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    app.add_routes(
        [
            web.get("/", _overview),
            web.get("/sites/{site}", _site),
            web.get("/sites/{site}/row", _row),
            web.get("/sites/{site}/explain", _explain),
            web.get("/incidents", _incidents),
            web.post("/incidents/maintenance", api.bound(incident_pages.plan, sources)),
            web.post(r"/incidents/maintenance/{number:\d{1,9}}/end", api.bound(incident_pages.end, sources)),
            web.get("/incidents/{incident}", _incident),
            web.post("/incidents/{incident}", api.bound(incident_pages.act, sources)),
            web.get("/fleet", _fleet),
            web.get("/quarantine", _quarantine),
            web.post("/quarantine", api.bound(quarantine.judge_again, sources)),
            web.get("/completeness", _completeness),
            web.get("/plans", _plans),
            web.get("/plans/{plan}", _scoreboard),
            web.get("/pipe", _pipe),
            web.get("/api/v1/pipe", _pipe_figures),
            web.get("/favicon.ico", _icon),  # asked for where a page cannot name its own, beside raw reports
            web.static("/static", STATIC),
        ]
    )
    api.add_routes(app, sources)
    app.add_routes([web.get("/api/v1/plans/{plan}/scoreboard", api.bound(scoreboard.answer, sources))])
    incidents.add_routes(app, sources)
    quarantine.add_routes(app, sources)
    live.add_routes(app, sources)
    return app


@web.middleware
async def _with_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    response = await handler(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if not request.path.startswith("/static/") and not response.prepared:
        response.headers.setdefault("Cache-Control", "no-store")
    if isinstance(response, web.Response) and (response.content_length or 0) >= COMPRESSED_BYTES:
        response.enable_compression()
    return response


@web.middleware
async def _with_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what went wrong into a page or a problem document that says what to do."""
    try:
        return await handler(request)
    except web.HTTPNotFound as error:
        return _problem(request, 404, "Not found", error.text or "There is no page here.")
    except RegistryUnavailable:
        why = "The database of sites and incidents cannot be reached right now. This page tries again by itself."
        return _problem(request, 503, "Not available", why)
    except CollectorError:
        why = "The time series cannot be reached right now. This page tries again by itself."
        return _problem(request, 503, "Not available", why)


def _problem(request: web.Request, status: int, title: str, detail: str) -> web.Response:
    if request.path.startswith("/api/"):
        return api.problem(status, title, detail)
    words = _words(request)
    said = detail if detail != "404: Not Found" else "There is no page here."
    response = _page(request, "error.html", here="", title=words.say(title), detail=words.say(said))
    response.set_status(status)
    if status == web.HTTPServiceUnavailable.status_code:
        response.headers["Refresh"] = "5"
    return response


async def _icon(_: web.Request) -> web.FileResponse:
    return web.FileResponse(STATIC / "icon.svg")


async def _overview(request: web.Request) -> web.Response:
    sources = request.app[SOURCES]
    found = await views.overview(sources)
    query = request.query
    state = next((state for state in pages.ORDER if state == query.get("state")), None)
    filters = Filters(query.get("q", "")[:100], state, query.get("province", ""), query.get("kind", ""))
    named = await whereabouts.names(sources, (row.site for row in found.rows)) if filters.text else {}
    rows = pages.listed(found.rows, filters, names=named)
    called = await whereabouts.called(sources, (row.site for row in found.rows))
    return _page(
        request,
        "overview.html",
        here="sites",
        rows=rows if "all" in query else rows[:WORST],
        listed=len(rows),
        everything=f"?{urlencode({**query, 'all': '1'})}",
        total=len(found.rows),
        counts=pages.counts(found.rows),
        filters=filters,
        called=called,
        provinces=dict(sorted((row.site.province, called[row.site.id][1]) for row in found.rows)),
        waiting=found.waiting,
        behind=found.behind,
        open_incidents=len(found.incidents),
    )


async def _site(request: web.Request) -> web.Response:
    sources = request.app[SOURCES]
    snapshot, site = await api.site_of(request, sources)
    asked = request.query.get("days", "30")
    days = next((days for days in PERIODS if str(days) == asked), 30)
    found = await views.site_page(sources, site, snapshot, days=days)
    words = _words(request)
    verdict = found.row.verdict
    return _page(
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
    sources = request.app[SOURCES]
    snapshot, site = await api.site_of(request, sources)
    found = await explain.explained(sources, site, snapshot, plan=request.query.get("plan"))
    if found is None:
        raise web.HTTPNotFound(text="This site is not registered yet.")
    return _page(request, "explain.html", here="sites", found=found, clock=explain.clock, most=explain.STEPS)


async def _row(request: web.Request) -> web.Response:
    sources = request.app[SOURCES]
    snapshot, site = await api.site_of(request, sources)
    row, called = await views.one_row(sources, site, snapshot), await whereabouts.called(sources, [site])
    return _page(request, "row.html", here="sites", row=row, called=called)


async def _incidents(request: web.Request) -> web.Response:
    found = await incident_pages.listed(request.app[SOURCES], incident_pages.wish_of(request.query))
    choices = {"states": incident_pages.STATES, "causes": incident_pages.CAUSES, "extents": incident_pages.EXTENTS}
    return _page(request, "incidents.html", here="incidents", found=found, names=found.names, **choices)


async def _incident(request: web.Request) -> web.Response:
    found = await incident_pages.shown(request.app[SOURCES], request.match_info["incident"])
    return _page(request, "incident.html", here="incidents", found=found)


async def _quarantine(request: web.Request) -> web.Response:
    wish = quarantine.wish_of(request.query)
    found = await quarantine.view(request.app[SOURCES], wish)
    return _page(
        request, "quarantine.html", here="quarantine", found=found, wish=wish, asked=request.query.get("asked")
    )


async def _fleet(request: web.Request) -> web.Response:
    found = await views.fleet_page(request.app[SOURCES])
    most = max((max(one.bars) for one in found.early_stop), default=1)
    days = {"days": WINDOW.days, "compared_days": COMPARED.days}
    return _page(request, "fleet.html", here="fleet", fleet=found, edges=fleet.EDGES, most=most, **days)


async def _completeness(request: web.Request) -> web.Response:
    asked, sources = request.query.get("days", "30"), request.app[SOURCES]
    chosen = next((days for days in PERIODS if str(days) == asked), 30)
    problem = None
    last = sources.now().date()
    window = (last - timedelta(days=chosen - 1), last)
    if "period" in request.query:
        try:
            window, chosen = period(request.query["period"]), 0
        except UsageError as error:
            problem = str(error)
    words = _words(request)
    midnight = datetime.combine(last, time(), UTC)
    most = max(FEWEST, min(WORST, CELLS // ((window[1] - window[0]).days + 1)))
    if "all" in request.query:
        found = await views.completeness_page(sources, window)
    else:
        found = await views.least_complete(sources, window, most=most)
    return _page(
        request,
        "completeness.html",
        here="completeness",
        found=found,
        everything=f"?{urlencode({**request.query, 'all': '1'})}",
        begins=words.time(midnight, "HH:mm"),
        periods=PERIODS,
        chosen=chosen,
        problem=problem,
        heights=STRIP,
    )


async def _plans(request: web.Request) -> web.Response:
    sources = request.app[SOURCES]
    counts = scoreboard.sites_by_plan(await asyncio.to_thread(sources.places.snapshot))
    return _page(request, "plans.html", here="plans", plans=sources.plans.values(), counts=counts)


async def _scoreboard(request: web.Request) -> web.Response:
    sources, words = request.app[SOURCES], _words(request)
    asked = scoreboard.asked_for(request, sources)
    board = await scoreboard.board_of(asked, sources, request.app[scoreboard.BOARDS])
    if request.query.get("format") == "csv" and asked.problem is None:  # no table of another period than was asked for
        return await scoreboard.table(board, asked, words.language)
    shown = scoreboard.lines(board, words.language)
    months = scoreboard.last_months(sources)
    return _page(
        request, "scoreboard.html", here="plans", board=board, plan=asked.plan, lines=shown, asked=asked, months=months
    )


async def _pipe(request: web.Request) -> web.Response:
    sources = request.app[SOURCES]
    found = pipe.view(sources.board.sightings(), sources.now())
    return _page(request, "pipe.html", here="pipe", pipe=found, box=(pipe.SPARK_WIDTH, pipe.SPARK_HEIGHT))


async def _pipe_figures(request: web.Request) -> web.Response:
    sources = request.app[SOURCES]
    found = pipe.item(pipe.view(sources.board.sightings(), sources.now()))
    return web.Response(body=msgspec.json.encode(found), content_type="application/json")


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


def _page(request: web.Request, template: str, *, here: str, **values: Any) -> web.Response:  # noqa: ANN401 - a template's values
    sources = request.app[SOURCES]
    words = _words(request)
    now: datetime = sources.now()
    links = {code: f"{request.path}?{urlencode({**request.query, 'lang': code})}" for code in LANGUAGES}
    values.setdefault("open_incidents", 0)
    html = (
        request.app[TEMPLATES]
        .get_template(template)
        .render(
            {
                "_": words.say,
                "words": words,
                "now": now,
                "here": here,
                "language_links": links,
                "version": sources.version,
            }
            | values
        )
    )
    response = web.Response(text=html, content_type="text/html")
    if request.query.get("lang") in LANGUAGES:
        response.set_cookie("lang", words.language, max_age=365 * 86400, samesite="Lax", httponly=True)
    return response


def _words(request: web.Request) -> Words:
    language = choose(
        request.query.get("lang"), request.cookies.get("lang"), request.headers.get("Accept-Language", "")
    )
    return Words(language, request.app[SOURCES].zone)
