"""What the outbox sends, when, and how much at once; time is a number here."""

import itertools
from random import Random

import pytest

from agent.broker_line import Line
from agent.outbox import Outbox, Parcel, Rules, Slip
from tests.agent.outboxes import Never, Shelf, drive, outbox


def seqs(parcels: list[Parcel]) -> list[list[int]]:
    return [[slip.seq for slip in parcel.slips] for parcel in parcels]


def flat(parcels: list[Parcel]) -> list[int]:
    return sorted(slip.seq for parcel in parcels for slip in parcel.slips)


def ack(box: Outbox, parcels: list[Parcel], now: float) -> None:
    for parcel in parcels:
        box.acked(parcel, now)


def test_one_fresh_report_goes_alone() -> None:
    assert seqs(drive(outbox(), Shelf([500]), 0)) == [[1]]


def test_a_backlog_goes_in_arrays_up_to_the_window() -> None:
    box = outbox()
    parcels = drive(box, Shelf([500] * 130), 0)
    assert [len(parcel.slips) for parcel in parcels] == [50, 50]
    assert box.in_flight == 100


def test_an_array_keeps_to_its_bytes() -> None:
    parcels = drive(outbox(), Shelf([60_000] * 10), 0)
    assert [len(parcel.slips) for parcel in parcels] == [4]
    assert parcels[0].size <= 256 * 1024


def test_the_window_of_bytes_holds_whatever_the_sizes() -> None:
    box = outbox(Rules(batch_s=0, window_bytes=100_000, slow_window_bytes=65536))
    drive(box, Shelf([30_000] * 9), 0)
    assert box.in_flight_bytes <= 65536


def test_a_report_larger_than_a_choked_window_still_goes() -> None:
    box = outbox(Rules(batch_s=0))
    box.line.acknowledged(10_000, 100)  # 100 byte/s
    assert seqs(drive(box, Shelf([60_000, 60_000]), 0)) == [[1]]


def test_a_small_lot_waits_a_moment_for_company() -> None:
    box, shelf = outbox(Rules(batch_s=0.2)), Shelf([500] * 3)
    assert drive(box, shelf, 10) == []
    assert box.due(10) == pytest.approx(10.2)
    assert seqs(drive(box, shelf, 10.2)) == [[1, 2, 3]]


def test_a_receipt_makes_room() -> None:
    box, shelf = outbox(), Shelf([500] * 130)
    drive(box, shelf, 0)
    box.stored("e", [(1, 10), (5, 7), (12, 12)])
    assert seqs(drive(box, shelf, 0)) == [[*range(101, 112)]]


def test_a_receipt_of_another_epoch_frees_nothing() -> None:
    box = outbox()
    drive(box, Shelf([500] * 100), 0)
    box.stored("other", [(1, 2**53)])
    assert box.in_flight == 100


def test_the_timer_starts_at_the_puback_and_doubles_to_its_end() -> None:
    box, shelf = outbox(random=lambda: 1.0), Shelf([500])
    now, waits = 0.0, []
    for _ in range(9):
        parcels = drive(box, shelf, now)
        assert box.due(now) == Never, "no timer before the PUBACK"
        now += 1000
        ack(box, parcels, now)
        waits.append(box.due(now) - now)
        now = box.due(now)
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_no_jitter_comes_before_the_first_delay() -> None:
    box, shelf = outbox(random=lambda: 0.0), Shelf([500])
    now = 0.0
    for _ in range(5):
        ack(box, drive(box, shelf, now), now)
        assert box.due(now) == now + 60
        assert drive(box, shelf, now + 59.9) == []
        now += 60


def test_three_silent_arrays_then_singly() -> None:
    box, shelf, now, sent = outbox(), Shelf([500] * 3), 0.0, []
    for _ in range(4):
        parcels = drive(box, shelf, now)
        sent.append(seqs(parcels))
        ack(box, parcels, now)
        now = box.due(now)
    assert sent == [[[1, 2, 3]], [[1, 2, 3]], [[1, 2, 3]], [[1], [2], [3]]]


def test_arrays_that_break_the_connection_end_singly_too() -> None:
    box, shelf, sent = outbox(), Shelf([500] * 2), []
    for now in range(4):
        sent.append(seqs(drive(box, shelf, now)))
        box.disconnected()
        box.connected(now)
    assert sent == [[[1, 2]], [[1, 2]], [[1, 2]], [[1], [2]]]


