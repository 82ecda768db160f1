"""What is said of sites: every question now, or as it stood in the series at the end of a period."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from datetime import datetime, time, timedelta
from itertools import islice
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec

from collector.judge.verdict import INDICATOR, Verdict
from collector.ledger.period import period
from collector.store.points import nanoseconds
from collector.web import judged
from collector.web.api import cursor, shapes
from collector.web.api.asked import Paged, Period, PlanId, SiteId
from collector.web.api.asking import says
from collector.web.api.here import Here

_DAY: Final = timedelta(days=1)
_SITES: Final = 100
"""So many are read at once of a period: a page of a few needs no more."""


class Verdicts(Paged, frozen=True, kw_only=True):
    """Which verdicts are wanted."""

    plan: PlanId | None = None
    site: SiteId | None = None
    question: (
        Annotated[
            Literal["plan", "contract"],
            says("So với kế hoạch hay với hợp đồng", "Held against the plan, or against the contract"),
        ]
        | None
    ) = None
    period: Period | None = None


class _Key(NamedTuple):
    """What tells verdicts apart, in their order: a site's main one is its first. `at` is of those in the series."""

    site: str
    is_contract: bool
    is_other: bool
    plan: str
    indicator: str
    scope: str
    at: str = ""


async def verdicts(asked: Verdicts, here: Here) -> object:
    """A page of verdicts, by their sites; of a period, what was said last in it (of one site, all that was said)."""
    after = cursor.read("verdicts", asked.cursor, _Key)
    if asked.period is not None:
        return await _past(asked, asked.period, after, here)
    present = here.sources.judged.present()
    names = sorted(present) if asked.site is None else [asked.site] * (asked.site in present)
    keyed = (
        (_key(said), said)
        for name in names
        if after is None or name >= after.site
        for said in sorted(present[name].verdicts, key=_key)
        if _fits(asked, said)
    )
    left = ((key, one) for key, one in keyed if after is None or key > after)
    items, following = cursor.page("verdicts", left, asked.limit, lambda one: one[0])
    return shapes.Listing([one for _, one in items], following)


def _key(said: Verdict) -> _Key:
    other = said.indicator != INDICATOR
    return _Key(said.site, said.question != "plan", other, said.plan or "", said.indicator, said.scope)


def _fits(asked: Verdicts, said: Verdict) -> bool:
    return asked.plan in (None, said.plan) and asked.question in (None, said.question)


async def _past(asked: Verdicts, when: str, after: _Key | None, here: Here) -> object:
    found = _said_in(asked, when, after, here)
    items: list[tuple[_Key, dict[str, Any]]] = []
    async for one in found:
        items.append(one)
        if len(items) > asked.limit:
            break
    await found.aclose()
    shown, following = cursor.page("verdicts", items, asked.limit, lambda one: one[0])
    return shapes.Listing([one for _, one in shown], following)


async def _said_in(
    asked: Verdicts, when: str, after: _Key | None, here: Here
) -> AsyncGenerator[tuple[_Key, dict[str, Any]], None]:
    """What the series says of a period, site after site, from where a cursor stands."""
    first, last = (datetime.combine(day, time(), here.sources.zone) for day in period(when))
    window = nanoseconds(first), nanoseconds(last + _DAY)
    async for site, rows in _rows(asked, window, after, here):
        keyed = ((_past_key(one), one) for one in judged.said(site, rows, every=asked.site is not None))
        for key, one in sorted(keyed, key=lambda one: one[0]):
            fits = asked.plan in (None, one.get("plan")) and asked.question in (None, one["question"])
            if fits and (after is None or key > after):
                yield key, one


async def _rows(
    asked: Verdicts, window: tuple[int, int], after: _Key | None, here: Here
) -> AsyncGenerator[tuple[str, Any], None]:
    known = sorted((await asyncio.to_thread(here.sources.places.snapshot)).sites)
    names = iter([asked.site] if asked.site is not None else known)
    left: Iterator[str] = (name for name in names if after is None or name >= after.site)
    while some := list(islice(left, _SITES)):
        found = await here.sources.store.values(
            "verdict", judged.COLUMNS, sites=some, start_ns=window[0], end_ns=window[1]
        )
        for site in sorted(found):
            yield site, found[site]


def _past_key(one: dict[str, Any]) -> _Key:
    indicator = one.get("indicator", "")
    asked = one["question"] != "plan", indicator != INDICATOR
    return _Key(
        one["site"],
        *asked,
        one.get("plan", ""),
        indicator,
        one.get("scope", ""),
        msgspec.json.encode(one["window"]["to"]).decode(),
    )
