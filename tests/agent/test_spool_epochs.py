"""Clones, disks put back and places that are taken: a new epoch, and nothing is lost."""

import logging
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.agent.delivery import HERE, START
from tests.agent.spools import fill, opened, waiting


def test_a_clone_begins_an_epoch_and_still_delivers_what_it_carries(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "linkgauge")
    (tmp_path / "a").mkdir()
    with opened(tmp_path / "a") as original:
        fill(original, 3)
        original.stored(original.epoch, [(1, 1)], START)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    with opened(tmp_path / "b", identity=replace(HERE, cards=frozenset({"other"}))) as clone:
        assert clone.epoch != original.epoch
        fill(clone, 1, first=4)
        assert waiting(clone) == [(original.epoch, 2), (original.epoch, 3), (clone.epoch, 1)]
        clone.stored(original.epoch, [(2, 3)], START)
        assert waiting(clone) == [(clone.epoch, 1)]
        assert "why=another machine" in caplog.text
        epoch = clone.epoch
    with opened(tmp_path / "b", identity=replace(HERE, cards=frozenset({"other"}))) as clone:
        assert clone.epoch == epoch, "only once"
    with opened(tmp_path / "a") as again:
        assert again.epoch == original.epoch


def snapshot(folder: Path) -> Path:
    copy = folder.parent / "snapshot"
    copy.mkdir()
    for name in ("spool.db", "spool.db-wal"):
        if (folder / name).exists():
            shutil.copy(folder / name, copy / name)
    return copy


def restore(copy: Path, folder: Path) -> None:
    for name in ("spool.db", "spool.db-wal", "spool.db-shm"):
        (folder / name).unlink(missing_ok=True)
    for path in copy.iterdir():
        shutil.copy(path, folder / path.name)


def test_a_database_put_back_begins_an_epoch(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "linkgauge")
    folder = tmp_path / "a"
    folder.mkdir()
    with opened(folder) as spool:
        fill(spool, 3)
        copy = snapshot(folder)
        fill(spool, 1, first=4)
        before = spool.epoch
    restore(copy, folder)
    with opened(folder) as spool:
        assert spool.epoch != before
        assert [report.seq for report in fill(spool, 1, first=5)] == [1]
        assert waiting(spool)[:3] == [(before, 1), (before, 2), (before, 3)]
        assert "why=rolled back" in caplog.text


def test_a_database_from_before_the_present_epoch_begins_an_epoch(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    with opened(folder) as spool:
        fill(spool, 3)
        first = spool.epoch
        copy = snapshot(folder)
    with opened(folder, identity=replace(HERE, machine_id="other")) as spool:
        second = spool.epoch
    restore(copy, folder)
    with opened(folder) as spool:
        assert spool.epoch not in {first, second}


def test_a_whole_disk_put_back_is_told_by_the_world_outside(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        fill(spool, 3)
        before = spool.epoch
        assert not spool.heard_of(before, 3)
        assert not spool.heard_of("another box", 99)
        assert spool.epoch == before
        assert spool.heard_of(before, 4)
        assert spool.epoch != before
        assert not spool.heard_of(before, 4), "only once"
        assert [report.seq for report in fill(spool, 1, first=5)] == [1]


def test_reports_whose_places_are_taken_move_to_a_new_epoch(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        fill(spool, 4)
        before = spool.epoch
        spool.stored(before, [(1, 1)], START)
        assert spool.move(before, [4, 1, 3, 99]) == 2, "what has its receipt stays"
        assert waiting(spool) == [(before, 2), (spool.epoch, 1), (spool.epoch, 2)]
        ids = [report.id[-1] for report in spool.recent(2)]
        assert ids == ["4", "3"]
        assert spool.spooled == 3
        assert spool.move(before, [2]) == 1, "into the same new epoch"
        assert waiting(spool) == [(spool.epoch, 1), (spool.epoch, 2), (spool.epoch, 3)]
    with opened(tmp_path) as spool:
        assert spool.spooled == 3
