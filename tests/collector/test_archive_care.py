"""What is done for an archive from time to time, also for slots whose process is gone, and beside those who read."""

import asyncio
import json
import os
import random
import resource
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from collector import tending
from collector.archive.archive import Archive, Entry, Position, head_of
from collector.archive.care import Care, Wanted
from collector.archive.days import LOOK_S
from collector.archive.seal import finish, prepare
from collector.errors import StoreUnavailable
from tests.collector.entries import AT, entry, seqs
from tests.collector.rig import NOW, Rig, until

DAY = AT.date()
OLD = AT - timedelta(days=40)


def opened(folder: Path, slot: str | None = "", *, writer: bool = True, look_s: float = LOOK_S) -> Archive:
    archive = Archive(folder, writer=writer, slot=slot, look_s=look_s)
    archive.open()
    return archive


def written(folder: Path, slot: str) -> tuple[Entry, Entry, Entry]:
    """A slot whose process is gone: an old day, a finished one, and a last one."""
    archive = opened(folder, slot)
    some = entry(1), entry(2), entry(3)
    for one, at in zip(some, (OLD, AT, AT + timedelta(days=1)), strict=True):
        archive.append([one], at=at)
    archive.close()
    return some


def first_day(archive: Archive, slot: str) -> date:
    return next(position.day for position, _ in archive.since(None, slot=slot))


@pytest.mark.parametrize("own", ["1", ""])
def test_slots_that_nobody_writes_are_cared_for_by_whoever_is_there(tmp_path: Path, own: str) -> None:
    folder = tmp_path / "archive"
    old, kept, last = written(folder, "2" if own == "" else "")
    archive, left = opened(folder, own), "2" if own == "" else ""
    care, wanted = Care(archive), Wanted(DAY - timedelta(days=31), 1)
    care.tend(wanted, today=DAY + timedelta(days=1))
    assert archive.read(old.head.id) == old.raw, "yesterday it was written: its process may be back any moment"
    care.tend(wanted, today=DAY + timedelta(days=3))
    assert archive.read(old.head.id) is None
    assert (archive.read(kept.head.id), archive.read(last.head.id)) == (kept.raw, last.raw)
    slot = next(held for held in archive.still(date.max) if held.slot == left)
    slot.look_anew()
    slot.refresh()
    assert slot.unsealed() == []
    assert [found.day for found, _ in archive.since(None, slot=left)] == [DAY, DAY + timedelta(days=1)]
    archive.close()
    with closing(opened(folder, left)) as back:
        assert back.missing("a1", "e1", 3) == []


def test_a_slot_that_is_written_or_cared_for_by_another_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    written(folder, "")
    first, second, busy = opened(folder, None), opened(folder, None), opened(folder, "vm-3")
    busy.append([entry(1)], at=OLD)
    wanted = Wanted(DAY, 1)
    with closing(second.lend("")):
        Care(first).tend(wanted, today=DAY + timedelta(days=3))
        assert first_day(first, "") == OLD.date()
    assert seqs(busy) == [1]
    Care(first).tend(wanted, today=DAY + timedelta(days=3))
    assert first_day(first, "") == DAY
    for archive in (first, second, busy):
        archive.close()


async def test_the_service_seals_and_expires(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "mqtt://127.0.0.1:1", ARCHIVE_KEEP_DAYS="40", ARCHIVE_SEAL_LEVEL="1")
    rig.archive.open()
    for age in (50, 3, 2):
        rig.archive.append([entry(age)], at=NOW - timedelta(days=age))
    assert len(rig.archive.unsealed()) == 2
    async with asyncio.TaskGroup() as group:
        task = group.create_task(tending.care_for_archive(replace(rig.parts)), name="care")
        await until(lambda: not rig.archive.unsealed())
        task.cancel()
    assert seqs(rig.archive) == [3, 2]
    for part in (rig.archive, rig.registry):
        part.close()


