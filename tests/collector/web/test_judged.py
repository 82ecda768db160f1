"""Verdicts on pages and in the API: every question, what stood in the series, how it was found."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.judge.judge import judge_site
from collector.judge.sample import Evidence, Sample
from collector.plans.binding import bindings_for
from collector.plans.load import load_plans
from collector.store.points import nanoseconds, verdict_point
from collector.verdicts import Present
from collector.web.judged import said, silence
from tests.collector.web.house import NOW, SITES, Province, province

SCHOOL = SITES[0]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Province]:
    """The province, in which the first school has a verdict on its contract too."""
    async with province(tmp_path) as house:
        samples = [Sample(NOW - timedelta(hours=ago), 101.0 + ago % 3) for ago in range(40, 0, -1)]
        bindings = bindings_for(load_plans(), SCHOOL, NOW)
        main, *others = judge_site(SCHOOL, bindings, {"download_mbps": Evidence(samples)}, at=NOW)
        house.judge.verdicts[SCHOOL.id] = msgspec.structs.replace(main, watch=0.55, needed_by=NOW + timedelta(days=3))
        house.judge.others[SCHOOL.id] = others
        yield house


async def items(house: Province, query: str) -> list[dict[str, Any]]:
    async with house.client.get(f"/api/v1/verdicts{query}") as answer:
        assert answer.status == 200
        found: list[dict[str, Any]] = (await answer.json())["items"]
        return found


async def test_every_question_is_in_the_api_and_can_be_asked_for(house: Province) -> None:
    every = await items(house, "")
    assert [one["question"] for one in every if one["site"] == SCHOOL.id] == ["plan", "contract"]
    assert {one["plan"] for one in await items(house, "?plan=bac-giang-2025")} == {"bac-giang-2025"}
    (contract,) = await items(house, f"?site={SCHOOL.id}&question=contract")
    assert (contract["scope"], contract["target"], contract["rule"]) == ("contract-fixed", 120.0, "qcvn34")
    async with house.client.get(f"/api/v1/sites/{SCHOOL.id}") as answer:
        site = await answer.json()
    assert (site["verdict"]["question"], len(site["verdicts"])) == ("plan", 2)


async def test_what_another_plan_asks_is_found_under_that_plan(house: Province) -> None:
    office = replace(SCHOOL, kind="office", plan="bac-giang-2025")
    _, ipv6, *_ = judge_site(office, bindings_for(load_plans(), office, NOW), {}, at=NOW)
    house.judge.others[SCHOOL.id] = [ipv6]
    (one,) = await items(house, "?plan=bac-giang-ict-2030")
    assert (one["site"], one["indicator"], one["question"]) == (SCHOOL.id, "ipv6", "plan")
    assert "ipv6" not in {one["indicator"] for one in await items(house, "?plan=bac-giang-2025")}
    point = verdict_point(msgspec.to_builtins(ipv6) | {"window": {"to": datetime(2026, 10, 2, tzinfo=UTC)}}, office)
    await house.sources.store.write([point])
    assert [one["plan"] for one in await items(house, "?period=2026-10&plan=bac-giang-ict-2030")] == [ipv6.plan]
    assert await items(house, "?period=2026-10&plan=bac-giang-2025") == []
    async with house.client.get(f"/sites/{SCHOOL.id}?lang=en") as answer:
        assert "(bac-giang-ict-2030)</b>" in await answer.text()


async def test_a_period_is_answered_from_the_series(house: Province) -> None:
    points = []
    for day, k in ((1, 20), (2, 30), (40, 40)):
        at = datetime(2026, 10, 1, tzinfo=UTC) + timedelta(days=day)
        for verdict in [house.judge.verdicts[SCHOOL.id], *house.judge.others[SCHOOL.id]]:
            data = msgspec.to_builtins(verdict) | {"k": k, "window": {"from": at, "to": at}}
            points.append(verdict_point(data, SCHOOL))
    await house.sources.store.write(points)
    last = await items(house, "?period=2026-10")
    assert sorted((one["question"], one["k"], one["window"]["to"]) for one in last) == [
        ("contract", 30.0, "2026-10-03T00:00:00Z"),
        ("plan", 30.0, "2026-10-03T00:00:00Z"),
    ]
    assert len(await items(house, f"?period=2026-10&site={SCHOOL.id}&question=plan")) == 2
    assert await items(house, "?period=2025") == []
    async with house.client.get("/api/v1/verdicts?period=soon") as answer:
        assert (answer.status, answer.content_type) == (400, "application/problem+json")


def test_a_point_says_what_it_can() -> None:
    row = (nanoseconds(NOW), "inconclusive", "", None, 102.0, *[None] * 5, "lang-son-2025", "download_mbps", "fixed")
    (one,) = said("s", [row], every=False)
    assert one == {
        "site": "s", "question": "plan", "verdict": "inconclusive", "reasons": [], "window": {"to": NOW},
        "target": 102.0, "plan": "lang-son-2025", "indicator": "download_mbps", "scope": "fixed",
    }  # fmt: skip


@pytest.mark.parametrize(("hours", "level"), [(5, "heard"), (10, "late"), (20, "stale"), (30, "silent")])
def test_results_are_late_by_their_own_pace(house: Province, hours: int, level: str) -> None:
    verdict = house.judge.verdicts[SCHOOL.id]
    assert silence(None, NOW - timedelta(hours=hours), NOW) == level
    assert silence(Present([verdict], 60.0), NOW - timedelta(hours=hours), NOW) == ("silent" if hours > 24 else "stale")
    assert silence(None, None, NOW) == "never"


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_a_sites_page_says_both_and_links_to_how_it_was_found(house: Province, language: str) -> None:
    async with house.client.get(f"/sites/{SCHOOL.id}?lang={language}") as answer:
        page = await answer.text()
    for other in house.judge.others[SCHOOL.id]:
        assert getattr(other.sentence, language).replace("'", "&#39;") in page
    assert ("watch</b>" if language == "en" else "cần theo dõi</b>") in page
    assert "25/11/2026" in page
    assert f"/sites/{SCHOOL.id}/explain" in page
    async with house.client.get(f"/sites/{SCHOOL.id}/explain?lang={language}") as answer:
        assert answer.status == 200
        page = await answer.text()
    assert not any(word in page for word in ("question-", "detector-", "fate-", "statistic-", "indicator-"))
    assert "connect:timeout" in page
    async with house.client.get(f"/api/v1/sites/{SCHOOL.id}/explain") as answer:
        found = await answer.json()
    assert len(found["judgements"][0]["ordered"]) == 10
    async with house.client.get("/sites/nowhere/explain") as answer:
        assert answer.status == 404


async def test_a_site_under_watch_is_marked_in_the_list(house: Province) -> None:
    async with house.client.get("/?lang=en") as answer:
        page = await answer.text()
    assert page.count('<small class="watch">watch</small>') == 1
