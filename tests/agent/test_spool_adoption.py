"""Reports of a survey's spool, taken over into the agent's: whole, once, in order, and without any loss of its own."""

from pathlib import Path

import pytest

from agent.errors import SpoolError
from agent.outbox import Outbox, Rules
from agent.spool import Spool
from tests.agent.delivery import AGENT, HERE, START, measurement

OTHER = "0b7e6c1e-walk"


def opened(path: Path, limit_bytes: int = 64 * 1024 * 1024) -> Spool:
    spool = Spool(path / "spool.db", identity=HERE, limit_bytes=limit_bytes)
    spool.open()
    return spool


def recorded(folder: Path, count: int, first: int = 1) -> list[tuple[str, int, bytes]]:
    """What a survey's spool gives for delivery."""
    spool = opened(folder)
    for number in range(first, first + count):
        spool.put(measurement(number, "latency"))
    slips = spool.waiting(0, 1000, agent=AGENT)
    bodies = spool.bodies(slip.place for slip in slips)
    spool.close()
    return [(slip.epoch, slip.seq, bodies[slip.place]) for slip in slips]


def test_they_keep_their_names_and_bytes_and_the_present_epoch_stays(tmp_path: Path) -> None:
    reports = recorded(tmp_path / "walk", 3)
    spool = opened(tmp_path / "own")
    spool.put(measurement(1))
    before = spool.epoch, spool.newest_seq
    places = spool.adopt(AGENT, reports)
    assert (spool.epoch, spool.newest_seq, spool.spooled) == (*before, 4)
    slips = spool.waiting(-(1 << 62), 10, agent=AGENT)
    assert [(slip.epoch, slip.seq) for slip in slips] == [*((e, s) for e, s, _ in reports), before]
    ((first, last),) = places
    bodies = spool.bodies(range(first, last + 1))
    assert [bodies[place] for place in range(first, last + 1)] == [body for _, _, body in reports]
    spool.put(measurement(2))
    assert spool.newest_seq == 2


def test_twice_is_once_also_after_the_receipts_and_after_a_restart(tmp_path: Path) -> None:
    reports = recorded(tmp_path / "walk", 3)
    spool = opened(tmp_path / "own")
    spool.adopt(AGENT, reports)
    spool.stored(reports[0][0], [(1, 2)], START)
    assert spool.spooled == 1
    spool.close()
    spool = opened(tmp_path / "own")
    spool.adopt(AGENT, reports)
    assert spool.spooled == 1
    more = recorded(tmp_path / "walk", 2, first=4)
    spool.adopt(AGENT, more)
    assert spool.spooled == 3
    assert len({epoch for epoch, _, _ in more}) == 1


def test_several_spools_lie_beside_each_other_and_each_can_be_asked_for_again(tmp_path: Path) -> None:
    one, other = recorded(tmp_path / "one", 2), recorded(tmp_path / "other", 2)
    spool = opened(tmp_path / "own")
    places = spool.adopt(AGENT, one) + spool.adopt(AGENT, other)
    assert [last - first for first, last in places] == [1, 1]
    assert places[0] != places[1]
    for epoch in (one[0][0], other[0][0]):
        assert spool.stored(epoch, [(1, 2)], START) == 2
    asked = spool.unreceipt(other[0][0], [(1, 2)])
    assert asked == [places[1]]
    assert spool.spooled == 2


def test_without_room_nothing_that_waits_is_given_up(tmp_path: Path) -> None:
    reports = recorded(tmp_path / "walk", 40)
    spool = opened(tmp_path / "own", 2 * 1024 * 1024)
    numbers = iter(range(1, 100_000))
    while not spool.dropped:
        spool.put(measurement(next(numbers), "throughput"))
    waiting, dropped = spool.spooled, spool.dropped
    with pytest.raises(SpoolError, match="no room"):
        spool.adopt(AGENT, reports * 20)
    assert (spool.spooled, spool.dropped) == (waiting, dropped)
    spool.stored(spool.epoch, [(1, spool.newest_seq)], START)
    spool.adopt(AGENT, reports)
    assert spool.spooled == 40


def test_the_outbox_looks_again_at_what_lies_before_where_it_is(tmp_path: Path) -> None:
    spool = opened(tmp_path / "own")
    box = Outbox(Rules(batch_s=0), lambda: 0.5)

    def fill() -> None:
        while wanted := box.wanted(0):
            box.offer(spool.waiting(box.cursor, wanted, agent=AGENT), wanted, 0)

    spool.put(measurement(1))
    fill()
    assert box.next(0) is not None
    reports = recorded(tmp_path / "walk", 5)
    places = spool.adopt(AGENT, reports)
    box.resend(places, 0)
    fill()
    parcel = box.next(0)
    assert parcel is not None
    assert [(slip.epoch, slip.seq) for slip in parcel.slips] == [(epoch, seq) for epoch, seq, _ in reports]
    assert box.next(0) is None
