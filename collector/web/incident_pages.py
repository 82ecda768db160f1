"""Incidents on pages: the list, one with its history, and what people do there. All of it works without scripts."""

import asyncio
import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

import msgspec
from aiohttp import web

from collector.errors import UsageError
from collector.web import api, csv_table, incidents, rendering
from collector.web.cases import deciding, evidence, listing, reading
from collector.web.cases.deciding import Filled, Wrong
from collector.web.cases.listing import Case, Filters
from collector.web.cases.naming import Names
from collector.web.site.period import DAYS, period_of
from collector.web.sources import Sources
from collector.web.words import Words

SHOWN: Final = 200
OVER: Final = 20
"""So many that are over are shown below those that go on: the page is about what is wrong."""
_SEE_OTHER: Final = 303
_WRONG: Final = 400
_CSV: Final = (
    ("incident", ""), ("state", ""), ("severity", ""), ("cause", ""), ("where", ""),
    ("site", ""), ("commune", ""), ("province", ""), ("provider", ""), ("sites", ""),
    ("since", ""), ("opened", ""), ("resolved", ""), ("silenced_until", ""),
    ("by", ""), ("summary", ""), ("first_action", ""), ("part_of", ""),
)  # fmt: skip
_STEPS: Final = (("time", ""), ("what", ""), ("who", ""), ("note", ""))


def add_routes(app: web.Application, sources: Sources) -> None:
    """Add the pages of incidents."""
    app.add_routes(
        [
            web.get("/incidents", _incidents),
            web.post("/incidents/maintenance", api.bound(plan, sources)),
            web.post(r"/incidents/maintenance/{number:\d{1,9}}/end", api.bound(end, sources)),
            web.get("/incidents/{incident}", _incident),
            web.post("/incidents/{incident}", api.bound(act, sources)),
        ]
    )


async def act(request: web.Request, sources: Sources) -> web.Response:
    """The form of an incident: record a decision, and come back to where it was sent from."""
    _from_here(request)
    incident, form = request.match_info["incident"], deciding.filled(await request.post())
    await incidents.found(sources, incident)
    try:
        decision = deciding.decision_of(form, sources.now(), sources.zone)
        await incidents.decide(sources, incident, decision)
    except Wrong as wrong:
        return await _again(request, incident, form, wrong)
    except UsageError as error:
        return await _again(request, incident, form, Wrong({"action": str(error)}))
    if "back" in form.values:
        return _back(f"/incidents?{_query(form['back'])}#case-{quote(incident, safe='')}")
    return _back(f"/incidents/{quote(incident, safe='')}")


async def plan(request: web.Request, sources: Sources) -> web.Response:
    """The page's form: plan maintenance."""
    _from_here(request)
    form = deciding.filled(await request.post())
    try:
        window = deciding.window_of(form, sources.now(), sources.zone)
        if window.extent == "site":
            await _known(sources, window.name)
        await asyncio.to_thread(sources.calendar.add, window, at=sources.now())
    except Wrong as wrong:
        return await _list(request, {}, _Form("plan", form, wrong))
    except UsageError as error:
        return await _list(request, {}, _Form("plan", form, Wrong({"ends": str(error)})))
    return _back("/incidents#maintenance")


async def end(request: web.Request, sources: Sources) -> web.Response:
    """The page's form: end maintenance."""
    _from_here(request)
    form, number = deciding.filled(await request.post()), request.match_info["number"]
    try:
        who = deciding.who_of(form)
        await asyncio.to_thread(sources.calendar.end, int(number), who=who, at=sources.now())
    except Wrong as wrong:
        return await _list(request, {}, _Form(f"end-{number}", form, wrong))
    except UsageError as error:
        return await _list(request, {}, _Form(f"end-{number}", form, Wrong({"who": str(error)})))
    return _back("/incidents#maintenance")


class _Form(msgspec.Struct, frozen=True):
    """A form that came back: which one, as it was filled in, and what is wrong with it."""

    name: str
    filled: Filled
    wrong: Wrong

    def fault(self, words: Words, field: str) -> str | None:
        """What stands beside a field."""
        said = self.wrong.faults.get(field)  # type: ignore[call-overload]  # any name may be asked for
        return None if said is None else words.say(said).replace("{near}", self.wrong.near)


_FRESH: Final = _Form("", Filled(), Wrong({}))


def _from_here(request: web.Request) -> None:
    if not api.from_here(request):
        raise web.HTTPForbidden(text="Changes are accepted from this machine and its own page only.")


def _back(where: str) -> web.Response:
    return web.Response(status=_SEE_OTHER, headers={"Location": where})


def _query(text: str) -> str:
    """A query as a form carried it, written anew."""
    return urlencode([(name, value) for name, value in parse_qsl(text[:2000]) if name != "format"])


async def _known(sources: Sources, site: str) -> None:
    """Nothing, if there is that site; raises Wrong."""
    snapshot = await asyncio.to_thread(sources.places.snapshot)
    if site in snapshot.sites:
        return
    near = difflib.get_close_matches(site, list(snapshot.sites), n=1, cutoff=0.5)
    said = "There is no such site; did you mean {near}?" if near else "There is no such site: write its id."
    raise Wrong({"name": said}, near[0] if near else "")


