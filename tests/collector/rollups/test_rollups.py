"""From touched hours to points, on real stores."""

import random
import statistics
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.errors import StoreUnavailable
from collector.ledger.facts import Touched
from collector.ledger.ledger import Ledger
from collector.rollups.due import Pace
from collector.rollups.rollups import RECENT_SITES, Rollups
from collector.store.points import nanoseconds
from collector.store.store import Row
from tests.collector.rollups.rig import HOUR, NOW, SCHOOL, ZONE, House, speed

PLACE = {
    "site": "th1", "province": "lang-son", "commune": "huu-lung", "site_kind": "school", "area": "rural",
    "access": "fibre",
}  # fmt: skip


async def test_an_hour_a_day_and_a_month_are_computed_from_raw(house: House) -> None:
    dice = random.Random(5)  # noqa: S311 - a test wants the same numbers
    values = {NOW - timedelta(days=40) + timedelta(minutes=25 * place): dice.uniform(20, 150) for place in range(120)}
    await house.measured("throughput", {at: speed(mbps) for at, mbps in values.items()})
    await house.settle()
    days = await house.series("throughput_day")
    own = [mbps for at, mbps in values.items() if nanoseconds(at) // 10**9 >= days[1].time_ns // 10**9]
    own = [values[at] for at in values if days[1].time_ns <= nanoseconds(at) < days[2].time_ns]
    assert days[1].fields["download_mbps_n"] == len(own)
    assert days[1].fields["download_mbps_median"] == pytest.approx(statistics.median(own))
    assert days[1].fields["download_mbps_mean"] == pytest.approx(statistics.fmean(own))
    assert days[1].tags == PLACE
    assert datetime.fromtimestamp(days[1].time_ns / 1e9, UTC).hour == 17
    (month,) = await house.series("throughput_month")
    assert month.time_ns == nanoseconds(datetime(2026, 9, 30, 17, tzinfo=UTC))
    assert month.fields["download_mbps_n"] == 120
    hours = await house.series("throughput_hour")
    assert sum(float(hour.fields["download_mbps_n"]) for hour in hours) == 120
    assert all(hour.time_ns % (3600 * 10**9) == 0 for hour in hours)


async def test_buckets_that_nobody_remembered_are_computed_at_once_and_told(house: House) -> None:
    at = NOW - timedelta(days=2)
    await house.measured("throughput", {at: speed(80), at + HOUR: speed(90)})
    rollups, pace = house.rollups(), Pace(house.settings, ZONE)
    await rollups.open()
    tasks = pace.tasks(Touched("throughput", "th1", at.replace(minute=0), 1))
    tasks = [task for task in tasks if task.level in ("day", "month")]
    assert [task async for done in rollups.compute(tasks) for task in done] == tasks
    assert [row.fields["download_mbps_n"] for row in await house.series("throughput_day")] == [2]
    assert len(await house.series("throughput_month")) == 1
    assert await house.series("throughput_hour") == []
    assert rollups.due.waiting() == 0


async def test_what_a_target_binds_has_a_share(house: House) -> None:
    at = NOW - timedelta(days=3)
    await house.measured("throughput", {at: speed(1000.0), at + HOUR: speed(1.0)})
    await house.measured("throughput", {at: speed(1000.0)}, site="th2")
    await house.settle()
    (month,) = await house.series("throughput_month")
    assert month.fields["download_mbps_share"] == 0.5
    assert float(month.fields["download_mbps_target"]) > 0
    (other,) = await house.series("throughput_month", "th2")
    assert "download_mbps_share" not in other.fields


async def test_computing_again_is_the_same_point_and_nothing_is_left_to_do(house: House) -> None:
    rows = {NOW - timedelta(days=2) + 7 * HOUR * place: speed(50.0 + place) for place in range(5)}
    await house.measured("throughput", rows)
    await house.settle()
    before = [await house.series(f"throughput_{level}") for level in ("hour", "day", "month")]
    await house.measured("throughput", rows)
    await house.settle(after=timedelta(days=2))
    assert [await house.series(f"throughput_{level}") for level in ("hour", "day", "month")] == before
    assert house.touches.hours == {}
    assert len(before[0]) == 5


async def test_late_data_recomputes_its_hour_day_and_month_and_no_other(house: House) -> None:
    first, other = datetime(2026, 10, 5, 3, 10, tzinfo=UTC), datetime(2026, 10, 6, 3, 10, tzinfo=UTC)
    await house.measured("latency", {at: {"rtt_ms_median": 10.0, "conclusive": True} for at in (first, other)})
    await house.settle()
    # Where nothing is touched nothing is written: this mark would be overwritten.
    (row,) = [row for row in await house.series("latency_day") if row.time_ns > nanoseconds(first)]
    await house.store.write([as_point("latency_day", row, rtt_ms_median_max=777.0)])
    await house.measured("latency", {first + timedelta(minutes=5): {"rtt_ms_median": 30.0, "conclusive": True}})
    await house.settle()
    early, late = await house.series("latency_day")
    assert (early.fields["rtt_ms_median_median"], early.fields["rtt_ms_median_n"]) == (20.0, 2.0)
    assert late.fields["rtt_ms_median_max"] == 777.0
    (month,) = await house.series("latency_month")
    assert (month.fields["rtt_ms_median_n"], month.fields["rtt_ms_median_max"]) == (3.0, 30.0)


async def test_an_open_hour_is_computed_at_its_pace_and_once_after_its_end(house: House) -> None:
    house.now = datetime(2026, 11, 22, 12, 1, tzinfo=UTC)
    rollups = house.rollups()
    await rollups.open()
    seen = []
    for minute in range(1, 63):
        if minute < 60:
            at = datetime(2026, 11, 22, 12, minute, tzinfo=UTC)
            await house.measured("dns", {at: {"median_ms": float(minute), "conclusive": True}})
        house.now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC) + timedelta(minutes=minute)
        await rollups.step()
        found = await house.series("dns_hour")
        seen.append(found[0].fields["median_ms_n"] if found else 0.0)
    assert seen[-1] == 59.0
    assert 10 <= len(set(seen)) <= 14


