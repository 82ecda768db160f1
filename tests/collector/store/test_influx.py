"""InfluxDB's own faults: a dead, slow, closed or lying server, on the real one and on small real servers."""

import asyncio
import contextlib
import time
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from collector.errors import CollectorError, PointsRefused, StoreFull, StoreUnavailable
from collector.store.open import store_from_url
from collector.store.store import Point
from tests.collector.influxd import Influxd, running_influxd
from tests.collector.store.http_server import Handler, answering, serving
from tests.collector.store.samples import NOON, SECOND, point, tagged

ALL = {"start_ns": NOON - 10**6 * SECOND, "end_ns": NOON + 10**6 * SECOND}


async def failure_of(handler: Handler) -> Exception:
    """What a write to such a server raises."""
    async with serving(handler) as port:
        store = store_from_url(f"influxdb1://u:s3cret@127.0.0.1:{port}/x", timeout_s=0.3)
        with pytest.raises(CollectorError) as caught:
            await store.write([point(1), point(2)])
        await store.close()
    assert "s3cret" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    return caught.value


@pytest.mark.program("influxd")
async def test_what_a_204_promised_survives_kill_9(tmp_path: Path) -> None:
    with running_influxd(tmp_path) as server:
        store = store_from_url(server.store_url("linkgauge"), timeout_s=2)
        await store.open()
        for turn in range(3):
            await store.write([point(turn * 500 + number) for number in range(500)])
            server.kill()
            with pytest.raises(StoreUnavailable, match=r"cannot be reached.*is it running\?"):
                await store.write([point(0)])
            with pytest.raises(StoreUnavailable):
                await store.samples("throughput", site="a", **ALL)
            server.restart()
            assert len(await store.samples("throughput", site="a", **ALL)) == (turn + 1) * 500
        await store.close()


@pytest.mark.program("influxd")
async def test_a_server_that_stands_still_is_a_timeout(tmp_path: Path) -> None:
    with running_influxd(tmp_path) as server:
        store = store_from_url(server.store_url("linkgauge"), timeout_s=0.3)
        await store.open()
        server.pause()
        with pytest.raises(StoreUnavailable, match=r"gave no answer in 0\.3 s"):
            await store.write([point(1)])
        server.resume()
        await store.write([point(1)])
        assert len(await store.samples("throughput", site="a", **ALL)) == 1
        await store.close()


@pytest.mark.program("influxd")
async def test_users_and_their_rights(tmp_path: Path) -> None:
    with running_influxd(tmp_path, auth=True) as server:
        server.query("CREATE USER root WITH PASSWORD 'r00t' WITH ALL PRIVILEGES")
        server.query("CREATE DATABASE ours", user="root:r00t")
        server.query("CREATE USER writer WITH PASSWORD 'w%r@te:r'", user="root:r00t")
        server.query('GRANT ALL ON "ours" TO "writer"', user="root:r00t")

        writer = store_from_url(server.store_url("ours", "writer:w%25r%40te%3Ar"))
        await writer.open()
        await writer.write([point(1)])
        assert len(await writer.samples("throughput", site="a", **ALL)) == 1
        await writer.close()

        by_token = store_from_url(server.store_url("ours"), token="writer:w%r@te:r")  # noqa: S106 - a test's own
        await by_token.open()
        await by_token.close()

        for url in (server.store_url("ours"), server.store_url("ours", "writer:wrong")):
            closed = store_from_url(url)
            with pytest.raises(StoreUnavailable, match="does not let us in"):
                await closed.open()
            with pytest.raises(StoreUnavailable, match=r"does not let us in.*check the store's user"):
                await closed.write([point(2)])
            with pytest.raises(StoreUnavailable, match="does not let us in"):
                await closed.samples("throughput", site="a", **ALL)
            await closed.close()

        elsewhere = store_from_url(server.store_url("theirs", "writer:w%25r%40te%3Ar"))
        with pytest.raises(StoreUnavailable, match="does not let us in"):
            await elsewhere.open()
        with pytest.raises(StoreUnavailable):
            await elsewhere.write([point(2)])
        await elsewhere.close()


