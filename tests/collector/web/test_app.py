"""Pages and API over real HTTP."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse

from collector.errors import RegistryUnavailable, StoreUnavailable
from collector.events import Event
from collector.registry.site import Snapshot
from collector.rollups.recents import compute
from collector.store.store import Values
from tests.collector.web.house import NOW, RAW, province, throughput


async def _text(answer: ClientResponse, status: int = 200) -> str:
    assert answer.status == status
    return await answer.text()


async def test_the_list_shows_every_site_worst_first(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        page = await _text(await it.client.get("/?lang=en"))
        order = [page.index(f'data-site="{site}"') for site in ("tyt-yen-the", "ub-loc-ninh", "th-moi", "th-huu-lung")]
        assert order == sorted(order)
        assert "Trạm Y tế &lt;Yên Thế&gt;" in page
        assert "124.5" in page
        assert "n = 10" in page
        assert "just now" in page
        assert "linkgauge-collector agent add stranger --site" in page


async def test_vietnamese_comes_first_with_its_own_numbers(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        page = await _text(await it.client.get("/"))
        assert '<html lang="vi">' in page
        assert "Chưa đạt" in page
        assert "124,5" in page
        again = await _text(await it.client.get("/?lang=en"))
        assert '<html lang="en">' in again
        assert '<html lang="en">' in await _text(await it.client.get("/")), "the choice is remembered"


async def test_filters_live_in_the_url(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        page = await _text(await it.client.get("/", params={"state": "met", "q": "hữu"}))
        assert 'data-site="th-huu-lung"' in page
        assert 'data-site="tyt-yen-the"' not in page
        assert "Không có điểm nào" in await _text(await it.client.get("/", params={"q": "nowhere"}))


async def test_a_site_shows_each_test_against_its_target(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        page = await _text(await it.client.get("/sites/th-huu-lung?lang=en"))
        assert '"name": "target"' in page
        assert "Met: 10" not in page, "the badge says it already"
        assert "<span>10 of 10 results since 2026-11-22 reach the target of 102 Mbit/s" in page
        assert page.count('"conclusive"') == 20
        made = throughput("th-huu-lung", 0, 99.0)
        await it.sources.store.write([replace(made, tags=tuple(sorted((*made.tags, ("family", "ipv4")))))])
        page = await _text(await it.client.get("/sites/th-huu-lung?lang=en"))
        assert page.count(">IPv4</td>") == 3, "in the tables of both charts and among the reports"
        assert ">ipv4<" not in page
        assert ",ipv4," in await _text(await it.client.get("/sites/th-huu-lung?format=csv")), "for programs as it is"
        assert page.count('"doubted"') == 2
        assert page.count('"failed",') == 2
        assert "Wi-Fi was the limit" in page
        assert "connect:timeout" in page
        assert "/api/v1/reports/r-0" in page
        below = await _text(await it.client.get("/sites/tyt-yen-the?lang=en"))
        assert "Below target" in below


async def test_a_test_that_ended_early_shows_how_it_ended_and_what_it_cost(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        early: dict[str, Any] = {
            "download_stop": "converged",
            "upload_stop": "converged",
            "download_bytes": 31e6,
            "upload_bytes": 12e6,
        }
        cut: dict[str, Any] = {
            "download_stop": "budget",
            "upload_stop": "time",
            "doubts": "budget_cut",
            "conclusive": False,
        }
        await it.sources.store.write(
            [throughput("th-huu-lung", 22, 118.0, **early), throughput("th-huu-lung", 23, 50.0, **cut)]
        )
        page = await _text(await it.client.get("/sites/th-huu-lung?lang=en"))
        assert '<span class="remark">settled</span></td><td class="number spare">43</td>' in page
        assert '<span class="remark">budget</span><span class="remark">full length</span>' in page
        assert "cut by the data budget" in page
        assert page.count('"doubted"') == 4, "a lower bound is drawn as doubted"


async def test_a_trial_says_that_it_is_a_rehearsal(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        for path in ("/", "/sites/th-huu-lung"):
            page = await _text(await it.client.get(f"{path}?lang=en"))
            assert "ehearsal" not in page.partition('id="spoken"')[0], "but among the words that scripts may need"
        await it.sources.store.write([throughput("th-huu-lung", -1, 118.0, peer="rehearsal")])
        page = await _text(await it.client.get("/sites/th-huu-lung?lang=en"))
        assert page.count('<span class="remark">rehearsal</span>') == 1
        assert "The far end plays the line here" in page
        assert "<small>rehearsal</small>" in await _text(await it.client.get("/?lang=en"))
        assert "Diễn tập" in await _text(await it.client.get("/sites/th-huu-lung?lang=vi"))


async def test_a_site_without_any_report_says_so(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        page = await _text(await it.client.get("/sites/th-moi?lang=en"))
        assert "No report in this period" in page
        assert 'class="dot' not in page


async def test_nothing_comes_from_elsewhere(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        for path in ("/", "/sites/th-huu-lung", "/incidents", "/fleet", "/static/style.css", "/static/live.js"):
            answer = await it.client.get(path)
            page = await _text(answer)
            assert "http://" not in page.replace("http://www.w3.org", "")
            assert "https://" not in page
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
            assert "style=" not in page
            assert "onclick" not in page


async def test_unknown_things_are_404_in_the_readers_form(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        page = await _text(await it.client.get("/sites/nobody"), 404)
        assert "Không tìm thấy" in page
        assert "Không có điểm đo nào như vậy." in page, "the reason in the reader's language"
        assert "Không tìm thấy" in await _text(await it.client.get("/nowhere"), 404)
        answer = await it.client.get("/api/v1/sites/nobody")
        assert answer.content_type == "application/problem+json"
        assert (await answer.json())["status"] == 404


async def test_a_store_that_is_away_is_a_page_not_a_traceback(tmp_path: Path) -> None:
    class Away:
        async def values(self, measurement: str, fields: Sequence[str], **asked: object) -> dict[str, list[Values]]:
            raise StoreUnavailable(f"{measurement} {fields} {asked}")

    async with province(tmp_path) as it:
        met = await compute(it.sources.store, ["th-huu-lung"], NOW)
        object.__setattr__(it.sources, "store", Away())
        answer = await it.client.get("/")
        assert "Không truy cập được" in await _text(answer, 503)
        assert answer.headers["Refresh"] == "5"
        object.__setattr__(it.sources, "recents", lambda: met)
        page = await _text(await it.client.get("/?lang=en"))
        assert "n = 10" in page, "what was rolled up is no further away than the registry"
        assert "Of 3 sites newer results are stored" in page


async def test_a_registry_that_is_away_is_not_called_the_time_series(tmp_path: Path) -> None:
    class Away:
        def snapshot(self) -> Snapshot:
            raise RegistryUnavailable("away")

    async with province(tmp_path) as it:
        object.__setattr__(it.sources, "places", Away())
        assert "cơ sở dữ liệu điểm đo và sự cố" in await _text(await it.client.get("/incidents"), 503)
        assert "database of sites and incidents" in await _text(await it.client.get("/api/v1/sites"), 503)


async def test_the_api_speaks_the_contract(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        sites = await (await it.client.get("/api/v1/sites")).json()
        assert sites["next"] is None
        assert {site["id"] for site in sites["items"]} == {"th-huu-lung", "tyt-yen-the", "ub-loc-ninh", "th-moi"}
        site = await (await it.client.get("/api/v1/sites/th-huu-lung")).json()
        assert site["agents"] == ["a-th-huu-lung"]
        assert site["last"]["throughput"]["value"] == 120.0
        assert site["verdict"]["verdict"] == "met"
        assert set(site["verdict"]) >= {
            "plan", "indicator", "scope", "verdict", "value", "target", "unit", "statistic",
            "low", "high", "n", "k", "window", "rule", "reasons", "needed",
        }  # fmt: skip
        verdicts = await (await it.client.get("/api/v1/verdicts?plan=bac-giang-2025")).json()
        assert [verdict["verdict"] for verdict in verdicts["items"]] == ["below"]
        incidents = await (await it.client.get("/api/v1/incidents")).json()
        assert incidents["items"][0]["summary"] == {"vi": "Dưới chỉ tiêu", "en": "Below target"}
        one = await it.client.get(f"/api/v1/incidents/{incidents['items'][0]['id']}")
        assert (await one.json())["cause"] == "below_target"
        plans = await (await it.client.get("/api/v1/plans")).json()
        assert "lang-son-2025" in {plan["id"] for plan in plans["items"]}
        assert (await it.client.get("/api/v1/plans/lang-son-2025")).status == 200


async def test_a_report_comes_back_byte_for_byte(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        assert await (await it.client.get("/api/v1/reports/r-0")).read() == RAW
        for other in ("r-9", "nonsense"):
            assert (await it.client.get(f"/api/v1/reports/{other}")).status == 404


async def test_an_open_page_hears_at_once_what_happens(tmp_path: Path) -> None:
    async with province(tmp_path) as it, it.client.get("/api/v1/live") as stream:
        assert stream.content_type == "text/event-stream"
        assert await stream.content.readuntil(b"\n\n") == b"retry: 2000\n\n"
        it.sources.bus.publish(Event("report", "th-huu-lung", datetime(2026, 11, 22, tzinfo=UTC), {"kind": "latency"}))
        name, data, _ = (await stream.content.readuntil(b"\n\n")).split(b"\n", 2)
        assert name == b"event: report"
        assert json.loads(data.removeprefix(b"data: ")) == {
            "site": "th-huu-lung",
            "at": "2026-11-22T00:00:00Z",
            "kind": "latency",
        }


async def test_one_row_can_be_asked_for_alone(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        row = await _text(await it.client.get("/sites/th-huu-lung/row"))
        assert row.strip().startswith('<tr data-site="th-huu-lung" class="met"')


@pytest.mark.parametrize("asked", ["0", "-1", "9999", "x", ""])
async def test_a_strange_period_falls_back(tmp_path: Path, asked: str) -> None:
    async with province(tmp_path) as it:
        page = await _text(await it.client.get("/sites/th-huu-lung", params={"days": asked}))
        assert '<a href="/sites/th-huu-lung?days=30" aria-current="true">' in page


async def test_a_person_acknowledges_with_a_name(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        (incident,) = (await (await it.client.get("/api/v1/incidents")).json())["items"]
        path = f"/api/v1/incidents/{incident['id']}"
        assert (await it.client.post(f"{path}/acknowledge", json={"note": "no name"})).status == 400
        elsewhere = {"Origin": "http://evil.example"}
        assert (await it.client.post(f"{path}/acknowledge", json={"who": "x"}, headers=elsewhere)).status == 403
        rebound = {"Origin": "http://evil.example", "Host": "evil.example"}
        assert (await it.client.post(f"{path}/acknowledge", json={"who": "x"}, headers=rebound)).status == 403
        done = await it.client.post(f"{path}/acknowledge", json={"who": "Lan", "note": "gọi VNPT"})
        assert done.status == 200
        found = await (await it.client.get(path)).json()
        assert found["state"] == "acknowledged"
        assert found["history"][-1]["who"] == "Lan"
        assert (await it.client.post(f"{path}/resolve", json={"who": "Lan"})).status == 200
        assert (await it.client.post(f"{path}/acknowledge", json={"who": "Lan"})).status == 409
        assert (await it.client.post("/api/v1/incidents/none/acknowledge", json={"who": "Lan"})).status == 404
