"""One site: verdict, charts, facts, the last reports and "test now"; and how its verdict was found."""

from functools import partial
from typing import Final
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from collector.errors import BrokerUnavailable, CollectorError, UsageError
from collector.judge.verdict import Verdict
from collector.registry.site import Site, Snapshot
from collector.web import api, csv_table, explain, rendering, whereabouts
from collector.web.plot import Table
from collector.web.site import listing, reading
from collector.web.site.asking import ASKS, KINDS, Asks, TooMany, Wish
from collector.web.site.fault import held
from collector.web.site.figures import Figure, figures, happened
from collector.web.site.period import DAYS, Period, period_of
from collector.web.site.progress import Progress, asked_of
from collector.web.sources import Sources

_SEE_OTHER: Final = 303
_KEPT: Final = ("days", "period", "kind")


def add_routes(app: web.Application, sources: Sources) -> None:
    """Add the pages of a site, and what its page asks the API while a test is under way."""
    app[ASKS] = Asks()
    app.add_routes(
        [
            web.get("/sites/{site}", _site),
            web.post("/sites/{site}/test", _test),
            web.get("/sites/{site}/explain", _explain),
            web.get("/api/v1/sites/{site}/test/{request}", api.bound(_progress, sources)),
            web.post("/api/v1/sites/{site}/test", api.bound(_ask, sources)),
        ]
    )


async def _site(request: web.Request) -> web.Response:
    sources = request.app[rendering.SOURCES]
    snapshot, site = await api.site_of(request, sources)
    asked = asked_of(request.query.get("asked", ""))
    shown = await request.app[ASKS].look(sources, site.id, asked) if asked is not None and asked.kind in KINDS else None
    return await _page(request, site, snapshot, shown=shown)


async def _page(
    request: web.Request,
    site: Site,
    snapshot: Snapshot,
    *,
    shown: Progress | None = None,
    wrong: CollectorError | None = None,
) -> web.Response:
    sources, words = request.app[rendering.SOURCES], rendering.words_of(request)
    period = period_of(request.query, sources.now(), sources.zone)
    found = await reading.gather(sources, site, snapshot, period)
    marks = happened(found, period, words, sources.now())
    drawn = figures(found, period, words, marks)
    kind = request.query.get("kind")
    if request.query.get("format") == "csv":
        return await _csv(request, site, drawn, period)
    verdict = found.row.verdict
    response = rendering.page(
        request,
        "site.html",
        here="sites",
        row=found.row,
        places=await whereabouts.whereabouts(sources, site),
        called=(await whereabouts.called(sources, [site]))[site.id],
        sentence=_beside(words.say(f"state-{found.row.state}"), getattr(verdict.sentence, words.language))
        if verdict
        else words.say("No throughput test yet."),
        basis=getattr(verdict.basis, words.language) if verdict else None,
        source=_source(sources, verdict),
        incidents=found.open,
        others=found.others,
        held=held(
            verdict, found.others, contract=site.contract_down_mbps, median=found.row.median_mbps, n=found.row.n,
            silent="silent" in (found.row.state, found.row.level),
        ),
        figures=[one for one in drawn if one.table.rows],
        happened=marks,
        trend=found.trend,
        found=found,
        reports=await listing.reports(sources, site.id, period, kind=kind, before=request.query.get("before")),
        period=period,
        periods=DAYS,
        kinds=KINDS,
        link=_Links(request, site.id),
        shown=shown,
        wrong=wrong,
        wish=await _form(request),
        can_ask=sources.ask is not None and api.from_here(request),
        pending=request.app[ASKS].pending(site.id, sources.now()),
    )  # fmt: skip
    if wrong is not None:
        response.set_status(_status(wrong))
    return response


def _beside(badge: str, sentence: str) -> str:
    """The sentence beside a badge, without the word that the badge says already."""
    rest = sentence.removeprefix(f"{badge}: ")
    return rest[:1].upper() + rest[1:]


class _Links:
    """Addresses of this page with something else in them."""

    def __init__(self, request: web.Request, site: str) -> None:
        self._path = f"/sites/{site}"
        self._kept = {name: request.query[name] for name in _KEPT if name in request.query}

    def __call__(self, **changed: str | None) -> str:
        """The page's address with these parameters; None takes one away."""
        asked = {name: value for name, value in {**self._kept, **changed}.items() if value is not None}
        return f"{self._path}?{urlencode(asked)}" if asked else self._path


