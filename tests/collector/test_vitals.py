"""What processes say of themselves is remembered, bounded, and forgotten."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from collector.events import Bus
from collector.fleet import Fleet
from collector.metrics import Metrics
from collector.relay import Relay
from collector.verdicts import Verdicts
from collector.vitals import EVERY_S, FORGOTTEN, OWN, SPAN, Board, Counts, Levels, Trouble, Vitals

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def word(name: str = "vm:1", *, at: datetime = NOW, counts: Counts | None = None) -> Vitals:
    trouble = Trouble(part="store", why="no route", since=NOW)
    return Vitals(
        name=name, roles=["ingest"], started=NOW, at=at, counts=counts or Counts(), levels=Levels(queue=3.0),
        receipts=[1, 2], troubles=[trouble],
    )  # fmt: skip


class Clock:
    def __init__(self) -> None:
        self.now = NOW


def test_the_last_minutes_are_kept_and_old_processes_forgotten() -> None:
    clock = Clock()
    board = Board(lambda: clock.now)
    for _ in range(200):
        clock.now += timedelta(seconds=EVERY_S)
        board.put("a", word("a", at=clock.now))
    (one,) = board.sightings()
    assert SPAN <= one.words[-1].at - one.words[0].at <= SPAN + timedelta(seconds=2 * EVERY_S)
    clock.now += FORGOTTEN
    assert board.sightings() == []


def test_a_young_process_began_at_nothing() -> None:
    board = Board(lambda: NOW)
    board.put("a", word("a", at=NOW + timedelta(seconds=9), counts=Counts(decoded=90.0)))
    board.put("b", word("b", at=NOW + timedelta(hours=1), counts=Counts(decoded=90.0)))
    young, old = board.sightings()
    assert [(one.at, one.vitals.counts.decoded) for one in young.words] == [
        (NOW - timedelta(seconds=9), 0.0),
        (NOW, 90.0),
    ]
    assert len(old.words) == 1


def test_a_crowd_of_names_takes_no_more_room_and_never_our_own() -> None:
    clock = Clock()
    board = Board(lambda: clock.now)
    board.put(OWN, word("own"))
    for number in range(500):
        clock.now += timedelta(seconds=1)
        board.put(f"p{number}", word(f"p{number}"))
    seen = board.sightings()
    assert len(seen) == 51
    assert [one.newest.name for one in seen if one.own] == ["own"]
    assert {"p499", "p450"} <= {one.newest.name for one in seen}


def relay(sent: list[bytes], board: Board | None) -> Relay:
    made = Relay(
        Bus(), Fleet(), Verdicts(), send=lambda _, payload, __: sent.append(payload), is_up=lambda: True,
        metrics=Metrics(),
    )  # fmt: skip
    made.board = board
    return made


def test_one_process_hears_what_another_one_told() -> None:
    sent: list[bytes] = []
    board = Board(lambda: NOW)
    relay(sent, None).tell_vitals(word())
    relay([], board).receive("", sent[0], retained=False)
    (one,) = board.sightings()
    assert one.newest == word()
    assert not one.own


@pytest.mark.parametrize(
    "change", [{"name": "x" * 1000}, {"roles": ["r"] * 99}, {"counts": 7}, {"receipts": [1] * 99}, {"troubles": [{}]}]
)
def test_what_is_no_word_of_ours_is_not_believed(change: dict[str, object]) -> None:
    board = Board(lambda: NOW)
    data = msgspec.to_builtins(word()) | change
    payload = msgspec.json.encode([{"from": "b", "topic": "vitals", "at": NOW, "data": data}])
    hearing = relay([], board)
    hearing.receive("", payload, retained=False)
    assert board.sightings() == []
