"""What is asked of the year: every page as a browser gets it, and the dear questions below them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import cycle
from typing import Any, Final

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import func, insert, select

from agent.wire.control import Status
from collector.events import Bus
from collector.fleet import Fleet
from collector.incidents.calendar import Calendar
from collector.incidents.history import History
from collector.incidents.incident import Finding, Subject, begun
from collector.judge.judge import judge
from collector.judge.sample import Evidence, Sample
from collector.ledger.completeness import Completeness
from collector.ledger.ledger import Ledger
from collector.ledger.tables import COMPLETENESS
from collector.plans.binding import binding_for
from collector.plans.load import load_plans
from collector.plans.types import Text
from collector.registry.registry import Registry
from collector.rollups.periods import totals
from collector.rollups.recents import Recents, compute
from collector.rollups.rollups import RECENT_SITES
from collector.store.points import nanoseconds
from collector.store.store import Store
from collector.verdicts import Present, Verdicts
from collector.web.app import make_app
from collector.web.sources import Sources
from tests.bench.year_data import ASKED, END, ZONE, sites

PAGE_S: Final = 1.0
MONTH_S: Final = 0.3
INCIDENTS: Final = 10
"""Every so many sites has one."""
_DAY: Final = timedelta(days=1)
_ROWS: Final = 50_000
Ask = Callable[[], Awaitable[Any]]
Question = tuple[str, Ask, float | None]


class Archive:
    """No report is asked for."""

    def read(self, report_id: str) -> bytes | None:
        del report_id
        return None


@dataclass
class Asked:
    """The province, and what is asked of it."""

    sources: Sources
    registry: Registry
    client: TestClient[web.Request, web.Application]
    recents: Recents
    _names: Iterator[str] = field(init=False)

    def __post_init__(self) -> None:
        """Ask of another site each time: none is in a cache."""
        self._names = cycle(list(self.registry.snapshot().sites)[::ASKED])

    def a_site(self) -> str:
        """Another one each time, of those with raw results of all kinds."""
        return next(self._names)

    async def look(self) -> None:
        """Roll up what pages tell of every site, as the leader does once a day, and after each report of one."""
        names = list(self.registry.snapshot().sites)
        for first in range(0, len(names), RECENT_SITES):
            some = names[first : first + RECENT_SITES]
            self.recents.save((await compute(self.sources.store, some, END)).values())

    def questions(self) -> list[Question]:
        """Their names, and their goals in seconds if they have any."""
        own: list[Question] = [
            ("one site's raw month", self._month, MONTH_S),
            (
                "totals of all sites, a year",
                lambda: self._totals("throughput", "download_mbps"),
                PAGE_S,
            ),
            ("totals of latency, a year", lambda: self._totals("latency", "loss_ratio"), PAGE_S),
            ("one site's hours of latency, 31 days", self._hours, None),
        ]
        pages = (
            "/", "/?q=001", "/sites/{site}?days=30", "/sites/{site}?days=90", "/sites/{site}?days=365",
            "/sites/{site}/row", "/fleet", "/completeness?days=30", "/completeness?days=365", "/incidents",
            "/api/v1/sites", "/api/v1/sites/{site}", "/api/v1/verdicts", "/api/v1/fleet", "/api/v1/incidents",
            "/api/v1/completeness",
            # A board is kept for a minute: the first answer is the one that is made.
            "/plans/lang-son-2025?period=2026-10", "/plans/lang-son-2025?period=2026",
        )  # fmt: skip
        return own + [(path, self._page(path), PAGE_S) for path in pages]

    def _page(self, path: str) -> Ask:
        async def page() -> None:
            async with self.client.get(path.format(site=next(self._names))) as answer:
                body = await answer.read()
            if answer.status != web.HTTPOk.status_code:
                raise RuntimeError(f"{path}: {answer.status}: {body[:200]!r}")

        return page

    async def _totals(self, kind: str, name: str) -> None:
        year = (END - 365 * _DAY, END)
        if not await totals(self.sources.store, kind, name, year, zone=ZONE):
            raise LookupError(f"{kind}: it is not filled yet")

    async def _month(self) -> None:
        await self._rows("throughput", 30)

    async def _hours(self) -> None:
        await self._rows("latency_hour", 31)

    async def _rows(self, measurement: str, days: int) -> None:
        window = {"start_ns": nanoseconds(END - days * _DAY), "end_ns": nanoseconds(END)}
        rows = await self.sources.store.samples(measurement, site=next(self._names), **window)
        if len(rows) < days:
            raise LookupError(f"{measurement}: {len(rows)} rows; it is not filled yet")


@asynccontextmanager
async def province(store: Store, registry: Registry) -> AsyncIterator[Asked]:
    """The web role over a store and a furnished registry."""
    history, recents, fleet = History(registry.database), Recents(registry.database), Fleet()
    history.open()
    verdicts = Verdicts()
    plans = load_plans()
    for number, (name, versions) in enumerate(registry.snapshot().sites.items()):
        site = versions[-1].value
        samples = [Sample(END - turn * _DAY / 4, 70.0 + (number + turn) % 40) for turn in range(10, 0, -1)]
        verdict = judge(site, binding_for(plans.get(site.plan or ""), site, END), Evidence(samples), at=END)
        verdicts.put(Present([verdict]))
        fleet.heard(f"{name}-a", Status(state="online"), END)
    sources = Sources(
        store=store, places=registry, originals=Archive(), judged=verdicts, casebook=history,
        calendar=Calendar(registry.database),
        completeness=Completeness(Ledger(registry.database)), fleet=fleet, bus=Bus(), plans=plans,
        now=lambda: END, zone=ZONE, version="bench", recents=recents.read,
    )  # fmt: skip
    server = TestServer(make_app(sources))
    await server.start_server(shutdown_timeout=0.3)
    async with TestClient(server) as client:
        yield Asked(sources, registry, client, recents)


def furnished(registry: Registry, count: int, days: int) -> None:
    """Sites with an agent each, some incidents, and completeness by day; what is there stays."""
    since = END - 400 * _DAY
    where = sites(count)
    registry.import_sites(where, now=since)
    registry.add_agents({f"{site.id}-a": site.id for site in where}, now=since)
    history = History(registry.database)
    history.open()
    said = Text(vi="Dưới chỉ tiêu", en="Below target")
    for site in where[::INCIDENTS]:
        one = begun(Subject(site.id), "below_target", END - _DAY, Finding("warning", said, {}))
        history.settle({(site.id, "below_target"): lambda known, one=one: [] if known else [one]}, at=END)  # type: ignore[misc]  # bound now
    with registry.database.read() as connection:
        known = connection.scalar(select(func.count()).select_from(COMPLETENESS))
    if known == count * days:
        return
    rows = _days([site.id for site in where], days)
    with registry.database.write() as connection:
        connection.execute(COMPLETENESS.delete())
        while some := [row for _, row in zip(range(_ROWS), rows, strict=False)]:
            connection.execute(insert(COMPLETENESS), some)


def _days(names: list[str], days: int) -> Iterator[dict[str, Any]]:
    last = date(END.year, END.month, END.day)
    for place, name in enumerate(names):
        for back in range(days):
            missing = 3 if (place + back) % 29 == 0 else 0
            yield {
                "site": name, "day": (last - timedelta(days=back)).isoformat(), "planned": 388, "run": 388,
                "skipped": "{}", "produced": 388, "received": 388 - missing, "late": back % 3, "rejected": 0,
                "dropped": 0, "missing": missing, "duplicate": 0, "ratio": 1 - missing / 388, "accounted": 1,
            }  # fmt: skip
