"""Every list in pages: the whole is what its pages are, also while others write."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from collector.incidents.history import History
from collector.incidents.incident import Finding, Subject, begun
from collector.incidents.maintenance import Window
from collector.ingest import Rejected
from collector.ledger.accounts import AgentDay, Fate, KindDay, SiteDay, site_day
from collector.plans.types import Text
from collector.quarantine import Quarantine
from collector.store.points import verdict_point
from collector.web.app import make_app
from tests.collector.web.house import NOW, SITES, Province, province, throughput

HOUR = timedelta(hours=1)
Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Province]:
    async with province(tmp_path) as house:
        yield house


async def get(client: Client, path: str, **asked: object) -> dict[str, Any]:
    async with client.get(path, params={name: str(value) for name, value in asked.items()}) as answer:
        assert answer.status == 200, await answer.text()
        found: dict[str, Any] = await answer.json()
        return found


async def walked(client: Client, path: str, limit: int, **asked: object) -> list[Any]:
    """All pages put together; each is full but the last."""
    found = await get(client, path, limit=limit, **asked)
    items = list(found["items"])
    while found["next"] is not None:
        assert len(found["items"]) == limit
        found = await get(client, path, limit=limit, cursor=found["next"], **asked)
        assert found["items"]
        items += found["items"]
    return items


async def test_pages_put_together_are_the_list_also_of_chosen_sites(house: Province) -> None:
    for path in ("sites", "verdicts", "plans", "fleet"):
        whole = await get(house.client, f"/api/v1/{path}")
        assert whole["next"] is None
        assert len(whole["items"]) >= 3
        for limit in (1, 2):
            assert await walked(house.client, f"/api/v1/{path}", limit) == whole["items"]

    async def ids(**asked: object) -> list[str]:
        return [one["id"] for one in await walked(house.client, "/api/v1/sites", 1, **asked)]

    assert await ids(state="below") == ["tyt-yen-the"]
    assert await ids(state="silent") == ["ub-loc-ninh"]
    assert await ids(province="Lạng Sơn") == ["th-huu-lung", "th-moi"]
    assert await ids(province="Lạng Sơn", plan="lang-son-2025", kind="school") == ["th-huu-lung"]
    assert await ids(commune="nowhere") == []


async def test_reports_come_newest_first_whatever_comes_meanwhile(house: Province) -> None:
    await house.sources.store.write([replace(throughput("th-huu-lung", 3, 1.0), measurement="latency")])
    path = "/api/v1/sites/th-huu-lung/reports"
    found = await walked(house.client, path, 5)
    assert len(found) == 13
    times = [one["time"] for one in found]
    assert times == sorted(times, reverse=True)
    assert {one["kind"] for one in found} == {"throughput", "latency"}, "both of the same nanosecond"
    assert found[0]["href"] == "/api/v1/reports/r-0"
    assert (await house.client.get(found[0]["href"])).status == 200
    assert found[-1] == {
        "time": "2026-11-21T11:00:00Z", "kind": "throughput", "id": "r-21", "href": "/api/v1/reports/r-21",
        "agent": "a-th-huu-lung", "download_mbps": 30.0, "upload_mbps": 15.0, "doubts": ["wifi_bound", "cpu_bound"],
    }  # fmt: skip
    assert len(await walked(house.client, path, 5, kind="latency")) == 1
    assert len(await walked(house.client, path, 2, period="2026-11-21")) == 2, "in days of the province"
    assert (await house.client.get("/api/v1/sites/nowhere/reports")).status == 404

    first = await get(house.client, path, limit=4)
    await house.sources.store.write([throughput("th-huu-lung", -1, 99.0)])
    second = await get(house.client, path, limit=4, cursor=first["next"])
    ids = [one["id"] for one in first["items"] + second["items"] if one["kind"] == "throughput"]
    assert ids == [f"r-{number}" for number in range(7)], "what came meanwhile moves no page"


async def test_incidents_go_on_where_they_ended_while_others_change(house: Province) -> None:
    history = house.sources.casebook
    assert isinstance(history, History)
    words = Text(vi="mất", en="lost")
    made = [begun(Subject(f"s-{n}"), "outage", NOW - n // 2 * HOUR, Finding("warning", words, {})) for n in range(1, 6)]
    history.settle({(one.subject, one.cause): lambda _, one=one: [one] for one in made}, at=NOW)  # type: ignore[misc]  # the loop's own
    whole = (await get(house.client, "/api/v1/incidents"))["items"]
    assert len(whole) == 6
    assert await walked(house.client, "/api/v1/incidents", 1) == whole
    assert len(await walked(house.client, "/api/v1/incidents", 2, cause="outage", state="open")) == 5
    first = await get(house.client, "/api/v1/incidents", limit=2)
    async with house.client.post(f"/api/v1/incidents/{whole[-1]['id']}/note", json={"who": "L", "note": "x"}) as done:
        assert done.status == 200
    second = await get(house.client, "/api/v1/incidents", limit=9, cursor=first["next"])
    assert [one["id"] for one in second["items"]] == [one["id"] for one in whole[2:-1]], "the last one is now in front"


async def test_maintenance_and_quarantine_in_pages(house: Province, tmp_path: Path) -> None:
    for hours in (3, 1, 2):
        starts = NOW + hours * HOUR
        window = Window(extent="all", starts=starts, ends=starts + HOUR, who="Minh")
        house.sources.calendar.add(window, at=NOW)
    found = await walked(house.client, "/api/v1/maintenance", 2)
    assert [one["starts"][11:13] for one in found] == ["09", "10", "11"]

    held = Quarantine(tmp_path / "quarantine.db", limit_bytes=10**6, limit_count=100)
    held.open()
    for minute in (0, 1, 1, 2):
        number = sum(held.count().values())
        rejected = Rejected(f"linkgauge/v1/a{number}/report", f"a{number}", "malformed", "no JSON", b"x")
        held.put([rejected], at=NOW + timedelta(minutes=minute))
    app = make_app(replace(house.sources, quarantine=lambda: held))
    async with TestClient(TestServer(app)) as client:
        whole = (await get(client, "/api/v1/quarantine"))["items"]
        assert [one["number"] for one in whole] == [4, 3, 2, 1]
        assert await walked(client, "/api/v1/quarantine", 1) == whole
        assert await walked(client, "/api/v1/quarantine", 3, agent="a2") == [whole[1]]
    held.close()


async def test_the_least_complete_sites_in_pages(house: Province) -> None:
    def kept(site: str, received: int) -> SiteDay:
        kinds = (KindDay("throughput", 10, received, {}, received),)
        day = AgentDay(f"a-{site}", NOW.date(), kinds, Fate(10), {"throughput": 10}, accounted=True, over=True)
        return site_day(site, NOW.date(), [day])

    completeness = house.sources.completeness
    completeness.save([kept("th-huu-lung", 9), kept("tyt-yen-the", 3), kept("ub-loc-ninh", 3)])  # type: ignore[attr-defined]  # the real table
    whole = await get(house.client, "/api/v1/completeness")
    assert [one["ratio"] for one in whole["items"]] == [0.3, 0.3, 0.9]
    assert whole["ratio"] == 0.5
    assert await walked(house.client, "/api/v1/completeness", 1) == whole["items"]


async def test_verdicts_of_a_period_in_pages(house: Province) -> None:
    points = []
    for site in SITES[:2]:
        for day in (1, 2, 3):
            at = NOW.replace(month=10, day=day)
            said = msgspec.to_builtins(house.judge.verdicts[site.id]) | {"window": {"from": at, "to": at}}
            points.append(verdict_point(said, site))
    await house.sources.store.write(points)
    whole = (await get(house.client, "/api/v1/verdicts", period="2026-10"))["items"]
    assert [(one["site"], one["window"]["to"][:10]) for one in whole] == [
        ("th-huu-lung", "2026-10-03"), ("tyt-yen-the", "2026-10-03"),
    ]  # fmt: skip
    assert await walked(house.client, "/api/v1/verdicts", 1, period="2026-10") == whole
    every = await walked(house.client, "/api/v1/verdicts", 2, period="2026-10", site="th-huu-lung")
    assert [one["window"]["to"][8:10] for one in every] == ["01", "02", "03"]
