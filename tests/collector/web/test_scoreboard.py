"""The scoreboard as page, JSON and CSV, over a real store and registry, with figures that are there and not."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import product
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from collector.config import RollupSettings
from collector.figures.figure import Figure
from collector.figures.figures import Figures
from collector.plans.period import period
from collector.plans.types import Plan
from collector.registry.site import Site
from collector.rollups.due import Due, Pace, Task
from collector.store.points import nanoseconds
from collector.store.store import Point
from collector.web.app import make_app
from collector.web.scoreboard import FRESH, KEPT, Asked, Boards, board_of
from tests.collector.web.house import NOW, province

OCTOBER = datetime(2026, 9, 30, 17, tzinfo=UTC)
"""Midnight of 1 October in the province."""


def sites(count: int) -> list[Site]:
    return [
        Site(f"bg-{n}", f"Trường {n}", "school", "rural", "Bắc Giang", "Yên Thế", access="fibre", plan="bac-giang-2025")
        for n in range(count)
    ]


def month(site: str, mbps: float, n: float = 120.0) -> Point:
    spread = {"mean": mbps, "min": mbps - 20, "p5": mbps - 12, "median": mbps, "p95": mbps + 12, "max": mbps + 20}
    fields = {f"download_mbps_{part}": value for part, value in ({"n": n} | spread).items()}
    return Point("throughput_month", (("site", site),), fields, nanoseconds(OCTOBER))


@asynccontextmanager
async def board(
    tmp_path: Path, figures: list[Figure], plans: dict[str, Plan] | None = None
) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    """A province whose Bắc Giang sites are far below 120 Mbps in October."""
    async with province(tmp_path) as house:
        house.registry.import_sites(sites(25), now=NOW)
        await house.sources.store.write([month(f"bg-{n}", 80.0 + n) for n in range(25)])
        known = Figures(house.registry.database)
        known.bring(figures, who="Nguyễn Văn A", now=NOW)
        server = TestServer(make_app(replace(house.sources, figures=known, plans=plans or house.sources.plans)))
        await server.start_server(shutdown_timeout=0.3)
        async with TestClient(server) as client:
            yield client


def reported(indicator: str, text: str, value: float, source: str = "Sở TT&TT") -> Figure:
    return Figure("bac-giang-2025", indicator, "", period(text), value, "per_100_people", source)


async def test_the_page_shows_every_promise_in_the_plans_order(tmp_path: Path) -> None:
    figures = [reported("mobile_subscriptions_per_100", "2026-10", 96.5)]
    async with board(tmp_path, figures) as client:
        page = await (await client.get("/plans/bac-giang-2025?period=2026-10&lang=en")).text()
        rows = [part.partition('"')[0] for part in page.split('<tr id="')[1:]]
        plan = await (await client.get("/api/v1/plans/bac-giang-2025")).json()
    assert rows == [target["id"] for target in plan["targets"]]
    assert "92 Mbit/s" in page  # the median of 80 … 104
    assert "median of all results: n = 3000, 25 sites" in page
    assert "entered by Nguyễn Văn A on 2026-11-22" in page
    assert "Linkgauge" not in page
    assert "Traceback" not in page


async def test_the_json_has_verdicts_intervals_and_sentences(tmp_path: Path) -> None:
    figures = [reported("mobile_subscriptions_per_100", "2026-10", 96.5)]
    async with board(tmp_path, figures) as client:
        found = await (await client.get("/api/v1/plans/bac-giang-2025/scoreboard?period=2026-10")).json()
    assert (found["plan"], found["from"], found["to"], found["sites"]) == (
        "bac-giang-2025", "2026-10-01", "2026-10-31", 26,
    )  # fmt: skip
    rows = {row["target"]: row for row in found["rows"]}
    speed = next(row for row in found["rows"] if row["indicator"] == "download_mbps" and row["scope"] == "fixed")
    assert speed["finding"]["verdict"] == "below"
    assert speed["finding"]["n"] == 3000
    assert speed["finding"]["sites"] == {
        "aimed": 26,
        "seen": 25,
        "short": 0,
        "reached": None,
        "missed": None,
        "open": None,
    }
    assert speed["finding"]["low"] < 92 < speed["finding"]["high"] < 120
    assert speed["said"]["sites"]["en"] == "25 of 26 sites have results"
    reported_row = next(row for row in rows.values() if row["indicator"] == "mobile_subscriptions_per_100")
    assert (reported_row["finding"]["verdict"], reported_row["finding"]["value"]) == ("met", 96.5)


async def test_the_csv_is_no_formula(tmp_path: Path) -> None:
    figures = [reported("mobile_subscriptions_per_100", "2026-10", 96.5, source='=HYPERLINK("http://x")')]
    async with board(tmp_path, figures) as client:
        answer = await client.get("/plans/bac-giang-2025?period=2026-10&format=csv&lang=vi")
        body = await answer.read()
        same = await (await client.get("/api/v1/plans/bac-giang-2025/scoreboard?period=2026-10&format=csv")).read()
    assert answer.headers["Content-Disposition"] == 'attachment; filename="bac-giang-2025-2026-10.csv"'
    assert body == same
    rows = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"))))
    mobile = next(row for row in rows if row["indicator"] == "mobile_subscriptions_per_100")
    assert mobile["source"].startswith("'=HYPERLINK")
    assert mobile["verdict"] == "met"
    assert all(row["quote"] and row["section"] for row in rows)


async def test_a_month_that_is_not_added_up_says_so(tmp_path: Path) -> None:
    async with province(tmp_path) as house:
        due, pace = Due(house.registry.database), Pace(RollupSettings(), house.sources.zone)
        house.registry.import_sites(sites(2), now=NOW)
        september, november = datetime(2026, 9, 30, 16, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
        late = [Task("throughput", "bg-0", "hour", OCTOBER), Task("throughput", "bg-0", "month", OCTOBER)]
        other = [Task("latency", "bg-1", "hour", september), Task("latency", "bg-1", "hour", november)]
        await asyncio.to_thread(due.add, [*late, *other], pace, NOW)
        moment = [NOW]
        server = TestServer(make_app(replace(house.sources, unsettled=due.unsettled, now=lambda: moment[0])))
        await server.start_server(shutdown_timeout=0.3)
        async with TestClient(server) as client:
            path = "/plans/bac-giang-2025/scoreboard?period=2026-"
            found = await (await client.get(f"/api/v1{path}10")).json()
            assert (found["waiting"], found["settled"]) == (1, False)
            page = await (await client.get("/plans/bac-giang-2025?period=2026-10")).text()
            assert "Đang tổng hợp: 1 điểm" in page
            assert not (await (await client.get(f"/api/v1{path}11")).json())["settled"], "November goes on"
            assert "Đang tổng hợp" not in await (await client.get("/plans/bac-giang-2025?period=2026-11")).text()
            tasks = await asyncio.to_thread(due.ready, pace, NOW + FRESH * 60, 10)
            await asyncio.to_thread(due.done, [task for task in tasks if task.site == "bg-0"], pace, NOW)
            moment[0] += FRESH
            found = await (await client.get(f"/api/v1{path}10")).json()
            assert (found["waiting"], found["settled"]) == (0, True)
            csv_rows = (await (await client.get(f"/api/v1{path}10&format=csv")).text()).splitlines()
            assert csv_rows[0].endswith(",settled")
            assert csv_rows[-1].endswith(",true")


async def test_every_plan_shows_for_every_period_in_both_languages(tmp_path: Path) -> None:
    async with board(tmp_path, []) as client:
        plans = [plan["id"] for plan in (await (await client.get("/api/v1/plans")).json())["items"]]
        for plan, asked in product(plans, ("2026-10", "2025", "2031", "2025-12-20..2026-01-10")):
            for language in ("vi", "en"):
                answer = await client.get(f"/plans/{plan}?period={asked}&lang={language}")
                assert answer.status == 200
                assert "how-" not in await answer.text()


async def test_an_unknown_plan_or_period_is_said(tmp_path: Path) -> None:
    async with board(tmp_path, []) as client:
        assert (await client.get("/plans/no-plan")).status == 404
        assert (await client.get("/api/v1/plans/no-plan/scoreboard")).status == 404
        refused = await client.get("/api/v1/plans/bac-giang-2025/scoreboard?period=October")
        assert (refused.status, refused.content_type) == (400, "application/problem+json")
        page = await client.get("/plans/bac-giang-2025?period=<script>&lang=en")
        text = await page.text()
        assert page.status == 200
        assert "<script>&" not in text
        assert "is no period" in text
        assert (await client.get("/plans/bac-giang-2025?period=October&format=csv")).content_type == "text/html"


async def test_a_plan_without_sites_says_what_to_do(tmp_path: Path) -> None:
    async with board(tmp_path, []) as client:
        text = await (await client.get("/plans/quang-ninh-2030?lang=en")).text()
        assert "linkgauge-collector site import FILE" in text
        plans = await (await client.get("/plans?lang=en")).text()
    assert '<a href="/plans/quang-ninh-2030">' in plans


async def test_a_board_is_made_anew_after_a_minute(tmp_path: Path) -> None:
    async with province(tmp_path) as house:
        known: Boards = {}
        first = Asked(house.sources.plans["bac-giang-2025"], (date(2026, 10, 1), date(2026, 10, 31)), "2026-10")
        made = await board_of(first, house.sources, known)
        assert await board_of(first, house.sources, known) is made
        later = replace(house.sources, now=lambda: NOW + FRESH)
        assert (await board_of(first, later, known)).made == NOW + FRESH
        for day in range(1, KEPT + 5):
            await board_of(replace(first, window=(date(2027, 1, day), date(2027, 1, day))), house.sources, known)
        assert len(known) == KEPT
