"""What is said of sites: all questions now, or as it stood in the series at the end of a period."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Any, Final

import msgspec
from aiohttp import web

from collector.chain.rows import moment
from collector.detect.silence import Level, level
from collector.errors import UsageError
from collector.ledger.period import period
from collector.store.points import nanoseconds
from collector.store.store import Values
from collector.verdicts import Present
from collector.web.sources import Sources

_TAGS: Final = ("plan", "indicator", "scope")
_NUMBERS: Final = ("value", "target", "low", "high", "mean", "n", "k")
_COLUMNS: Final = ("verdict", "reasons", *_NUMBERS, *_TAGS)
_DAY: Final = timedelta(days=1)
_USUAL: Final = timedelta(hours=6)
"""How far apart speed runs are taken to be where it is not known yet."""
_OFTEN: Final = timedelta(hours=1)
"""Runs that come closer together, as a new site's first ones, are no schedule that could be missed."""


def silence(present: Present | None, newest: datetime | None, now: datetime) -> Level:
    """How long a site's speed results have been missing; `newest`: when the last one started."""
    every = _USUAL if present is None or not present.every_s else timedelta(seconds=present.every_s)
    return level(newest, max(every, _OFTEN), now)


async def answer(request: web.Request, sources: Sources) -> web.Response:
    """`/api/v1/verdicts?plan=&site=&question=&period=`: every question; of a period, what was said last in it."""
    asked = {name: request.query.get(name) for name in ("plan", "site", "question")}
    if "period" not in request.query:
        present = msgspec.to_builtins([one for each in sources.judged.present().values() for one in each.verdicts])
        return _list(one for one in present if _fits(one, asked))
    try:
        window = period(request.query["period"])
    except UsageError as error:
        body = {"type": "about:blank", "title": "Bad request", "status": 400, "detail": str(error)}
        return web.Response(body=msgspec.json.encode(body), status=400, content_type="application/problem+json")
    start, last = (datetime.combine(day, time(), sources.zone) for day in window)
    known = [asked["site"]] if asked["site"] else list((await asyncio.to_thread(sources.places.snapshot)).sites)
    found = await sources.store.values(
        "verdict", _COLUMNS, sites=known, start_ns=nanoseconds(start), end_ns=nanoseconds(last + _DAY)
    )
    every = bool(asked["site"])
    return _list(one for site, rows in found.items() for one in said(site, rows, every=every) if _fits(one, asked))


def said(site: str, rows: Iterable[Values], *, every: bool) -> list[dict[str, Any]]:
    """What a site's points say; of each question only the last, unless every one is wanted."""
    told = [_object(site, row) for row in rows]
    if every:
        return told
    return list({tuple(one.get(name) for name in _TAGS): one for one in told}.values())


def _object(site: str, row: Values) -> dict[str, Any]:
    time_ns, verdict, reasons, *rest = row
    scope = rest[-1] or ""
    one = {
        "site": site,
        "question": "contract" if scope.startswith("contract-") else "plan",
        "verdict": verdict,
        "reasons": reasons.split(",") if reasons else [],
        "window": {"to": moment(time_ns)},
    }
    return one | {name: value for name, value in zip((*_NUMBERS, *_TAGS), rest, strict=True) if value is not None}


def _fits(one: dict[str, Any], asked: dict[str, str | None]) -> bool:
    return all(value is None or one.get(name) == value for name, value in asked.items())


def _list(items: Iterable[dict[str, Any]]) -> web.Response:
    body = msgspec.json.encode({"items": list(items), "next": None})
    return web.Response(body=body, content_type="application/json")
