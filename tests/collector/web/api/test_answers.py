"""How the API answers over HTTP: tags, compression, errors, who may change, and maps."""

import gzip
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from collector.errors import StoreUnavailable
from collector.store.store import Row
from collector.web.api.operation import BODY_BYTES
from collector.web.app import make_app
from tests.collector.web.house import NOW, SITES, Province, judged, province


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Province]:
    async with province(tmp_path) as house:
        yield house


async def test_what_has_not_changed_is_not_sent_again(house: Province) -> None:
    first = await house.client.get("/api/v1/sites")
    tag = first.headers["ETag"]
    assert tag.startswith('"')
    assert first.headers["Cache-Control"] == "no-cache"
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = await house.client.get("/api/v1/sites", headers={"If-None-Match": known})
        assert (again.status, await again.read(), again.headers["ETag"]) == (304, b"", tag)
    house.judge.verdicts["th-moi"] = judged(replace(SITES[0], id="th-moi"), [130.0] * 20)
    changed = await house.client.get("/api/v1/sites", headers={"If-None-Match": tag})
    assert changed.status == 200
    assert {one["id"]: one["state"] for one in (await changed.json())["items"]}["th-moi"] == "met"
    house.registry.add_agent("second", "th-moi", now=NOW)
    assert (await house.client.get("/api/v1/sites", headers={"If-None-Match": changed.headers["ETag"]})).status == 200
    house.registry.import_sites([replace(SITES[3], name="Tên khác")], now=NOW)
    named = {one["id"]: one for one in (await (await house.client.get("/api/v1/sites")).json())["items"]}
    assert (named["th-moi"]["name"], named["th-moi"]["agents"]) == ("Tên khác", ["a-th-moi", "second"])