async def _again(request: web.Request, incident: str, form: Filled, wrong: Wrong) -> web.Response:
    """The page that a form was sent from, with what is wrong beside its fields."""
    made = _Form(incident, form, wrong)
    if "back" in form.values:
        return await _list(request, dict(parse_qsl(form["back"][:2000])), made)
    return await _story(request, made)


async def _incidents(request: web.Request) -> web.Response:
    return await _list(request, request.query, _FRESH)


async def _list(request: web.Request, query: Mapping[str, str], form: _Form) -> web.Response:
    sources, words = request.app[rendering.SOURCES], rendering.words_of(request)
    period = period_of(query, sources.now(), sources.zone)
    found, names = await reading.cases(sources, period)
    filters = listing.as_called(listing.filters_of(query), found)
    if query.get("format") == "csv" and period.wrong is None:
        rows = (_cells(case, words) for case in _flat(listing.chosen(found, filters)))
        return csv_table.answer("incidents", _CSV, rows, words=words, demonstration=sources.demonstration)
    links = _Links(query)
    response = rendering.page(
        request, "incidents.html", here="incidents", period=period, periods=DAYS, filters=filters, form=form,
        found=_listed(found, filters, everything="all" in query),
        choices=listing.choices(found, filters), chips=list(_chips(filters, names, words)), names=names, link=links,
        states=("active", *listing.STATES), causes=listing.CAUSES, severities=listing.SEVERITIES,
        extents=deciding.EXTENTS, silences=deciding.SILENCES, work=await reading.work(sources),
        may=api.from_here(request), back=_query(urlencode(dict(query))),
    )  # fmt: skip
    if form.wrong.faults:
        response.set_status(_WRONG)
    return response


async def _incident(request: web.Request) -> web.Response:
    return await _story(request, _FRESH)


async def _story(request: web.Request, form: _Form) -> web.Response:
    sources, words = request.app[rendering.SOURCES], rendering.words_of(request)
    found = await reading.story(sources, request.match_info["incident"], words)
    one = found.case.incident
    if request.query.get("format") == "csv":
        return _file(request.query.get("table", ""), found, words, demonstration=sources.demonstration)
    response = rendering.page(
        request, "incident.html", here="incidents", found=found, case=found.case, incident=one, form=form,
        facts=evidence.facts(one, words), samples=evidence.samples(one), silences=deciding.SILENCES,
        first_action=one.first_action, may=api.from_here(request),
    )  # fmt: skip
    if form.wrong.faults:
        response.set_status(_WRONG)
    return response


def _file(table: str, found: reading.Story, words: Words, *, demonstration: bool) -> web.Response:
    """A table of one incident: its tests, the samples that it was opened for, its sites, or its history."""
    name, chart = f"incident-{found.case.incident.id}"[:80], found.figure
    columns: Sequence[tuple[str, str]] = _STEPS
    rows: Sequence[Sequence[object]] = [
        (step.at, words.say(f"step-{step.what}" if step.what else f"incident-{step.state}"), step.who, step.note)
        for step in found.history
    ]
    if table in ("tests", "samples"):
        shown = chart.table if table == "tests" and chart else evidence.samples(found.case.incident)
        columns, rows = [(column.code, column.heading) for column in shown.columns], shown.rows
    elif table == "sites":
        columns = (("site", ""), ("name", ""), ("place", ""))
        sites = found.case.incident.children
        rows = [(site, found.names.site(site), found.names.place(site)) for site in sites]
    return csv_table.answer(name, columns, rows, words=words, demonstration=demonstration)


def _listed(found: Sequence[Case], filters: Filters, *, everything: bool) -> listing.Listed:
    if everything:
        return listing.listed(found, filters, len(found), len(found))
    return listing.listed(found, filters, SHOWN, SHOWN if filters.state == "resolved" else OVER)


class _Links:
    """Addresses of the list with something else in them."""

    def __init__(self, query: Mapping[str, str]) -> None:
        self._kept = {name: value for name, value in query.items() if name not in ("lang", "theme", "format")}

    def __call__(self, **changed: str | None) -> str:
        """The list's address with these parameters; None and nothing take one away."""
        asked = {name: value for name, value in {**self._kept, **changed}.items() if value}
        return f"/incidents?{urlencode(asked)}" if asked else "/incidents"


def _chips(filters: Filters, names: Names, words: Words) -> Iterator[tuple[str, str]]:
    """What is filtered now: the part of the address that says so, and how it reads."""
    for name, value in filters.chosen.items():
        said = {"q": f"“{value}”", "site": names.site(value), "state": words.say(f"incident-{value}")}
        coded = words.say(f"{name}-{value}") if name in ("cause", "severity") else value
        yield name, said.get(name, coded)


def _flat(found: Sequence[Case]) -> Iterator[Case]:
    for case in found:
        yield case
        yield from case.folded


def _cells(case: Case, words: Words) -> Sequence[object]:
    one, where = case.incident, case.where
    first = getattr(one.first_action, words.language, None)
    return (
        one.id, words.say(f"incident-{one.state}"), words.say(f"severity-{one.severity}"),
        words.say(f"cause-{one.cause}"), where.name, one.site, where.commune, where.province, where.provider,
        case.sites, one.since, one.opened, one.resolved, one.silenced_until, case.by,
        getattr(case.summary, words.language), first, one.parent,
    )  # fmt: skip
