"""What every store promises, on every engine that runs here: one suite, real engines."""

import statistics
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.errors import PointsRefused
from collector.store.line import tag_text, text
from collector.store.open import store_from_url
from collector.store.points import points_of
from collector.store.store import Point, Row, Store
from tests.collector.store.samples import NOON, SECOND, SITE, THROUGHPUT, point, report, tagged

ALL = {"start_ns": NOON - 10**6 * SECOND, "end_ns": NOON + 10**6 * SECOND}
EVER = {"start_ns": 0, "end_ns": 2**62}


Place = tuple[str, str | None]


@pytest.fixture
async def store(place: Place) -> AsyncIterator[Store]:
    """Every engine, and versions 2 and 3 through a door of theirs."""
    found = store_from_url(place[0], token=place[1])
    await found.open()
    yield found
    await found.close()


def as_row(one: Point) -> Row:
    return Row(one.time_ns, dict(one.tags), dict(one.fields))


async def test_a_report_reads_back_as_it_was_written(store: Store) -> None:
    (written,) = points_of(report(result=THROUGHPUT, doubts=["cpu_bound", "thermal"]), SITE)
    await store.write([written])
    assert await store.samples("throughput", site=SITE.id, **EVER) == [as_row(written)]


async def test_every_kind_of_field_keeps_its_type(store: Store) -> None:
    one = point(1, download_mbps=100.0, tiny=5e-324, huge=1.7976931348623157e308, third=1 / 3, words="x", off=False)
    await store.write([one])
    (row,) = await store.samples("throughput", site="a", **ALL)
    assert row == as_row(one)
    assert {name: type(value) for name, value in row.fields.items()} == {
        name: type(value) for name, value in one.fields.items()
    }


async def test_writing_twice_is_harmless(store: Store) -> None:
    batch = [point(number) for number in range(50)]
    await store.write(batch)
    await store.write(batch + batch[:10])
    assert await store.samples("throughput", site="a", **ALL) == [as_row(one) for one in batch]


async def test_fields_of_one_point_merge_and_the_newer_value_wins(store: Store) -> None:
    first = replace(point(1), fields={"download_mbps": 1.0, "id": "old"})
    second = replace(first, fields={"upload_mbps": 2.0, "id": "new"})
    await store.write([first])
    await store.write([second])
    (row,) = await store.samples("throughput", site="a", **ALL)
    assert row.fields == {"download_mbps": 1.0, "upload_mbps": 2.0, "id": "new"}


async def test_the_same_point_twice_in_a_batch_keeps_the_later_value(store: Store) -> None:
    await store.write([point(1, word="first"), point(2), point(1, word="second")])
    rows = await store.samples("throughput", site="a", **ALL)
    assert [row.fields.get("word") for row in rows] == ["second", None]


async def test_other_tags_are_another_point(store: Store) -> None:
    one = point(1)
    await store.write([one, tagged(one, family="ipv6")])
    rows = await store.samples("throughput", site="a", **ALL)
    assert sorted(row.tags.get("family", "") for row in rows) == ["", "ipv6"]


async def test_samples_are_in_order_and_within_the_window(store: Store) -> None:
    order = [7, 2, 9, 0, 4, 1, 8, 3, 6, 5]
    await store.write([tagged(point(number), family=f"ipv{4 + number % 2 * 2}") for number in order])
    await store.write([point(3, site="b")])
    rows = await store.samples("throughput", site="a", start_ns=NOON + 2 * SECOND, end_ns=NOON + 7 * SECOND)
    assert [row.fields["download_mbps"] for row in rows] == [2.0, 3.0, 4.0, 5.0, 6.0]


@pytest.mark.parametrize(("limit", "expected"), [(3, [7.0, 8.0, 9.0]), (0, []), (99, [float(n) for n in range(10)])])
async def test_a_limit_keeps_the_newest(store: Store, limit: int, expected: list[float]) -> None:
    await store.write([tagged(point(number), family=f"ipv{4 + number % 2 * 2}") for number in range(10)])
    rows = await store.samples("throughput", site="a", limit=limit, **ALL)
    assert [row.fields["download_mbps"] for row in rows] == expected