async def test_a_crash_between_write_and_forgetting_repeats_the_work(house: House) -> None:
    await house.measured("web", {NOW - timedelta(days=2): {"total_ms": 900.0, "conclusive": True}})
    rollups = house.rollups()
    await rollups.open()
    await rollups.step()
    assert house.touches.hours == {}  # settled, and not computed yet: only the table knows
    house.now += timedelta(days=2)
    written: list[Any] = []

    class Dies(Rollups):
        async def _write(self, points: Any) -> None:  # noqa: ANN401 - as the real one
            await super()._write(points)
            written.extend(points)
            raise KeyboardInterrupt

    dying = Dies(*(getattr(rollups, name) for name in _ARGUMENTS))
    with pytest.raises(KeyboardInterrupt):
        await dying.step()
    assert len(written) == 1
    await house.rollups().step()
    for level in ("hour", "day", "month"):
        (row,) = await house.series(f"web_{level}")
        assert row.fields["total_ms_n"] == 1.0


_ARGUMENTS = ("store", "touches", "registry", "plans", "clock", "zone", "metrics", "settings")


async def test_a_report_that_comes_while_its_bucket_is_computed_is_not_forgotten(house: House) -> None:
    at = NOW - timedelta(days=2)
    await house.measured("web", {at: {"total_ms": 900.0, "conclusive": True}})
    rollups = house.rollups()
    await rollups.open()
    await rollups.step()
    house.now += timedelta(days=2)

    class Interrupted(Rollups):
        async def _write(self, points: Any) -> None:  # noqa: ANN401 - as the real one
            await super()._write(points)
            later = at + timedelta(minutes=1)
            await house.measured("web", {later: {"total_ms": 100.0, "conclusive": True}})
            self._take_over()

        def _take_over(self) -> None:
            from collector.rollups.due import Pace

            self._take(Pace(self.settings(), self.zone))

    await Interrupted(*(getattr(rollups, name) for name in _ARGUMENTS)).step()
    house.now += timedelta(days=2)
    await house.rollups().step()
    for level in ("hour", "day", "month"):
        (row,) = await house.series(f"web_{level}")
        assert row.fields["total_ms_n"] == 2.0


