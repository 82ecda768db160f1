"""Following an archive by position, several writers side by side, and readers beside them."""

import json
import os
import random
import time
from collections.abc import Iterator
from datetime import UTC, date, timedelta
from pathlib import Path

import pytest

from collector.archive import part
from collector.archive.archive import Archive, Entry, Position
from collector.archive.days import LOOK_S
from collector.errors import StoreUnavailable, UsageError
from tests.collector.entries import AT, entry, seqs

DAY = date(2026, 11, 22)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def archive(folder: Path) -> Iterator[Archive]:
    archive = Archive(folder)
    archive.open()
    yield archive
    archive.close()


def opened(folder: Path, slot: str | None = "", *, writer: bool = True, look_s: float = LOOK_S) -> Archive:
    archive = Archive(folder, writer=writer, slot=slot, look_s=look_s)
    archive.open()
    return archive


def test_each_append_says_its_position_and_what_follows_it_comes_in_order(archive: Archive) -> None:
    assert archive.end() is None
    assert list(archive.since(None)) == []
    marks = [archive.append([entry(seq), entry(seq + 1)], at=AT + timedelta(hours=seq)) for seq in range(1, 60, 2)]
    assert marks[0] == Position("", DAY, 2)
    assert marks[-1] == Position("", date(2026, 11, 24), 14) == archive.end()
    for _ in range(2):
        for number, mark in enumerate(marks):
            assert seqs(archive, mark) == list(range(2 * number + 3, 61))
        whole = list(archive.since(None))
        assert [position for position, _ in whole] == marks
        assert [at for _, lines in whole for at, _ in lines][::2] == [AT + timedelta(hours=h) for h in range(1, 60, 2)]
        archive.close()
        archive.open()
    with pytest.raises(ValueError, match="nothing"):
        archive.append([], at=AT)


def test_a_position_in_the_middle_of_a_frame_gives_the_rest_of_it(archive: Archive) -> None:
    archive.append([entry(seq) for seq in range(1, 8)], at=AT)
    assert seqs(archive, Position("", DAY, 3)) == [4, 5, 6, 7]


def test_following_goes_on_behind_a_tail_that_was_torn_and_mended(archive: Archive) -> None:
    mark = archive.append([entry(1)], at=AT)
    archive.append([entry(2)], at=AT)
    archive.close()
    path = archive.folder / "2026/2026-11-22.zst"
    os.truncate(path, path.stat().st_size - 3)
    archive.open()
    archive.append([entry(3)], at=AT)
    assert seqs(archive, mark) == [3]
    assert archive.end() == Position("", DAY, 2)


def test_following_passes_over_a_damaged_frame_and_says_so(archive: Archive, caplog: pytest.LogCaptureFixture) -> None:
    for seq in (1, 2, 3):
        archive.append([entry(seq)], at=AT)
    path = archive.folder / "2026/2026-11-22.zst"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    assert seqs(archive) == [1, 3]
    assert "archive.damaged" in caplog.text


def test_a_position_beyond_the_end_is_the_end(archive: Archive, caplog: pytest.LogCaptureFixture) -> None:
    archive.append([entry(1)], at=AT)
    assert seqs(archive, Position("", DAY, 9)) == []
    assert "shorter_than_followed" in caplog.text
    archive.append([entry(2)], at=AT + timedelta(days=1))
    assert seqs(archive, Position("", DAY, 9)) == [2]


def test_a_clock_set_back_never_writes_behind_those_who_follow(archive: Archive) -> None:
    mark = archive.append([entry(1)], at=AT + timedelta(days=1))
    assert archive.append([entry(2)], at=AT) == Position("", date(2026, 11, 23), 2)
    ((_, [(received, _)]),) = archive.since(mark)
    assert received == AT