@contextmanager
def no_handles() -> Iterator[None]:
    """No file can be opened, as in a process that has too many open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(int(path.name) for path in Path("/proc/self/fd").iterdir()), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_what_cannot_be_read_now_is_not_taken_for_damaged(tmp_path: Path) -> None:
    """Whoever follows would leave these reports out for ever."""
    archive = opened(tmp_path / "archive")
    for seq in (1, 2):
        archive.append([entry(seq)], at=AT)
    following = archive.since(None)
    next(following)
    with no_handles(), pytest.raises(StoreUnavailable, match="Too many open files"):
        next(following)
    assert seqs(archive, Position("", DAY, 1)) == [2]
    archive.close()


def test_keys_of_which_only_the_length_outlived_a_power_cut_are_made_anew(tmp_path: Path) -> None:
    archive = opened(tmp_path / "archive")
    entries = [entry(seq) for seq in range(1, 30)]
    archive.append(entries, at=AT)
    archive.close()
    keys = archive.folder / "2026/2026-11-22.zst.keys"
    content = keys.read_bytes()
    keys.write_bytes(content[:200] + bytes(len(content) - 200))
    for writer in (False, True, False):
        with closing(opened(archive.folder, writer=writer)) as again:
            assert all(again.read(one.head.id) == one.raw for one in entries)
    assert keys.read_bytes() == content


def test_keys_that_were_deleted_are_made_anew_and_lost_ones_go(tmp_path: Path) -> None:
    archive = opened(tmp_path / "archive")
    archive.append([entry(1)], at=AT)
    archive.close()
    keys = archive.folder / "2026/2026-11-22.zst.keys"
    content = keys.read_bytes()
    keys.rename(keys.with_name("2026-11-20.zst.keys"))  # as of a day whose deletion was cut short
    opened(archive.folder).close()
    assert [path.name for path in sorted(keys.parent.iterdir())] == ["2026-11-22.zst", "2026-11-22.zst.keys"]
    assert keys.read_bytes() == content


def _timed(at_ms: int, seq: int) -> Entry:
    """A report whose id says when it was made."""
    report_id = str(uuid.UUID(bytes=at_ms.to_bytes(6, "big") + bytes([0x70, 0]) + os.urandom(8)))
    raw = json.dumps({"id": report_id, "agent": "a1", "epoch": "e1", "seq": seq}).encode()
    return Entry(head_of(report_id, place=("a1", "e1", seq), kind="latency"), raw)


def _befall(archive: Archive, held: dict[date, list[Entry]], chance: random.Random) -> list[Entry]:
    """Let something become of the archive; gives what is gone."""
    match chance.randrange(12):
        case 0:
            archive.close()
            archive.open()
        case 1 if len(held) > 3:
            first = min(held)
            archive.expire(first + timedelta(days=1))
            return held.pop(first)
        case 2 if archive.unsealed():
            day = chance.choice(archive.unsealed())
            archive.close()
            prepare(archive.folder, day, level=1)
            finish(archive.folder, day)
            archive.open()
        case _:
            pass
    return []


def test_ids_are_found_by_their_time_whatever_becomes_of_their_days(tmp_path: Path) -> None:
    """Early, late and without a time; in days that grow, are sealed, expire; by who writes and who only reads."""
    chance = random.Random(5)  # noqa: S311 - a test repeats itself
    archive = opened(tmp_path / "archive")
    reader = opened(archive.folder, writer=False, look_s=0)
    held: dict[date, list[Entry]] = {}
    gone: list[Entry] = []
    for number in range(90):
        at = AT + timedelta(days=number // 4)
        made = at - timedelta(hours=chance.choice([-20, 0, 1, 30, 300]))
        batch = [_timed(int(made.timestamp() * 1000), number * 2), entry(number * 2 + 1)]
        archive.append(batch, at=at)
        held.setdefault(at.date(), []).extend(batch)
        gone += _befall(archive, held, chance)
        one, lost = chance.choice(chance.choice([*held.values()])), chance.choice(gone or [entry(0)])
        for asked in (archive, reader):
            assert asked.read(one.head.id) == one.raw
            assert not asked.holds(lost.head.id)
    assert all(
        asked.read(one.head.id) == one.raw for some in held.values() for one in some for asked in (archive, reader)
    )
    assert gone
    archive.close()
    reader.close()
