"""Exactly once: whatever dies or is restored, the ledger says what the archive has."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from collector.errors import RegistryUnavailable
from collector.ledger.facts import Place
from tests.collector.ledger.pages import NOON, Desk, Paper, account, on_one_database, report

Open = Callable[..., Desk]


@pytest.fixture
def desk(database_url: str) -> Iterator[Open]:
    """Open journals on one database; each has its own archive slot."""
    opened: list[Desk] = []

    def open_one(paper: Paper | None = None, *, held: int = 1000) -> Desk:
        opened.append(Desk(database_url, paper, held=held))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def test_what_is_noted_is_written_once(desk: Open) -> None:
    d = desk()
    d.journal.flush()
    d.take(report(1), report(2), report(5))
    d.take(report(1, agent="a2"), report(3), at=NOON + timedelta(hours=1))
    assert d.journal.flush() == 5
    assert d.journal.flush() == 0
    assert d.stored() == [("a1", "e1", 1, 3), ("a1", "e1", 5, 5), ("a2", "e1", 1, 1)]
    assert d.counts() == (5, 2, 0)
    assert d.rows("SELECT measurement, site, hour FROM touched") == [("latency", "s1", "2026-11-22T12:00:00.000000Z")]
    d.take(report(4))
    d.journal.flush()
    assert d.stored() == [("a1", "e1", 1, 5), ("a2", "e1", 1, 1)]
    assert d.paper.read == 0


@on_one_database
def test_a_crash_between_archive_and_flush_costs_reading_again(desk: Open) -> None:
    d = desk()
    d.journal.flush()
    d.take(report(1))
    d.journal.flush()
    d.take(report(2), report(3))
    d.archive(report(4))
    again = desk(d.paper)
    again.take(report(5))
    assert again.journal.flush() == 4
    assert again.stored() == [("a1", "e1", 1, 5)]
    assert again.counts() == (5, 0, 0)
    assert again.paper.read == 3


@on_one_database
def test_a_report_that_two_slots_archived_is_counted_once(desk: Open) -> None:
    one, two = desk(Paper("1")), desk(Paper("2"))
    twin = report(2)
    one.take(report(1), twin)
    two.take(twin, report(3))
    one.journal.flush()
    two.journal.flush()
    one.take(report(3), report(4))
    one.journal.flush()
    assert one.stored() == [("a1", "e1", 1, 4)]
    assert one.counts() == (4, 0, 2)


def test_what_other_slots_stored_is_seen_as_it_grows(desk: Open) -> None:
    one, two = desk(Paper("1")), desk(Paper("2"))
    known, strange = Place("a1", "e1"), Place("a2", "e9")
    assert not two.journal.vouches(), "whether it belongs to this archive is not known yet"
    for seq, ranges in ((1, [(1, 1)]), (2, [(1, 2)]), (7, [(1, 2), (7, 7)])):
        one.take(report(seq))
        one.journal.flush()
        seen = two.journal.elsewhere([("a1", "e1"), ("a2", "e9")])
        assert seen[known].ranges() == ranges
        assert seen[strange].ranges() == []


@on_one_database
def test_a_database_that_was_away_is_caught_up_from_the_archive(desk: Open) -> None:
    d = desk(held=100)
    d.take(report(1))
    d.journal.flush()
    d.database.down = True
    with pytest.raises(RegistryUnavailable):
        d.journal.elsewhere([("a1", "e1")])
    for start in range(2, 502, 10):
        d.take(*(report(start + step) for step in range(10)))
        with pytest.raises(RegistryUnavailable):
            d.journal.flush()
    d.database.down = False
    d.take(report(502))
    assert d.journal.flush() == 501
    assert d.stored() == [("a1", "e1", 1, 502)]
    assert d.counts() == (502, 0, 0)


@on_one_database
def test_more_than_fits_in_memory_is_read_from_the_archive(desk: Open) -> None:
    d = desk(held=100)
    d.journal.flush()
    for start in range(1, 401, 40):
        d.take(*(report(start + step) for step in range(40)))
    assert d.paper.read == 0
    while d.journal.flush():
        pass
    assert d.counts() == (400, 0, 0)
    assert d.paper.read > 0


def test_a_commit_that_failed_is_done_again_and_not_twice(desk: Open) -> None:
    d = desk()
    d.take(report(1))
    d.journal.flush()
    d.take(report(2), report(4))
    d.database.fail_commit = True
    with pytest.raises(RegistryUnavailable):
        d.journal.flush()
    assert d.counts() == (1, 0, 0)
    d.database.fail_commit = False
    assert d.journal.flush() == 2
    assert d.stored() == [("a1", "e1", 1, 2), ("a1", "e1", 4, 4)]


@on_one_database
def test_a_database_restored_from_a_backup_is_caught_up(desk: Open) -> None:
    """Also under a running process: its next flush finds another checkpoint than it left."""
    d = desk()
    d.take(report(1))
    d.journal.flush()
    with d.registry.database.write() as connection:
        for table in ("ledger_stored", "ledger_days", "ledger_checkpoints", "ledger_spans", "ledger_state", "touched"):
            connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608 - the names above
    d.take(report(2))
    assert d.journal.flush() == 0
    assert d.journal.flush() == 2
    assert d.stored() == [("a1", "e1", 1, 2)]
    assert d.counts() == (2, 0, 0)


@on_one_database
@pytest.mark.parametrize("appended", [0, 3])
def test_an_archive_restored_from_a_backup_makes_the_ledger_anew(desk: Open, appended: int) -> None:
    """Also when it has grown beyond the old place before the database could be asked."""
    d, other = desk(Paper("1")), desk(Paper("2"))
    other.take(report(9))
    other.journal.flush()
    d.take(report(1))
    d.take(report(2), report(3))
    d.journal.flush()
    del d.paper.frames[1:]
    again = desk(d.paper)
    for seq in range(4, 4 + appended):
        again.take(report(seq))
    while again.journal.flush():
        pass
    rest = [("a1", "e1", 4, 6)] if appended else []
    assert again.stored() == [("a1", "e1", 1, 1), *rest]
    other.take(report(10))
    other.journal.flush()  # finds its own place gone
    while other.journal.flush():
        pass
    assert other.stored() == [("a1", "e1", 1, 1), *rest, ("a1", "e1", 9, 10)]
    assert other.counts() == (3 + appended, 0, 0)


@on_one_database
def test_an_archive_restored_from_an_earlier_day_does_too(desk: Open) -> None:
    """Although what has been archived since stands at a later day than the ledger's old place."""
    d = desk()
    d.take(report(1), at=NOON)
    d.take(report(2), report(3), at=NOON + timedelta(days=1))
    d.journal.flush()
    del d.paper.frames[1:]
    again = desk(d.paper)
    again.take(report(4), at=NOON + timedelta(days=2))
    while again.journal.flush():
        pass
    assert again.stored() == [("a1", "e1", 1, 1), ("a1", "e1", 4, 4)]


