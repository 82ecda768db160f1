import logging
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import SpoolError
from agent.identity import Identity
from agent.spool import Spool, Undated, Unfit
from agent.wire.codec import Accepted, AnyReport, decode_reports, encode
from agent.wire.report import Clock, Measurement
from agent.wire.results import Latency, Ledger, Throughput
from tests.agent.delivery import AGENT, HERE, START, measurement

ROOT = Path(__file__).parents[2]


@contextmanager
def opened(folder: Path, *, identity: Identity = HERE, **options: Any) -> Iterator[Spool]:  # noqa: ANN401 - the spool's own
    spool = Spool(folder / "spool.db", identity=identity, **options)
    spool.open()
    try:
        yield spool
    finally:
        spool.close()


def fill(spool: Spool, count: int, kind: str = "latency", *, first: int = 1) -> list[AnyReport]:
    reports = [spool.put(measurement(number, kind)) for number in range(first, first + count)]
    return [report for report in reports if report is not None]


def waiting(spool: Spool) -> list[tuple[str, int]]:
    return [(slip.epoch, slip.seq) for slip in spool.waiting(0, 100_000, agent=AGENT)]


def stored_bytes(spool: Spool) -> list[bytes]:
    return list(spool.bodies(slip.place for slip in spool.waiting(0, 100_000, agent=AGENT)).values())


def test_seq_counts_from_one_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        first = fill(spool, 3)
    with opened(tmp_path) as spool:
        second = fill(spool, 2, first=4)
        assert [report.seq for report in first + second] == [1, 2, 3, 4, 5]
        assert {report.epoch for report in first + second} == {spool.epoch}
        assert (spool.spooled, spool.newest_seq, spool.dropped) == (5, 5, 0)


