"""The journal over the real archive: sealed days, torn ends, a slot of one's own."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agent.wire.codec import Accepted, decode_reports
from collector.archive.archive import Archive, Entry, head_of
from collector.archive.position import Position
from collector.config import LedgerSettings
from collector.ledger.journal import Journal
from collector.ledger.orphans import Orphans
from collector.metrics import Metrics
from collector.registry.registry import Registry
from tests.collector.ledger.pages import NOON, facts_of, report
from tests.collector.tables import with_tables


class Office:
    """An ingest process's archive slot and journal."""

    def __init__(self, folder: Path, slot: str = "") -> None:
        self.archive = Archive(folder / "archive", slot=slot)
        self.archive.open()
        self.registry = Registry(with_tables(folder))
        self.journal = Journal(
            self.registry, self.archive, settings=LedgerSettings, metrics=Metrics(), now=lambda: NOON
        )

    def take(self, *raws: bytes, noted: bool = True, days: int = 0) -> Position:
        at = NOON + timedelta(days=days)
        position = self.archive.append([_entry(raw) for raw in raws], at=at)
        if noted:
            self.journal.note(position, facts_of(raws, received=at))
        return position

    def counts(self) -> tuple[int, int]:
        with self.registry.database.read() as connection:
            query = "SELECT coalesce(sum(received), 0), coalesce(sum(duplicate), 0) FROM ledger_days"
            row = connection.exec_driver_sql(query).one()
            return row[0], row[1]

    def close(self) -> None:
        self.archive.close()
        self.registry.close()


def _entry(raw: bytes) -> Entry:
    (decoded,) = decode_reports(raw)
    assert isinstance(decoded, Accepted)
    return Entry(head_of(json.loads(raw)["id"], place=("a1", "e1", decoded.report.seq), kind="latency"), raw)


@pytest.fixture
def offices() -> Iterator[list[Office]]:
    opened: list[Office] = []
    yield opened
    for office in opened:
        office.close()


def test_sealing_a_day_moves_no_place(tmp_path: Path, offices: list[Office]) -> None:
    office = Office(tmp_path)
    offices.append(office)
    office.take(report(1), report(2))
    office.journal.flush()
    office.take(report(3), noted=False)
    office.take(report(4), noted=False)
    office.take(report(5), noted=False, days=1)
    office.archive.seal(NOON.date())
    office.close()
    office = Office(tmp_path)
    offices.append(office)
    assert office.journal.flush() == 3
    assert office.counts() == (5, 0)


def test_a_torn_end_was_never_told_and_is_not_counted(tmp_path: Path, offices: list[Office]) -> None:
    office = Office(tmp_path)
    office.take(report(1))
    office.journal.flush()
    office.take(report(2), noted=False)
    office.close()
    (file,) = (tmp_path / "archive").glob("[0-9]*/*.zst")
    file.write_bytes(file.read_bytes()[:-5])
    office = Office(tmp_path)
    offices.append(office)
    office.take(report(3))
    assert office.journal.flush() == 1
    assert office.counts() == (2, 0)


def test_what_a_dead_process_left_is_taken_in_by_another(tmp_path: Path, offices: list[Office]) -> None:
    dead = Office(tmp_path, "1")
    dead.take(report(1))
    dead.journal.flush()
    dead.take(report(2), report(3), noted=False)
    dead.close()
    living, other = Office(tmp_path, "2"), Office(tmp_path, "3")
    offices += [living, other]
    other.take(report(4))
    orphans = Orphans(living.registry, living.archive, settings=LedgerSettings)
    assert orphans.look(0.0) == 0  # it may be about to write them itself
    other.journal.flush()
    assert orphans.look(1.0) == 0
    assert orphans.look(100.0) == 2
    assert orphans.look(200.0) == 0
    assert living.counts() == (4, 0)


def test_a_dead_processs_files_that_were_restored_make_the_ledger_anew(tmp_path: Path, offices: list[Office]) -> None:
    """Its reports since are lost: only a ledger that knows that lets its agents be asked for them."""
    dead = Office(tmp_path, "1")
    dead.take(report(1), report(2))
    (file,) = (tmp_path / "archive" / "1").glob("[0-9]*/*.zst")
    backup = file.read_bytes()
    dead.take(report(3))
    dead.journal.flush()
    dead.close()
    file.write_bytes(backup)
    living = Office(tmp_path, "2")
    offices.append(living)
    living.take(report(4))
    living.journal.flush()
    orphans = Orphans(living.registry, living.archive, settings=LedgerSettings)
    assert [orphans.look(now_s) for now_s in (0.0, 100.0, 200.0, 300.0)] == [0, 0, 0, 2]
    living.journal._look_around(1e9)  # noqa: SLF001 - at a moment of its own clock
    assert living.journal.flush() == 1
    assert living.counts() == (3, 0)
    assert living.journal.ledger.holes() == [(("a1", "e1"), 4)]


def test_what_another_process_has_just_archived_is_found_for_certain(tmp_path: Path, offices: list[Office]) -> None:
    one, two = Office(tmp_path, "1"), Office(tmp_path, "2")
    offices += [one, two]
    for seq in range(1, 30):
        raw = report(seq)
        one.take(raw)
        assert two.archive.holds(json.loads(raw)["id"], sure=True)
    assert not two.archive.holds(json.loads(report(1))["id"], sure=True)