@on_one_database
def test_nothing_is_vouched_for_that_is_not_in_this_archive(desk: Open) -> None:
    """A folder that is not shared, or that was restored: what is not found there need not be another report."""
    one, two = desk(Paper("1")), desk(Paper("2"))
    one.journal.flush()
    two.journal.flush()
    one.take(report(1))
    one.journal.flush()
    assert one.journal.elsewhere([("a1", "e1")])
    assert one.journal.vouches()
    assert two.journal.elsewhere([("a1", "e1")])
    assert not two.journal.vouches()
    two.paper.others = [one.paper]
    assert not two.journal.vouches(), "as long as the same answer is used"
    two.journal.elsewhere([("a1", "e1")])
    assert two.journal.vouches()


@on_one_database
def test_others_are_told_but_nobody_waits_for_catching_up(desk: Open) -> None:
    one, two = desk(Paper("1")), desk(Paper("2"))
    one.take(report(1))
    one.journal.tell()
    assert one.stored() == []
    one.journal.flush()
    one.take(report(2))
    one.journal.tell()
    assert two.stored() == [("a1", "e1", 1, 2)]


def test_what_another_archived_and_did_not_tell_is_taken_in_once(desk: Open) -> None:
    one, two = desk(Paper("1")), desk(Paper("2"))
    two.paper.others = [one.paper]
    one.journal.flush()
    one.archive(report(1), report(2))
    assert two.journal.take_in("1")
    assert two.stored() == [("a1", "e1", 1, 2)]
    one.take(report(3))
    one.journal.flush()
    one.journal.flush()
    assert one.stored() == [("a1", "e1", 1, 3)]
    assert one.counts() == (3, 0, 0)
    assert two.journal.take_in("1")
    assert one.counts() == (3, 0, 0)


