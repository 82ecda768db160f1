"""The spool's promises: places without gaps, bytes that stay as they were, receipts, order, counters."""

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.spool import Spool, Undated
from agent.wire.codec import Accepted, decode_reports
from tests.agent.delivery import AGENT, HERE, START, measurement
from tests.agent.spools import fill, opened, stored_bytes, waiting


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
