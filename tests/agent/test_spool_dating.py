"""Reports from before the clock was set: dated later, bounded, declared when they never can be."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from agent.spool import Undated, Unfit
from agent.wire.codec import encode
from agent.wire.report import Clock
from agent.wire.results import Latency, Throughput
from tests.agent.delivery import START, measurement
from tests.agent.spools import fill, opened, total_bytes, waiting


def test_an_undated_report_waits_and_is_dated_by_the_time_since_boot(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        unset = START.replace(year=1970)
        held = msgspec.structs.replace(measurement(1, started=unset), clock=Clock(synchronized=False))
        assert spool.put(held, undated=Undated("boot-1", 30.5)) is None
        assert spool.put(measurement(2, started=unset), undated=Undated("boot-1", 20.0)) is None
        assert (spool.spooled, spool.newest_seq, waiting(spool)) == (2, 0, [])
        assert spool.date(unset, 40.0, "boot-1") == 0, "the clock is still unset"
    with opened(tmp_path) as spool:
        assert spool.spooled == 2
        assert spool.date(START, 100.5, "boot-1") == 2
        later, sooner = spool.recent(2)
        assert sooner.started == START - timedelta(seconds=80.5)
        assert later.started == START - timedelta(seconds=70)
        assert later.clock == Clock(synchronized=False, rebased=True)
        assert isinstance(later.result, Latency)
        assert (sooner.seq, later.seq, spool.spooled) == (1, 2, 2)


def test_what_can_never_be_dated_is_declared_dropped(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        fill(spool, 1)
        spool.put(measurement(2), undated=Undated("an earlier boot", 5))
        spool.put(measurement(3), undated=Undated("boot-1", 5))
        assert spool.date(START + timedelta(hours=1), 10, "boot-1") == 1
        assert [seq for _, seq in waiting(spool)] == [1, 3]
        assert spool.dropped_ranges() == [(2, 2)]
        assert (spool.spooled, spool.dropped) == (2, 1)


def test_undated_reports_are_bounded_too(tmp_path: Path) -> None:
    with opened(tmp_path, limit_bytes=1024 * 1024) as spool:
        for number in range(1, 1500):
            spool.put(measurement(number), undated=Undated("boot-1", number))
        assert total_bytes(tmp_path) <= 1024 * 1024
        spool.date(START, 2000, "boot-1")
        assert total_bytes(tmp_path) <= 1024 * 1024
        assert spool.spooled + spool.dropped == 1499 == spool.newest_seq
        assert sum(last - first + 1 for first, last in spool.dropped_ranges()) == spool.dropped


def test_a_month_without_a_clock_is_dated_in_small_steps(tmp_path: Path) -> None:
    limit = 4 * 1024 * 1024
    with opened(tmp_path, limit_bytes=limit) as spool:
        for number in range(1, 3001):
            spool.put(measurement(number), undated=Undated("lost" if number <= 1000 else "boot-1", number))
        assert spool.date(START, 4000, "boot-1") == 2000
        starts = [report.started for report in reversed(spool.recent(3000))]
        assert starts == sorted(starts)
        assert (spool.spooled, spool.dropped, spool.newest_seq) == (2000, 1000, 3000)
        assert (tmp_path / "spool.db-wal").stat().st_size <= 168 * 4096, "the log keeps its bound"
        assert total_bytes(tmp_path) <= limit


def test_what_would_be_too_large_once_dated_is_refused_before(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        plain = measurement(1)
        room = 65536 - len(encode(msgspec.structs.replace(plain, result=Throughput(cipher=""))))
        brim = msgspec.structs.replace(plain, result=Throughput(cipher="x" * (room - 20)))
        with pytest.raises(Unfit):
            spool.put(brim, undated=Undated("boot-1", 5))
        spool.put(plain, undated=Undated("boot-1", 5))
        assert spool.date(START, 10, "boot-1") == 1


def test_receipts_that_come_before_the_clock_is_set_do_not_cost_the_copy(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        reports = fill(spool, 3)
        spool.stored(spool.epoch, [(1, 3)], START.replace(year=1970))
        fill(spool, 1, first=4)
        assert [report.seq for report in spool.recent(9)] == [4, 3, 2, 1]
        assert reports[0].seq == 1