def test_after_a_reconnect_everything_at_once() -> None:
    box, shelf = outbox(), Shelf([500] * 60)
    ack(box, drive(box, shelf, 0), 0)
    assert drive(box, shelf, 1) == []
    box.disconnected()
    box.connected(2)
    assert seqs(drive(box, shelf, 2)) == [[*range(1, 51)], [*range(51, 61)]]


def test_a_deferred_report_leaves_the_window_and_comes_again_hourly() -> None:
    box, shelf = outbox(), Shelf([500] * 101)
    ack(box, drive(box, shelf, 0), 0)
    box.deferred("e", dict.fromkeys(range(1, 101), "bad_time"), 0)
    assert seqs(drive(box, shelf, 1)) == [[101]]
    box.stored("e", [(101, 101)])
    assert drive(box, shelf, 3599) == []
    assert [len(lot) for lot in seqs(drive(box, shelf, 3600 * 1.25))] == [50, 50]


def test_a_deferral_of_the_whole_agent_asks_by_one_array_and_then_sends_all() -> None:
    box, shelf = outbox(), Shelf([500] * 100)
    ack(box, drive(box, shelf, 0), 0)
    box.deferred("e", dict.fromkeys(range(1, 101), "unknown_agent"), 0)
    asking = drive(box, shelf, 5000)
    assert seqs(asking) == [[*range(1, 51)]]
    box.deferred("e", dict.fromkeys(range(1, 51), "unknown_agent"), 5001)
    assert drive(box, shelf, 5002) == []
    assert seqs(drive(box, shelf, 10_000)) == [[*range(1, 51)]]
    box.stored("e", [(1, 50)])
    for place in range(1, 51):
        del shelf.waiting[place]
    assert seqs(drive(box, shelf, 10_001)) == [[*range(51, 101)]]


def test_a_new_collector_boot_brings_everything_again_within_the_jitter() -> None:
    box, shelf = outbox(), Shelf([500] * 4)
    box.collector_boot("a", 0)
    ack(box, drive(box, shelf, 0), 0)
    box.deferred("e", {1: "unknown_agent", 2: "bad_time"}, 1)
    box.collector_boot("a", 2)
    assert drive(box, shelf, 40) == []
    box.collector_boot("b", 40)
    assert drive(box, shelf, 40) == []
    assert box.due(40) == 55
    assert flat(drive(box, shelf, 55)) == [1, 2, 3, 4]


def test_a_broker_that_forgot_the_notice_forgot_the_reports_too() -> None:
    box, shelf = outbox(), Shelf([500])
    box.collector_boot("a", 0)
    box.disconnected()
    box.connected(1)  # and no notice was retained there
    ack(box, drive(box, shelf, 1), 1)
    box.collector_boot("a", 2)
    assert box.due(2) == 2 + 15
    box.disconnected()
    box.collector_boot("a", 30)  # this broker remembers
    box.connected(30)
    ack(box, drive(box, shelf, 30), 30)
    box.collector_boot("a", 31)
    assert box.due(31) >= 30 + 60


def test_what_is_under_way_when_the_collector_boots_comes_again_soon_after_its_puback() -> None:
    box, shelf = outbox(), Shelf([500])
    box.collector_boot("a", 0)
    parcels = drive(box, shelf, 0)
    box.collector_boot("b", 1)
    assert box.due(1) == Never
    ack(box, parcels, 2)
    assert box.due(2) == 2 + 15


def test_a_collector_that_starts_for_ever_and_stores_nothing_is_not_sent_everything_each_time() -> None:
    random = Random(1)  # noqa: S311 - only a test
    box, shelf = outbox(random=random.random), Shelf([500] * 120)
    sent = 0
    for second in range(3600):
        box.collector_boot(f"boot-{second}", second)
        parcels = drive(box, shelf, second)
        ack(box, parcels, second)
        sent += len(flat(parcels))
    assert 100 * 2 <= sent <= 100 * 20
    box.stored("e", [(1, 1)])  # at last it stores, and must not be made to wait
    del shelf.waiting[1]
    again = drive(box, shelf, 3600)
    ack(box, again, 3600)
    again += drive(box, shelf, 3630)
    assert set(range(2, 102)) <= set(flat(again))


def test_reports_deferred_one_by_one_cost_little_memory() -> None:
    box, places = outbox(), itertools.count(1)
    for second in range(600):
        wanted = box.wanted(second)
        slips = [Slip(place, "e", place, 1000) for place in itertools.islice(places, 0, wanted * 2, 2)]
        box.offer(slips, wanted, second)
        while parcel := box.next(second):
            box.acked(parcel, second)
        box.deferred("e", {slip.seq: "bad_time" for slip in slips}, second)
    assert len(box._deferred) <= 12  # noqa: SLF001 - what it costs is the promise


