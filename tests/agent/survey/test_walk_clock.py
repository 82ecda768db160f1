"""Whose time is believed on the way."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from agent.survey.notebook import walk_id
from agent.survey.walk_clock import WalkClock
from agent.wire.failure import Word

TRUE = datetime(2026, 11, 22, 3, tzinfo=UTC)


@dataclass
class Box:
    """A box whose clocks are set by hand."""

    at: datetime = TRUE
    boot: float = 100.0
    right: bool | None = False

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.boot

    def boottime(self) -> float:
        return self.boot

    def boot_id(self) -> str:
        return "boot"

    def synchronized(self) -> bool | None:
        return self.right


def test_satellites_set_a_clock_that_starts_in_1970_or_at_the_last_shutdown() -> None:
    for wrong in (datetime(1970, 1, 1, tzinfo=UTC), TRUE - timedelta(days=3), TRUE + timedelta(days=400)):
        box = Box(at=wrong)
        clock = WalkClock(box)
        clock.hear(TRUE)
        assert clock.by_satellites
        box.boot += 12.5
        assert clock.now() == TRUE + timedelta(seconds=12.5)


def test_a_clock_that_is_kept_right_is_believed_also_when_it_becomes_so_on_the_way() -> None:
    box = Box(right=True)
    clock = WalkClock(box)
    clock.hear(TRUE - timedelta(hours=1))
    assert clock.now() == TRUE
    box.right, box.at = False, TRUE - timedelta(days=1)
    clock.hear(TRUE)
    assert clock.now() == TRUE
    box.right, box.at = True, TRUE + timedelta(seconds=3)
    clock.hear(TRUE)
    assert not clock.by_satellites
    assert clock.now() == box.at


def test_a_receiver_that_names_no_day_or_one_before_its_making_sets_nothing() -> None:
    box = Box(at=datetime(1970, 1, 1, tzinfo=UTC))
    clock = WalkClock(box)
    clock.hear(None)
    clock.hear(datetime(2006, 8, 12, tzinfo=UTC))  # a week counter that rolled over
    assert clock.now() == box.at


def test_a_walk_s_name_is_a_word_of_the_contract() -> None:
    import msgspec

    names = [walk_id(at, b"\xbe\xef\x01") for at in (TRUE, datetime(1970, 1, 1, tzinfo=UTC))]
    assert [msgspec.convert(name, Word) for name in names] == ["20261122_0300_beef", "undated_beef"]
