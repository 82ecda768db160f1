"""The quarantine on its page: searched, shown as text whatever it holds, changed from this machine only."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from collector.ingest import Rejected
from collector.quarantine import Quarantine
from collector.web.app import make_app
from tests.collector.web.house import NOW, Province, province

Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Province]:
    async with province(tmp_path) as found:
        yield found


@pytest.fixture
def held(tmp_path: Path) -> Quarantine:
    quarantine = Quarantine(tmp_path / "quarantine.db", limit_bytes=1 << 20, limit_count=3)
    quarantine.open()
    bad = b"<script>alert(1)</script>\xff"
    quarantine.put(
        [Rejected("linkgauge/v1/a1/report", "a1", "malformed", "no <JSON>", b"%d" % n) for n in (1, 2)], at=NOW
    )
    quarantine.put([Rejected("linkgauge/v1/a2/report", "a2", "version", "v 9", bad)], at=NOW)
    quarantine.put([Rejected("any topic", None, "malformed", "not a report topic", b"x")], at=NOW)
    return quarantine


@pytest.fixture
async def client(house: Province, held: Quarantine) -> AsyncIterator[Client]:
    app = make_app(replace(house.sources, quarantine=lambda: held))
    async with TestClient(TestServer(app)) as found:
        yield found


async def test_a_collector_that_rejected_nothing_says_so(house: Province) -> None:
    answer = await house.client.get("/quarantine?lang=en")
    assert "Nothing was rejected." in await answer.text()
    assert (await (await house.client.get("/api/v1/quarantine")).json())["items"] == []
    assert (await house.client.get("/api/v1/quarantine/1")).status == 404


async def test_the_page_shows_searches_and_escapes(client: Client) -> None:
    page = await (await client.get("/quarantine?lang=en")).text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\xff" in page
    assert "1 older ones had to go" in page
    assert "Dữ liệu bị từ chối" in await (await client.get("/quarantine?lang=vi")).text()
    found = await (await client.get("/quarantine?lang=en&reason=version&agent=a2&text=alert")).text()
    assert found.count('type="checkbox"') == 1
    assert "Nothing fits." in await (await client.get("/quarantine?lang=en&text=nowhere")).text()
    items = (await (await client.get("/api/v1/quarantine?reason=malformed")).json())["items"]
    assert [one["number"] for one in items] == [4, 2]
    raw = await client.get("/api/v1/quarantine/3")
    assert (raw.content_type, raw.headers["Content-Disposition"][:10]) == ("application/octet-stream", "attachment")
    assert await raw.read() == b"<script>alert(1)</script>\xff"


async def test_judging_again_takes_a_name_from_this_machine(client: Client, held: Quarantine) -> None:
    foreign = {"Origin": "http://evil.example"}
    form = {"who": "Lan", "number": ["2", "3", "99", "x"], "reason": "", "agent": "a2", "text": ""}
    assert (await client.post("/quarantine", data=form, headers=foreign)).status == 403
    assert (await client.post("/api/v1/quarantine/replay", json={}, headers=foreign)).status == 403
    assert (await client.post("/quarantine", data=form | {"who": " "})).status == 400
    assert (await client.post("/api/v1/quarantine/replay", json={"who": "Lan", "numbers": []})).status == 400
    assert not any(one.asked for one in held.list())

    answer = await client.post("/quarantine", data=form, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/quarantine?agent=a2&asked=2")
    page = await (await client.get("/quarantine?lang=en&asked=2")).text()
    assert "2 wait to be judged again" in page
    assert "waits (Lan)" in page
    answer = await client.post("/api/v1/quarantine/replay", json={"who": "Minh", "numbers": [4]})
    assert await answer.json() == {"asked": [4]}
    assert {one.number: one.asked_by for one in held.list()} == {2: "Lan", 3: "Lan", 4: "Minh"}
