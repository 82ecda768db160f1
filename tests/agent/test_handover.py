"""From a survey's spool to the agent's: nothing is lost or doubled, whenever it is cut, and nobody is disturbed."""

import os
import shutil
import signal
import sqlite3
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agent import handover, spool_file
from agent.handover import is_flagged, raise_flag, survey_spool, take_over
from agent.outbox import Slip
from agent.spool import Spool, Undated
from agent.wire.codec import Accepted, AnyReport, decode_reports
from agent.wire.results import Ledger, Range
from tests.agent.delivery import AGENT, HERE, START, measurement

CONNECT = spool_file.connect
MEMORY = Path("/dev/shm")  # noqa: S108 - a new folder of our own is made in it


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


def _killed_at(step: int, folder: Path) -> bool:
    """Take over in a process that SIGKILL ends before its n-th BEGIN, COMMIT or look at a receipt; false: it ended."""
    child = os.fork()
    if child == 0:
        left = [step]

        def at(statement: str) -> None:
            left[0] -= statement.startswith(("BEGIN", "COMMIT", "UPDATE reports"))
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        def watched(path: Path, *, limit_bytes: int) -> sqlite3.Connection:
            db = CONNECT(path, limit_bytes=limit_bytes)
            db.set_trace_callback(at)
            return db

        spool_file.connect = watched
        try:
            spool = Spool(folder / "spool.db", identity=HERE)
            take_over(folder, spool, agent=AGENT, clock=Time(), identity=HERE)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert status in {0, signal.SIGKILL}
    return status != 0


def _walk(folder: Path) -> None:
    """45 reports with a time, 5 that wait for it, 2 that never get one."""
    walk = Ground(folder, Spool(folder / "spool.db", identity=HERE))
    walk.record(1, 45)
    walk.record(46, 5, undated=Undated("boot-1", 100.0))
    walk.record(51, 2, undated=Undated("an earlier boot", 100.0))


def _done_again(ground: Ground, sent: dict[tuple[str, int], AnyReport]) -> None:
    """Deliver what was taken, take the rest, and see each report once: by its id, and by its name on the wire."""
    for epoch, seq in sent:
        ground.spool.stored(epoch, [(seq, seq)], START)
    ground.take()
    found = _read(ground)
    assert not set(sent) & set(found), "what has its receipt is not sent again"
    found |= sent
    assert sorted(int(report.id[-12:]) for report in found.values() if report.kind == "latency") == list(range(1, 51))
    ledgers = [report.result.dropped for report in found.values() if isinstance(report.result, Ledger)]
    assert ledgers == [[(46, 47)]]
    assert sorted(seq for _, seq in found) == [*range(1, 46), *range(48, 54)]
    assert len({epoch for epoch, _ in found}) == 1
    assert not is_flagged(ground.folder)
    assert ground.take() == 0


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_killed_at_any_step_nothing_is_lost_or_doubled_or_sent_under_another_name() -> None:
    """The same walk is cut at each step in its turn; at every second one what was taken is delivered before it goes on.

    In memory: a killed process leaves its files as it wrote them, and a disk would only make it slow.
    """
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as memory:
        _walk(Path(memory, "walk"))
        step, killed = 0, True
        while killed:
            step += 1
            folder = Path(memory, str(step))
            shutil.copytree(Path(memory, "walk"), folder)
            killed = _killed_at(step, folder)
            spool = Spool(folder / "spool.db", identity=HERE)
            spool.open()
            ground = Ground(folder, spool)
            _done_again(ground, _read(ground) if step % 2 else {})
            spool.close()
            shutil.rmtree(folder)
    assert step > 20


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


def _read(ground: Ground) -> dict[tuple[str, int], AnyReport]:
    """What waits in the agent's spool, by the name under which it goes out."""
    slips = _slips(ground)
    bodies = ground.spool.bodies(slip.place for slip in slips)
    reports = [
        item.report for slip in slips for item in decode_reports(bodies[slip.place]) if isinstance(item, Accepted)
    ]
    assert [(report.epoch, report.seq) for report in reports] == [(slip.epoch, slip.seq) for slip in slips]
    return {(report.epoch, report.seq): report for report in reports}


def _slips(ground: Ground) -> list[Slip]:
    return list(ground.spool.waiting(-(1 << 62), 10_000, agent=AGENT))
