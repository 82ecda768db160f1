"""A spool keeps to its size: what goes first, what is declared, and what a put costs at the limit."""

from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.errors import SpoolError
from agent.wire.report import Measurement
from agent.wire.results import Ledger, Throughput
from tests.agent.delivery import measurement
from tests.agent.spools import fill, opened, total_bytes, waiting


def test_bounded_with_receipted_reports_first_to_go(tmp_path: Path) -> None:
    limit = 1024 * 1024
    with opened(tmp_path, limit_bytes=limit) as spool:
        for number in range(1, 1501):
            report = spool.put(measurement(number))
            assert report is not None
            if number % 2 or number > 500:
                spool.stored(report.epoch, [(report.seq, report.seq)], report.started)
        assert spool.dropped == 0
        assert spool.spooled == 250
        assert total_bytes(tmp_path) <= limit


def test_without_receipts_the_oldest_go_and_throughput_goes_last(tmp_path: Path) -> None:
    limit = 640 * 1024
    with opened(tmp_path, limit_bytes=limit) as spool:
        for number in range(1, 1501):
            spool.put(measurement(number, "throughput" if number % 10 == 0 else "latency"))
        assert total_bytes(tmp_path) <= limit
        kept = [seq for _, seq in waiting(spool)]
        assert [seq for seq in kept if seq % 10 == 0] == [*range(10, 1501, 10)], "all throughput is here"
        others = [seq for seq in kept if seq % 10]
        assert others == [seq for seq in range(others[0], 1501) if seq % 10], "of the others the oldest are gone"
        assert spool.dropped == 1500 - len(kept)
        assert spool.spooled == len(kept)
        gone = {seq for first, last in spool.dropped_ranges() for seq in range(first, last + 1)}
        assert gone | set(kept) == set(range(1, 1501))
        assert not gone & set(kept)
        for number in range(1501, 2501):
            spool.put(measurement(number, "throughput"))
        kept = [seq for _, seq in waiting(spool)]
        assert kept == [*range(kept[0], 2501)], "of throughput the oldest go, when nothing else is left"
        assert spool.dropped_ranges() == [(1, kept[0] - 1)]
        assert total_bytes(tmp_path) <= limit
    with opened(tmp_path, limit_bytes=limit) as spool:
        assert (spool.dropped, spool.spooled) == (2500 - len(kept), len(kept))


@pytest.mark.timeout(60)
def test_a_put_at_the_limit_costs_the_same_however_much_is_spooled(tmp_path: Path) -> None:
    costs = []
    for megabytes in (1, 8):
        folder, limit = tmp_path / str(megabytes), megabytes * 1024 * 1024
        with opened(folder, limit_bytes=limit) as spool:
            number = 0
            while spool.dropped < 64:
                number += 1
                spool.put(measurement(number))
            counted = []
            spool._db.set_progress_handler(lambda: counted.append(1), 10)  # type: ignore[union-attr]  # noqa: SLF001, B023 - counts what SQLite does
            fill(spool, 64, first=number + 1)
            costs.append(len(counted))
            assert total_bytes(folder) <= limit
            assert spool.spooled > 1000 * megabytes
    assert costs[1] < costs[0] * 1.5, costs


def ledger(number: int) -> Measurement[Any]:
    plain = measurement(number)
    return msgspec.structs.replace(plain, kind="ledger", result=Ledger(day=date(2026, 10, 22), dropped=[(77, 78)]))


def test_a_ledger_declares_what_was_dropped_once(tmp_path: Path) -> None:
    with opened(tmp_path, limit_bytes=1024 * 1024) as spool:
        fill(spool, 2000)
        before = spool.dropped_ranges()
        report = spool.put(ledger(2001))
        assert report is not None
        assert isinstance(report.result, Ledger)
        declared = report.result.dropped
        assert declared[0][0] == 1
        assert declared[0][1] >= before[0][1]
        assert spool.dropped_ranges() == []
        fill(spool, 300, first=2002)
        (undeclared,) = spool.dropped_ranges()
        assert undeclared[0] == declared[-1][1] + 1
        fill(spool, 2500, first=2302)  # now the ledger itself is dropped: it declared nothing
        assert spool.dropped_ranges()[0][0] == 1


def test_a_report_that_can_never_fit_is_refused_and_costs_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        fill(spool, 3)
        huge = msgspec.structs.replace(measurement(4), result=Throughput(cipher="x" * 70_000))
        with pytest.raises(SpoolError, match="the contract allows 65536"):
            spool.put(huge)
        assert [report.seq for report in fill(spool, 1, first=5)] == [4]


def test_a_limit_below_any_use_is_said(tmp_path: Path) -> None:
    with opened(tmp_path, limit_bytes=65536) as spool, pytest.raises(SpoolError, match="set a higher limit"):
        fill(spool, 100)
