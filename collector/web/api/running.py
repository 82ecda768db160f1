"""How the collector itself fares: devices, what became of what was planned, the pipe, the quarantine."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from typing import Annotated, Final, NamedTuple

import msgspec
from aiohttp import web

from collector.ingest import RejectReason
from collector.ledger.accounts import Told
from collector.ledger.period import period
from collector.quarantine import Held, Search
from collector.web import completeness, pipe, quarantine, views
from collector.web.api import cursor, shapes
from collector.web.api.answers import Blob
from collector.web.api.asked import PLAIN, Paged, Period, SiteId
from collector.web.api.asking import says
from collector.web.api.here import Here
from collector.web.fleet import Device
from collector.web.sources import Detention

_DAYS: Final = timedelta(days=29)


class Complete(Paged, frozen=True, kw_only=True):
    """Which days, and of which site."""

    period: Period | None = None
    site: SiteId | None = None


class Detained(Paged, frozen=True, kw_only=True):
    """What is looked for in quarantine."""

    reason: Annotated[RejectReason, says("Lý do bị từ chối", "Why it was rejected")] | None = None
    agent: Annotated[str, says("Mã thiết bị", "The agent's id", max_length=63, pattern=PLAIN)] | None = None
    text: (
        Annotated[str, says("Chữ có trong nội dung", "Text that stands in it", max_length=100, pattern=PLAIN)] | None
    ) = None


class OneHeld(msgspec.Struct, frozen=True, kw_only=True):
    """One payload."""

    number: Annotated[int, says("Số trong khu cách ly", "Its number in quarantine", ge=0, lt=10**18)]


class _Held(NamedTuple):
    """Where a payload stands in the list."""

    last: str
    number: Annotated[int, msgspec.Meta(ge=0, lt=10**18)]


class _Share(NamedTuple):
    """Where a site stands among the least complete."""

    share: float
    name: str
    id: str


async def fleet(asked: Paged, here: Here) -> object:
    """A page of the devices, by their ids, and over all of them the doubts and the error of stopping early."""
    after = cursor.read("fleet", asked.cursor, str)
    found = await views.fleet_page(here.sources)
    known = sorted((one for one in found.devices if after is None or one.agent > after), key=lambda one: one.agent)
    devices, following = cursor.page("fleet", known, asked.limit, lambda one: one.agent)
    items = [_device(one) for one in devices]
    return shapes.Fleet(items=items, next=following, doubts=found.doubts, early_stop=found.early_stop)


def _device(one: Device) -> shapes.Device:
    return msgspec.convert(asdict(one) | {"site": one.site.id if one.site else None}, shapes.Device)


async def complete(asked: Complete, here: Here) -> object:
    """What became of what was planned: by site, the least complete first, with its days."""
    sources = here.sources
    after = cursor.read("completeness", asked.cursor, _Share)
    window = _last_days(here) if asked.period is None else period(asked.period)
    told = await asyncio.to_thread(sources.completeness.told, *window)
    if asked.site is not None:
        told = {name: one for name, one in told.items() if name == asked.site}
    snapshot = await asyncio.to_thread(sources.places.snapshot)
    names = {name: site.name for name in told if (site := snapshot.site(name)) is not None}
    keys = sorted(_Share(_share(told[name]), called, name) for name, called in names.items())
    chosen, following = cursor.page(
        "completeness", (key for key in keys if after is None or key > after), asked.limit, lambda key: key
    )
    order = {key.id: number for number, key in enumerate(chosen)}
    days = await asyncio.to_thread(sources.completeness.read, *window, sites=list(order)) if order else []
    rows = sorted(completeness.page(days, snapshot, window).rows, key=lambda row: order[row.site.id])
    return {
        "items": [completeness.item(row) for row in rows],
        "next": following,
        "ratio": sum(told.values(), Told()).share,
        "period": shapes.Days(first=window[0], last=window[1]),
    }


def _share(told: Told) -> float:
    return 2.0 if told.share is None else told.share


def _last_days(here: Here) -> tuple[date, date]:
    today = here.sources.now().date()
    return today - _DAYS, today


async def stages(_: object, here: Here) -> object:
    """How reports flow."""
    return pipe.item(pipe.view(here.sources.board.sightings(), here.sources.now()))


async def detained(asked: Detained, here: Here) -> object:
    """A page of what was rejected, the newest first."""
    after = cursor.read("quarantine", asked.cursor, _Held)
    search = Search(reason=asked.reason, agent=asked.agent, text=asked.text, before=after)

    def look(held: Detention) -> Sequence[Held]:
        return held.list(search, limit=asked.limit + 1)

    nothing: Sequence[Held] = ()
    found = await quarantine.ask(here.sources, look, nothing)
    items, following = cursor.page("quarantine", found, asked.limit, lambda one: (one.last, one.number))
    return shapes.Listing([asdict(one) for one in items], following)


async def payload(asked: OneHeld, here: Here) -> object:
    """The bytes of one payload."""
    show: Callable[[Detention], tuple[Held, bytes] | None] = lambda held: held.show(asked.number)  # noqa: E731
    found = await quarantine.ask(here.sources, show, None)
    if found is None:
        raise web.HTTPNotFound(text="There is no such payload in quarantine.")
    headers: Mapping[str, str] = {"Content-Disposition": f'attachment; filename="quarantine-{asked.number}.bin"'}
    return Blob(found[1], "application/octet-stream", headers)


async def replay(_: object, body: quarantine.Order, here: Here) -> object:
    """Mark payloads to be judged again."""
    return shapes.Asked(list(await quarantine.mark(here.sources, body.numbers, body.who)))