@pytest.mark.program("influxd")
async def test_a_limit_of_the_server_is_no_room_and_never_a_refusal(tmp_path: Path) -> None:
    with running_influxd(tmp_path, max_series=5) as server:
        store = store_from_url(server.store_url("linkgauge"))
        await store.write([point(1)])
        with pytest.raises(StoreFull, match="stands at a limit"):
            await store.write([tagged(point(2), peer=f"p{number}") for number in range(20)])
        await store.close()


@pytest.mark.program("influxd")
async def test_a_small_body_limit_of_the_server_is_met_in_pieces(tmp_path: Path) -> None:
    with running_influxd(tmp_path, max_body=4000) as server:
        store = store_from_url(server.store_url("linkgauge"))
        with pytest.raises(PointsRefused) as refusal:
            await store.write([*(point(number) for number in range(300)), point(301, word="x" * 9000)])
        assert refusal.value.indices == (300,)
        assert len(await store.samples("throughput", site="a", **ALL)) == 300
        await store.close()


@pytest.mark.program("influxd")
async def test_a_database_dropped_under_us_is_made_again(influxd: Influxd) -> None:
    store = store_from_url(influxd.store_url("dropped_under_us"))
    await store.open()
    await store.write([point(1)])
    influxd.query('DROP DATABASE "dropped_under_us"')
    with pytest.raises(StoreUnavailable, match="database not found"):
        await store.samples("throughput", site="a", **ALL)
    await store.write([point(2)])
    assert len(await store.samples("throughput", site="a", **ALL)) == 1
    await store.close()


@pytest.mark.program("influxd")
async def test_a_long_refused_line_is_a_refusal_and_not_an_outage(influxd: Influxd) -> None:
    """InfluxDB repeats the line in a header, far longer than an HTTP client likes."""
    store = store_from_url(influxd.store_url("long_lines"))
    await store.write([point(1)])
    bad = Point("m", tuple((f"t{number}", "v" * 1000) for number in range(70)), {"v": 1.0}, NOON)
    with pytest.raises(PointsRefused, match="unable to parse") as refusal:
        await store.write([bad, point(4)])
    assert refusal.value.indices == (0,)
    assert len(str(refusal.value)) < 500
    assert len(await store.samples("throughput", site="a", **ALL)) == 2
    await store.close()


async def test_nobody_at_the_address_is_try_again() -> None:
    async with serving(answering(204)) as port:
        pass
    store = store_from_url(f"influxdb1://127.0.0.1:{port}/x")
    for attempt in (store.open(), store.write([point(1)]), store.info()):
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            await attempt
    await store.close()
    lost = store_from_url("influxdb1://no-such-host.invalid/x")
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await lost.open()
    await lost.close()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, "<html>Sign in</html>"),
        (302, ""),
        (400, "<html>The plain HTTP request was sent to HTTPS port</html>"),
        (404, "<html>nothing here</html>"),
        (429, "slow down"),
        (500, '{"error":"timeout"}'),
        (502, "bad gateway"),
        (503, ""),
    ],
)
async def test_whatever_a_proxy_says_is_try_again(status: int, body: str) -> None:
    assert isinstance(await failure_of(answering(status, body, Location="/elsewhere")), StoreUnavailable)


async def test_a_full_disk_of_the_server_is_named() -> None:
    full = answering(500, '{"error":"engine: error writing WAL entry: no space left on device"}')
    assert isinstance(await failure_of(full), StoreFull)


async def test_a_slow_answer_is_a_timeout() -> None:
    async def slow(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    assert "gave no answer in 0.3 s" in str(await failure_of(slow))


async def test_an_answer_cut_in_half_is_try_again() -> None:
    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=400, headers={"Content-Length": "500"})
        await response.prepare(request)
        await response.write(b'{"error":"partial write: unable to parse')
        assert request.transport is not None
        request.transport.abort()
        return response

    assert isinstance(await failure_of(half), StoreUnavailable)