async def test_each_coding_has_a_tag_of_its_own_and_a_head_no_body(house: Province) -> None:
    path = "/api/v1/plans"
    plain = await house.client.get(path, headers={"Accept-Encoding": "identity"})
    packed = await house.client.get(path, headers={"Accept-Encoding": "gzip"}, auto_decompress=False)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(await packed.read()) == await plain.read()
    assert packed.headers["ETag"] != plain.headers["ETag"], "the bytes are others"
    assert packed.headers["Vary"] == "Accept-Encoding"
    again = await house.client.get(path, headers={"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]})
    assert again.status == 304
    whole, head = await house.client.get("/api/v1/sites"), await house.client.head("/api/v1/sites")
    assert head.status == 200
    assert await head.read() == b""
    for name in ("ETag", "Content-Type", "Content-Length"):
        assert head.headers[name] == whole.headers[name]


WRONG = [
    ("DELETE", "/api/v1/sites", 405, "DELETE is not allowed here; there is GET, HEAD."),
    ("GET", "/api/v1/quarantine/replay", 405, "there is POST"),
    ("PUT", "/api/v1/maintenance", 405, "there is GET, HEAD, POST"),
    ("GET", "/api/v1/nowhere", 404, "There is no such address; see /api/v1/openapi.json"),
    ("GET", "/api/v2/sites", 404, "There is no such address"),
    ("GET", "/api/v1/sites/TH", 404, "site: it cannot be 'TH'"),
    ("GET", "/api/v1/sites/nowhere", 404, "There is no such site."),
    ("GET", "/api/v1/sites?stat=met", 400, "stat: there is no such parameter; did you mean state?"),
    ("GET", "/api/v1/pipe?x=1", 400, "this address takes none"),
    ("GET", "/api/v1/sites?limit=2001", 400, "write a whole number from 1 to 2000"),
    ("GET", "/api/v1/sites?cursor=hostile", 400, "this is no cursor of this list"),
    ("GET", "/api/v1/verdicts?period=2026-02-30", 400, "is no period"),
    ("GET", "/api/v1/plans/no-plan/scoreboard", 404, "There is no such plan."),
]


async def test_errors_say_what_is_wrong_and_nothing_is_for_foreign_pages(house: Province) -> None:
    for method, path, status, said in WRONG:
        answer = await house.client.request(method, path)
        assert (answer.status, answer.content_type) == (status, "application/problem+json"), path
        found: dict[str, Any] = await answer.json()
        assert found["status"] == status
        assert said in found["detail"]
        assert ("Allow" in answer.headers) == (status == 405)
    # A browser on this network must not read it for the pages of others.
    answer = await house.client.get("/api/v1/sites", headers={"Origin": "http://portal.example"})
    assert answer.status == 200
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    asked = {"Origin": "http://portal.example", "Access-Control-Request-Method": "POST"}
    assert (await house.client.options("/api/v1/maintenance", headers=asked)).status == 405


async def test_a_body_is_bounded_and_explained(house: Province) -> None:
    path = "/api/v1/maintenance"
    big = await house.client.post(path, data=b" " * (BODY_BYTES + 1))
    assert (big.status, big.content_type) == (413, "application/problem+json")
    for body in (b"", b"\xff", b"[" * 10_000, b'{"who": "L"}', b'{"who": "a\\u0000b"}'):
        answer = await house.client.post(path, data=body)
        assert answer.status == 400
        assert 'send such as {"extent":"commune"' in (await answer.json())["detail"]
    edge = {"extent": "all", "starts": "9999-12-31T20:00:00-12:00", "ends": "9999-12-31T23:00:00-12:00", "who": "L"}
    assert (await house.client.post(path, json=edge)).status == 409


async def test_a_store_that_is_away_says_when_to_come_again(house: Province) -> None:
    class Away:
        async def samples(self, measurement: str, **asked: object) -> list[Row]:
            raise StoreUnavailable(f"{measurement} {asked}")

    object.__setattr__(house.sources, "store", Away())
    answer = await house.client.get("/api/v1/sites/th-huu-lung/reports")
    assert (answer.status, answer.content_type) == (503, "application/problem+json")
    assert "time series cannot be reached" in await answer.text()
    assert answer.headers["Retry-After"] == "5"


async def test_a_demonstration_is_told_with_every_answer(house: Province) -> None:
    app = make_app(replace(house.sources, demonstration=True))
    async with TestClient(TestServer(app)) as client:
        for path in ("/api/v1/sites", "/api/v1/nowhere", "/api/v1/live"):
            async with client.get(path) as answer:
                assert answer.headers["Linkgauge-Demonstration"] == "true", path
        document = await (await client.get("/api/v1/openapi.json")).json()
        assert "made up" in document["info"]["description"]
        path = "/api/v1/plans/lang-son-2025/scoreboard?period=2026-10&format=csv"
        assert 'filename="demo-lang-son' in (await client.get(path)).headers["Content-Disposition"]
    assert "Linkgauge-Demonstration" not in (await house.client.get("/api/v1/sites")).headers


async def test_sites_are_points_for_maps(house: Province) -> None:
    house.registry.import_sites([replace(SITES[0], latitude=21.5, longitude=106.35)], now=NOW)
    answer = await house.client.get("/api/v1/sites.geojson")
    assert answer.content_type == "application/geo+json"
    found = await answer.json()
    assert (found["type"], found["without_position"], len(found["features"])) == ("FeatureCollection", 3, 1)
    (one,) = found["features"]
    assert one["geometry"] == {"type": "Point", "coordinates": [106.35, 21.5]}
    assert (one["id"], one["properties"]["state"], one["properties"]["target"]) == ("th-huu-lung", "met", 102.0)
    none = await (await house.client.get("/api/v1/sites.geojson?state=below")).json()
    assert (none["features"], none["without_position"]) == ([], 1)


async def test_a_name_is_more_than_blanks(house: Province) -> None:
    for path in ("/api/v1/quarantine/replay", "/api/v1/maintenance/1/end"):
        answer = await house.client.post(path, json={"who": "  ", "numbers": [1]} if "replay" in path else {"who": " "})
        assert (answer.status, "who" in (await answer.json())["detail"]) == (400, True)
