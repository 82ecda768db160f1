"""What pages tell of a site's newest throughput: exact, and kept up to date by reports and by days."""

from datetime import timedelta

import pytest

from collector.registry.site import Site
from collector.rollups.recent import COLUMNS, Doubted, Recent, recent_of
from collector.rollups.recents import Recents, compute
from collector.store.points import nanoseconds
from collector.store.store import FieldValue, Values
from tests.collector.rollups.rig import HOUR, NOW, SCHOOL, House, speed

DAY = 24 * HOUR


def row(ago: timedelta, **fields: FieldValue) -> Values:
    return (nanoseconds(NOW - ago), *(fields.get(name) for name in COLUMNS))


def good(ago: timedelta, mbps: float, **fields: FieldValue) -> Values:
    return row(ago, download_mbps=mbps, conclusive=True, agent="a", **fields)


def test_a_median_is_of_the_conclusive_results_of_thirty_days() -> None:
    rows = [
        good(31 * DAY, 1.0),
        good(29 * DAY, 40.0),
        row(DAY, download_mbps=500.0, conclusive=False),
        good(HOUR, 50.0),
        row(HOUR / 2, conclusive=False, failure="connect:timeout", peer="rehearsal"),
    ]
    found = recent_of("s", rows, NOW)
    assert (found.n, found.median) == (2, 45.0)
    assert found.newest_ns == rows[-1][0]
    assert found.last == {"conclusive": False, "failure": "connect:timeout"}
    assert found.peer == "rehearsal"


def test_a_site_that_measured_nothing_is_known_to_have_nothing() -> None:
    assert recent_of("s", [], NOW) == Recent(site="s", at=NOW)
    gone = recent_of("s", [good(31 * DAY, 1.0)], NOW)
    assert (gone.newest_ns, gone.median, gone.n) == (None, None, 0)


def test_doubts_are_of_thirty_days_and_early_stops_of_ninety() -> None:
    early = {"download_early_mbps": 99.0, "download_early_bytes": 25.0, "download_bytes": 100.0}
    rows = [
        good(80 * DAY, 100.0, doubts="wifi_bound", **early),
        good(2 * DAY, 0.0, download_early_mbps=1.0),  # nothing to compare with
        good(DAY, 80.0, doubts="cpu_bound,thermal"),
        good(HOUR, 80.0, doubts="cpu_bound", upload_early_mbps=2.0, upload_mbps=1.0),
    ]
    found = recent_of("s", rows, NOW)
    assert found.doubted == {"a": Doubted(2, {"cpu_bound": 2, "thermal": 1})}
    assert found.early == {"download": [(-0.01, 0.75)], "upload": [(1.0, None)]}


async def test_it_is_rolled_up_soon_after_a_report_and_again_each_day(house: House) -> None:
    await house.measured("throughput", {NOW - HOUR * place: speed(50.0 + place) for place in range(3)})
    table = Recents(house.registry.database)
    await house.settle(after=timedelta(seconds=61))
    assert table.read()[SCHOOL.id].median == 51.0
    late = NOW - 3 * HOUR
    await house.measured("throughput", {late: speed(53.0)})
    await house.settle(after=timedelta(seconds=61))
    assert (table.read()[SCHOOL.id].n, table.read()[SCHOOL.id].median) == (4, 51.5)
    await house.settle(after=timedelta(days=31))  # nothing came, and nothing of the month is left
    found = table.read()[SCHOOL.id]
    assert (found.n, found.newest_ns) == (0, None)


async def test_what_is_kept_is_what_raw_rows_say(house: House) -> None:
    rows = {NOW - HOUR * place: speed(50.0 + place) | {"doubts": "cpu_bound"} for place in range(5)}
    await house.measured("throughput", rows)
    await house.settle(after=timedelta(seconds=61))
    (found,) = (await compute(house.store, [SCHOOL.id], house.now)).values()
    kept = Recents(house.registry.database).read()[SCHOOL.id]
    assert kept.doubted == found.doubted == {f"{SCHOOL.id}-a": Doubted(5, {"cpu_bound": 5})}
    assert (kept.newest_ns, kept.last, kept.n) == (found.newest_ns, found.last, found.n)


async def test_a_new_site_is_looked_at_and_a_restart_repeats_nothing(house: House) -> None:
    table = Recents(house.registry.database)
    await house.settle(after=timedelta(seconds=61))
    before = table.read()
    house.registry.import_sites([Site("new", "New", "school", "rural", "lang-son", "huu-lung")], now=house.now)
    again = house.rollups()
    await house.settle(again, after=timedelta(seconds=61))
    assert table.read().keys() == before.keys() | {"new"}
    assert table.read()[SCHOOL.id].at == before[SCHOOL.id].at


@pytest.mark.parametrize("many", [1, 1200])
def test_a_site_has_one_row(many: int, house_database: Recents) -> None:
    sites = [Recent(site=f"s{number}", at=NOW) for number in range(many)]
    house_database.save(sites)
    house_database.save([*sites, Recent(site="s0", at=NOW, n=7)])
    found = house_database.read()
    assert len(found) == many
    assert found["s0"].n == 7
    assert house_database.since(NOW + HOUR) == set()
