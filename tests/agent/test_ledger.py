"""The account of a day: nothing planned goes uncounted."""

from datetime import date, timedelta

import msgspec

from agent.ledger import Book, Ledgers
from agent.wire.results import Ledger, Tally

DAY = date(2026, 11, 22)
NEXT = DAY + timedelta(days=1)


def _used() -> Ledgers:
    ledgers = Ledgers(DAY)
    ledgers.ran("latency")
    ledgers.ran("latency")
    ledgers.skipped("latency", "late", 3)
    ledgers.skipped("throughput", "stopped")
    return ledgers


def test_planned_is_run_and_skipped_together() -> None:
    account = _used().close(NEXT)
    assert account == Ledger(
        day=DAY,
        kinds={
            "latency": Tally(planned=5, run=2, skipped={"late": 3}),
            "throughput": Tally(planned=1, run=0, skipped={"stopped": 1}),
        },
    )


def test_a_day_that_lasts_gives_nothing_and_the_next_starts_empty() -> None:
    ledgers = _used()
    assert ledgers.close(DAY) is None
    assert ledgers.close(NEXT) is not None
    assert ledgers.close(NEXT + timedelta(days=1)) == Ledger(day=NEXT)


def test_what_was_counted_with_an_unset_clock_belongs_to_the_first_real_day() -> None:
    ledgers = Ledgers(date(1970, 1, 1))
    ledgers.ran("latency")
    assert ledgers.close(DAY) is None
    assert ledgers.close(NEXT) == Ledger(day=DAY, kinds={"latency": Tally(planned=1, run=1)})


def test_a_clock_set_back_loses_no_count() -> None:
    ledgers = _used()
    assert ledgers.close(DAY - timedelta(days=3)) is None
    account = ledgers.close(NEXT)
    assert account is not None
    assert account.day == DAY - timedelta(days=3)
    assert account.kinds["latency"].planned == 5


def test_the_account_survives_a_restart() -> None:
    kept = msgspec.json.decode(msgspec.json.encode(_used().book()), type=Book)
    after = Ledgers(NEXT)
    after.resume(kept)
    assert after.close(NEXT) == _used().close(NEXT)
