"""InfluxDB 2.x: the exact request of its client, its own refusals, and the write path of a real `/api/v2/write`.

No InfluxDB 2 runs here. Where VictoriaMetrics is installed, it takes the writes (it speaks the same interface).
"""

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from collector.errors import PointsRefused, StoreFull, StoreUnavailable
from collector.store.line import encode_line
from collector.store.open import store_from_url
from collector.store.store import Row, Store
from tests.collector.store.http_server import answering, serving
from tests.collector.store.samples import NOON, SECOND, point
from tests.collector.store.victoria import running_victoria

ALL = {"start_ns": NOON - 10**6 * SECOND, "end_ns": NOON + 10**6 * SECOND}
CONFLICT = (
    '{"code":"unprocessable entity","message":"failure writing points to database: partial write: field type conflict"}'
)
TOKEN = "t0ken"  # noqa: S105 - a test's own
ROOT = Path(__file__).parents[3]


def store_at(port: int, *, timeout_s: float = 0.5) -> Store:
    url = f"influxdb2://127.0.0.1:{port}/b%C3%BA?org=s%E1%BB%9F%20a"
    return store_from_url(url, token=TOKEN, timeout_s=timeout_s)


async def test_a_write_is_the_request_that_influxdb_2_documents() -> None:
    seen: list[web.Request] = []
    bodies: list[bytes] = []

    async def record(request: web.Request) -> web.Response:
        seen.append(request)
        bodies.append(await request.read())
        return web.Response(status=204)

    async with serving(record) as port:
        store = store_at(port)
        await store.write([point(1, word="Hữu Lũng"), point(2)])
        await store.close()
    (request,) = seen
    assert (request.method, request.path) == ("POST", "/api/v2/write")
    assert dict(request.query) == {"org": "sở a", "bucket": "bú", "precision": "ns"}
    assert request.headers["Authorization"] == "Token t0ken"
    assert request.content_type == "text/plain"
    assert bodies == [encode_line(point(1, word="Hữu Lũng")) + b"\n" + encode_line(point(2))]


async def test_reads_go_through_influxql() -> None:
    seen: list[web.Request] = []
    series = {"name": "throughput", "tags": {"site": "a", "peer": ""}, "columns": ["time", "download_mbps", "id", "x"]}

    async def record(request: web.Request) -> web.Response:
        seen.append(request)
        body = {"results": [{"statement_id": 0, "series": [series | {"values": [[NOON, 100, "i", None]]}]}]}
        return web.json_response(body, headers={"X-Influxdb-Version": "2.9.1"})

    async with serving(record) as port:
        store = store_at(port)
        await store.open()
        expected = [Row(NOON, {"site": "a"}, {"download_mbps": 100.0, "id": "i"})]
        assert await store.samples("throughput", site="a", **ALL) == expected
        assert await store.recent("throughput", start_ns=0, per_site=1) == {"a": expected}
        assert (await store.info()).version == "2.9.1"
        series |= {"columns": ["time", "n", "id", "median"]}
        assert await store.summary("throughput", "download_mbps", **ALL) == {}
        await store.close()
    questions = [request for request in seen if request.path == "/query"]
    assert {request.query["db"] for request in questions} == {"bú"}
    assert {request.headers["Authorization"] for request in seen} == {"Token t0ken"}


async def test_one_refused_line_is_found() -> None:
    async def picky(request: web.Request) -> web.Response:
        if b"bad" in await request.read():
            return web.Response(status=422, text=CONFLICT, content_type="application/json")
        return web.Response(status=204)

    async with serving(picky) as port:
        store = store_at(port)
        with pytest.raises(PointsRefused, match="field type conflict") as refusal:
            await store.write([point(1), point(2, word="bad"), point(3), point(4)])
        assert refusal.value.indices == (1,)
        await store.close()


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (200, "<html>Sign in</html>", StoreUnavailable, "did not take"),
        (302, "", StoreUnavailable, "points to /elsewhere"),
        (401, '{"code":"unauthorized","message":"unauthorized access"}', StoreUnavailable, "check the store's user"),
        (404, '{"code":"not found","message":"bucket \\"b\\" not found"}', StoreUnavailable, "no such bucket"),
        (404, "<html>", StoreUnavailable, "did not take"),
        (429, "", StoreUnavailable, "did not take"),
        (500, '{"code":"internal error","message":"write: no space left on device"}', StoreFull, "no room left"),
        (503, "", StoreUnavailable, "did not take"),
    ],
)
async def test_every_other_answer_keeps_the_points_with_us(
    status: int, body: str, error: type[Exception], words: str
) -> None:
    async with serving(answering(status, body, Location="/elsewhere")) as port:
        store = store_at(port)
        with pytest.raises(error, match=words) as caught:
            await store.write([point(1)])
        await store.close()
    assert "t0ken" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


