"""Clocks are read here only; ids sort by time."""

import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from agent.clock import SystemClock, is_set, uuid7


def test_a_box_without_a_battery_starts_with_a_clock_that_is_not_set() -> None:
    assert not is_set(datetime(1970, 1, 1, 0, 1, tzinfo=UTC))
    assert not is_set(datetime(2023, 12, 31, 23, 59, 59, tzinfo=UTC))
    assert is_set(datetime(2024, 1, 1, tzinfo=UTC))


def test_an_id_is_a_uuid_of_version_7_and_carries_its_time() -> None:
    at = datetime(2026, 11, 22, 1, 2, 3, 123000, tzinfo=UTC)
    read = uuid.UUID(uuid7(at, b"\xff" * 10))
    assert read.version == 7
    assert read.variant == uuid.RFC_4122
    assert read.int >> 80 == int(at.timestamp() * 1000)


def test_ids_sort_by_time() -> None:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    ids = [uuid7(at + timedelta(milliseconds=n), b"\x00" * 10) for n in range(100)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 100


def test_an_id_before_the_epoch_is_still_an_id() -> None:
    assert uuid7(datetime(1969, 1, 1, tzinfo=UTC), b"\x01" * 10).startswith("00000000-0000-7")


def test_too_little_randomness_is_refused() -> None:
    with pytest.raises(ValueError, match="10 random bytes"):
        uuid7(datetime(2026, 1, 1, tzinfo=UTC), b"\x01" * 9)


def test_the_machine_clocks_answer() -> None:
    clock = SystemClock()
    assert abs((datetime.now(UTC) - clock.now()).total_seconds()) < 5
    assert clock.now().tzinfo is UTC
    assert abs(clock.boottime() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 5
    assert clock.monotonic() <= clock.monotonic()
    assert clock.boot_id() == clock.boot_id() != ""
    assert clock.synchronized() in {True, False, None}
