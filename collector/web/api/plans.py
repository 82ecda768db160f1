"""Plans, and what became of them: the scoreboard of a period."""

from typing import Annotated, Literal

import msgspec
from aiohttp import web

from collector.ledger.period import period
from collector.web import scoreboard
from collector.web.api import cursor, shapes
from collector.web.api.answers import Blob
from collector.web.api.asked import Paged, Period, PlanId
from collector.web.api.asking import says
from collector.web.api.here import Here
from collector.web.words import Language, Words


class OnePlan(msgspec.Struct, frozen=True, kw_only=True):
    """One of them."""

    plan: PlanId


class Scored(OnePlan, frozen=True, kw_only=True):
    """One of them, over which days, and how it is written."""

    period: Period | None = None
    format: Annotated[Literal["json", "csv"], says("Dạng câu trả lời", "How it is written")] = "json"
    lang: Annotated[Language, says("Ngôn ngữ của bảng CSV", "The language of the CSV table")] = "vi"


async def plans(asked: Paged, here: Here) -> object:
    """A page of plans, by their ids."""
    after = cursor.read("plans", asked.cursor, str)
    known = (here.sources.plans[name] for name in sorted(here.sources.plans) if after is None or name > after)
    return shapes.Listing(*cursor.page("plans", known, asked.limit, lambda each: each.id))


async def plan(asked: OnePlan, here: Here) -> object:
    """One plan."""
    found = here.sources.plans.get(asked.plan)
    if found is None:
        raise web.HTTPNotFound(text="There is no such plan.")
    return found


async def board(asked: Scored, here: Here) -> object:
    """The scoreboard; without a period, of the last month that is over."""
    sources = here.sources
    found = sources.plans.get(asked.plan)
    if found is None:
        raise web.HTTPNotFound(text="There is no such plan.")
    text = asked.period or scoreboard.last_months(sources)[1]
    wanted = scoreboard.Asked(found, period(text), text)
    made = await scoreboard.board_of(wanted, sources, here.boards)
    if asked.format == "csv":
        words = Words(asked.lang, sources.zone)
        table = scoreboard.table(made, wanted, words, demonstration=sources.demonstration)
        body = table.body if isinstance(table.body, bytes) else b""
        return Blob(body, table.headers["Content-Type"], {"Content-Disposition": table.headers["Content-Disposition"]})
    return scoreboard.item(made)