def test_nothing_is_remade_because_others_took_in_what_this_process_wrote(desk: Open) -> None:
    one, two = desk(Paper("1")), desk(Paper("2"))
    two.paper.others = [one.paper]
    one.take(report(1))
    one.journal.flush()
    for seq in (2, 3):
        one.take(report(seq))
        assert two.journal.take_in("1")
        one.journal.flush()  # strays
        one.journal.flush()
    assert one.counts() == (3, 0, 0)
    again = desk(one.paper)
    again.journal.elsewhere([("a1", "e1")])
    again.take(report(4))
    assert two.journal.take_in("1")
    generation = again.journal.ledger.state()[1]
    again.journal.flush()
    assert again.journal.ledger.state()[1] == generation
    assert again.counts() == (4, 0, 0)


def test_what_expired_days_held_stays_in_a_ledger_that_is_made_anew(desk: Open) -> None:
    d = desk()
    old, new = NOON - timedelta(days=40), NOON
    d.take(report(1, started=old), report(2, started=old), at=old)
    d.take(report(4, started=new), report(3, started=old), report(1, epoch="e2", started=new), at=new)
    d.take(report(5, started=new), at=new)
    d.journal.flush()
    d.paper.expire(new.date())
    del d.paper.frames[-1]  # and restored from an older backup
    again = desk(d.paper)
    while again.journal.flush():
        pass
    assert again.stored() == [("a1", "e1", 1, 4), ("a1", "e2", 1, 1)]
    query = "SELECT day, received FROM ledger_days ORDER BY day"
    assert again.rows(query) == [(old.date().isoformat(), 3), (new.date().isoformat(), 2)]


@on_one_database
def test_days_follow_each_other(desk: Open) -> None:
    d = desk()
    d.journal.flush()
    d.take(report(1), report(2), at=NOON)
    d.take(report(3), at=NOON + timedelta(days=1))
    d.take(report(4), at=NOON + timedelta(days=1))
    assert d.journal.flush() == 4
    assert d.paper.read == 0
    assert d.counts() == (4, 2, 0)


def test_an_account_is_kept_by_day_and_kind(desk: Open) -> None:
    d = desk()
    day = NOON.date()
    d.take(report(1), account(3, day, dropped=[(2, 2)], latency={"planned": 24, "run": 20, "skipped": {"stopped": 4}}))
    d.take(account(4, day, latency={"planned": 3, "run": 3}))  # a lesser account of the same day changes nothing
    future = {"day": "9999-01-01", "kinds": {"latency": {"planned": 3, "run": 3}}}
    d.take(report(5, kind="ledger", result=future))
    d.take(account(6, day, No_kind={"planned": 3, "run": 3}))
    d.journal.flush()
    query = "SELECT kind, planned, run, skipped, received FROM ledger_days WHERE planned IS NOT NULL"
    assert d.rows(query) == [("latency", 24, 20, '{"stopped":4}', 1)]
    assert d.rows("SELECT why, first, last FROM ledger_explained") == [("dropped", 2, 2)]


def test_rejected_and_deferred_are_noted_and_bounded(desk: Open, caplog: pytest.LogCaptureFixture) -> None:
    d = desk()
    d.journal.rejected("a1", "e1", [1, 2, 4])
    d.journal.deferred("a1", "e1", range(10, 30_000))
    d.journal.flush()
    assert d.rows("SELECT why, first, last FROM ledger_explained ORDER BY why, first") == [
        ("deferred", 10, 10_006),
        ("rejected", 1, 2),
        ("rejected", 4, 4),
    ]
    d.database.down = True
    with caplog.at_level("INFO"):
        d.journal.close()
    assert "the next start catches up" in caplog.text
