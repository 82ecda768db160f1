"""From a survey's spool to the agent's: nothing is lost or doubled, whenever it is cut, and nobody is disturbed."""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agent import handover
from agent.handover import is_flagged, raise_flag, survey_spool, take_over
from agent.outbox import Slip
from agent.spool import Spool, Undated
from agent.wire.codec import Accepted, decode_reports
from agent.wire.results import Ledger, Range
from tests.agent.delivery import AGENT, HERE, START, measurement


@dataclass
class Time:
    """A clock that stands where it is put."""

    at: datetime = START + timedelta(hours=1)
    boot: str = "boot-1"

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 500.0

    def boottime(self) -> float:
        return 500.0

    def boot_id(self) -> str:
        return self.boot

    def synchronized(self) -> bool | None:
        return None


@dataclass
class Ground:
    """A data folder with the agent's own spool in it."""

    folder: Path
    spool: Spool

    def record(self, first: int, count: int, *, undated: Undated | None = None) -> None:
        source = survey_spool(self.folder, identity=HERE)
        source.open()
        raise_flag(self.folder)
        for number in range(first, first + count):
            source.put(measurement(number), undated=undated)
        source.close()

    def take(self, clock: Time | None = None) -> int:
        """How many were taken over."""
        places: list[Range] = take_over(self.folder, self.spool, agent=AGENT, clock=clock or Time(), identity=HERE)
        return sum(last - first + 1 for first, last in places)

    def names(self) -> list[tuple[str, int]]:
        return [(slip.epoch, slip.seq) for slip in self.spool.waiting(-(1 << 62), 10_000, agent=AGENT)]


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    spool = Spool(tmp_path / "spool.db", identity=HERE)
    spool.open()
    return Ground(tmp_path, spool)


def test_a_walk_is_taken_over_whole_and_in_order_and_once(ground: Ground) -> None:
    ground.record(1, 100)
    assert is_flagged(ground.folder)
    assert ground.take() == 100
    assert [seq for _, seq in ground.names()] == list(range(1, 101))
    assert not is_flagged(ground.folder)
    assert ground.take() == 0
    ground.record(101, 3)
    assert ground.take() == 3
    assert [seq for _, seq in ground.names()] == list(range(1, 104))
    assert len({epoch for epoch, _ in ground.names()}) == 1, "walks share an epoch: the collector remembers few"


def test_nothing_is_touched_while_somebody_walks(ground: Ground) -> None:
    source = survey_spool(ground.folder, identity=HERE)
    source.open()
    raise_flag(ground.folder)
    source.put(measurement(1))
    assert ground.take() == 0
    assert is_flagged(ground.folder)
    source.close()
    assert ground.take() == 1


def test_nothing_is_opened_without_a_flag(ground: Ground) -> None:
    assert ground.take() == 0
    assert not (ground.folder / handover.NAME).exists()


def test_cut_before_the_survey_s_own_receipts_it_is_done_again_and_changes_nothing(ground: Ground) -> None:
    ground.record(1, 5)
    source = survey_spool(ground.folder, identity=HERE)
    slips = source.waiting(0, 10, agent=AGENT)
    bodies = source.bodies(slip.place for slip in slips)
    source.close()
    ground.spool.adopt(AGENT, [(slip.epoch, slip.seq, bodies[slip.place]) for slip in slips[:3]])
    ground.take()
    assert [seq for _, seq in ground.names()] == [1, 2, 3, 4, 5]


def test_what_waits_for_its_time_stays_until_the_clock_is_set(ground: Ground) -> None:
    ground.record(1, 2, undated=Undated("boot-1", 100.0))
    early = Time(at=datetime(1970, 1, 1, 0, 8, 20, tzinfo=START.tzinfo))
    assert ground.take(early) == 0
    assert is_flagged(ground.folder)
    assert ground.take() == 2
    assert not is_flagged(ground.folder)
    (decoded,) = decode_reports(next(iter(ground.spool.bodies([slip.place for slip in _slips(ground)[:1]]).values())))
    assert isinstance(decoded, Accepted)
    assert decoded.report.started == Time().at - timedelta(seconds=400)


def test_what_can_never_be_dated_is_declared_in_its_own_epoch(ground: Ground) -> None:
    ground.record(1, 1)
    ground.record(2, 3, undated=Undated("an earlier boot", 100.0))
    ground.take()
    bodies = ground.spool.bodies(slip.place for slip in _slips(ground))
    reports = [item.report for body in bodies.values() for item in decode_reports(body) if isinstance(item, Accepted)]
    ledger = reports[-1].result
    assert isinstance(ledger, Ledger)
    assert ledger.dropped == [(2, 4)]
    assert [report.seq for report in reports] == [1, 5]
    assert not is_flagged(ground.folder)


@pytest.mark.root
def test_the_service_s_user_owns_what_root_recorded(ground: Ground) -> None:
    os.chown(ground.folder, 12345, 12345)
    ground.record(1, 1)
    handover.give_to_owner(ground.folder)
    files = [ground.folder / "spool.db", ground.folder / handover.NAME, *(ground.folder / handover.NAME).iterdir()]
    assert {(path.stat().st_uid, path.stat().st_gid) for path in files} == {(12345, 12345)}
    assert len(files) > 4


def _slips(ground: Ground) -> list[Slip]:
    return list(ground.spool.waiting(-(1 << 62), 10_000, agent=AGENT))