async def test_recent_gives_each_site_its_newest(store: Store) -> None:
    await store.write([point(number, site=site) for number in range(5) for site in ("a", "b")])
    await store.write([tagged(point(number, site="b"), family="ipv6") for number in range(5, 7)])
    await store.write([replace(point(6), tags=(("agent", "nobody"),))])
    found = await store.recent("throughput", start_ns=NOON + SECOND, per_site=3)
    assert {site: [row.fields["download_mbps"] for row in rows] for site, rows in found.items()} == {
        "a": [2.0, 3.0, 4.0],
        "b": [4.0, 5.0, 6.0],
    }
    assert await store.recent("throughput", start_ns=NOON + 99 * SECOND, per_site=3) == {}
    assert await store.recent("throughput", start_ns=NOON, per_site=0) == {}


async def test_a_summary_counts_conclusive_values_only(store: Store) -> None:
    values = [11.3, 97.25, 1 / 3, 42.0, 118.4, 7.7]
    await store.write([point(number, download_mbps=value) for number, value in enumerate(values)])
    await store.write([point(50, download_mbps=1e6, conclusive=False), point(10**6 + 1, download_mbps=5e5)])
    await store.write([replace(point(51), fields={"conclusive": True})])
    await store.write([point(number, site="b", download_mbps=float(number)) for number in range(3)])
    found = await store.summary("throughput", "download_mbps", **ALL)
    assert {site: summary.n for site, summary in found.items()} == {"a": 6, "b": 3}
    assert found["a"].median == pytest.approx(statistics.median(values), rel=1e-12)
    assert found["b"].median == 1.0


async def test_a_summary_of_upload_asks_whether_the_upload_counts(store: Store) -> None:
    await store.write([point(1, upload_mbps=5.0, conclusive=False, upload_conclusive=True)])
    await store.write([point(2, upload_mbps=9.0, conclusive=True, upload_conclusive=False)])
    found = await store.summary("throughput", "upload_mbps", **ALL)
    assert [(summary.n, summary.median) for summary in found.values()] == [(1, 5.0)]


async def test_what_nobody_wrote_is_empty(store: Store) -> None:
    assert await store.samples("latency", site="a", **ALL) == []
    assert await store.samples("no_such_kind", site="a", **ALL) == []
    assert await store.recent("no_such_kind", start_ns=0, per_site=1) == {}
    assert await store.summary("no_such_kind", "x", **ALL) == {}
    assert await store.summary("throughput", "no_such_field", **ALL) == {}
    await store.write([])


async def test_drop_deletes_every_point_and_every_type(store: Store) -> None:
    await store.write([point(1), point(1, measurement="latency", sent=1.0), point(1, measurement="custom", odd="x")])
    await store.drop()
    for measurement in ("throughput", "latency", "custom"):
        assert await store.samples(measurement, site="a", **ALL) == []
    await store.write([point(2, measurement="custom", odd=7.0)])
    (row,) = await store.samples("custom", site="a", **ALL)
    assert row.fields["odd"] == 7.0


async def test_info_names_the_engine(store: Store, place: Place) -> None:
    await store.write([point(1), point(2)])
    info = await store.info()
    assert info.engine == place[0].partition("://")[0]
    assert info.version.lstrip("v")[0].isdigit()
    assert info.points in (2, None)


async def test_open_and_close_may_be_called_again(store: Store, place: Place) -> None:
    await store.open()
    await store.write([point(1)])
    await store.close()
    await store.close()
    await store.write([point(2)])
    other = store_from_url(place[0], token=place[1])
    assert len(await other.samples("throughput", site="a", **ALL)) == 2
    await other.close()


async def test_refused_points_are_named_and_all_others_are_durable(store: Store) -> None:
    await store.write([point(0)])
    batch = [point(number) for number in range(1, 41)]
    batch[7] = point(7, download_mbps="not a number any more")
    batch[23] = replace(point(23), fields={"download_mbps": float("nan")})
    batch[24] = replace(point(24), time_ns=2**63)
    batch[30] = point(30, time=1.0)
    batch[39] = point(39, conclusive=1.0)
    with pytest.raises(PointsRefused) as refusal:
        await store.write(batch)
    assert refusal.value.indices == (7, 23, 24, 30, 39)
    assert len(str(refusal.value).splitlines()) == 1
    rows = await store.samples("throughput", site="a", **ALL)
    assert [row.time_ns for row in rows] == [
        one.time_ns for number, one in enumerate([point(0), *batch]) if number - 1 not in (7, 23, 24, 30, 39)
    ]


