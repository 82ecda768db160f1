"""Sealing: smaller files that say the same, whatever happens in the middle of it."""

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from collector.archive import seal
from collector.archive.archive import Archive, Entry, Position
from collector.archive.care import Care, Wanted
from collector.archive.frame import sealed_from
from collector.archive.seal import NotSealed
from tests.collector.entries import AT, entry, seqs, zcat

DAY = date(2026, 11, 22)
FILE = Path("2026/2026-11-22.zst")


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    archive = Archive(tmp_path / "archive")
    archive.open()
    yield archive
    archive.close()


def fill(archive: Archive, count: int = 60) -> tuple[list[Entry], list[Position]]:
    """A finished day of single reports, and one report of the next day."""
    entries = [entry(seq, note=str(uuid.uuid4())) for seq in range(1, count + 1)]
    marks = [archive.append([one], at=AT) for one in entries]
    archive.append([entry(count + 1)], at=AT + timedelta(days=1))
    return entries, marks


def names(archive: Archive) -> list[str]:
    return sorted(path.name for path in archive.folder.glob("2026/*"))


def test_a_finished_day_is_sealed_and_says_the_same_in_fewer_bytes(
    archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    entries, marks = fill(archive)
    text, size = zcat((archive.folder / FILE).read_bytes()), archive.size()
    assert archive.unsealed() == [DAY]
    following = archive.since(marks[9])
    next(following)
    caplog.set_level("INFO")
    Care(archive).tend(Wanted(None, 9), today=DAY)
    assert archive.unsealed() == []
    assert "archive.sealed day=2026-11-22" in caplog.text
    assert zcat((archive.folder / FILE).read_bytes()) == text
    assert archive.size() < size / 2
    assert [json.loads(raw)["seq"] for _, lines in following for _, raw in lines] == list(range(12, 62))
    for _ in range(2):
        assert all(archive.read(one.head.id) == one.raw for one in entries)
        assert archive.missing("a1", "e1", 61) == []
        assert not archive.holds(entry(1).head.id)
        for mark in marks:
            assert seqs(archive, mark) == list(range(mark.reports + 1, 62))
        archive.close()
        archive.open()
    assert names(archive) == [f"2026-11-2{n}.zst{end}" for n in (2, 3) for end in ("", ".keys")]


def test_a_day_of_an_older_version_stays_readable_and_is_sealed_with_the_rest(archive: Archive) -> None:
    old = [entry(seq) for seq in range(1, 20)]
    archive.close()
    path = archive.folder / "2026/2026-11-22.gz"
    path.parent.mkdir()
    lines = [b"2026-11-22T01:00:00.000000Z\t%d\t%b\n" % (len(one.raw), one.raw) for one in old]
    path.write_bytes(b"".join(gzip.compress(b"".join(lines[n : n + 5]), mtime=0) for n in range(0, 19, 5)))
    archive.open()
    assert archive.missing("a1", "e1", 19) == []
    new = [entry(seq) for seq in range(20, 31)]
    marks = [archive.append([one], at=AT) for one in new]
    assert marks[0] == Position("", DAY, 20)
    for _ in range(2):
        assert all(archive.read(one.head.id) == one.raw for one in old + new)
        assert seqs(archive) == list(range(1, 31))
        assert seqs(archive, marks[4]) == list(range(25, 31))
        archive.close()
        archive.open()
    kept = path.read_bytes()
    archive.append([entry(31)], at=AT + timedelta(days=1))
    archive.seal(DAY)
    assert not path.exists()
    assert all(archive.read(one.head.id) == one.raw for one in old + new)
    assert seqs(archive, marks[4]) == list(range(25, 32))
    archive.close()
    path.write_bytes(kept)  # as after a crash just before it was deleted
    archive.open()
    assert seqs(archive) == list(range(1, 32))
    assert not path.exists()


def test_a_damaged_day_is_left_as_it_is(archive: Archive, caplog: pytest.LogCaptureFixture) -> None:
    entries, _ = fill(archive)
    path = archive.folder / FILE
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(NotSealed, match="damaged and stays as it is"):
        archive.seal(DAY)
    Care(archive).tend(Wanted(None, 9), today=DAY)
    assert "archive.not_sealed day=2026-11-22" in caplog.text
    assert path.read_bytes() == content
    assert archive.read(entries[0].head.id) == entries[0].raw
    assert not list(archive.folder.rglob("*.new"))


def test_what_does_not_read_as_it_was_written_is_not_put_in_place(tmp_path: Path, archive: Archive) -> None:
    fill(archive, 5)
    folder = archive.folder
    assert seal.prepare(folder, DAY, level=9) == 5
    sealed = folder / f"{FILE}.new"
    shutil.copy(sealed, tmp_path / "2026-11-22.zst")
    other = Archive(tmp_path / "other")
    other.open()
    fill(other, 5)
    with pytest.raises(NotSealed, match="does not read as"):
        seal._compare([other.folder / FILE], tmp_path / "2026-11-22.zst")  # noqa: SLF001 - as a bad disk would have it
    other.append([entry(9)], at=AT + timedelta(days=2))
    other.close()
    seal.discard(folder, DAY)


def test_no_room_for_sealing_harms_nothing(archive: Archive) -> None:
    entries, _ = fill(archive)
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100));"
        "from collector.archive import seal; sys.exit(seal._main(sys.argv[1:]))"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", script, archive.folder, DAY.isoformat(), "9", str(os.getpid())],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert not list(archive.folder.rglob("*.new"))
    assert all(archive.read(one.head.id) == one.raw for one in entries)


