"""What is kept for a time and what for ever: the rule, and a real InfluxDB that follows it."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from collector.errors import PointsRefused, UsageError
from collector.store.keeping import outlives_raw, span_of
from collector.store.open import place_from_url, store_from_url
from tests.collector.influxd import Influxd
from tests.collector.store.conftest import DATABASES
from tests.collector.store.door import ORG, TOKEN, door
from tests.collector.store.samples import SECOND, point


@pytest.mark.parametrize(
    ("measurement", "lasting"),
    [
        ("throughput", False),
        ("status", False),
        ("throughput_hour", True),
        ("ipv6_day", True),
        ("latency_month", True),
        ("verdict", True),
        ("incident", True),
        ("completeness", True),
        ("hour", False),
        ("verdicts", False),
    ],
)
def test_what_outlives_raw_measurements(measurement: str, *, lasting: bool) -> None:
    assert outlives_raw(measurement) is lasting


@pytest.mark.parametrize(
    ("text", "days"), [("400d", 400), ("60w", 420), (" 9600h ", 400), ("2y", 730.5), ("forever", None)]
)
def test_times_to_keep(text: str, days: float | None) -> None:
    assert span_of(text) == (timedelta(days=days) if days is not None else None)


@pytest.mark.parametrize(
    ("text", "words"), [("", "not a time"), ("400", "not a time"), ("-4d", "not a"), ("30d", "31d")]
)
def test_a_bad_time_to_keep_is_one_line(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        span_of(text)


def test_the_policy_stands_in_the_url() -> None:
    place = place_from_url("influxdb1://h/db?raw=raw")
    assert place.server is not None
    assert place.server.policy("throughput") == {"rp": "raw"}
    assert place.server.policy("throughput_hour") == place.server.policy("") == {}
    with pytest.raises(UsageError, match="no name of a retention policy"):
        place_from_url("influxdb1://h/db?raw=a%20b")
    with pytest.raises(UsageError, match="unknown option 'raw'"):
        place_from_url("influxdb3://h/db?raw=raw")


@pytest.fixture(params=[1, 2])
async def kept(request: pytest.FixtureRequest, influxd: Influxd) -> AsyncIterator[tuple[str, str | None]]:
    """URL and token of a database with a policy `brief`, of 1.x, and of 2.x through its door."""
    database = f"linkgauge_{next(DATABASES)}"
    influxd.query(f'CREATE DATABASE "{database}"')
    influxd.query(f'CREATE RETENTION POLICY brief ON "{database}" DURATION 400d REPLICATION 1')
    if request.param == 1:
        yield f"{influxd.store_url(database)}?", None
        return
    async with door(2, influxd.url) as port:
        yield f"influxdb2://127.0.0.1:{port}/{database}?org={ORG}&", TOKEN


@pytest.mark.program("influxd")
async def test_raw_points_expire_alone(kept: tuple[str, str | None]) -> None:
    url, token = kept
    store = store_from_url(f"{url}raw=brief", token=token)
    default = store_from_url(url.rstrip("?&"), token=token)
    await store.open()
    now = time.time_ns()
    fresh, old = replace(point(1), time_ns=now), replace(point(2), time_ns=now - 500 * 86400 * SECOND)
    rolled = replace(old, measurement="throughput_day")
    with pytest.raises(PointsRefused, match="older than the database keeps") as refusal:
        await store.write([rolled, old, fresh, old])
    assert refusal.value.indices == (1, 3)
    assert [row.time_ns for row in await store.samples("throughput", site="a", start_ns=0, end_ns=2**62)] == [now]
    (lasting,) = await store.samples("throughput_day", site="a", start_ns=0, end_ns=2**62)
    assert lasting.time_ns == old.time_ns
    assert set(await store.recent("throughput", start_ns=0, per_site=1)) == {"a"}
    assert (await store.summary("throughput", "download_mbps", start_ns=0, end_ns=2**62))["a"].n == 1
    assert await default.samples("throughput", site="a", start_ns=0, end_ns=2**62) == []
    await store.drop()
    assert await store.samples("throughput", site="a", start_ns=0, end_ns=2**62) == []
    await store.close()
    await default.close()
