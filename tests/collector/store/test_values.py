"""Many rows, few fields: what roll-ups are made from, on every engine that runs here."""

from dataclasses import replace

from collector.store.store import Store
from tests.collector.store.samples import NOON, SECOND, point, tagged

ALL = {"start_ns": NOON - 10**6 * SECOND, "end_ns": NOON + 10**6 * SECOND}
FIELDS = ("conclusive", "download_mbps", "failure")


async def test_each_site_has_its_rows_as_tuples_in_order(store: Store) -> None:
    await store.write([point(number, site=site) for number in (2, 0, 1) for site in ("a", "b", "c")])
    found = await store.values("throughput", FIELDS, sites=["a", "c"], **ALL)
    rows = [(NOON + number * SECOND, True, float(number), None) for number in range(3)]
    assert found == {"a": rows, "c": rows}
    assert all(type(row[1]) is bool for row in found["a"])


async def test_all_sites_when_none_is_named_but_not_what_has_no_site(store: Store) -> None:
    await store.write([point(1, site="a"), replace(point(2), tags=(("agent", "nobody"),)), point(3, site="b")])
    found = await store.values("throughput", FIELDS, sites=None, **ALL)
    assert {site: len(rows) for site, rows in found.items()} == {"a": 1, "b": 1}


async def test_two_agents_at_the_same_moment_are_two_rows(store: Store) -> None:
    one = point(1, download_mbps=5.0)
    other = tagged(point(1, download_mbps=7.0), agent="a-2")
    await store.write([one, other, tagged(point(1, download_mbps=9.0), family="ipv6")])
    found = await store.values("throughput", FIELDS, sites=["a"], **ALL)
    assert sorted(row[2] for row in found["a"]) == [5.0, 7.0, 9.0]


async def test_the_window_is_from_start_to_before_end(store: Store) -> None:
    await store.write([point(number) for number in range(5)])
    window = {"start_ns": NOON + SECOND, "end_ns": NOON + 3 * SECOND}
    found = await store.values("throughput", ("download_mbps",), sites=["a"], **window)
    assert found == {"a": [(NOON + SECOND, 1.0), (NOON + 2 * SECOND, 2.0)]}


async def test_a_field_that_is_not_there_is_none_and_a_row_without_any_is_left_out(store: Store) -> None:
    failed = replace(point(1), fields={"failure": "connect:timeout", "conclusive": False})
    await store.write([failed, replace(point(2), fields={"id": "x"})])
    found = await store.values("throughput", ("conclusive", "download_mbps", "no_such"), sites=["a"], **ALL)
    assert found == {"a": [(NOON + SECOND, False, None, None)]}
    assert await store.values("throughput", ("no_such",), sites=["a"], **ALL) == {}
    assert await store.values("no_such_kind", FIELDS, sites=None, **ALL) == {}


async def test_more_sites_than_one_question_may_name(store: Store) -> None:
    names = [f"site-{number}" for number in range(620)]
    await store.write([point(1, site=name) for name in names])
    found = await store.values("throughput", ("download_mbps",), sites=[*names, 'it\'s "a" \\ strange one'], **ALL)
    assert set(found) == set(names)
    assert await store.values("throughput", ("download_mbps",), sites=[], **ALL) == {}


async def test_recent_gives_only_the_fields_that_are_named(store: Store) -> None:
    await store.write([point(number, site=site, id="x", mtu_ok=True) for number in range(3) for site in ("a", "b")])
    await store.write([replace(point(9), fields={"id": "alone"})])
    found = await store.recent("throughput", start_ns=NOON, per_site=1, fields=("download_mbps", "mtu_ok", "no_such"))
    assert {site: [dict(row.fields) for row in rows] for site, rows in found.items()} == {
        "a": [{"download_mbps": 2.0, "mtu_ok": True}],
        "b": [{"download_mbps": 2.0, "mtu_ok": True}],
    }
    assert found["a"][0].tags == {"agent": "a-1", "site": "a"}
    assert await store.recent("throughput", start_ns=NOON, per_site=1, fields=("no_such",)) == {}