def test_keys_written_in_between_change_no_answer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("part", "writer"):
        monkeypatch.setattr(f"collector.archive.{module}.RUN", 50)
    chance = random.Random(3)  # noqa: S311 - a test repeats itself
    archive, reader = opened(folder), opened(folder, writer=False, look_s=0)
    entries: list[Entry] = []
    marks: list[Position] = []
    for _ in range(60):
        batch = [entry(len(entries) + n, note="x" * chance.randrange(300)) for n in range(1, chance.randrange(2, 12))]
        marks.append(archive.append(batch, at=AT))
        entries += batch
        one = chance.choice(entries)
        assert archive.holds(one.head.id)
        assert reader.read(one.head.id) == one.raw
    for mark in marks:
        assert seqs(archive, mark) == list(range(mark.reports + 1, len(entries) + 1))
    assert len(archive.writer.days.parts[DAY][0].runs) > 3  # else this tested nothing
    archive.close()
    archive.open()
    assert all(archive.read(one.head.id) == one.raw for one in entries)
    assert seqs(archive, marks[30]) == list(range(marks[30].reports + 1, len(entries) + 1))
    for opened_one in (archive, reader):
        opened_one.close()


def test_writers_take_slots_of_their_own_and_find_each_others_reports(folder: Path) -> None:
    first, second = opened(folder, None), opened(folder, None)
    third = opened(folder, "vm-3")
    reader = opened(folder, writer=False)
    assert [one.slot for one in (first, second, third)] == ["1", "2", "vm-3"]
    ours = [entry(seq) for seq in (1, 2, 3)]
    for archive, one in zip((first, second, third), ours, strict=True):
        archive.append([one], at=AT)
    assert (first.knows("a1", "e1", 1), first.knows("a1", "e1", 2)) == (True, False)
    deadline = time.monotonic() + 3
    while not all(a.read(one.head.id) == one.raw for a in (first, second, third, reader) for one in ours):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    late = entry(4)
    second.append([late], at=AT)
    since = time.monotonic()
    while not reader.holds(late.head.id):
        assert time.monotonic() < since + 1, "seen within a second"
        time.sleep(0.02)
    assert reader.slots() == ["", "1", "2", "vm-3"]
    assert [json.loads(raw)["seq"] for _, lines in reader.since(None, slot="2") for _, raw in lines] == [2, 4]
    with pytest.raises(UsageError, match="in use"):
        opened(folder, "vm-3")
    with pytest.raises(UsageError, match="in use"):
        opened(folder)
    second.close()
    again = opened(folder, None)
    assert (again.slot, again.missing("a1", "e1", 4)) == ("2", [(1, 1), (3, 3)])
    for opened_one in (first, third, again, reader):
        opened_one.close()


def test_what_was_written_before_there_were_slots_is_still_read(folder: Path) -> None:
    alone = opened(folder)
    old = entry(1)
    alone.append([old], at=AT)
    with pytest.raises(UsageError, match="without \\[broker\\] group"):
        opened(folder, None)
    alone.close()
    archive = opened(folder, None)
    assert archive.read(old.head.id) == old.raw
    assert [position for position, _ in archive.since(None, slot="")] == [Position("", DAY, 1)]
    archive.close()


def test_a_reader_without_keys_looks_through_the_files(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part, "_REMEMBERED", 5)
    entries = [entry(seq) for seq in range(1, 30)]
    for one in entries:
        archive.append([one], at=AT)
    reader = opened(archive.folder, writer=False)
    assert all(reader.read(one.head.id) == one.raw for one in entries)
    assert not reader.holds(entry(1).head.id)
    reader.close()


def test_a_reader_of_an_archive_that_is_not_open_or_there_says_so(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "a", writer=False)
    with pytest.raises(StoreUnavailable, match="not open"):
        archive.read(entry(1).head.id)
    archive.open()
    assert archive.read(entry(1).head.id) is None
    with pytest.raises(StoreUnavailable, match="not open"):
        archive.append([entry(1)], at=AT)
    archive.close()


def test_times_are_given_with_their_zone(archive: Archive) -> None:
    archive.append([entry(1)], at=AT)
    ((_, [(at, _)]),) = archive.since(None)
    assert at.utcoffset() == UTC.utcoffset(None)