async def _csv(request: web.Request, site: Site, drawn: list[Figure], period: Period) -> web.Response:
    sources, words = request.app[rendering.SOURCES], rendering.words_of(request)
    name = request.query.get("table", "reports")
    if name == "reports":
        table: Table | None = await listing.everything(sources, site.id, period, request.query.get("kind"))
    else:
        table = next((one.table for one in drawn if one.id == name), None)
    if table is None:
        raise web.HTTPNotFound(text="There is no such table.")
    columns = [(column.code, column.heading) for column in table.columns]
    return csv_table.answer(f"{site.id}-{name}", columns, table.rows, words=words, demonstration=sources.demonstration)


async def _form(request: web.Request) -> dict[str, str]:
    if request.method != "POST":
        return {}
    return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}


async def _test(request: web.Request) -> web.Response:
    """The form: ask, and come back to the page that shows how far it is."""
    sources = request.app[rendering.SOURCES]
    snapshot, site = await api.site_of(request, sources)
    if not api.from_here(request):
        return await _page(request, site, snapshot, wrong=UsageError(api.NOT_HERE))
    form = {name: value for name, value in (await _form(request)).items() if value}
    try:
        wish = msgspec.convert(
            {"who": ""} | {name: form[name] for name in ("who", "kind", "agent") if name in form}, Wish
        )
        asked = await request.app[ASKS].ask(sources, site, snapshot, wish)
    except (UsageError, TooMany, BrokerUnavailable) as error:
        return await _page(request, site, snapshot, wrong=error)
    return web.Response(status=_SEE_OTHER, headers={"Location": f"/sites/{site.id}?asked={asked.name}#test"})


async def _ask(request: web.Request, sources: Sources) -> web.Response:
    """`POST /api/v1/sites/{site}/test`: the same for programs."""
    snapshot, site = await api.site_of(request, sources)
    if not api.from_here(request):
        return api.problem(403, "Not allowed", api.NOT_HERE)
    try:
        wish = msgspec.json.decode(await request.read(), type=Wish)
        asked = await request.app[ASKS].ask(sources, site, snapshot, wish)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return api.problem(400, "Bad request", f'{error}; send {{"who": "your name", "kind": "throughput"}}')
    except (UsageError, TooMany, BrokerUnavailable) as error:
        return api.problem(_status(error), "Not asked", str(error))
    body = msgspec.json.encode(_told(Progress(asked, "waiting")))
    where = f"/api/v1/sites/{site.id}/test/{asked.name}"
    return web.Response(status=202, body=body, content_type="application/json", headers={"Location": where})


async def _progress(request: web.Request, sources: Sources) -> web.Response:
    """`GET /api/v1/sites/{site}/test/{request}`: how far it is."""
    _, site = await api.site_of(request, sources)
    asked = asked_of(request.match_info["request"])
    if asked is None or asked.kind not in KINDS:
        raise web.HTTPNotFound(text="There is no such request.")
    found = await request.app[ASKS].look(sources, site.id, asked)
    return web.Response(body=msgspec.json.encode(_told(found)), content_type="application/json")


def _told(found: Progress) -> dict[str, object]:
    asked = found.asked
    told = {
        "request": asked.name,
        "kind": asked.kind,
        "asked": asked.at,
        "expires": asked.expires,
        "state": found.stage,
    }
    return told | ({"report": found.report.id} if found.report is not None else {})


def _status(error: CollectorError) -> int:
    if isinstance(error, TooMany):
        return 429
    if isinstance(error, BrokerUnavailable):
        return 503
    return 403 if str(error) == api.NOT_HERE else 400


async def _explain(request: web.Request) -> web.Response:
    sources = request.app[rendering.SOURCES]
    snapshot, site = await api.site_of(request, sources)
    found = await explain.explained(sources, site, snapshot, plan=request.query.get("plan"))
    if found is None:
        raise web.HTTPNotFound(text="This site is not registered yet.")
    filed = [(str(fact.site["province"]), str(fact.site["commune"])) for fact in found.facts]
    names = await whereabouts.called_by_code(sources, filed)
    words = rendering.words_of(request)
    clock = partial(words.time, style="dd/MM/yyyy HH:mm:ss")
    return rendering.page(
        request, "explain.html", here="sites", found=found, clock=clock, most=explain.STEPS, names=names
    )


def _source(sources: Sources, verdict: Verdict | None) -> str | None:
    """The place in the plan that a verdict rests on."""
    plan = sources.plans.get(verdict.plan or "") if verdict else None
    if verdict is None or plan is None:
        return None
    return next((target.section for target in plan.targets if target.id == verdict.target_id), None)