def test_a_torn_tail_of_a_finished_day_is_left_out(archive: Archive) -> None:
    entries, _ = fill(archive)
    archive.close()
    with (archive.folder / FILE).open("ab") as file:
        file.write(b"\x28\xb5\x2f\xfd and no more")
    archive.open()
    archive.seal(DAY)
    assert zcat((archive.folder / FILE).read_bytes()).count(b"\n") == 60
    assert all(archive.read(one.head.id) == one.raw for one in entries)


def test_damage_at_the_end_is_never_cut_off(archive: Archive) -> None:
    fill(archive)
    archive.close()
    path = archive.folder / FILE
    content = bytearray(path.read_bytes())
    content[-3] ^= 0xFF
    path.write_bytes(content)
    archive.open()
    assert seqs(archive) == [*range(1, 60), 61]
    archive.close()
    assert path.read_bytes() == content


@pytest.mark.parametrize("moment", ["prepared", "data in place", "keys in place"])
def test_a_crash_at_each_step_leaves_one_whole_day(archive: Archive, moment: str) -> None:
    entries, marks = fill(archive)
    archive.close()
    path = archive.folder / FILE
    text = zcat(path.read_bytes())
    seal.prepare(archive.folder, DAY, level=9)
    if moment != "prepared":
        path.with_name(f"{path.name}.new").replace(path)
    if moment == "keys in place":
        path.with_name(f"{path.name}.keys.new").replace(path.with_name(f"{path.name}.keys"))
    reader = Archive(archive.folder, writer=False)
    reader.open()
    assert all(reader.read(one.head.id) == one.raw for one in entries)
    reader.close()
    archive.open()
    assert not list(archive.folder.rglob("*.new"))
    assert zcat(path.read_bytes()) == text
    assert archive.missing("a1", "e1", 61) == []
    assert all(archive.read(one.head.id) == one.raw for one in entries)
    assert seqs(archive, marks[20]) == list(range(22, 62))


_SEALER = """
import sys
from datetime import date
from pathlib import Path
from collector.archive.archive import Archive
archive = Archive(Path(sys.argv[1])); archive.open()
archive.seal(date(2026, 11, 22))
sys.stdin.read()
"""


def test_a_collector_that_is_killed_while_it_seals_leaves_nothing_behind(archive: Archive) -> None:
    entries, _ = fill(archive, 300)
    archive.close()
    prepared = archive.folder / f"{FILE}.new"
    with subprocess.Popen([sys.executable, "-c", _SEALER, archive.folder], stdin=subprocess.PIPE) as process:  # noqa: S603 - our own interpreter and script
        deadline = time.monotonic() + 15
        while not prepared.exists() and not archive_is_sealed(archive.folder):
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGKILL)
    archive.open()
    assert all(archive.read(one.head.id) == one.raw for one in entries[::7])
    assert seqs(archive) == list(range(1, 302))
    assert not prepared.exists()


def archive_is_sealed(folder: Path) -> bool:
    return bool(sealed_from(folder / FILE))


def test_a_stop_does_not_wait_for_sealing(archive: Archive) -> None:
    fill(archive)
    began = time.monotonic()
    thread = threading.Thread(target=Care(archive).tend, args=(Wanted(None, 9),), kwargs={"today": DAY})
    thread.start()
    while archive.writer._apart is None:  # noqa: SLF001 - until it runs
        time.sleep(0.01)
    archive.close()
    thread.join()
    assert time.monotonic() - began < 5
    archive.open()
    assert archive.unsealed() == [DAY]


def test_a_reader_beside_the_sealing_never_misses_a_report(archive: Archive) -> None:
    entries, _ = fill(archive, 200)
    reader = Archive(archive.folder, writer=False)
    reader.open()
    wrong: list[str] = []
    sealed, done = threading.Event(), threading.Event()

    def ask() -> None:
        while not done.is_set():
            is_last = sealed.is_set()
            wrong.extend(one.head.id for one in entries[::9] if reader.read(one.head.id) != one.raw)
            if is_last:
                done.set()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        archive.seal(DAY)
        sealed.set()
        assert done.wait(10)
    finally:
        done.set()
        thread.join()
    assert wrong == []
    reader.close()