def test_the_stored_bytes_are_the_report(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        report = spool.put(measurement(1))
        (decoded,) = decode_reports(stored_bytes(spool)[0])
        assert isinstance(decoded, Accepted)
        assert decoded.report == report


def test_started_rises_strictly_per_kind(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        given = [(START, "latency"), (START, "latency"), (START, "ipv6"), (START - timedelta(seconds=5), "latency")]
        reports = [spool.put(measurement(9, kind, started=started)) for started, kind in given]
        got = [report.started - START for report in reports if report]
        assert got == [timedelta(microseconds=us) for us in (0, 1, 0, 2)]
        assert {report.epoch for report in reports if report} == {spool.epoch}


def test_a_clock_set_far_back_begins_an_epoch_instead_of_bending_times(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        spool.put(measurement(1, started=START + timedelta(days=1500)))
        report = spool.put(measurement(2, started=START))
        assert report is not None
        assert (report.started, report.seq) == (START, 1)
        assert [seq for _, seq in waiting(spool)] == [1, 1]


def test_a_receipt_takes_reports_out_of_the_queue_but_not_off_the_disk(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        fill(spool, 10)
        assert spool.stored(spool.epoch, [(1, 3), (2, 4), (9, 2**53)], START) == 6
        assert spool.stored(spool.epoch, [(1, 4)], START) == 0, "twice is once"
        assert [seq for _, seq in waiting(spool)] == [5, 6, 7, 8]
        assert spool.spooled == 4
        assert len(spool.recent(100)) == 10


def test_receipts_survive_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        fill(spool, 4)
        spool.stored(spool.epoch, [(2, 3)], START)
    with opened(tmp_path) as spool:
        assert [seq for _, seq in waiting(spool)] == [1, 4]
        assert spool.spooled == 2


def test_a_receipt_for_an_unknown_epoch_is_ignored(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        fill(spool, 2)
        assert spool.stored("nobody", [(1, 9)], START) == 0
        assert spool.unreceipt("nobody", [(1, 9)]) == []
        spool.forget("nobody", [1])
        assert spool.spooled == 2


def test_a_resend_takes_receipts_back(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        fill(spool, 6)
        spool.stored(spool.epoch, [(1, 6)], START)
        places = spool.unreceipt(spool.epoch, [(2, 3), (5, 2**53), (1000, 2000)])
        assert [seq for _, seq in waiting(spool)] == [2, 3, 5, 6]
        assert spool.spooled == 4
        slips = {slip.seq: slip.place for slip in spool.waiting(0, 10, agent=AGENT)}
        assert [any(first <= slips[seq] <= last for first, last in places) for seq in (2, 3, 5, 6)] == [True] * 4


def test_a_rejected_report_is_forgotten(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        fill(spool, 3)
        spool.forget(spool.epoch, [2, 2, 77])
        assert [seq for _, seq in waiting(spool)] == [1, 3]
        assert (spool.spooled, spool.dropped, spool.dropped_ranges()) == (2, 0, [])


def test_the_queue_can_be_paged(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        fill(spool, 7)
        first = spool.waiting(0, 3, agent=AGENT)
        rest = spool.waiting(first[-1].place, 100, agent=AGENT)
        assert [slip.seq for slip in first + rest] == [1, 2, 3, 4, 5, 6, 7]
        bodies = spool.bodies([first[0].place, 999])
        assert [len(body) for body in bodies.values()] == [first[0].size]


def test_reports_of_another_agent_id_are_not_sent_under_this_one(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        fill(spool, 1)
        assert spool.waiting(0, 10, agent="renamed") == []


def test_last_and_recent(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        assert spool.last("latency") is None
        fill(spool, 2)
        fill(spool, 2, "throughput", first=3)
        assert [report.seq for report in spool.recent(3)] == [4, 3, 2]
        last = spool.last("latency")
        assert last is not None
        assert last.seq == 2


def test_old_receipted_reports_are_purged(tmp_path: Path) -> None:
    with opened(tmp_path, keep_s=3600) as spool:
        fill(spool, 3)
        spool.stored(spool.epoch, [(1, 2)], START)
        spool.stored(spool.epoch, [], START + timedelta(minutes=59))
        assert len(spool.recent(10)) == 3
        spool.stored(spool.epoch, [], START + timedelta(minutes=61))
        assert [report.seq for report in spool.recent(10)] == [3]


# --- bounds


def total_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if not path.name.endswith("-shm"))


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


# --- time


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


# --- clones, roll-backs, damage


def test_a_clone_begins_an_epoch_and_still_delivers_what_it_carries(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "linkgauge")
    (tmp_path / "a").mkdir()
    with opened(tmp_path / "a") as original:
        fill(original, 3)
        original.stored(original.epoch, [(1, 1)], START)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    with opened(tmp_path / "b", identity=replace(HERE, cards=frozenset({"other"}))) as clone:
        assert clone.epoch != original.epoch
        fill(clone, 1, first=4)
        assert waiting(clone) == [(original.epoch, 2), (original.epoch, 3), (clone.epoch, 1)]
        clone.stored(original.epoch, [(2, 3)], START)
        assert waiting(clone) == [(clone.epoch, 1)]
        assert "why=another machine" in caplog.text
        epoch = clone.epoch
    with opened(tmp_path / "b", identity=replace(HERE, cards=frozenset({"other"}))) as clone:
        assert clone.epoch == epoch, "only once"
    with opened(tmp_path / "a") as again:
        assert again.epoch == original.epoch


def snapshot(folder: Path) -> Path:
    copy = folder.parent / "snapshot"
    copy.mkdir()
    for name in ("spool.db", "spool.db-wal"):
        if (folder / name).exists():
            shutil.copy(folder / name, copy / name)
    return copy


def restore(copy: Path, folder: Path) -> None:
    for name in ("spool.db", "spool.db-wal", "spool.db-shm"):
        (folder / name).unlink(missing_ok=True)
    for path in copy.iterdir():
        shutil.copy(path, folder / path.name)


def test_a_database_put_back_begins_an_epoch(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "linkgauge")
    folder = tmp_path / "a"
    folder.mkdir()
    with opened(folder) as spool:
        fill(spool, 3)
        copy = snapshot(folder)
        fill(spool, 1, first=4)
        before = spool.epoch
    restore(copy, folder)
    with opened(folder) as spool:
        assert spool.epoch != before
        assert [report.seq for report in fill(spool, 1, first=5)] == [1]
        assert waiting(spool)[:3] == [(before, 1), (before, 2), (before, 3)]
        assert "why=rolled back" in caplog.text


def test_a_database_from_before_the_present_epoch_begins_an_epoch(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    with opened(folder) as spool:
        fill(spool, 3)
        first = spool.epoch
        copy = snapshot(folder)
    with opened(folder, identity=replace(HERE, machine_id="other")) as spool:
        second = spool.epoch
    restore(copy, folder)
    with opened(folder) as spool:
        assert spool.epoch not in {first, second}


def test_a_whole_disk_put_back_is_told_by_the_world_outside(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        fill(spool, 3)
        before = spool.epoch
        assert not spool.heard_of(before, 3)
        assert not spool.heard_of("another box", 99)
        assert spool.epoch == before
        assert spool.heard_of(before, 4)
        assert spool.epoch != before
        assert not spool.heard_of(before, 4), "only once"
        assert [report.seq for report in fill(spool, 1, first=5)] == [1]


def test_reports_whose_places_are_taken_move_to_a_new_epoch(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        fill(spool, 4)
        before = spool.epoch
        spool.stored(before, [(1, 1)], START)
        assert spool.move(before, [4, 1, 3, 99]) == 2, "what has its receipt stays"
        assert waiting(spool) == [(before, 2), (spool.epoch, 1), (spool.epoch, 2)]
        ids = [report.id[-1] for report in spool.recent(2)]
        assert ids == ["4", "3"]
        assert spool.spooled == 3
        assert spool.move(before, [2]) == 1, "into the same new epoch"
        assert waiting(spool) == [(spool.epoch, 1), (spool.epoch, 2), (spool.epoch, 3)]
    with opened(tmp_path) as spool:
        assert spool.spooled == 3


@pytest.mark.parametrize("damage", ["garbage", "truncated", "schema", "bad page", "empty"])
def test_a_damaged_file_is_moved_aside_and_a_new_epoch_begins(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path) as spool:
        fill(spool, 300)
        before = spool.epoch
    path = tmp_path / "spool.db"
    content = path.read_bytes()
    if damage == "schema":
        with sqlite3.connect(path) as db:
            db.execute("DROP TABLE kinds")
        db.close()
    else:
        path.write_bytes(
            {
                "garbage": b"no database at all" * 500,
                "truncated": content[: len(content) // 2],
                "bad page": content[:8192] + os.urandom(8192) + content[16384:],
                "empty": b"",
            }[damage]
        )
    with opened(tmp_path) as spool:
        assert spool.epoch != before
        assert [report.seq for report in fill(spool, 1)] == [1]
    aside = [path.name for path in tmp_path.iterdir() if ".corrupt-" in path.name and "-wal" not in path.name]
    assert len(aside) == (0 if damage == "empty" else 1)
    assert caplog.text.count("event=spool_corrupt") == len(aside)


def test_damage_that_shows_in_use_is_survived_and_counted(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        for number in range(1, 61):
            large = Throughput(cipher="x" * 60_000)  # more than the cache holds
            spool.put(msgspec.structs.replace(measurement(number, "throughput"), result=large))
        before = spool.epoch
    path = tmp_path / "spool.db"
    with opened(tmp_path) as spool:
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(os.urandom(path.stat().st_size - 4096))
        assert spool.recent(100) == []
        assert spool.epoch != before
        fill(spool, 1)
        assert (spool.spooled, spool.dropped) == (1, 60)


def test_spoilt_bytes_of_one_report_are_dropped_not_sent_for_ever(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        fill(spool, 3)
    db = sqlite3.connect(tmp_path / "spool.db")
    db.execute("UPDATE reports SET body = X'7B00FF' WHERE place % 4 = 2")
    db.commit()
    db.close()
    with opened(tmp_path) as spool:
        assert len(stored_bytes(spool)) == 2
        assert (spool.dropped_ranges(), spool.spooled) == ([(2, 2)], 2)


def test_a_report_of_newer_software_is_left_to_the_collector(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        fill(spool, 1)
        newer = stored_bytes(spool)[0].replace(b'"v":1', b'"v":2')
        spool._db.execute("UPDATE reports SET body = ?", (newer,))  # type: ignore[union-attr]  # noqa: SLF001 - a downgrade
        assert stored_bytes(spool) == [newer]
        assert spool.move(spool.epoch, [1]) == 1
        assert (spool.spooled, spool.dropped, spool.dropped_ranges()) == (0, 1, [])


def test_two_agents_cannot_have_one_spool(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(SpoolError, match="another agent uses this spool") as caught:
        Spool(tmp_path / "spool.db", identity=HERE).open()
    assert isinstance(caught.value.__cause__, BlockingIOError)


def test_a_folder_that_cannot_be_made_is_one_plain_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match=r"cannot open the spool: .*; check the folder"):
        Spool(tmp_path / "file" / "spool.db", identity=HERE).open()


def test_a_spool_that_could_not_be_opened_opens_later(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("")
    spool = Spool(tmp_path / "folder" / "spool.db", identity=HERE)
    with pytest.raises(SpoolError):
        spool.put(measurement(1))
    (tmp_path / "folder").unlink()
    try:
        assert [report.seq for report in fill(spool, 1)] == [1]
    finally:
        spool.close()


# --- crashes and full disks

PUTTER = """
import sys
from pathlib import Path
from tests.agent.delivery import HERE, START, measurement
from agent.spool import Spool
spool = Spool(Path(sys.argv[1]), identity=HERE, limit_bytes=1 << 20)
spool.open()
number = spool.newest_seq
while True:
    number += 1
    report = spool.put(measurement(number, "throughput" if number % 7 == 0 else "latency"))
    if number % 3 == 0:
        spool.stored(report.epoch, [(report.seq - 1, report.seq)], START)
    print(report.seq, flush=True)
"""


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_kill_9_at_any_moment_leaves_neither_gap_nor_duplicate(tmp_path: Path) -> None:
    path, promised, epochs = tmp_path / "spool.db", 0, set()
    for round_ in range(6):
        command = [sys.executable, "-c", PUTTER, str(path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})  # noqa: S603 - ours
        assert process.stdout is not None
        timer = threading.Timer(0.6 + 0.13 * round_, process.send_signal, [signal.SIGKILL])
        timer.start()
        told = [int(line) for line in process.stdout if line.endswith(b"\n")]
        process.wait(10)
        timer.join()
        process.stdout.close()
        assert told == [*range(promised + 1, promised + len(told) + 1)], "no gap, no duplicate, nothing given back"
        promised += len(told)
        with opened(tmp_path, limit_bytes=1 << 20) as spool:
            assert spool.newest_seq - promised in (0, 1), "all that was promised is here, at most one more"
            promised = spool.newest_seq
            epochs.add(spool.epoch)
            rows = sqlite3.connect(path).execute("SELECT place & 0xFFFFFFFFFF FROM reports ORDER BY place").fetchall()
            gone = {seq for first, last in spool.dropped_ranges() for seq in range(first, last + 1)}
            kept = {seq for _, seq in waiting(spool)}
            assert kept <= {seq for (seq,) in rows}
            assert not kept & gone
            assert max((seq for (seq,) in rows), default=0) == spool.newest_seq
    assert len(epochs) == 1
    assert promised > 50


@pytest.mark.root
def test_a_full_disk_refuses_then_recovers(tmp_path: Path) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(mount)], check=True)  # noqa: S603, S607
    try:
        with opened(mount) as spool:
            with pytest.raises(SpoolError, match=r"full|disk I/O"):
                fill(spool, 100_000)
            count = spool.newest_seq
            before = spool.epoch
            assert spool.spooled == count > 500
            (mount / "hog").write_bytes(b"x" * shutil.disk_usage(mount).free)
            assert shutil.disk_usage(mount).free == 0, "now to the last byte"
            assert spool.dropped == 0, "what has no receipt is not given up for a disk that others filled"
            assert spool.stored(spool.epoch, [(1, count // 2)], START) > 0, "a receipt can be noted on a full disk"
            reports = fill(spool, 20, first=count + 1)
            assert [report.seq for report in reports] == [*range(count + 1, count + 21)], "receipted ones made room"
            with pytest.raises(SpoolError, match="full"):
                fill(spool, 100_000, first=count + 21)
            count = spool.newest_seq
            assert spool.stored(spool.epoch, [(1, count)], START) > 0, "and it does not matter how often"
            (mount / "hog").unlink()
            fill(spool, 1, first=count + 1)
        with opened(mount) as spool:
            assert spool.epoch == before
            assert spool.newest_seq == count + 1
    finally:
        subprocess.run(["umount", str(mount)], check=True)  # noqa: S603, S607


LIMITED = """
import resource, sys
from pathlib import Path
from agent.errors import SpoolError
from agent.spool import Spool
from tests.agent.delivery import HERE, START, measurement
spool = Spool(Path(sys.argv[1]), identity=HERE)
spool.open()
for number in range(1, 21):
    spool.put(measurement(number))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
number = 20
try:
    while True:
        spool.put(measurement(number + 1))
        number += 1
except SpoolError as error:
    print("refused", error)
assert spool.newest_seq == number, (spool.newest_seq, number)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert spool.put(measurement(number + 1)).seq == number + 1
assert spool.spooled == number + 1
spool.close()
"""


def test_a_quota_refuses_then_recovers(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "spool.db")]
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr.decode()
    assert b"refused" in done.stdout


def test_puts_from_many_threads_keep_the_count(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        threads = [threading.Thread(target=fill, args=(spool, 50)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [seq for _, seq in waiting(spool)] == [*range(1, 201)]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.integers(-200, 200)),
            st.tuples(st.just("hold"), st.integers(0, 100)),
            st.tuples(st.just("date"), st.integers(0, 100)),
            st.tuples(st.just("receipt"), st.integers(1, 40)),
            st.tuples(st.just("resend"), st.integers(1, 40)),
            st.tuples(st.just("forget"), st.integers(1, 40)),
            st.tuples(st.just("reopen"), st.integers(0, 3)),
        ),
        max_size=30,
    )
)
def test_counters_and_order_hold_for_any_history(tmp_path_factory: pytest.TempPathFactory, history: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("history")
    spool = Spool(folder / "spool.db", identity=HERE)
    newest: dict[tuple[str, str], datetime] = {}
    for number, (what, value) in enumerate(history, 1):
        if what == "reopen":
            spool.close()
            spool = Spool(folder / "spool.db", identity=replace(HERE, machine_id=f"m{value}"))
            spool.open()
        elif what == "put":
            report = spool.put(measurement(number, started=START + timedelta(seconds=value)))
            assert report is not None
            before = newest.get((report.epoch, report.kind))
            assert before is None or report.started > before
            newest[report.epoch, report.kind] = report.started
        else:
            change(spool, what, number, value)
        counted = spool.spooled, spool.dropped
        spool.close()
        spool.open()
        assert counted == (spool.spooled, spool.dropped), "counters agree with the disk"
    spool.close()


def change(spool: Spool, what: str, number: int, value: int) -> None:
    match what:
        case "hold":
            spool.put(
                measurement(number, "ipv6" if value % 5 == 0 else "latency"),
                undated=Undated(f"boot-{value % 2}", value),
            )
        case "date":
            spool.date(START + timedelta(days=number), 200.0, f"boot-{value % 2}")
        case "receipt":
            spool.stored(spool.epoch, [(value, value + 5)], START)
        case "resend":
            spool.unreceipt(spool.epoch, [(value, value + 5)])
        case _:
            spool.forget(spool.epoch, [value])