async def test_a_server_under_pressure_says_when_to_come_back() -> None:
    async with serving(answering(503, "", **{"Retry-After": "12"})) as port:
        store = store_at(port)
        with pytest.raises(StoreUnavailable) as caught:
            await store.write([point(1)])
        await store.close()
    assert caught.value.retry_after_s == 12.0


async def test_a_dead_and_a_slow_server_are_try_again() -> None:
    async def slow(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with serving(slow) as port:
        store = store_at(port, timeout_s=0.2)
        for attempt in (store.write([point(1)]), store.drop(), store.open()):
            with pytest.raises(StoreUnavailable, match=r"gave no answer in 0\.2 s"):
                await attempt
        await store.close()
    store = store_at(port)
    for attempt in (store.write([point(1)]), store.drop(), store.open()):
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            await attempt
    await store.close()
    await store.close()


async def test_drop_deletes_through_the_api() -> None:
    seen: list[tuple[str, dict[str, str]]] = []

    async def record(request: web.Request) -> web.Response:
        seen.append((request.path, await request.json()))
        return web.Response(status=204 if len(seen) == 1 else 403)

    async with serving(record) as port:
        store = store_at(port)
        await store.drop()
        with pytest.raises(StoreUnavailable, match="did not delete"):
            await store.drop()
        await store.close()
    assert seen[0][0] == "/api/v2/delete"
    assert seen[0][1]["start"].startswith("1970-01-01T00:00:00")
    assert seen[0][1]["stop"].startswith("2262-04-11")


def test_the_heavy_client_is_imported_only_when_used() -> None:
    code = (
        "import sys; from collector.store.open import store_from_url;"
        "store_from_url('influxdb2://h/b?org=o', token='t'); store_from_url('influxdb1://h/b');"
        "assert not [name for name in sys.modules if name.startswith('influxdb_client')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)  # noqa: S603 - our own program


@pytest.fixture
def victoria(tmp_path: Path) -> Iterator[int]:
    with running_victoria(tmp_path) as port:
        yield port


def exported(port: int, name: str) -> list[float]:
    """What VictoriaMetrics holds of one field, after making fresh writes visible."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/internal/force_flush", timeout=5):
        pass
    address = f"http://127.0.0.1:{port}/api/v1/export?match[]={name}&start={NOON // SECOND}&end={NOON // SECOND + 1000}"
    with urllib.request.urlopen(address, timeout=5) as answer:
        return [value for line in answer.read().splitlines() for value in json.loads(line)["values"]]


@pytest.mark.program("victoria-metrics")
async def test_a_real_engine_takes_what_the_client_sends(victoria: int) -> None:
    store = store_at(victoria, timeout_s=5)
    await store.write([point(number, word="Hữu, Lũng=1") for number in range(200)])
    await store.close()
    found = await asyncio.to_thread(exported, victoria, "throughput_download_mbps")
    assert sorted(found) == [float(number) for number in range(200)]


@pytest.mark.program("victoria-metrics")
@pytest.mark.parametrize(("flags", "times"), [([], 3), (["-dedup.minScrapeInterval=1ms"], 1)])
async def test_how_often_victoria_metrics_counts_a_rewritten_point(
    tmp_path: Path, flags: list[str], times: int
) -> None:
    with running_victoria(tmp_path, *flags) as port:
        store = store_at(port, timeout_s=5)
        for _ in range(3):
            await store.write([point(7)])
        await store.close()
        assert await asyncio.to_thread(exported, port, "throughput_download_mbps") == [7.0] * times
