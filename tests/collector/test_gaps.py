"""When agents are asked to send again, minute by minute, without a clock."""

from itertools import pairwise

from agent.wire.control import Resend
from collector.archive.intervals import Intervals, Range
from collector.gaps import Gaps, Waiting

KEY = ("a1", "e1")


class Archive:
    """What has come in so far."""

    def __init__(self, *ranges: Range) -> None:
        self.known = Intervals(ranges)

    def missing(self, agent: str, epoch: str, up_to: int) -> list[Range]:
        assert (agent, epoch) == KEY
        return self.known.missing(up_to)


def run(
    gaps: Gaps, archive: Archive, seconds: range, held: dict[tuple[str, str], Intervals] | None = None
) -> list[int]:
    return [now for now in seconds if gaps.due(archive.missing, held or {}, now=now)]


def test_asks_after_the_grace_then_more_and_more_seldom() -> None:
    gaps, archive = Gaps(120, 3600), Archive((1, 3), (6, 9))
    gaps.see(*KEY, 10, now=0)
    assert run(gaps, archive, range(119)) == []
    assert gaps.due(archive.missing, {}, now=120) == [("a1", Resend("e1", [(4, 5), (10, 10)]))]
    assert run(gaps, archive, range(121, 12_000))[:5] == [240, 480, 960, 1920, 3840]
    late = run(gaps, archive, range(12_000, 30_000))
    assert {after - before for before, after in pairwise(late)} == {3600}


def test_progress_is_waited_for_and_a_whole_archive_is_left_alone() -> None:
    gaps, archive = Gaps(120, 3600), Archive()
    gaps.see(*KEY, 1000, now=0)
    for now in range(1000):
        archive.known.add(now + 1)
        assert gaps.due(archive.missing, {}, now=now) == []
    assert run(gaps, archive, range(1000, 9000)) == []


def test_one_hole_is_asked_for_although_new_reports_keep_coming() -> None:
    gaps, archive = Gaps(120, 3600), Archive((1, 5), (7, 10))
    asked = []
    for now in range(0, 1200, 30):
        seq = 11 + now // 30
        archive.known.add(seq)
        gaps.see(*KEY, seq, now=now)
        asked += gaps.due(archive.missing, {}, now=now)
    assert {tuple(resend.ranges) for _, resend in asked} == {((6, 6),)}


def test_report_that_is_on_its_way_is_no_gap() -> None:
    gaps, archive = Gaps(120, 3600), Archive()
    for now in range(0, 3000, 10):
        gaps.see(*KEY, now // 60 + 1, now=now)
        assert gaps.due(archive.missing, {}, now=now) == []
        if now % 60 == 50:  # each report arrives 50 s after the status that announced it
            archive.known.add(now // 60 + 1)


def test_what_agents_retry_by_themselves_is_not_asked_for() -> None:
    gaps, archive = Gaps(120, 3600), Archive((1, 3), (6, 9))
    gaps.see(*KEY, 9, now=0)
    assert run(gaps, archive, range(5000), {KEY: Intervals([(4, 5)])}) == []


def test_of_a_whole_fleet_some_are_asked_at_a_time_and_each_once() -> None:
    gaps = Gaps(120, 3600)
    for number in range(2000):
        gaps.see(f"a{number}", "e1", 5, now=0)
    asked = [[agent for agent, _ in gaps.due(lambda *_: [(1, 5)], {}, now=now)] for now in (120, 125, 130, 135, 140)]
    assert [len(some) for some in asked] == [500, 500, 500, 500, 0]
    assert len({agent for some in asked for agent in some}) == 2000


def test_epochs_of_a_sick_agent_are_bounded() -> None:
    gaps = Gaps(120, 3600)
    for number in range(1000):
        gaps.see("a1", f"e{number}", 5, now=0)
    gaps.due(lambda *_: [], {}, now=1)
    assert len(gaps.due(lambda *_: [(1, 5)], {}, now=121)) <= 8


def test_waiting_gives_each_place_once_and_is_bounded() -> None:
    waiting = Waiting(agents=2, ranges=3)
    waiting.add("a1", "e1", [1, 2, 3, 5, 9, 11, 13])
    waiting.add("a2", "e1", [1])
    waiting.add("a3", "e1", [1])
    assert waiting.take(lambda agent: agent != "a2") == [("a1", Resend("e1", [(1, 3), (5, 5), (9, 9)]))]
    assert waiting.take(lambda agent: agent != "a2") == []
    assert waiting.take(lambda _: True) == [("a2", Resend("e1", [(1, 1)]))]


def test_one_agent_takes_no_room_from_the_others_and_gives_its_own_back() -> None:
    waiting = Waiting(agents=20, ranges=3)
    for number in range(1000):
        waiting.add("sick", f"e{number}", [1])
    waiting.add("a1", "e1", [1, 2])
    assert len(waiting.places) == 9
    assert len(waiting.take(lambda _: True)) == 9
    for number in range(1000):
        waiting.add("sick", f"e{number}", [2**53])
    assert len(waiting.take(lambda _: True)) == 8
    assert waiting.forget("sick", "e1").ranges() == []


def test_a_number_beyond_all_others_costs_one_range() -> None:
    gaps, archive = Gaps(120, 3600), Archive((1, 5))
    gaps.see(*KEY, 2**53, now=0)
    gaps.due(archive.missing, {}, now=0)
    assert gaps.due(archive.missing, {}, now=120) == [("a1", Resend("e1", [(6, 2**53)]))]