def test_a_resend_brings_back_receipted_deferred_and_silent_reports_now() -> None:
    box, shelf = outbox(), Shelf([500] * 5)
    ack(box, drive(box, shelf, 0), 0)
    box.stored("e", [(1, 2)])
    box.deferred("e", {3: "bad_time"}, 0)
    del shelf.waiting[2]  # this one is not asked for
    box.resend([(1, 1), (3, 4), (9, 99)], 1)
    assert flat(drive(box, shelf, 1)) == [1, 3, 4]


def test_a_dropped_report_leaves_the_window() -> None:
    box, shelf = outbox(), Shelf([500] * 100)
    drive(box, shelf, 0)
    box.gone([1, 2, 999])
    assert box.in_flight == 98


def test_a_report_that_comes_while_a_page_is_read_is_not_missed() -> None:
    box, shelf = outbox(), Shelf([500])
    wanted = box.wanted(0)
    page = shelf.page(box.cursor, wanted)
    shelf.waiting[2] = Slip(2, "e", 2, 500)
    box.put()
    box.offer(page, wanted, 0)
    assert seqs(drive(box, shelf, 0)) == [[1, 2]]


def test_a_page_that_was_read_before_a_resend_is_not_taken() -> None:
    box, shelf = outbox(), Shelf([500] * 3)
    drive(box, shelf, 0)
    box.stored("e", [(1, 3)])
    box.put()
    wanted = box.wanted(0)
    box.resend([(2, 2)], 0)
    box.offer([], wanted, 0)
    assert seqs(drive(box, shelf, 0)) == [[2, 3]]  # the stand-in forgot no receipts of 2 and 3


def test_a_page_that_was_read_before_a_resend_is_not_taken_even_when_the_cursor_stands_right_before_it() -> None:
    box, shelf = outbox(), Shelf([500] * 3)
    drive(box, shelf, 0)
    box.deferred("e", {1: "bad_time", 2: "bad_time", 3: "bad_time"}, 0)
    del shelf.waiting[1]  # a twin of it was stored: that receipt was noted in the spool
    wanted = box.wanted(5000)  # they are due again: the cursor stands before the first
    page = shelf.page(box.cursor, wanted)
    assert [slip.seq for slip in page] == [2, 3]
    shelf.waiting[1] = shelf.all[1]  # and now the collector asks for it
    box.resend([(1, 3)], 5000)
    box.offer(page, wanted, 5000)
    assert flat(drive(box, shelf, 5000)) == [1, 2, 3]


def test_a_new_connection_brings_what_lies_before_the_cursor() -> None:
    box, shelf = outbox(), Shelf([500] * 3)
    missed = shelf.waiting.pop(2)
    drive(box, shelf, 0)
    shelf.waiting[2] = missed  # however it came there
    box.connected(1)
    assert flat(drive(box, shelf, 1)) == [1, 2, 3]


def test_thirty_days_offline_cost_no_memory() -> None:
    box = outbox()
    places = itertools.count(1)
    for _ in range(600):  # 60,000 reports, all deferred
        wanted = box.wanted(0)
        slips = [Slip(place, "e", place, 1000) for place in itertools.islice(places, wanted)]
        box.offer(slips, wanted, 0)
        while parcel := box.next(0):
            box.acked(parcel, 0)
        box.deferred("e", {slip.seq: "unknown_agent" for slip in slips}, 0)
    assert box.in_flight == 0
    assert sum(len(group.places) for group in box._deferred) == 1  # noqa: SLF001 - what it costs is the promise


@pytest.mark.parametrize(
    ("size", "seconds", "window"),
    [(65536, 0.1, 262144), (65536, 1.0, 65536), (65536, 30.0, int(65536 / 29.98 * 8)), (65536, 600, 8192)],
)
def test_a_slow_line_gets_a_smaller_window(size: int, seconds: float, window: int) -> None:
    line = Line(window_bytes=262144, slow_window_bytes=65536, slow_mbps=1)
    assert line.window_bytes == 65536, "slow until it has shown better"
    line.acknowledged(300, 0.02)
    line.acknowledged(size, seconds)
    assert line.window_bytes == pytest.approx(window, abs=2)


def test_a_broken_connection_halves_the_window() -> None:
    line = Line(window_bytes=262144, slow_window_bytes=65536, slow_mbps=1)
    line.acknowledged(65536, 0.1)
    line.broke()
    assert line.window_bytes == 65536
    for _ in range(20):
        line.broke()
    assert line.window_bytes == 8192
    line.acknowledged(8192, 0.01)
    assert line.window_bytes == 262144
