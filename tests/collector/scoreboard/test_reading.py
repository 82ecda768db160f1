"""What is read, from a real store: whole months, days at the edges, and the site as it was."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from collector.errors import StoreUnavailable
from collector.ledger.accounts import Told
from collector.plans.types import Plan
from collector.registry.site import Site, Snapshot, Version
from collector.scoreboard.board import Board
from collector.scoreboard.reading import Shelves, read_scoreboard, sites_beside, sites_under
from collector.store.open import store_from_url
from collector.store.points import nanoseconds
from collector.store.store import Point, Store
from tests.collector.scoreboard.promises import ipv6, plan, site, target

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
SITES = [site(f"s{n}") for n in range(6)]
PLAN = plan(target())


@dataclass
class Ledger:
    """Remembers which days were asked for."""

    asked: list[tuple[date, date]] = field(default_factory=list)

    def told(self, start: date, end: date) -> Mapping[str, Told]:
        self.asked.append((start, end))
        return {"s0": Told(9.0, 10.0)}


def snapshot(sites: list[Site]) -> Snapshot:
    return Snapshot(sites={one.id: (Version(None, one),) for one in sites})


def rollup(level: str, name: str, day: date, mbps: float, n: float) -> Point:
    at = datetime(day.year, day.month, day.day, tzinfo=ZONE)
    parts = {"n": n, "mean": mbps, "min": mbps, "p5": mbps, "median": mbps, "p95": mbps, "max": mbps}
    fields = {f"download_mbps_{part}": value for part, value in parts.items()}
    return Point(f"throughput_{level}", (("site", name),), fields, nanoseconds(at))


@asynccontextmanager
async def filled(tmp_path: Path) -> AsyncIterator[Store]:
    """Each month of a year at its own speed; days of the same months a little apart, so that they can be told."""
    store = store_from_url(f"sqlite:///{tmp_path}/series.db")
    await store.open()
    points = []
    for one in [*SITES, site("elsewhere")]:
        points += [rollup("month", one.id, date(2026, month, 1), 50.0 + 5 * month, 100.0) for month in range(1, 12)]
        points += [rollup("day", one.id, date(2026, 10, 1) + timedelta(n), 7.0, 4.0) for n in range(40)]
    points.append(replace(rollup("month", "s0", date(2026, 2, 1), 1.0, 1.0), fields={"download_mbps_n": 5.0}))
    await store.write(points)
    try:
        yield store
    finally:
        await store.close()


async def board(store: Store, window: tuple[date, date], sites: list[Site] | None = None) -> Board:
    known = snapshot(SITES if sites is None else sites)
    shelves = Shelves(store, lambda: known, Ledger().told, None, ZONE, {PLAN.id: PLAN})
    return await read_scoreboard(PLAN, window, shelves, now=NOW)


@pytest.mark.parametrize(
    ("window", "value", "n"),
    [
        ((date(2026, 10, 1), date(2026, 10, 31)), 100.0, 600),  # the month's roll-up
        ((date(2026, 10, 1), date(2026, 10, 30)), 7.0, 720),  # its days
        ((date(2026, 10, 31), date(2026, 11, 1)), 7.0, 48),
        ((date(2026, 11, 1), date(2026, 11, 30)), 7.0, 216),  # not over: its own roll-up may be a day behind
        ((date(2026, 9, 1), date(2026, 10, 31)), 97.5, 1200),
        ((date(2026, 10, 5), date(2026, 10, 5)), 7.0, 24),
    ],
)
async def test_months_are_read_whole_and_edges_by_day(
    tmp_path: Path, window: tuple[date, date], value: float, n: int
) -> None:
    async with filled(tmp_path) as store:
        found = (await board(store, window)).rows[0].finding
    assert (found.value, found.n) == (value, n)
    assert found.sites is not None
    assert (found.sites.aimed, found.sites.seen) == (6, 6)


async def test_the_trend_is_of_the_months_that_are_over(tmp_path: Path) -> None:
    async with filled(tmp_path) as store:
        row = (await board(store, (date(2026, 11, 1), date(2026, 11, 30)))).rows[0]
    assert row.trend is not None
    assert (row.trend.months, row.trend.slope) == (10, 5.0)  # January to October; November goes on


async def test_completeness_is_asked_for_the_days_of_the_period(tmp_path: Path) -> None:
    ledger = Ledger()
    window = (date(2026, 10, 1), date(2026, 10, 31))
    async with filled(tmp_path) as store:
        shelves = Shelves(store, lambda: snapshot(SITES), ledger.told, None, ZONE, {PLAN.id: PLAN})
        found = await read_scoreboard(PLAN, window, shelves, now=NOW)
    assert ledger.asked == [window]
    assert found.rows[0].completeness == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("window", "sites", "reason"),
    [
        ((date(2027, 1, 1), date(2027, 1, 31)), SITES, "future"),
        ((date(2026, 10, 1), date(2026, 10, 31)), [], "no_sites"),
        ((date(2020, 10, 1), date(2020, 10, 31)), SITES, "not_begun"),
    ],
)
async def test_periods_and_plans_of_which_nothing_is_known(
    tmp_path: Path, window: tuple[date, date], sites: list[Site], reason: str
) -> None:
    async with filled(tmp_path) as store:
        assert (await board(store, window, sites)).rows[0].finding.reasons == [reason]


async def test_a_store_that_is_down_is_said() -> None:
    store = store_from_url("influxdb1://127.0.0.1:1/series")
    try:
        with pytest.raises(StoreUnavailable):
            await board(store, (date(2026, 10, 1), date(2026, 10, 31)))
    finally:
        await store.close()


def test_a_site_counts_for_the_plan_that_it_stood_under() -> None:
    moved = datetime(2026, 6, 1, tzinfo=UTC)
    versions = (Version(None, site("a")), Version(moved, site("a", plan="other")))
    later = (Version(moved, site("b")),)
    known = Snapshot(sites={"a": versions, "b": later, "c": (Version(None, site("c", plan=None)),)})
    assert [one.id for one in sites_under("p", known, datetime(2026, 5, 1, tzinfo=UTC))] == ["a", "b"]
    assert [one.id for one in sites_under("p", known, datetime(2026, 7, 1, tzinfo=UTC))] == ["b"]
    assert [one.id for one in sites_under("other", known, datetime(2026, 7, 1, tzinfo=UTC))] == ["a"]


SECTOR = msgspec.structs.replace(plan(ipv6()), id="sector")
OFFICE = site("office", kind="office")


async def test_an_office_under_a_plan_of_speeds_counts_for_the_sector_plans_ipv6(tmp_path: Path) -> None:
    parts = {"n": 124.0, "mean": 7.0, "min": 7.0, "p5": 7.0, "median": 7.0, "p95": 7.0, "max": 7.0}
    fields = {f"score_{part}": value for part, value in parts.items()}
    at = nanoseconds(datetime(2026, 10, 1, tzinfo=ZONE))
    known = snapshot([*SITES, OFFICE])
    async with filled(tmp_path) as store:
        await store.write([Point("ipv6_month", (("site", name),), fields, at) for name in ("office", "s0")])
        shelves = Shelves(store, lambda: known, Ledger().told, None, ZONE, {"p": PLAN, "sector": SECTOR})
        window = (date(2026, 10, 1), date(2026, 10, 31))
        sector, own = [await read_scoreboard(one, window, shelves, now=NOW) for one in (SECTOR, PLAN)]
    (row,) = sector.rows
    assert row.finding.sites is not None
    assert (sector.sites, row.finding.sites.aimed, row.finding.sites.reached, row.finding.k) == (1, 1, 1, 1)
    (speed,) = own.rows
    assert speed.finding.sites is not None
    assert (own.sites, speed.finding.sites.aimed) == (7, 7)


def test_a_site_counts_for_another_plan_of_its_province_only_where_its_own_asks_nothing() -> None:
    known, day = snapshot([OFFICE, site("school"), site("stray", kind="office", plan=None)]), date(2026, 10, 31)

    def beside(one: Plan, own: Plan) -> dict[str, list[str]]:
        found = sites_beside(one, {one.id: one, own.id: own}, known, NOW, day)
        return {indicator: [each.id for each in some] for indicator, some in found.items()}

    assert beside(SECTOR, PLAN) == {"ipv6": ["office"]}
    assert beside(SECTOR, plan(target(), ipv6())) == {}
    assert beside(SECTOR, msgspec.structs.replace(PLAN, province="ha-giang")) == {}
    assert beside(msgspec.structs.replace(PLAN, id="speeds"), PLAN) == {}, "whose speeds hold is the registry's word"
    assert sites_beside(SECTOR, {SECTOR.id: SECTOR, PLAN.id: PLAN}, known, NOW, date(2024, 12, 31)) == {}