async def test_what_has_lost_raw_values_is_left_as_it_is(house: House) -> None:
    old = NOW - timedelta(days=100)
    await house.measured("web", {old: {"total_ms": 900.0, "conclusive": True}})
    house.settings = replace_settings(house, raw_days=80)
    await house.settle()
    assert await house.series("web_month") == []
    assert await house.rollups().step() is False
    house.settings = replace_settings(house, raw_days=None)
    await house.measured("web", {old: {"total_ms": 900.0, "conclusive": True}})
    await house.settle()
    assert len(await house.series("web_month")) == 1


async def test_kinds_and_sites_that_nobody_knows_are_settled(house: House) -> None:
    await house.measured("ledger", {NOW: {"duration_s": 1.0}})
    await house.measured("weather", {NOW: {"rain_mm": 1.0}})
    await house.measured("web", {NOW: {"total_ms": 1.0, "conclusive": True}}, site="stranger")
    await house.settle(after=timedelta(days=40))
    assert house.touches.hours == {}
    assert house.rollups().due.waiting() == 0
    assert await house.series("web_hour", "stranger") == []


async def test_many_sites_and_a_long_backlog_are_few_questions(house: House) -> None:
    sites = [replace(SCHOOL, id=f"s-{number}") for number in range(300)]
    house.registry.import_sites(sites, now=NOW)
    at = NOW - timedelta(days=1)
    for site in sites:
        await house.measured("web", {at: {"total_ms": 5.0, "conclusive": True}}, site=site.id)
    for hour in range(200):
        await house.measured("web", {NOW - timedelta(days=60) + HOUR * hour: {"total_ms": 5.0, "conclusive": True}})
    asked: list[str] = []
    rollups = house.rollups()
    real = house.store.values

    class Counted:
        async def values(self, *args: Any, **named: Any) -> Any:  # noqa: ANN401 - as the store's
            asked.extend(args[:1])
            return await real(*args, **named)

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - everything else is the store's
            return getattr(house.store, name)

    rollups.store = Counted()
    await house.settle(rollups)
    assert len(await house.series("web_hour")) == 200
    assert len(await house.series("web_day", "s-299")) == 1
    assert asked.count("web") < 20
    assert asked.count("throughput") <= 2 * (300 // RECENT_SITES + 1)  # on two days


async def test_a_store_that_is_down_is_waited_for(house: House) -> None:
    await house.measured("web", {NOW - timedelta(days=2): {"total_ms": 900.0, "conclusive": True}})
    rollups = house.rollups()
    times = []

    class Down(Rollups):
        async def step(self) -> bool:
            times.append(1)
            if len(times) < 4:
                raise StoreUnavailable("away")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await Down(*(getattr(rollups, name) for name in (*_ARGUMENTS, "retry_s"))).run()
    assert len(times) == 4


def as_point(measurement: str, row: Row, **fields: float) -> Any:  # noqa: ANN401 - a point
    from collector.store.store import Point

    return Point(measurement, tuple(sorted(row.tags.items())), fields, row.time_ns)


def replace_settings(house: House, **changes: Any) -> Any:  # noqa: ANN401 - settings
    import msgspec

    return msgspec.structs.replace(house.settings, **changes)


async def test_with_the_ledger_itself(house: House) -> None:
    ledger = Ledger(house.registry.database)
    at = NOW - timedelta(days=2)
    await house.measured("web", {at: {"total_ms": 900.0, "conclusive": True}})
    ledger.touch(house.touches.hours)
    rollups = house.rollups()
    rollups.touches = ledger
    await house.settle(rollups)
    assert ledger.touched(10) == []
    (row,) = await house.series("web_hour")
    assert row.fields["total_ms_n"] == 1.0
    assert rollups.due.waiting() == 0
