"""When buckets are due, and that what waits is neither lost nor doubled."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.config import RollupSettings
from collector.ledger.facts import Touched
from collector.ledger.ledger import Ledger
from collector.registry.database import Database
from collector.rollups.due import Due, Pace, Task
from tests.collector.tables import with_tables

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
NOW = datetime(2026, 11, 22, 12, 20, tzinfo=UTC)
PACE = Pace(RollupSettings(), ZONE)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def due(tmp_path: Path) -> Iterator[Due]:
    database = Database(with_tables(tmp_path))
    database.open()
    found = Due(database)
    found.open()
    yield found
    database.close()


def test_an_hour_is_part_of_a_day_and_a_month_and_of_speed_a_verdict_depends_on_it() -> None:
    found = PACE.tasks(Touched("throughput", "s", datetime(2026, 11, 30, 17, tzinfo=UTC), 1))
    december = datetime(2026, 11, 30, 17, tzinfo=UTC)
    assert {(task.level, task.start) for task in found} == {(level, december) for level in LEVELS}
    assert [task.level for task in PACE.tasks(Touched("dns", "s", december, 1))] == ["day", "hour", "month"]
    assert PACE.tasks(Touched("weather", "s", december, 1)) == []


LEVELS = ("hour", "day", "month", "recent", "verdict")


def test_an_hour_that_two_days_share_touches_both() -> None:
    india = Pace(RollupSettings(), ZoneInfo("Asia/Kolkata"))
    found = india.tasks(Touched("dns", "s", datetime(2026, 11, 30, 18, tzinfo=UTC), 1))
    assert len([task for task in found if task.level == "day"]) == 2
    assert len([task for task in found if task.level == "month"]) == 2


@given(st.integers(0, 10**6), st.sampled_from(["hour", "day", "month"]), st.text("abc", min_size=1, max_size=5))
def test_an_open_bucket_is_due_within_its_pace_and_not_long_after_its_end(second: int, level: str, site: str) -> None:
    now = NOW + timedelta(seconds=second)
    (task,) = (
        one for one in PACE.tasks(Touched("dns", site, now.replace(minute=0, second=0), 1)) if one.level == level
    )
    bucket = PACE.bucket(task)
    at = PACE.due(task, now)
    pace = {"hour": 300, "day": 3600, "month": 86_400}[level]
    assert now < at <= now + timedelta(seconds=pace)
    assert at <= bucket.end + timedelta(seconds=60)


def test_a_bucket_that_waits_keeps_its_time_and_one_that_is_over_waits_a_moment(due: Due) -> None:
    task = Task("dns", "s", "day", datetime(2026, 10, 1, 17, tzinfo=UTC))
    due.add([task], PACE, NOW)
    due.add([task, task], PACE, NOW + 0.9 * MINUTE)
    assert due.ready(PACE, NOW + 0.9 * MINUTE, 10) == []
    (ready,) = due.ready(PACE, NOW + MINUTE, 10)
    assert (ready[:4], ready.stamp) == (task[:4], 2)
    due.done([ready], PACE, NOW)
    assert due.waiting() == 0


def test_what_was_touched_while_it_was_computed_waits_again(due: Due) -> None:
    tasks = [Task("dns", f"s{number}", "hour", NOW - timedelta(days=number)) for number in range(1, 4)]
    due.add(tasks, PACE, NOW)
    ready = due.ready(PACE, NOW + MINUTE, 10)
    due.add(tasks[:1], PACE, NOW + MINUTE)
    due.done(ready, PACE, NOW + 2 * MINUTE)
    assert due.ready(PACE, NOW + 2 * MINUTE, 10) == []
    assert [task.site for task in due.ready(PACE, NOW + 3 * MINUTE, 10)] == ["s1"]


def test_a_clock_that_ran_ahead_leaves_nothing_waiting_for_a_year(due: Due) -> None:
    due.add([Task("dns", "s", "hour", NOW)], PACE, NOW + timedelta(days=365))
    assert len(due.ready(PACE, NOW, 10)) == 1


def test_it_survives_being_opened_again(due: Due) -> None:
    due.add([Task("dns", "s", "hour", NOW - timedelta(days=1))], PACE, NOW)
    due.open()
    assert due.waiting() == 1
    assert due.ready(PACE, NOW + MINUTE, 0) == []
    due.done([], PACE, NOW)
    due.add([], PACE, NOW)


def test_the_touched_hours_of_a_span_are_remembered_at_once_and_only_what_is_rolled_up(tmp_path: Path) -> None:
    database = Database(with_tables(tmp_path))
    database.open()
    due = Due(database)
    hours = [NOW.replace(minute=0) - timedelta(hours=back) for back in range(5)]
    touched = [(kind, "s", hour) for kind in ("dns", "weather") for hour in hours]
    Ledger(database).touch(touched)
    due.add_hours(NOW, since=hours[3], until=hours[0])
    due.add_hours(NOW + MINUTE, since=hours[4], until=NOW)
    assert [(task.measurement, task.level, task.start) for task in due.ready(PACE, NOW, 99)] == [
        ("dns", "hour", hour) for hour in sorted(hours[1:4])
    ]
    assert {task.start for task in due.ready(PACE, NOW + MINUTE, 99)} == set(hours)
    database.close()