async def test_an_answer_that_drips_is_a_timeout() -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=400)
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.02)

    assert "gave no answer in 0.3 s" in str(await failure_of(drip))


async def test_an_answer_without_end_does_not_fill_the_memory() -> None:
    sent = [0]

    async def flood(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=429, headers={"Retry-After": "7"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b"x" * 100_000)
                sent[0] += 100_000
        return response

    failure = await failure_of(flood)
    assert isinstance(failure, StoreUnavailable)
    assert failure.retry_after_s == 7.0
    assert sent[0] < 20_000_000


@pytest.mark.program("influxd")
async def test_what_is_older_than_the_database_keeps_is_refused_in_one_go(tmp_path: Path) -> None:
    """The agents keep such reports: the rule would be broken by a server whose clock runs ahead."""
    with running_influxd(tmp_path) as server:
        server.query("CREATE DATABASE d WITH DURATION 400d")
        store = store_from_url(server.store_url("d"))
        old = [replace(point(number), time_ns=number * SECOND) for number in range(600)]
        fresh = replace(point(0), time_ns=time.time_ns())
        with pytest.raises(PointsRefused, match="older than the database keeps, or its clock is wrong") as refusal:
            await store.write([*old[:300], fresh, *old[300:]])
        assert refusal.value.indices == (*range(300), *range(301, 601))
        (row,) = await store.samples("throughput", site="a", start_ns=0, end_ns=2**62)
        assert row.time_ns == fresh.time_ns
        await store.close()


async def test_a_connection_reset_is_try_again() -> None:
    async def reset(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    assert isinstance(await failure_of(reset), StoreUnavailable)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>",
        "[]",
        "{}",
        '{"results":[]}',
        '{"results":[7]}',
        '{"results":[{"error":"engine: timeout"}]}',
        '{"results":[{"series":[{"name":"throughput","columns":["time"],"values":[[1]],"partial":true}]}]}',
    ],
)
async def test_an_answer_that_is_none_is_never_an_empty_series(body: str) -> None:
    async with serving(answering(200, body)) as port:
        store = store_from_url(f"influxdb1://127.0.0.1:{port}/x")
        with pytest.raises(StoreUnavailable):
            await store.samples("throughput", site="a", **ALL)
        await store.close()


@pytest.mark.parametrize(("status", "words"), [(401, "does not let us in"), (503, "does not answer")])
async def test_version_3_says_at_the_start_what_is_wrong(status: int, words: str) -> None:
    async with serving(answering(status, "no")) as port:
        store = store_from_url(f"influxdb3://127.0.0.1:{port}/x")
        with pytest.raises(StoreUnavailable, match=words):
            await store.open()
        await store.close()


@pytest.mark.parametrize("body", ["<html>", "[]", '{"results":[7]}'])
async def test_an_open_that_got_no_answer_is_not_open(body: str) -> None:
    async with serving(answering(200, body)) as port:
        store = store_from_url(f"influxdb1://127.0.0.1:{port}/x")
        with pytest.raises(StoreUnavailable, match="did not answer a question"):
            await store.open()
        await store.close()


async def test_version_3_gets_its_token_and_no_create() -> None:
    seen: list[tuple[str, str, str | None]] = []

    async def record(request: web.Request) -> web.Response:
        seen.append((request.method, request.path_qs, request.headers.get("Authorization")))
        return web.Response(status=204 if request.path == "/write" else 200, headers={"X-Influxdb-Version": "3.11.2"})

    async with serving(record) as port:
        store = store_from_url(f"influxdb3://127.0.0.1:{port}/x", token="apiv3_t")  # noqa: S106 - a test's own
        await store.open()
        await store.write([point(1)])
        assert (await store.info()).version == "3.11.2"
        await store.close()
    assert seen == [
        ("GET", "/ping", "Bearer apiv3_t"),
        ("POST", "/write?db=x&precision=ns", "Bearer apiv3_t"),
        ("GET", "/ping", "Bearer apiv3_t"),
    ]