async def test_rows_that_hold_a_field_are_found_in_all_sites(store: Store) -> None:
    full: dict[str, Any] = {"download_early_mbps": 99.5, "download_bytes": 1e8}
    await store.write([point(1), point(2, **full), point(3, doubts="cpu_bound"), point(4, site="b", **full, words="x")])
    await store.write([point(6, **full), replace(point(5, **full), tags=(("agent", "nowhere"),))])
    window: dict[str, Any] = {"start_ns": NOON, "end_ns": NOON + 6 * SECOND}
    rows = await store.having("throughput", "download_early_mbps", **window, beside=["download_bytes", "no_such_field"])
    assert [(row.time_ns, row.tags["site"], dict(row.fields)) for row in rows] == [
        (NOON + 2 * SECOND, "a", full),
        (NOON + 4 * SECOND, "b", full),
    ]
    (doubted,) = await store.having("throughput", "doubts", **window)
    assert doubted.fields == {"doubts": "cpu_bound"}
    assert doubted.tags == dict(point(3).tags)
    assert await store.having("throughput", "no_such_field", **window) == []
    assert await store.having("throughput", "no_such_field", **window, beside=["doubts"]) == []
    assert await store.having("no_such_measurement", "doubts", **window) == []


async def test_a_number_that_is_none_is_left_out(store: Store) -> None:
    await store.write([point(1, idle_rtt_ms_min=float("inf"), upload_mbps=float("nan"))])
    (row,) = await store.samples("throughput", site="a", **ALL)
    assert row.fields == {"download_mbps": 1.0, "conclusive": True}


NASTY = [
    "Hữu Lũng, tỉnh Lạng Sơn",
    "a=b c,d",
    "quote \" and ' and both \"'",
    "ends with a backslash\\",
    "\\, \\= \\ ",
    "new\nline\r\ttab\0nul",
    "  spaces around  ",
    "\u2028\u0085",
    "😀 đặc biệt",
    "#hash",
    "x" * 5000,
]


@pytest.mark.parametrize("nasty", NASTY)
async def test_nasty_text_goes_in_and_comes_out(store: Store, nasty: str) -> None:
    one = tagged(point(1, word=nasty), peer=nasty, site=f"site {nasty}"[:60])
    await store.write([one, point(2, site="after")])
    (row,) = await store.samples("throughput", site=f"site {nasty}"[:60], **ALL)
    assert row.fields["word"] == text(nasty)
    assert row.tags.get("peer", "") == tag_text(nasty)
    assert len(await store.samples("throughput", site="after", **ALL)) == 1


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tags=st.dictionaries(
        st.sampled_from(["site", "agent", "peer", "commune"]),
        st.text(st.sampled_from("ab \\,=\"'\n\ré😀\0"), max_size=8),
    ),
    word=st.text(st.sampled_from("ab \\,=\"'\n\ré😀\0"), max_size=12),
    number=st.floats(allow_nan=False, allow_infinity=False),
    second=st.integers(0, 2**33),
)
async def test_whatever_text_comes_every_engine_holds_the_same(
    store: Store, tags: dict[str, str], word: str, number: float, second: int
) -> None:
    tags["site"] = "x" + tags.get("site", "")
    one = Point("nasty", tuple(sorted(tags.items())), {"word": word, "number": number}, second * SECOND)
    await store.write([one])
    rows = await store.samples("nasty", site=tags["site"], start_ns=one.time_ns, end_ns=one.time_ns + 1)
    clean = {name: tag_text(value) for name, value in tags.items() if tag_text(value)}
    assert Row(one.time_ns, clean, {"word": text(word), "number": number}) in rows


async def test_times_are_exact_to_the_nanosecond(store: Store) -> None:
    times = [NOON + 1, NOON + 2, 2**62 - 1]
    await store.write([replace(point(0), time_ns=time) for time in times])
    rows = await store.samples("throughput", site="a", start_ns=0, end_ns=2**63 - 1)
    assert [row.time_ns for row in rows] == times


async def test_tags_may_be_named_beside_fields(store: Store) -> None:
    await store.write([point(0), tagged(point(1), agent="b", peer="dc"), point(2, site="c")])
    window = {"start_ns": NOON, "end_ns": NOON + 10 * SECOND}
    found = await store.values("throughput", ["download_mbps", "peer", "agent"], sites=["a"], **window)
    assert [row[1:] for row in found["a"]] == [(0.0, None, "a-1"), (1.0, "dc", "b")]
    assert await store.values("throughput", ["peer"], sites=["a"], **window) == {}
